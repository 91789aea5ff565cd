//! What remains of a conversation: facts for whoever keeps them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use audio::Moment;
use protocol::agents::{CloseCode, Score, Stage};
use providers::llm::Usage;
use serde_json::Value;

/// Keeps the facts of conversations.
///
/// Called from the conversation's own task, so it must not block: who writes to a disk or a database does so behind a
/// bounded queue of its own.
pub trait Recorder: Send + Sync {
    /// Something happened in `conversation` at `at`.
    fn record(&self, conversation: &str, at: Moment, fact: Fact<'_>);
}

/// A fact worth keeping.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// It began.
    Started {
        /// The agent's id.
        agent: &'a str,
        /// The caller's own id for the user.
        user: Option<&'a str>,
        /// The wall clock at moment zero, RFC 3339 with its zone.
        wall: &'a str,
        /// ISO 639-1.
        language: &'a str,
        /// Whether it goes without sound.
        text_only: bool,
    },
    /// A user turn.
    UserTurn {
        /// Its text.
        text: &'a str,
    },
    /// A reply is over.
    AgentTurn {
        /// Its first audio id; none when nothing of it was sent.
        event: Option<u64>,
        /// What was generated.
        text: &'a str,
        /// What was heard of it.
        heard: &'a str,
        /// Whether the user interrupted it.
        interrupted: bool,
        /// Whether `heard` was worked out from the clock and not reported by the edge.
        reckoned: bool,
    },
    /// A tool call is over.
    ToolCall {
        /// Its id.
        id: &'a str,
        /// The tool.
        name: &'a str,
        /// What it was called with.
        arguments: &'a Value,
        /// What came back.
        result: &'a str,
        /// Whether it failed, or was stopped.
        is_error: bool,
        /// How long it took.
        took: Duration,
    },
    /// What an llm took to write a reply. Of one that costs nothing by nature nothing is told.
    Usage {
        /// Its name.
        llm: &'a str,
        /// Tokens. None: it wrote, and did not say how many.
        usage: Option<Usage>,
    },
    /// Where the time of a turn went.
    Latency {
        /// The reply's first audio id.
        event: u64,
        /// In order; their sum is what the caller waited.
        stages: &'a [Stage],
    },
    /// What the user thinks of an answer.
    Feedback {
        /// The answer's id.
        event: u64,
        /// None: no opinion any more.
        score: Option<Score>,
    },
    /// Something went wrong and the conversation went on.
    Warning {
        /// What.
        text: &'a str,
    },
    /// The caller's sound, 16 kHz mono.
    CallerAudio {
        /// When its first sample sounded.
        from: Moment,
        /// The samples.
        samples: &'a [i16],
    },
    /// The agent's sound as it left the speaker, 16 kHz mono. Told when it has sounded: what was cut off never comes.
    AgentAudio {
        /// When its first sample sounded.
        from: Moment,
        /// The samples.
        samples: &'a [i16],
    },
    /// It is over. Nothing follows.
    Ended {
        /// Why, in a word.
        reason: &'a str,
        /// The close code.
        code: CloseCode,
    },
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    fn record(&self, _conversation: &str, _at: Moment, _fact: Fact<'_>) {}
}

/// Keeps a readable line of everything but sound, and counts the samples. For tests and short conversations: memory grows
/// with the conversation.
#[derive(Debug, Default)]
pub struct MemoryRecorder(Mutex<Memory>);

/// What a [`MemoryRecorder`] holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// One line per fact: seconds, then the fact.
    pub lines: Vec<String>,
    /// Samples of the caller.
    pub caller_samples: usize,
    /// Samples of the agent.
    pub agent_samples: usize,
}

impl MemoryRecorder {
    /// What was recorded so far.
    pub fn memory(&self) -> Memory {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Recorder for MemoryRecorder {
    fn record(&self, _conversation: &str, at: Moment, fact: Fact<'_>) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match fact {
            Fact::CallerAudio { samples, .. } => memory.caller_samples += samples.len(),
            Fact::AgentAudio { samples, .. } => memory.agent_samples += samples.len(),
            other => memory.lines.push(format!("{at} {other:?}")),
        }
    }
}

/// Hands every fact to several recorders, in order.
pub struct Recorders(pub Vec<std::sync::Arc<dyn Recorder>>);

impl Recorder for Recorders {
    fn record(&self, conversation: &str, at: Moment, fact: Fact<'_>) {
        for recorder in &self.0 {
            recorder.record(conversation, at, fact.clone());
        }
    }
}
