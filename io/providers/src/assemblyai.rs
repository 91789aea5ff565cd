//! AssemblyAI's streaming recogniser, version 3.
//!
//! Turns are ours to end: the vendor's own end-of-turn detection is set as patient as it goes, and each utterance ends
//! with `ForceEndpoint`. Where the vendor ends one by itself all the same, its text becomes the beginning of the utterance.

use std::time::Duration;

use protocol::assemblyai::{ClientMessage, ServerMessage, Turn};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderValue},
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    ApiKey, ProviderError,
    asr::{Asr, Options, Session},
    http::{self, Authorities},
    socket::{self, Who},
    streaming::{self, Heard, Wire, bytes},
};

/// Where AssemblyAI's streaming answers.
pub const ASSEMBLYAI_URL: &str = "wss://streaming.assemblyai.com";
/// The version of the wire.
const VERSION: &str = "2025-05-12";
const NAME: &str = "AssemblyAI";
/// What its streaming models understand.
const LANGUAGES: &[&str] = &["en", "es", "fr", "de", "it", "pt"];
/// The fewest and the most milliseconds of sound that a frame may hold.
const FRAME_MS: (usize, usize) = (50, 1_000);
/// Terms beyond this are left out.
const MOST_TERMS: usize = 100;
/// The longest term, in characters.
const LONGEST_TERM: usize = 50;

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address up to and without `/v3/ws`. Default [`ASSEMBLYAI_URL`].
    pub base_url: String,
    /// The account's key.
    pub key: ApiKey,
    /// Which model. None (the default): `universal-streaming-english` for English, `universal-streaming-multilingual` for
    /// other languages.
    pub model: Option<String>,
    /// How long an answer may take after the end of an utterance before it counts as empty. Default 900 ms.
    pub quiet: Duration,
    /// Whose certificates are trusted. Default: the public authorities.
    pub authorities: Authorities,
}

impl Settings {
    /// The defaults, with `key`.
    pub fn new(key: ApiKey) -> Self {
        Self {
            base_url: ASSEMBLYAI_URL.to_owned(),
            key,
            model: None,
            quiet: Duration::from_millis(900),
            authorities: Authorities::public(),
        }
    }
}

/// Whether the account at `base_url` (as in [`Settings`]) takes `key`: it is asked for a token for one session, which is
/// not used.
///
/// # Errors
/// [`ProviderError::Unauthorised`] if not, [`ProviderError::Unreachable`], [`ProviderError::TimedOut`] after `patience`,
/// [`ProviderError::Unsupported`] where the address is none, or [`ProviderError::Failed`].
pub async fn check_key(
    base_url: &str,
    key: &ApiKey,
    patience: Duration,
    authorities: &Authorities,
) -> Result<(), ProviderError> {
    let provider = || NAME.to_owned();
    let mut url = socket::address(base_url, NAME)?;
    let scheme = if url.scheme() == "ws" {
        "http"
    } else {
        "https"
    };
    // Between these four schemes a change is always allowed.
    let _ = url.set_scheme(scheme);
    url.set_path("/v3/token");
    url.set_query(Some("expires_in_seconds=60"));
    let client = http::client(authorities).map_err(|reason| ProviderError::Failed {
        provider: provider(),
        reason,
    })?;
    let mut value =
        HeaderValue::from_str(key.expose()).map_err(|_| ProviderError::Unauthorised {
            provider: provider(),
            reason: "the key holds characters that no key has".to_owned(),
        })?;
    value.set_sensitive(true);
    let asked = timeout(
        patience,
        client.get(url).header(AUTHORIZATION, value).send(),
    );
    let response = asked
        .await
        .map_err(|_| ProviderError::TimedOut {
            provider: provider(),
            after: patience,
        })?
        .map_err(|error| ProviderError::Unreachable {
            provider: provider(),
            reason: http::explain(&error.without_url()),
        })?;
    match response.status().as_u16() {
        200..=299 => Ok(()),
        401 | 403 => Err(ProviderError::Unauthorised {
            provider: provider(),
            reason: "the key was refused".to_owned(),
        }),
        status => Err(ProviderError::Failed {
            provider: provider(),
            reason: format!("it answered with status {status}"),
        }),
    }
}

/// A recogniser at AssemblyAI.
#[derive(Clone, Debug)]
pub struct AssemblyAi {
    settings: Settings,
    base: Url,
}

impl AssemblyAi {
    /// A recogniser after `settings`. Nothing is sent before the first utterance.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is no URL of a WebSocket.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        Ok(Self {
            base: socket::address(&settings.base_url, NAME)?,
            settings,
        })
    }

    fn url(&self, options: &Options) -> Url {
        let mut url = self.base.clone();
        url.set_path("/v3/ws");
        let model = self.settings.model.clone().unwrap_or_else(|| {
            let english = options.language.starts_with("en");
            format!(
                "universal-streaming-{}",
                if english { "english" } else { "multilingual" }
            )
        });
        let terms: Vec<&str> = options
            .keywords
            .iter()
            .map(|term| term.trim())
            .filter(|term| !term.is_empty() && term.chars().count() <= LONGEST_TERM)
            .take(MOST_TERMS)
            .collect();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("sample_rate", &options.rate.hz().to_string())
                .append_pair("encoding", "pcm_s16le")
                .append_pair("speech_model", &model)
                .append_pair("format_turns", "false")
                // 1: silence alone ends a turn, and that only after the longest time.
                .append_pair("end_of_turn_confidence_threshold", "1")
                .append_pair("max_turn_silence", "30000");
            if !terms.is_empty() {
                query.append_pair("keyterms_prompt", &serde_json::json!(terms).to_string());
            }
        }
        url
    }
}

impl Asr for AssemblyAi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn languages(&self) -> &[&str] {
        LANGUAGES
    }

    fn start(&self, options: Options) -> Session {
        let base = options.language.split('-').next().unwrap_or_default();
        if !LANGUAGES.contains(&base) {
            return streaming::refuse(ProviderError::Unsupported {
                provider: NAME.to_owned(),
                reason: format!(
                    "it does not understand {base:?}; it has {}",
                    LANGUAGES.join(", ")
                ),
            });
        }
        let wire = Streaming {
            url: self.url(&options),
            settings: self.settings.clone(),
            rate: options.rate.hz() as usize,
            ended: None,
        };
        streaming::start(wire, &options)
    }
}

struct Streaming {
    url: Url,
    settings: Settings,
    rate: usize,
    /// The last turn that ended: its formatted twin may follow.
    ended: Option<u64>,
}

impl Wire for Streaming {
    fn who(&self) -> Who {
        Who {
            name: NAME.to_owned(),
            keys: vec![self.settings.key.clone()],
        }
    }

    fn authorities(&self) -> &Authorities {
        &self.settings.authorities
    }

    fn url(&self) -> Url {
        self.url.clone()
    }

    fn headers(&self) -> Vec<(&'static str, ApiKey)> {
        vec![
            ("authorization", self.settings.key.clone()),
            ("assemblyai-version", ApiKey::new(VERSION)),
        ]
    }

    fn opened(&mut self) {
        self.ended = None;
    }

    fn sound(&self, samples: &[i16]) -> Message {
        Message::binary(bytes(samples))
    }

    fn end(&self, rest: &[i16]) -> Vec<Message> {
        let mut messages = Vec::new();
        if !rest.is_empty() {
            let mut rest = rest.to_vec();
            let (least, most) = (
                self.rate * FRAME_MS.0 / 1_000,
                self.rate * FRAME_MS.1 / 1_000,
            );
            // A shorter frame would end the session.
            rest.resize(rest.len().clamp(least, most), 0);
            messages.push(self.sound(&rest));
        }
        messages.push(Message::text(ClientMessage::ForceEndpoint.to_json()));
        messages
    }

    fn piece(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn quiet(&self) -> Option<Duration> {
        Some(self.settings.quiet)
    }

    fn read(&mut self, text: &str) -> Result<Vec<Heard>, ProviderError> {
        let message = ServerMessage::from_json(text)
            .map_err(|error| self.who().failed(&error.to_string()))?;
        Ok(match message {
            ServerMessage::Turn(turn) => self.turn(&turn).into_iter().collect(),
            ServerMessage::Error { error, error_code } => {
                let code = error_code.and_then(|code| u16::try_from(code).ok());
                return Err(self.closed(code.unwrap_or(0), &error));
            }
            ServerMessage::Warning { warning, .. } => {
                tracing::warn!(warning = self.who().quote(&warning), "AssemblyAI warns");
                Vec::new()
            }
            _ => Vec::new(),
        })
    }

    fn closed(&self, code: u16, words: &str) -> ProviderError {
        let reason = format!("it closed with {code}: {words}");
        match code {
            1008 if words.to_lowercase().contains("too many") => self.who().limited(),
            1008 | 4001 | 4002 => self.who().refused(&reason),
            1013 | 3009 | 4029 | 4102 => self.who().limited(),
            3006 | 3007 | 4100 | 4101 => self.who().failed(&reason),
            _ => self.who().unreachable(&reason),
        }
    }

    fn farewell(&self) -> Option<Message> {
        // What is paid for is the time that the session is open.
        Some(Message::text(ClientMessage::Terminate.to_json()))
    }
}

impl Streaming {
    fn turn(&mut self, turn: &Turn) -> Option<Heard> {
        if self.ended.is_some_and(|ended| turn.turn_order <= ended) {
            // The formatted twin of a turn that was taken already.
            return None;
        }
        if turn.end_of_turn {
            self.ended = Some(turn.turn_order);
            return Some(Heard::Ended(turn.transcript.clone()));
        }
        // Some models count only final words into the transcript; the last word stands among the words alone.
        let words: Vec<&str> = turn.words.iter().map(|word| word.text.as_str()).collect();
        let words = words.join(" ");
        Some(Heard::Partial(
            if words.len() > turn.transcript.len() || turn.transcript.is_empty() {
                words
            } else {
                turn.transcript.clone()
            },
        ))
    }
}
