//! Speech to text.

use std::time::Duration;

use audio::SampleRate;
use tokio::sync::mpsc;

use crate::ProviderError;

/// Makes recognition sessions, one per conversation.
pub trait Asr: Send + Sync {
    /// The name shown to users, such as `pocketsphinx`.
    fn name(&self) -> &str;
    /// Languages it understands, as ISO 639-1 codes; empty when it does not say.
    fn languages(&self) -> &[&str];
    /// How long a final text may take after the end of an utterance before the agent goes on without it. Default 1.5 s;
    /// those that do all their work after the end need more.
    fn final_patience(&self) -> Duration {
        Duration::from_millis(1_500)
    }
    /// A session for one conversation. Costs nothing until sound comes.
    fn start(&self, options: Options) -> Session;
}

/// What a session should know beforehand.
#[derive(Clone, Debug)]
pub struct Options {
    /// The rate of the sound that will be sent. Default 16 kHz.
    pub rate: SampleRate,
    /// ISO 639-1 code. Default `en`.
    pub language: String,
    /// Words that are likely throughout the conversation (names, products).
    pub keywords: Vec<String>,
    /// Whether partial texts are wanted.
    pub partials: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate: SampleRate::HZ_16000,
            language: "en".to_owned(),
            keywords: Vec::new(),
            partials: true,
        }
    }
}

/// A recognition under way. Dropping it ends it.
#[derive(Debug)]
pub struct Session {
    /// Where sound goes. Bounded; a full channel means the recogniser cannot keep up.
    pub input: mpsc::Sender<Input>,
    /// Where text comes from.
    pub events: mpsc::Receiver<Result<Event, ProviderError>>,
}

/// What the recogniser is told. Utterances come one after the other: `Begin`, `Audio`…, then `End` or `Drop`.
#[derive(Clone, Debug)]
pub enum Input {
    /// An utterance begins.
    Begin {
        /// Its name, given back in every event.
        utterance: u64,
        /// What the agent expects to hear now. A help, not a grammar: other words must still come through.
        expected: Expected,
    },
    /// A piece of sound, mono, at the session's rate; any length.
    Audio(Vec<i16>),
    /// The utterance is over: answer with [`Event::Final`], also when nothing was understood.
    End,
    /// The utterance was noise: forget it, answer nothing.
    Drop,
}

/// What the next utterance probably contains.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Whole phrases, in plain words (`yes please`, `next tuesday`). `{name}` stands for the slot of that name below.
    pub phrases: Vec<String>,
    /// What can stand for a slot: its name and its fillers, in plain words.
    pub slots: Vec<(String, Vec<String>)>,
    /// What the agent asked for, as a kind of value: `name`, `day`, `time`, `email`, `phone`, `number`, `confirmation`.
    pub kind: Option<String>,
}

/// What the recogniser says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The words so far. May change.
    Partial {
        /// Which utterance.
        utterance: u64,
        /// All of its words so far.
        text: String,
    },
    /// The words. Once per utterance that was ended; empty when nothing was understood.
    Final {
        /// Which utterance.
        utterance: u64,
        /// All of its words.
        text: String,
    },
}
