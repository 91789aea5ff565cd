//! The embedded voice: `flite`, found at run time, streaming.

mod ffi;
mod stream;
mod text;

use std::sync::{Arc, Mutex, PoisonError};

use providers::{ProviderError, tts};
use tokio::sync::{Semaphore, mpsc};

use crate::paths::Paths;
use ffi::{Flite, VoiceHandle};

/// The name in errors.
const PROVIDER: &str = "flite";
/// The voice used when none is named.
pub const DEFAULT_VOICE: &str = "slt";
/// Chunks that wait for whoever listens: about three seconds.
const WAITING_CHUNKS: usize = 32;
/// Texts that wait for the voice.
const WAITING_TEXTS: usize = 32;

const VOICES: [(&str, &str, &str); 4] = [
    ("slt", "Sally", "American woman, clear, statistical"),
    ("rms", "Ray", "American man, low, statistical"),
    ("awb", "Alan", "Scottish man, statistical"),
    (
        "kal16",
        "Kal",
        "American man, robotic, diphones; the fastest",
    ),
];

/// Speaks English at 16 kHz. Cheap to clone; clones share the loaded voices.
///
/// Nothing is loaded before the first text. A sentence is synthesised at once, much faster than it is heard, and its
/// sound is streamed in chunks of 100 ms while that goes on. When a session is dropped the voice stops within
/// milliseconds.
#[derive(Clone)]
pub struct FliteVoice {
    shared: Arc<Shared>,
}

struct Shared {
    paths: Paths,
    loaded: Mutex<Loaded>,
    /// Whose sentence is next: flite makes one at a time, and waiting sentences take turns.
    turn: Semaphore,
}

#[derive(Default)]
struct Loaded {
    flite: Option<Arc<Flite>>,
    voices: Vec<(&'static str, VoiceHandle)>,
}

impl FliteVoice {
    /// A voice whose libraries are found by `paths`. Loads nothing.
    pub fn new(paths: Paths) -> Self {
        Self {
            shared: Arc::new(Shared {
                paths,
                loaded: Mutex::default(),
                turn: Semaphore::new(1),
            }),
        }
    }

    /// Loads the library and every voice, to see that they are there.
    pub fn check(&self) -> Result<(), ProviderError> {
        for (id, _, _) in VOICES {
            self.shared.voice(id)?;
        }
        Ok(())
    }
}

impl Shared {
    fn voice(&self, id: &'static str) -> Result<(Arc<Flite>, VoiceHandle), ProviderError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let flite = match &loaded.flite {
            Some(flite) => Arc::clone(flite),
            None => Arc::clone(loaded.flite.insert(Arc::new(Flite::load(&self.paths)?))),
        };
        if let Some((_, voice)) = loaded.voices.iter().find(|(known, _)| *known == id) {
            return Ok((flite, *voice));
        }
        let voice = flite.voice(&self.paths, id)?;
        loaded.voices.push((id, voice));
        Ok((flite, voice))
    }
}

impl tts::Tts for FliteVoice {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn voices(&self) -> Vec<tts::Voice> {
        VOICES
            .iter()
            .map(|(id, name, description)| tts::Voice {
                id: (*id).to_owned(),
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                language: "en".to_owned(),
            })
            .collect()
    }

    fn languages(&self) -> &'static [&'static str] {
        &["en"]
    }

    fn start(&self, options: tts::Options) -> tts::Session {
        let (input, texts) = mpsc::channel(WAITING_TEXTS);
        let (chunks, events) = mpsc::channel(WAITING_CHUNKS);
        tokio::spawn(stream::run(
            Arc::clone(&self.shared),
            options,
            texts,
            chunks,
        ));
        tts::Session { input, events }
    }
}

/// The voice that the options name.
fn choose(options: &tts::Options) -> Result<&'static str, ProviderError> {
    let unsupported = |reason| {
        Err(ProviderError::Unsupported {
            provider: PROVIDER.to_owned(),
            reason,
        })
    };
    if !options.language.is_empty() && !options.language.starts_with("en") {
        return unsupported(format!("it speaks English, not {:?}", options.language));
    }
    let wanted = options.voice.as_deref().unwrap_or(DEFAULT_VOICE);
    match VOICES.iter().find(|(id, _, _)| *id == wanted) {
        Some((id, _, _)) => Ok(id),
        None => unsupported(format!(
            "no voice is called {wanted:?}; there are slt, rms, awb and kal16"
        )),
    }
}
