//! The embedded recogniser: PocketSphinx, found at run time, American English.
//!
//! A floor that works offline: good on clear, short sentences and on what the agent expects, poor on accents, noise and
//! long free speech. The step up is another provider behind the same trait.

mod agreement;
mod ffi;
mod grammar;
mod keywords;
mod lexicon;
mod pool;
mod session;
mod stable;

use std::{sync::Arc, thread, time::Duration};

use providers::{ProviderError, asr};
use tokio::sync::mpsc;

use crate::paths::Paths;

/// The name in errors.
const PROVIDER: &str = "pocketsphinx";
/// Pieces of sound that wait for the recogniser.
const WAITING_INPUT: usize = 256;
/// Texts that wait for whoever listens.
const WAITING_TEXTS: usize = 32;

/// How the recogniser works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many utterances are recognised at once; others wait, their sound being kept. Each costs memory while it lives
    /// (see docs/embedded.md), and one core serves several. Default: as many as there are cores, at least two.
    pub decoders: usize,
    /// How long an utterance can be; what is said beyond is not heard. Default 60 s.
    pub longest: Duration,
    /// Hear every utterance again as a whole when it ends, so that its text does not depend on what was said before.
    /// For tests and recordings; costs a tenth of the utterance's length at its end. Default false.
    pub repeatable: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            decoders: thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
            longest: Duration::from_mins(1),
            repeatable: false,
        }
    }
}

/// Understands English, at 16 kHz inside: sound at any other rate is resampled. Cheap to clone; clones share the decoders. Nothing is loaded before the first sound.
#[derive(Clone)]
pub struct Sphinx {
    pool: Arc<pool::Pool>,
    longest: Duration,
}

impl Sphinx {
    /// A recogniser whose libraries and model are found by `paths`. Loads nothing.
    pub fn new(paths: Paths, settings: &Settings) -> Self {
        Self {
            pool: Arc::new(pool::Pool::new(
                paths,
                settings.decoders,
                settings.repeatable,
            )),
            longest: settings.longest,
        }
    }

    /// Looks whether libraries and model are there.
    pub fn check(&self) -> Result<(), ProviderError> {
        self.pool.check()
    }
}

impl asr::Asr for Sphinx {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn languages(&self) -> &'static [&'static str] {
        &["en"]
    }

    fn start(&self, options: asr::Options) -> asr::Session {
        let (input, sound) = mpsc::channel(WAITING_INPUT);
        let (texts, events) = mpsc::channel(WAITING_TEXTS);
        tokio::spawn(session::run(
            Arc::clone(&self.pool),
            options,
            self.longest,
            sound,
            texts,
        ));
        asr::Session { input, events }
    }
}
