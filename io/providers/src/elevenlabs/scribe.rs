//! Scribe, speech to text in real time.

use std::time::Duration;

use audio::SampleRate;
use protocol::{
    agents::AudioBytes,
    speech::{ScribeInput, ScribeOutput},
};
use reqwest::Url;
use tokio_tungstenite::tungstenite::Message;

use super::Settings;
use crate::{
    ApiKey, ProviderError,
    asr::{Asr, Options, Session},
    http::Authorities,
    socket::{self, Who},
    streaming::{self, Heard, Wire, bytes},
};

const NAME: &str = "ElevenLabs Scribe";
/// Terms beyond this are left out.
const MOST_TERMS: usize = 50;
/// The longest term, in characters.
const LONGEST_TERM: usize = 20;

/// ElevenLabs' recogniser.
///
/// Segments are ours to commit: each utterance is one.
#[derive(Clone, Debug)]
pub struct Scribe {
    settings: Settings,
    base: Url,
}

impl Scribe {
    /// A recogniser after `settings`. Nothing is sent before the first utterance.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is no URL of a server.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        Ok(Self {
            base: socket::address(&settings.base_url, NAME)?,
            settings,
        })
    }

    fn url(&self, options: &Options) -> Url {
        let mut url = self.base.clone();
        url.set_path("/v1/speech-to-text/realtime");
        let model = self.settings.model.as_deref();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("model_id", model.unwrap_or("scribe_v2_realtime"))
                .append_pair("audio_format", &format!("pcm_{}", options.rate.hz()))
                .append_pair("commit_strategy", "manual")
                .append_pair("include_timestamps", "false");
            if !options.language.is_empty() {
                let language = options.language.split('-').next().unwrap_or_default();
                query.append_pair("language_code", language);
            }
            let terms = options.keywords.iter().map(|term| term.trim());
            for term in terms
                .filter(|term| !term.is_empty() && term.chars().count() <= LONGEST_TERM)
                .take(MOST_TERMS)
            {
                query.append_pair("keyterms", term);
            }
            if !self.settings.retention {
                query.append_pair("enable_logging", "false");
            }
        }
        url
    }
}

impl Asr for Scribe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn languages(&self) -> &[&str] {
        &[]
    }

    fn start(&self, options: Options) -> Session {
        let known = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
        if !known.contains(&options.rate.hz()) {
            return streaming::refuse(ProviderError::Unsupported {
                provider: NAME.to_owned(),
                reason: format!("it does not take sound at {}", options.rate),
            });
        }
        let wire = Realtime {
            url: self.url(&options),
            key: self.settings.key.clone(),
            authorities: self.settings.authorities.clone(),
            rate: options.rate,
        };
        streaming::start(wire, &options)
    }
}

struct Realtime {
    url: Url,
    key: ApiKey,
    authorities: Authorities,
    rate: SampleRate,
}

impl Realtime {
    fn chunk(&self, samples: &[i16], commit: bool) -> Message {
        let chunk = ScribeInput {
            audio: AudioBytes::from(bytes(samples)),
            commit,
            sample_rate: Some(self.rate.hz()),
            previous_text: None,
        };
        Message::text(chunk.to_json())
    }
}

impl Wire for Realtime {
    fn who(&self) -> Who {
        Who {
            name: NAME.to_owned(),
            keys: vec![self.key.clone()],
        }
    }

    fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    fn url(&self) -> Url {
        self.url.clone()
    }

    fn headers(&self) -> Vec<(&'static str, ApiKey)> {
        vec![("xi-api-key", self.key.clone())]
    }

    fn sound(&self, samples: &[i16]) -> Message {
        self.chunk(samples, false)
    }

    fn end(&self, rest: &[i16]) -> Vec<Message> {
        let mut messages = Vec::with_capacity(2);
        if !rest.is_empty() {
            messages.push(self.sound(rest));
        }
        messages.push(self.chunk(&[], true));
        messages
    }

    fn piece(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn quiet(&self) -> Option<Duration> {
        None
    }

    fn read(&mut self, text: &str) -> Result<Vec<Heard>, ProviderError> {
        let message =
            ScribeOutput::from_json(text).map_err(|error| self.who().failed(&error.to_string()))?;
        Ok(match message {
            ScribeOutput::Partial { text } => vec![Heard::Partial(text)],
            ScribeOutput::Committed(text) => vec![Heard::Ended(text.text)],
            ScribeOutput::Error { kind, error } => return self.trouble(&kind, &error),
            // Times were not asked for: the form with times only repeats the text.
            _ => Vec::new(),
        })
    }

    fn closed(&self, code: u16, words: &str) -> ProviderError {
        let reason = format!("it closed with {code}: {words}");
        match code {
            1008 => self.who().refused(&reason),
            1013 => self.who().limited(),
            _ => self.who().unreachable(&reason),
        }
    }
}

impl Realtime {
    fn trouble(&self, kind: &str, error: &str) -> Result<Vec<Heard>, ProviderError> {
        let reason = format!("{kind}: {error}");
        Err(match kind {
            "auth_error" | "quota_exceeded" | "unaccepted_terms" => self.who().refused(&reason),
            "rate_limited" | "resource_exhausted" | "queue_overflow" => self.who().limited(),
            "invalid_request" => self.who().unable(&reason),
            // Too little was said to make words of: an answer, not a failure.
            "commit_throttled" | "insufficient_audio_activity" => {
                return Ok(vec![Heard::Ended(String::new())]);
            }
            _ => self.who().failed(&reason),
        })
    }
}
