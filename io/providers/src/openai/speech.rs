//! `POST /audio/speech`: a voice.

use std::{mem, time::Duration};

use audio::SampleRate;
use futures_util::StreamExt;
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

use super::{OPENAI_URL, endpoint::Endpoint};
use crate::{
    ApiKey, ProviderError,
    estimate::Estimate,
    http::Authorities,
    pcm::Bytes,
    tts::{Chunk, Event, Input, Options, Session, Tts, Voice},
};

/// `pcm` is this, wherever it comes from.
const RATE: SampleRate = SampleRate::HZ_24000;
/// The most characters of one request.
const MOST_TEXT: usize = 4_096;
/// Sound is passed on in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);
/// The voices of OpenAI itself.
const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
];

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct SpeechSettings {
    /// The address up to and without `/audio/speech`. Default [`OPENAI_URL`].
    pub base_url: String,
    /// Sent as a bearer token. Local servers need none.
    pub key: Option<ApiKey>,
    /// Which model. Default `gpt-4o-mini-tts`.
    pub model: String,
    /// The voice where nobody chose one. Default `alloy`.
    pub voice: String,
    /// How long the first sound, or more of it, may take. Default 5 s.
    pub patience: Duration,
    /// Whose certificates are trusted. Default: the public authorities.
    pub authorities: Authorities,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        Self {
            base_url: OPENAI_URL.to_owned(),
            key: None,
            model: "gpt-4o-mini-tts".to_owned(),
            voice: "alloy".to_owned(),
            patience: Duration::from_secs(5),
            authorities: Authorities::public(),
        }
    }
}

/// A voice behind OpenAI's speech endpoint, which many servers speak.
///
/// Text that comes while sound is being made is said with the next request. The wire does not say when a word sounds:
/// times are reckoned from the length of the words, as [`Tts::estimates_alignment`] tells.
#[derive(Clone, Debug)]
pub struct Speech {
    endpoint: Endpoint,
    settings: SpeechSettings,
}

impl Speech {
    /// A voice after `settings`. Nothing is sent before the first text.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is not an `http://` or `https://` URL.
    pub fn new(settings: SpeechSettings) -> Result<Self, ProviderError> {
        let endpoint = Endpoint::new(
            "tts",
            &settings.model,
            &settings.base_url,
            settings.key.clone(),
            Vec::new(),
            &settings.authorities,
        )?;
        Ok(Self { endpoint, settings })
    }

    fn is_openai(&self) -> bool {
        self.settings.base_url.contains("api.openai.com")
    }

    async fn run(
        &self,
        mut inputs: mpsc::Receiver<Input>,
        options: &Options,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        let mut estimate = Estimate::new(options.speed);
        let mut waiting = String::new();
        let mut ended = false;
        loop {
            // All that waits is said together.
            while !ended {
                let input = if waiting.trim().is_empty() {
                    inputs.recv().await
                } else {
                    match inputs.try_recv() {
                        Ok(input) => Some(input),
                        Err(mpsc::error::TryRecvError::Empty) => break,
                        Err(mpsc::error::TryRecvError::Disconnected) => None,
                    }
                };
                match input {
                    Some(Input::Text(text)) => waiting.push_str(&text),
                    Some(Input::End) | None => ended = true,
                }
            }
            if waiting.trim().is_empty() {
                // Whoever went away is noticed elsewhere.
                let _ = events.send(Ok(Event::Done)).await;
                return Ok(());
            }
            let (now, later) = split(&waiting);
            let (now, later) = (now.to_owned(), later.to_owned());
            waiting = later;
            self.say(&now, options, &mut estimate, events).await?;
        }
    }

    /// Says one piece of text to its end.
    async fn say(
        &self,
        text: &str,
        options: &Options,
        estimate: &mut Estimate,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        estimate.say(text);
        let wanted = options.voice.as_deref();
        let voice = wanted.unwrap_or(&self.settings.voice);
        let mut body = json!({
            "model": self.settings.model, "input": text.trim(), "voice": voice, "response_format": "pcm",
        });
        if (options.speed - 1.0).abs() > 0.001 {
            body["speed"] = json!((f64::from(options.speed) * 1_000.0).round() / 1_000.0);
        }
        let post = self.endpoint.post("/audio/speech").json(&body);
        let patience = self.settings.patience;
        let response = self.endpoint.send(post, patience).await?;
        let kind = response.headers().get("content-type");
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if ["text/", "application/json"]
            .iter()
            .any(|text| kind.starts_with(text))
        {
            return Err(self
                .endpoint
                .failed(&format!("it sent {kind} where sound was asked for")));
        }
        let mut stream = response.bytes_stream();
        let mut bytes = Bytes::default();
        let mut samples = Vec::new();
        let length = RATE.samples_in(PIECE);
        let mut sounded = false;
        while let Some(piece) = timeout(patience, stream.next())
            .await
            .map_err(|_| self.endpoint.timed_out(patience))?
        {
            let piece = piece.map_err(|error| self.endpoint.unreachable(&error.without_url()))?;
            if !sounded && piece.starts_with(b"RIFF") {
                return Err(self
                    .endpoint
                    .failed("it sent a WAV file where pcm was asked for"));
            }
            samples.extend(bytes.samples(&piece));
            while samples.len() >= length {
                let rest = samples.split_off(length);
                let piece = mem::replace(&mut samples, rest);
                sounded = true;
                chunk(piece, estimate, false, events).await;
            }
        }
        if !sounded && samples.is_empty() {
            return Err(self.endpoint.failed("it sent no sound"));
        }
        chunk(samples, estimate, true, events).await;
        Ok(())
    }
}

async fn chunk(samples: Vec<i16>, estimate: &mut Estimate, last: bool, events: &Sender) {
    let lasts = RATE.duration_of(samples.len());
    let mut alignment = estimate.sound(lasts);
    if last {
        alignment.extend(estimate.rest().into_iter().map(|mut word| {
            word.start = lasts;
            word
        }));
    }
    if samples.is_empty() && alignment.is_empty() {
        return;
    }
    let chunk = Chunk {
        samples,
        rate: RATE,
        alignment,
    };
    // Whoever went away is noticed elsewhere.
    let _ = events.send(Ok(Event::Chunk(chunk))).await;
}

/// What fits one request, cut behind a word, and the rest.
fn split(text: &str) -> (&str, &str) {
    let Some((end, _)) = text.char_indices().nth(MOST_TEXT) else {
        return (text, "");
    };
    let cut = text[..end]
        .rfind(char::is_whitespace)
        .filter(|cut| *cut > 0)
        .unwrap_or(end);
    text.split_at(cut)
}

impl Tts for Speech {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn voices(&self) -> Vec<Voice> {
        if !self.is_openai() {
            // Other servers have voices of their own.
            return Vec::new();
        }
        VOICES
            .iter()
            .map(|id| Voice {
                id: (*id).to_owned(),
                name: (*id).to_owned(),
                description: "OpenAI".to_owned(),
                language: "en".to_owned(),
            })
            .collect()
    }

    fn languages(&self) -> &[&str] {
        &[]
    }

    fn estimates_alignment(&self) -> bool {
        true
    }

    fn start(&self, options: Options) -> Session {
        let (input, inputs) = mpsc::channel(64);
        let (sender, events) = mpsc::channel(16);
        let tts = self.clone();
        tokio::spawn(async move {
            let unknown = options
                .voice
                .as_ref()
                .is_some_and(|voice| tts.is_openai() && !VOICES.contains(&voice.as_str()));
            if unknown {
                let error = ProviderError::Unsupported {
                    provider: tts.endpoint.name.clone(),
                    reason: format!("it has no such voice; it has {}", VOICES.join(", ")),
                };
                let _ = sender.send(Err(error)).await;
                return;
            }
            tokio::select! {
                // Interrupted: dropping the request closes its connection.
                () = sender.closed() => {}
                result = tts.run(inputs, &options, &sender) => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "the voice failed");
                        let _ = sender.send(Err(error)).await;
                    }
                }
            }
        });
        Session { input, events }
    }
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_behind_a_word() {
        let text = "word ".repeat(1_000);
        let (now, later) = split(&text);
        assert!(now.chars().count() <= MOST_TEXT && now.ends_with("word"));
        assert_eq!(format!("{now}{later}"), text);
        assert_eq!(split("short"), ("short", ""));
    }
}
