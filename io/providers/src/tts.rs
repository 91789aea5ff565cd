//! Text to speech.

use std::time::Duration;

use audio::SampleRate;
use tokio::sync::mpsc;

use crate::ProviderError;

/// Speaks.
pub trait Tts: Send + Sync {
    /// The name shown to users, such as `flite`.
    fn name(&self) -> &str;
    /// The voices it has. Empty when they are not known without asking the vendor.
    fn voices(&self) -> Vec<Voice>;
    /// Languages it speaks, as ISO 639-1 codes; empty when it does not say.
    fn languages(&self) -> &[&str];
    /// Whether the times of words are reckoned, because the voice itself does not tell them. Default false.
    fn estimates_alignment(&self) -> bool {
        false
    }
    /// A session for one reply. Costs nothing until text comes.
    fn start(&self, options: Options) -> Session;
}

/// A voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Its id, as settings name it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it sounds like, in a few words.
    pub description: String,
    /// ISO 639-1 code.
    pub language: String,
}

/// How to speak.
#[derive(Clone, Debug)]
pub struct Options {
    /// The voice's id. None: the provider's default.
    pub voice: Option<String>,
    /// Speed, 0.7 to 1.2, 1 being the voice's own. Default 1.
    pub speed: f32,
    /// The rate wanted. A provider may answer in another; each chunk says its rate. Default 16 kHz.
    pub rate: SampleRate,
    /// ISO 639-1 code. Default `en`.
    pub language: String,
    /// What a last resort ([`crate::cascade::TtsCascade::with_last_resort`]) says first. Default: nothing.
    pub excuse: Option<Excuse>,
}

/// What is said when the voice that was asked has failed and a last resort takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// Before it goes on with the text.
    pub goes_on: String,
    /// In place of the text, where it does not speak its language.
    pub gives_up: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            voice: None,
            speed: 1.0,
            rate: SampleRate::HZ_16000,
            language: "en".to_owned(),
            excuse: None,
        }
    }
}

/// A reply being spoken. Dropping it stops the voice.
#[derive(Debug)]
pub struct Session {
    /// Where text goes, a clause or more at a time. Dropping the sender, or [`Input::End`], lets the voice finish.
    pub input: mpsc::Sender<Input>,
    /// Where sound comes from. Bounded, so that a voice does not run far ahead of who listens.
    pub events: mpsc::Receiver<Result<Event, ProviderError>>,
}

/// What the voice is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Say this.
    Text(String),
    /// Nothing follows: say what is left and finish.
    End,
}

/// What the voice gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A piece of sound.
    Chunk(Chunk),
    /// Another voice speaks from here on.
    TookOver(TookOver),
    /// All of the text has been spoken. Always last; a stream that closes without it has failed.
    Done,
}

/// Who speaks in place of a voice that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TookOver {
    /// Its name.
    pub by: String,
    /// What happened to the one before.
    pub because: String,
    /// It is the last resort.
    pub last_resort: bool,
    /// It says [`Options::excuse`] first. That sounds, and is not part of the text.
    pub excused: bool,
    /// It says nothing else, for it does not speak the language; the error follows.
    pub gives_up: bool,
}

/// A piece of sound and what is said in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Mono samples.
    pub samples: Vec<i16>,
    /// Their rate.
    pub rate: SampleRate,
    /// What is said and when, from the start of this chunk. Joined over all chunks of a session it gives the text back
    /// (white space may differ).
    pub alignment: Vec<Aligned>,
}

/// A word, or a character, in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// With the spaces that belong to it.
    pub text: String,
    /// From the start of the chunk.
    pub start: Duration,
    /// How long it sounds.
    pub duration: Duration,
}
