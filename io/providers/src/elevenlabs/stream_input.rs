//! `stream-input`, text to speech over a WebSocket: text goes up as it is written, sound comes down as it is made.

use std::time::Duration;

use audio::SampleRate;
use protocol::speech::{CharAlignment, TtsAudio, TtsError, TtsInput, TtsOutput, VoiceSettings};
use reqwest::Url;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use super::{DEFAULT_VOICE, Settings};
use crate::{
    ProviderError,
    estimate::Estimate,
    http::Authorities,
    pcm::Bytes,
    socket::{self, Frame, Socket, Who},
    tts::{Aligned, Chunk, Event, Input, Options, Session, Tts, Voice},
};

const NAME: &str = "ElevenLabs";
const MODEL: &str = "eleven_flash_v2_5";
/// How long the vendor keeps a connection on which nothing is said: its most.
const INACTIVITY: Duration = Duration::from_mins(3);
/// How often it is told that there is more to come.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long the first sound, or more of it, may take once there is text.
const PATIENCE: Duration = Duration::from_secs(10);

/// ElevenLabs' voices.
///
/// A connection is a reply. Each piece of text is flushed, so that it sounds without waiting for the next. Dropping the
/// session closes the connection, which ends the work at the vendor.
#[derive(Clone, Debug)]
pub struct StreamInput {
    settings: Settings,
    base: Url,
    keep_alive: Duration,
    patience: Duration,
}

impl StreamInput {
    /// A voice after `settings`. Nothing is sent before the first text.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is no URL of a server.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        Ok(Self {
            base: socket::address(&settings.base_url, NAME)?,
            settings,
            keep_alive: KEEP_ALIVE,
            patience: PATIENCE,
        })
    }

    /// The same with another interval between signs of life while the text pauses. Default 15 s.
    #[must_use]
    pub fn with_keep_alive(mut self, every: Duration) -> Self {
        self.keep_alive = every;
        self
    }

    /// The same with another limit for the first sound, and for more of it, once there is text. Default 10 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn model(&self) -> &str {
        self.settings.model.as_deref().unwrap_or(MODEL)
    }

    fn url(&self, options: &Options, rate: SampleRate) -> Url {
        let mut url = self.base.clone();
        let voice = options.voice.as_deref().unwrap_or(DEFAULT_VOICE);
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear()
                .extend(["v1", "text-to-speech", voice, "stream-input"]);
        }
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("model_id", self.model())
                .append_pair("output_format", &format!("pcm_{}", rate.hz()))
                .append_pair("inactivity_timeout", &INACTIVITY.as_secs().to_string())
                .append_pair("sync_alignment", "true")
                .append_pair("auto_mode", "true");
            // Other models refuse to be told.
            if self.model().ends_with("v2_5") && !options.language.is_empty() {
                let language = options.language.split('-').next().unwrap_or_default();
                query.append_pair("language_code", language);
            }
            if !self.settings.retention {
                query.append_pair("enable_logging", "false");
            }
        }
        url
    }
}

impl Tts for StreamInput {
    fn name(&self) -> &'static str {
        NAME
    }

    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn languages(&self) -> &[&str] {
        &[]
    }

    fn start(&self, options: Options) -> Session {
        let (input, inputs) = mpsc::channel(64);
        let (sender, events) = mpsc::channel(16);
        let known = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
        let rate = if known.contains(&options.rate.hz()) {
            options.rate
        } else {
            SampleRate::HZ_16000
        };
        let who = Who {
            name: NAME.to_owned(),
            keys: vec![self.settings.key.clone()],
        };
        let mut reply = Reply {
            url: self.url(&options, rate),
            key: self.settings.key.clone(),
            authorities: self.settings.authorities.clone(),
            who,
            keep_alive: self.keep_alive,
            patience: self.patience,
            // The vendor's own speed is left alone.
            voice: ((options.speed - 1.0).abs() > 0.001).then(|| VoiceSettings {
                speed: Some((f64::from(options.speed) * 1_000.0).round() / 1_000.0),
                ..VoiceSettings::default()
            }),
            rate,
            socket: None,
            bytes: Bytes::default(),
            said: String::new(),
            aligned: 0,
            estimate: Estimate::new(options.speed),
            aligns: false,
        };
        tokio::spawn(async move {
            let result = tokio::select! {
                biased;
                // Interrupted: what is not said yet is not made any more. First, for else the text would seem to be at
                // its end, and the vendor be asked to say all of it.
                () = sender.closed() => Ok(()),
                result = reply.run(inputs, &sender) => result,
            };
            if let Err(error) = result {
                tracing::debug!(%error, "the voice failed");
                let _ = sender.send(Err(error)).await;
            }
            drop(sender);
            if let Some(socket) = reply.socket.take() {
                socket.close().await;
            }
        });
        Session { input, events }
    }
}

struct Reply {
    url: Url,
    key: crate::ApiKey,
    authorities: Authorities,
    who: Who,
    keep_alive: Duration,
    patience: Duration,
    voice: Option<VoiceSettings>,
    rate: SampleRate,
    socket: Option<Socket>,
    bytes: Bytes,
    /// All text that was sent.
    said: String,
    /// Letters of it that came back with a time, white space not counted.
    aligned: usize,
    estimate: Estimate,
    aligns: bool,
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

impl Reply {
    async fn run(
        &mut self,
        mut inputs: mpsc::Receiver<Input>,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        let mut ended = false;
        let mut told = Instant::now();
        let mut heard = Instant::now();
        loop {
            let owed = self.socket.is_some() && (ended || self.aligned < letters(&self.said));
            tokio::select! {
                input = inputs.recv(), if !ended => {
                    told = Instant::now();
                    heard = told;
                    match input {
                        Some(Input::Text(text)) => self.say(text).await?,
                        Some(Input::End) | None => {
                            ended = true;
                            let Some(socket) = &mut self.socket else {
                                // Nothing was said.
                                return done(events).await;
                            };
                            socket.send(Message::text(TtsInput::end().to_json())).await?;
                        }
                    }
                }
                frame = next(&mut self.socket) => {
                    heard = Instant::now();
                    if self.on_frame(frame?, events).await? {
                        return done(events).await;
                    }
                }
                // The text pauses: a single space says that there is more to come.
                () = sleep_until(told + self.keep_alive), if !ended && self.socket.is_some() => {
                    told = Instant::now();
                    if let Some(socket) = &mut self.socket {
                        let space = TtsInput { text: " ".to_owned(), ..TtsInput::default() };
                        socket.send(Message::text(space.to_json())).await?;
                    }
                }
                () = sleep_until(heard + self.patience), if owed => return Err(self.who.timed_out(self.patience)),
            }
        }
    }

    async fn say(&mut self, text: String) -> Result<(), ProviderError> {
        // An empty text would end it, and white space alone makes no sound.
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.socket.is_none() {
            let headers = [("xi-api-key", self.key.clone())];
            let mut socket =
                Socket::open(self.who.clone(), &self.authorities, &self.url, &headers).await?;
            let begin = TtsInput::begin(self.voice);
            socket.send(Message::text(begin.to_json())).await?;
            self.socket = Some(socket);
        }
        let mut text = text;
        if !text.ends_with(char::is_whitespace) {
            text.push(' ');
        }
        self.estimate.say(&text);
        self.said.push_str(&text);
        if let Some(socket) = &mut self.socket {
            let message = TtsInput::flushed(text);
            socket.send(Message::text(message.to_json())).await?;
        }
        Ok(())
    }

    /// Whether that was the end.
    async fn on_frame(&mut self, frame: Frame, events: &Sender) -> Result<bool, ProviderError> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Closed(code, words) => return Err(self.closed(code, &words)),
        };
        match TtsOutput::from_json(&text) {
            Ok(TtsOutput::Audio(audio)) => {
                let is_final = audio.is_final == Some(true);
                self.sound(audio, is_final, events).await?;
                Ok(is_final)
            }
            Ok(TtsOutput::Error(error)) => Err(self.trouble(&error)),
            Ok(_) => Ok(false),
            Err(error) => Err(self.who.failed(&error.to_string())),
        }
    }

    async fn sound(
        &mut self,
        audio: TtsAudio,
        is_final: bool,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        let samples = audio
            .audio
            .map(|sound| self.bytes.samples(&sound.0))
            .unwrap_or_default();
        let lasts = self.rate.duration_of(samples.len());
        let reckoned = self.estimate.sound(lasts);
        self.aligns |= audio.alignment.is_some();
        let mut alignment = match &audio.alignment {
            Some(alignment) => given(alignment, lasts),
            None if self.aligns => Vec::new(),
            None => reckoned,
        };
        self.aligned += alignment
            .iter()
            .map(|piece| letters(&piece.text))
            .sum::<usize>();
        if is_final {
            // Letters that never came back with a time were said all the same.
            let rest: String = beyond(&self.said, self.aligned);
            if !rest.is_empty() {
                self.aligned = letters(&self.said);
                alignment.push(Aligned {
                    text: rest,
                    start: lasts,
                    duration: Duration::ZERO,
                });
            }
        }
        if samples.is_empty() && alignment.is_empty() {
            return Ok(());
        }
        let chunk = Chunk {
            samples,
            rate: self.rate,
            alignment,
        };
        // Whoever went away is noticed elsewhere.
        let _ = events.send(Ok(Event::Chunk(chunk))).await;
        Ok(())
    }

    fn closed(&self, code: u16, words: &str) -> ProviderError {
        let reason = format!("it closed with {code}: {words}");
        match code {
            1008 => self.trouble(&TtsError {
                message: reason,
                error: None,
                code: Some(1008),
            }),
            1013 => self.who.limited(),
            _ => self.who.unreachable(&reason),
        }
    }

    fn trouble(&self, error: &TtsError) -> ProviderError {
        let word = error.error.as_deref().unwrap_or_default();
        let reason = if word.is_empty() {
            error.message.clone()
        } else {
            format!("{word}: {}", error.message)
        };
        let all = reason.to_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| all.contains(word));
        if names(&["rate limit", "rate_limit", "too many", "concurren", "busy"]) {
            self.who.limited()
        } else if names(&[
            "api key",
            "api_key",
            "auth",
            "quota",
            "permission",
            "subscription",
        ]) {
            self.who.refused(&reason)
        } else if names(&["voice", "model", "language"]) {
            self.who.unable(&reason)
        } else {
            self.who.failed(&reason)
        }
    }
}

async fn done(events: &Sender) -> Result<(), ProviderError> {
    // Whoever went away is noticed elsewhere.
    let _ = events.send(Ok(Event::Done)).await;
    Ok(())
}

async fn next(socket: &mut Option<Socket>) -> Result<Frame, ProviderError> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

/// Letters in time, in order and within the sound they come with.
fn given(alignment: &CharAlignment, lasts: Duration) -> Vec<Aligned> {
    let mut before = Duration::ZERO;
    let times = alignment.starts_ms.iter().zip(&alignment.durations_ms);
    alignment
        .chars
        .iter()
        .zip(times)
        .map(|(text, (&start, &duration))| {
            let start = Duration::from_millis(u64::from(start)).clamp(before, lasts.max(before));
            before = start;
            Aligned {
                text: text.clone(),
                start,
                duration: Duration::from_millis(u64::from(duration)),
            }
        })
        .collect()
}

/// How many letters there are beside white space.
pub(crate) fn letters(text: &str) -> usize {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// What follows the first `count` letters, white space not counted.
pub(crate) fn beyond(text: &str, count: usize) -> String {
    let mut left = count;
    text.chars()
        .skip_while(|letter| {
            if letter.is_whitespace() {
                return true;
            }
            let skip = left > 0;
            left = left.saturating_sub(1);
            skip
        })
        .collect()
}
