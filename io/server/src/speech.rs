//! Speech without a conversation: what the voice says and the recogniser hears, for the REST and socket routes.

pub(crate) mod file;
pub(crate) mod hearing;
pub(crate) mod mp3;
pub(crate) mod output;
pub(crate) mod speaking;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use axum::body::Bytes;
use providers::{
    ProviderError,
    asr::Asr,
    mp3::Mp3,
    tts::{Tts, Voice},
    vad::Vad,
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::Problem;

/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// The voice and the recogniser that the speech routes use.
#[derive(Clone)]
pub struct Speech {
    /// Whether somebody speaks.
    pub vad: Arc<dyn Vad>,
    /// What they say.
    pub asr: Arc<dyn Asr>,
    /// What speaks.
    pub tts: Arc<dyn Tts>,
    /// What codes it as MP3.
    pub(crate) mp3: Arc<dyn Mp3>,
    turns: Arc<Semaphore>,
    /// How its voices sound, as MP3, by id: those that anybody has asked for.
    pub(crate) samples: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Speech {
    /// `at_once` requests are worked on at a time; others wait up to 5 s, and are told then to come later.
    pub fn new(vad: Arc<dyn Vad>, asr: Arc<dyn Asr>, tts: Arc<dyn Tts>, at_once: usize) -> Self {
        Self {
            vad,
            asr,
            tts,
            mp3: Arc::new(mp3::BuiltIn),
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            samples: Arc::default(),
        }
    }

    /// The same with another encoder of MP3. Default: a small one that is built in, and needs 128 kbit/s to be understood.
    #[must_use]
    pub fn with_mp3(mut self, mp3: Arc<dyn Mp3>) -> Self {
        self.mp3 = mp3;
        self
    }

    /// A place among the requests that are worked on.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match timeout(TURN, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::too_many()),
        }
    }

    /// The voice of that id. Ids that are ElevenLabs' own stand for the default voice, as they do in agents.
    pub(crate) fn voice(&self, id: &str) -> Result<Option<Voice>, Problem> {
        let voices = self.tts.voices();
        if let Some(voice) = voices.iter().find(|voice| voice.id == id) {
            return Ok(Some(voice.clone()));
        }
        let is_foreign = id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_foreign || voices.is_empty() {
            tracing::warn!(voice = id, "the voice is not here; using the default voice");
            return Ok(None);
        }
        Err(Problem::no_voice(
            id,
            voices.iter().map(|voice| voice.id.as_str()),
        ))
    }

    /// Whether the voice speaks a language. Only the language itself counts, not its region.
    pub(crate) fn speaks(&self, language: &str) -> Result<(), Problem> {
        check_language(self.tts.name(), self.tts.languages(), language)
    }

    /// Whether the recogniser understands a language.
    pub(crate) fn understands(&self, language: &str) -> Result<(), Problem> {
        check_language(self.asr.name(), self.asr.languages(), language)
    }
}

fn check_language(name: &str, known: &[&str], language: &str) -> Result<(), Problem> {
    let base = language.split('-').next().unwrap_or_default();
    // ISO 639-3 names of what has a shorter name are common in the speech-to-text API.
    let base = if base == "eng" { "en" } else { base };
    if known.is_empty() || known.contains(&base) {
        return Ok(());
    }
    let words = format!(
        "{name} does not have {language}; it has {}.",
        known.join(", ")
    );
    Err(Problem::invalid(words).at("language_code"))
}

/// What a provider's failure is to a client.
pub(crate) fn failed(error: &ProviderError) -> Problem {
    match error {
        ProviderError::Unsupported { .. } => Problem::invalid(error.to_string()),
        _ => Problem::storage(error.to_string()),
    }
}

impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech")
            .field("asr", &self.asr.name())
            .field("tts", &self.tts.name())
            .finish_non_exhaustive()
    }
}
