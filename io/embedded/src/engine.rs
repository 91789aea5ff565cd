//! One handle for the whole offline set.

use std::{fmt, path::PathBuf, sync::Arc};

use providers::{ProviderError, asr::Asr, mp3::Mp3, tts::Tts, vad::Vad};

use crate::{
    mp3::Lame,
    paths::Paths,
    recogniser::{Settings, Sphinx},
    vad::Earshot,
    voice::FliteVoice,
};

/// Voice activity, recogniser and voice of a process, shared by all of its conversations. Cheap to clone; loads nothing
/// before it is used.
#[derive(Clone)]
pub struct Engine {
    paths: Paths,
    recogniser: Sphinx,
    voice: FliteVoice,
}

/// One part of the offline set, as `doctor` shows it.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it does: `voice activity`, `recogniser` or `voice`.
    pub name: &'static str,
    /// What does it, with its version where that is known.
    pub by: &'static str,
    /// Where its model or libraries come from, if from this machine.
    pub from: Option<PathBuf>,
    /// What keeps it from working, with the remedy; none when it works.
    pub problem: Option<ProviderError>,
}

impl Engine {
    /// An engine that finds its libraries and model by `paths`.
    pub fn new(paths: Paths, settings: &Settings) -> Self {
        Self {
            recogniser: Sphinx::new(paths.clone(), settings),
            voice: FliteVoice::new(paths.clone()),
            paths,
        }
    }

    /// The detector of voice activity.
    pub fn vad(&self) -> Arc<dyn Vad> {
        Arc::new(Earshot)
    }

    /// The recogniser.
    pub fn asr(&self) -> Arc<dyn Asr> {
        Arc::new(self.recogniser.clone())
    }

    /// The voice.
    pub fn tts(&self) -> Arc<dyn Tts> {
        Arc::new(self.voice.clone())
    }

    /// The encoder of MP3. None: its library is not on this machine.
    pub fn mp3(&self) -> Option<Arc<dyn Mp3>> {
        Lame::load(&self.paths).map(|lame| Arc::new(lame) as _).ok()
    }

    /// Whether the voice's libraries are on this machine.
    pub fn can_speak(&self) -> bool {
        self.voice.check().is_ok()
    }

    /// Looks for everything the set needs. Loads the libraries, some tens of milliseconds; makes no decoder.
    pub fn check(&self) -> Vec<Part> {
        vec![
            Part {
                name: "voice activity",
                by: "earshot 1.2, built in",
                from: None,
                problem: None,
            },
            Part {
                name: "recogniser",
                by: "PocketSphinx 0.8-5prealpha, American English",
                from: Some(self.paths.model.clone()),
                problem: self.recogniser.check().err(),
            },
            Part {
                name: "voice",
                by: "flite 2.2: slt, rms, awb, kal16",
                from: self.paths.libraries.clone(),
                problem: self.voice.check().err(),
            },
        ]
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(Paths::default(), &Settings::default())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
