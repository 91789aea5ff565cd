//! `POST /audio/transcriptions`: a recogniser that hears one utterance at a time.

use std::{io::Cursor, num::NonZeroU16, time::Duration};

use audio::{SampleRate, wav};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};

use super::{
    OPENAI_URL,
    endpoint::{self, Endpoint, Fault},
};
use crate::{
    ApiKey, ProviderError,
    asr::{Asr, Event, Input, Options, Session},
    http::{Authorities, describe},
};

/// Utterances that may wait for their text.
const MOST_WAITING: usize = 8;
/// The longest utterance that is sent; what follows is not heard. The vendor takes 25 MB, 13 minutes of this.
const LONGEST: Duration = Duration::from_mins(10);
/// An utterance shorter than this is nothing: the vendor refuses what is shorter than a tenth of a second.
const LEAST_SOUND: Duration = Duration::from_millis(100);

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct TranscriptionSettings {
    /// The address up to and without `/audio/transcriptions`. Default [`OPENAI_URL`].
    pub base_url: String,
    /// Sent as a bearer token. Local servers need none.
    pub key: Option<ApiKey>,
    /// Which model. Default `gpt-4o-mini-transcribe`.
    pub model: String,
    /// Whether the text is asked for while it is made. None (the default): for models that can, those of `gpt-`.
    pub stream: Option<bool>,
    /// How long the text of an utterance may take, and each piece of it. Default 5 s.
    pub patience: Duration,
    /// Whose certificates are trusted. Default: the public authorities.
    pub authorities: Authorities,
}

impl Default for TranscriptionSettings {
    fn default() -> Self {
        Self {
            base_url: OPENAI_URL.to_owned(),
            key: None,
            model: "gpt-4o-mini-transcribe".to_owned(),
            stream: None,
            patience: Duration::from_secs(5),
            authorities: Authorities::public(),
        }
    }
}

/// A recogniser behind OpenAI's transcriptions, which many servers speak.
///
/// Sound is kept until the utterance is over and sent as one WAV file; partial texts come only after that, where the
/// endpoint streams.
#[derive(Clone, Debug)]
pub struct Transcriptions {
    endpoint: Endpoint,
    settings: TranscriptionSettings,
}

impl Transcriptions {
    /// A recogniser after `settings`. Nothing is sent before the first utterance.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is not an `http://` or `https://` URL.
    pub fn new(settings: TranscriptionSettings) -> Result<Self, ProviderError> {
        let endpoint = Endpoint::new(
            "asr",
            &settings.model,
            &settings.base_url,
            settings.key.clone(),
            Vec::new(),
            &settings.authorities,
        )?;
        Ok(Self { endpoint, settings })
    }

    fn streams(&self) -> bool {
        self.settings
            .stream
            .unwrap_or_else(|| self.settings.model.starts_with("gpt-"))
    }

    /// The text of one utterance.
    async fn transcribe(
        &self,
        utterance: &Utterance,
        options: &Options,
        events: &Sender,
    ) -> Result<String, ProviderError> {
        let Utterance { id, samples } = utterance;
        if samples.len() < options.rate.samples_in(LEAST_SOUND) {
            return Ok(String::new());
        }
        let mut form = Form::default();
        form.field("model", &self.settings.model);
        form.field("response_format", "json");
        let language = options.language.split('-').next().unwrap_or_default();
        if !language.is_empty() {
            form.field("language", language);
        }
        if !options.keywords.is_empty() {
            form.field("prompt", &options.keywords.join(", "));
        }
        if self.streams() {
            form.field("stream", "true");
        }
        let file =
            recording(samples, options.rate).map_err(|error| self.endpoint.failed(&error))?;
        let (kind, body) = form.file("utterance.wav", "audio/wav", &file);
        let post = self
            .endpoint
            .post("/audio/transcriptions")
            .header("content-type", kind)
            .body(body);
        let patience = self.settings.patience;
        let response = self.endpoint.send(post, patience).await?;
        let kind = response.headers().get("content-type");
        let streams = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let mut text = String::new();
        if !streams {
            // Servers that do not stream answer in one piece, whatever they were asked.
            let mut body = endpoint::bounded(response);
            let mut bytes = Vec::new();
            while let Some(piece) = timeout(patience, body.next())
                .await
                .map_err(|_| self.endpoint.timed_out(patience))?
            {
                bytes.extend_from_slice(
                    &piece.map_err(|error| self.endpoint.failed(&describe(&error)))?,
                );
            }
            let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
                self.endpoint
                    .failed(&format!("it sent something that is no transcript: {error}"))
            })?;
            return match value.get("text").and_then(Value::as_str) {
                Some(text) => Ok(text.trim().to_owned()),
                None => Err(self.endpoint.faulty(&Fault::reported(&value))),
            };
        }
        let mut stream = endpoint::events(response);
        loop {
            let event = timeout(patience, stream.next())
                .await
                .map_err(|_| self.endpoint.timed_out(patience))?;
            let Some(event) = event else {
                return Err(self
                    .endpoint
                    .failed("it closed the stream in the middle of a transcript"));
            };
            let event = event.map_err(|error| self.endpoint.failed(&describe(&error)))?;
            let Some(data) = event.data else { continue };
            let value: Value = serde_json::from_str(&data).map_err(|error| {
                self.endpoint
                    .failed(&format!("it sent something that is no transcript: {error}"))
            })?;
            let word = |name: &str| value.get(name).and_then(Value::as_str);
            match word("type").or(event.event.as_deref()) {
                Some("transcript.text.delta") => {
                    text.push_str(word("delta").unwrap_or_default());
                    if options.partials {
                        let partial = Event::Partial {
                            utterance: *id,
                            text: text.trim().to_owned(),
                        };
                        // Whoever went away is noticed elsewhere.
                        let _ = events.send(Ok(partial)).await;
                    }
                }
                Some("transcript.text.done") => {
                    return Ok(word("text").unwrap_or(&text).trim().to_owned());
                }
                Some("error") => return Err(self.endpoint.faulty(&Fault::reported(&value))),
                _ if value.get("error").is_some_and(|error| !error.is_null()) => {
                    return Err(self.endpoint.faulty(&Fault::reported(&value)));
                }
                _ => {}
            }
        }
    }
}

impl Asr for Transcriptions {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn languages(&self) -> &[&str] {
        &[]
    }

    fn final_patience(&self) -> Duration {
        // All of the work begins when the utterance is over.
        Duration::from_millis(2_500)
    }

    fn start(&self, options: Options) -> Session {
        let (input, mut inputs) = mpsc::channel(64);
        let (sender, events) = mpsc::channel(64);
        let (jobs, mut waiting) = mpsc::channel::<Utterance>(MOST_WAITING);
        let longest = options.rate.samples_in(LONGEST);
        let asr = self.clone();
        tokio::spawn(async move {
            let hear = async {
                let mut open: Option<Utterance> = None;
                while let Some(input) = inputs.recv().await {
                    match input {
                        Input::Begin { utterance, .. } => {
                            open = Some(Utterance {
                                id: utterance,
                                samples: Vec::new(),
                            });
                        }
                        Input::Audio(samples) => {
                            if let Some(open) = &mut open {
                                let room = longest.saturating_sub(open.samples.len());
                                open.samples
                                    .extend_from_slice(&samples[..samples.len().min(room)]);
                            }
                        }
                        Input::End => {
                            if let Some(utterance) = open.take()
                                && jobs.send(utterance).await.is_err()
                            {
                                return;
                            }
                        }
                        Input::Drop => open = None,
                    }
                }
                drop(jobs);
            };
            let write = async {
                while let Some(utterance) = waiting.recv().await {
                    let event = match asr.transcribe(&utterance, &options, &sender).await {
                        Ok(text) => Ok(Event::Final {
                            utterance: utterance.id,
                            text,
                        }),
                        Err(error) => Err(error),
                    };
                    let failed = event.is_err();
                    if sender.send(event).await.is_err() || failed {
                        // Nothing more is heard after an error.
                        waiting.close();
                        return;
                    }
                }
            };
            tokio::pin!(write);
            tokio::select! {
                () = sender.closed() => return,
                // It failed: nothing more is heard.
                () = &mut write => return,
                () = hear => {}
            }
            // All has been heard; what waits is still written.
            tokio::select! {
                () = sender.closed() => {}
                () = write => {}
            }
        });
        Session { input, events }
    }
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

struct Utterance {
    id: u64,
    samples: Vec<i16>,
}

fn recording(samples: &[i16], rate: SampleRate) -> Result<Vec<u8>, String> {
    let write = || -> std::io::Result<Vec<u8>> {
        let file = Cursor::new(Vec::with_capacity(samples.len() * 2 + 64));
        let mut writer = wav::Writer::new(file, rate, NonZeroU16::MIN)?;
        writer.write(samples)?;
        Ok(writer.finish()?.into_inner())
    };
    write().map_err(|error| error.to_string())
}

/// `multipart/form-data`.
#[derive(Default)]
struct Form(Vec<(String, String)>);

impl Form {
    fn field(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The content type and the body, ending with the file.
    fn file(&self, name: &str, kind: &str, file: &[u8]) -> (String, Vec<u8>) {
        let stands = |line: &str| {
            self.0.iter().any(|(_, value)| value.contains(line))
                || file.windows(line.len()).any(|part| part == line.as_bytes())
        };
        // A line that stands nowhere in what is sent.
        let boundary = (0..u32::MAX)
            .map(|number| format!("duologue-part-{number}"))
            .find(|line| !stands(line))
            .unwrap_or_default();
        let mut body = Vec::with_capacity(file.len() + 1_024);
        for (name, value) in &self.0 {
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n")
                .as_bytes(),
        );
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}
