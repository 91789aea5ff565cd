//! The journal's own words for inputs and outputs. Durations are whole microseconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turn::{
    AlignedText, CloseReason, EventId, Expected, Origin as TurnOrigin, ReplyEnd, ReplyId,
    ToolCallId, ToolOutcome, UtteranceId,
};

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Input {
    Start,
    Voice(f32, u64),
    Partial(u64, String),
    Final(u64, String),
    Unheard(u64),
    UserText(String),
    UserActivity,
    ContextUpdated,
    ReplyText(u64, String),
    ToolRequested(u64, u64, bool, u64),
    ToolFinished(u64, String),
    ReplyComplete(u64),
    ReplyFailed(u64),
    Chunk(u64, u64, Vec<(String, u64, u64)>),
    SpeechComplete(u64),
    SpeechFailed(u64),
    Played(u64, u64),
    Expect(u64, String),
    Prosody(f32),
    Edge(bool, bool),
    Delay(u64),
    AgentEnds(u64),
    SkipTurn(u64),
    UserEnds,
    Tick,
    /// Newer than this file.
    Other,
}

impl From<&turn::Input> for Input {
    fn from(input: &turn::Input) -> Self {
        use turn::Input as I;
        match input {
            I::Start => Self::Start,
            I::Voice { probability, frame } => Self::Voice(*probability, micros(*frame)),
            I::Partial { utterance, text } => Self::Partial(utterance.0, text.clone()),
            I::Final { utterance, text } => Self::Final(utterance.0, text.clone()),
            I::Unheard { utterance } => Self::Unheard(utterance.0),
            I::UserText { text } => Self::UserText(text.clone()),
            I::UserActivity => Self::UserActivity,
            I::ContextUpdated => Self::ContextUpdated,
            I::ReplyText { reply, text } => Self::ReplyText(reply.0, text.clone()),
            I::ToolRequested {
                reply,
                call,
                interruptible,
                timeout,
            } => Self::ToolRequested(reply.0, call.0, *interruptible, micros(*timeout)),
            I::ToolFinished { call, outcome } => {
                Self::ToolFinished(call.0, outcome_word(*outcome).to_owned())
            }
            I::ReplyComplete { reply } => Self::ReplyComplete(reply.0),
            I::ReplyFailed { reply } => Self::ReplyFailed(reply.0),
            I::Chunk {
                reply,
                duration,
                alignment,
            } => Self::Chunk(
                reply.0,
                micros(*duration),
                alignment
                    .iter()
                    .map(|piece| {
                        (
                            piece.text.clone(),
                            micros(piece.start),
                            micros(piece.duration),
                        )
                    })
                    .collect(),
            ),
            I::SpeechComplete { reply } => Self::SpeechComplete(reply.0),
            I::SpeechFailed { reply } => Self::SpeechFailed(reply.0),
            I::Played { event, position } => Self::Played(event.0, micros(*position)),
            I::Expect { reply, expected } => {
                Self::Expect(reply.0, expected_word(*expected).to_owned())
            }
            I::Prosody { finality } => Self::Prosody(*finality),
            I::Edge {
                can_pause,
                reports_played,
            } => Self::Edge(*can_pause, *reports_played),
            I::Delay { one_way } => Self::Delay(micros(*one_way)),
            I::AgentEnds { reply } => Self::AgentEnds(reply.0),
            I::SkipTurn { reply } => Self::SkipTurn(reply.0),
            I::UserEnds => Self::UserEnds,
            I::Tick => Self::Tick,
            _ => Self::Other,
        }
    }
}

impl Input {
    /// The fact itself. None when it is newer than this program.
    pub(crate) fn into_turn(self) -> Option<turn::Input> {
        use turn::Input as I;
        let duration = Duration::from_micros;
        Some(match self {
            Self::Start => I::Start,
            Self::Voice(probability, frame) => I::Voice {
                probability,
                frame: duration(frame),
            },
            Self::Partial(utterance, text) => I::Partial {
                utterance: UtteranceId(utterance),
                text,
            },
            Self::Final(utterance, text) => I::Final {
                utterance: UtteranceId(utterance),
                text,
            },
            Self::Unheard(utterance) => I::Unheard {
                utterance: UtteranceId(utterance),
            },
            Self::UserText(text) => I::UserText { text },
            Self::UserActivity => I::UserActivity,
            Self::ContextUpdated => I::ContextUpdated,
            Self::ReplyText(reply, text) => I::ReplyText {
                reply: ReplyId(reply),
                text,
            },
            Self::ToolRequested(reply, call, interruptible, timeout) => I::ToolRequested {
                reply: ReplyId(reply),
                call: ToolCallId(call),
                interruptible,
                timeout: duration(timeout),
            },
            Self::ToolFinished(call, outcome) => I::ToolFinished {
                call: ToolCallId(call),
                outcome: outcome_from(&outcome)?,
            },
            Self::ReplyComplete(reply) => I::ReplyComplete {
                reply: ReplyId(reply),
            },
            Self::ReplyFailed(reply) => I::ReplyFailed {
                reply: ReplyId(reply),
            },
            Self::Chunk(reply, length, alignment) => I::Chunk {
                reply: ReplyId(reply),
                duration: duration(length),
                alignment: alignment
                    .into_iter()
                    .map(|(text, start, length)| AlignedText {
                        text,
                        start: duration(start),
                        duration: duration(length),
                    })
                    .collect(),
            },
            Self::SpeechComplete(reply) => I::SpeechComplete {
                reply: ReplyId(reply),
            },
            Self::SpeechFailed(reply) => I::SpeechFailed {
                reply: ReplyId(reply),
            },
            Self::Played(event, position) => I::Played {
                event: EventId(event),
                position: duration(position),
            },
            Self::Expect(reply, expected) => I::Expect {
                reply: ReplyId(reply),
                expected: crate::expected_kind(&expected),
            },
            Self::Prosody(finality) => I::Prosody { finality },
            Self::Edge(can_pause, reports_played) => I::Edge {
                can_pause,
                reports_played,
            },
            Self::Delay(one_way) => I::Delay {
                one_way: duration(one_way),
            },
            Self::AgentEnds(reply) => I::AgentEnds {
                reply: ReplyId(reply),
            },
            Self::SkipTurn(reply) => I::SkipTurn {
                reply: ReplyId(reply),
            },
            Self::UserEnds => I::UserEnds,
            Self::Tick => I::Tick,
            Self::Other => return None,
        })
    }
}

fn outcome_word(outcome: ToolOutcome) -> &'static str {
    match outcome {
        ToolOutcome::Succeeded => "succeeded",
        ToolOutcome::Failed => "failed",
        ToolOutcome::TimedOut => "timed_out",
        ToolOutcome::Cancelled => "cancelled",
    }
}

fn outcome_from(word: &str) -> Option<ToolOutcome> {
    [
        ToolOutcome::Succeeded,
        ToolOutcome::Failed,
        ToolOutcome::TimedOut,
        ToolOutcome::Cancelled,
    ]
    .into_iter()
    .find(|outcome| outcome_word(*outcome) == word)
}

fn expected_word(expected: Expected) -> &'static str {
    match expected {
        Expected::Name => "name",
        Expected::Day => "day",
        Expected::Time => "time",
        Expected::Email => "email",
        Expected::Phone => "phone",
        Expected::Number => "number",
        Expected::Spelling => "spelling",
        Expected::Confirmation => "confirmation",
        _ => "anything",
    }
}

/// A decision. Written only: replays compare what they decide now with what stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    Listen,
    OpenUtterance(u64, u64),
    CloseUtterance(u64),
    DropUtterance(u64, String),
    Commit(String, Option<u64>),
    Generate(u64, Origin, Option<String>),
    Adopt(u64),
    Speak(u64, String),
    SpeakEnd(u64),
    Play(u64, u64),
    Duck(u64),
    Resume(u64),
    Stop(u64, u64),
    Cancel(u64),
    Correct(u64, String, String),
    ReplyEnded(u64, String, String),
    RunTool(u64),
    ToolEnded(u64, String),
    End(String),
    /// Newer than this file, in the machine's own words.
    Other(String),
}

/// Why a reply is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    Greeting,
    Turn,
    Tools(u64),
    ReEngage,
    Unheard,
    Filler,
    MaxDuration,
    Rest(u64, String),
}

impl From<&turn::Output> for Output {
    fn from(output: &turn::Output) -> Self {
        use turn::Output as O;
        match output {
            O::Listen => Self::Listen,
            O::OpenUtterance { utterance, since } => {
                Self::OpenUtterance(utterance.0, micros(*since))
            }
            O::CloseUtterance { utterance } => Self::CloseUtterance(utterance.0),
            O::DropUtterance { utterance, because } => {
                Self::DropUtterance(utterance.0, (*because).to_owned())
            }
            O::Commit { text, utterance } => {
                Self::Commit(text.clone(), utterance.map(|utterance| utterance.0))
            }
            O::Generate {
                reply,
                origin,
                speculative,
            } => Self::Generate(reply.0, Origin::from(origin), speculative.clone()),
            O::Adopt { reply } => Self::Adopt(reply.0),
            O::Speak { reply, text } => Self::Speak(reply.0, text.clone()),
            O::SpeakEnd { reply } => Self::SpeakEnd(reply.0),
            O::Play { reply, event } => Self::Play(reply.0, event.0),
            O::Duck { reply } => Self::Duck(reply.0),
            O::Resume { reply } => Self::Resume(reply.0),
            O::Stop { reply, last } => Self::Stop(reply.0, last.0),
            O::Cancel { reply } => Self::Cancel(reply.0),
            O::Correct {
                reply,
                original,
                heard,
            } => Self::Correct(reply.0, original.clone(), heard.clone()),
            O::ReplyEnded { reply, end } => {
                let (how, heard) = match end {
                    ReplyEnd::Finished => ("finished", ""),
                    ReplyEnd::Interrupted { heard } => ("interrupted", heard.as_str()),
                    ReplyEnd::Cancelled => ("cancelled", ""),
                    ReplyEnd::Failed { heard } => ("failed", heard.as_str()),
                    ReplyEnd::Skipped => ("skipped", ""),
                };
                Self::ReplyEnded(reply.0, how.to_owned(), heard.to_owned())
            }
            O::RunTool { call } => Self::RunTool(call.0),
            O::ToolEnded { call, outcome } => {
                Self::ToolEnded(call.0, outcome_word(*outcome).to_owned())
            }
            O::End { reason } => Self::End(
                match reason {
                    CloseReason::UserEnded => "user_ended",
                    CloseReason::AgentEnded => "agent_ended",
                    CloseReason::Silence => "silence",
                    CloseReason::MaxDuration => "max_duration",
                    _ => "other",
                }
                .to_owned(),
            ),
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<&TurnOrigin> for Origin {
    fn from(origin: &TurnOrigin) -> Self {
        match origin {
            TurnOrigin::Greeting => Self::Greeting,
            TurnOrigin::Turn => Self::Turn,
            TurnOrigin::Tools { reply } => Self::Tools(reply.0),
            TurnOrigin::ReEngage => Self::ReEngage,
            TurnOrigin::Unheard => Self::Unheard,
            TurnOrigin::Filler => Self::Filler,
            TurnOrigin::MaxDuration => Self::MaxDuration,
            TurnOrigin::Rest { reply, text } => Self::Rest(reply.0, text.clone()),
        }
    }
}
