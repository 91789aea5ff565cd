//! The bodies of server messages, one struct per payload object of the contract.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AudioBytes, AudioFormat, CloseCode, ErrorType, EventId, PartId, PartKind, QueueState, ToolType,
    decode::null_is_default,
};

/// What a conversation is called and how sound is coded. The first message of a server, sent once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationMetadata {
    /// The conversation's id.
    pub conversation_id: String,
    /// How the agent's sound is coded.
    pub agent_output_audio_format: AudioFormat,
    /// How the user's sound must be coded. Read as `pcm_16000` when missing.
    #[serde(default, deserialize_with = "null_is_default")]
    pub user_input_audio_format: AudioFormat,
    /// Present when the server is one of ours and understands our additions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duologue_server: Option<DuologueServer>,
}

/// How one of our servers announces itself; only to such a server may a client send `duologue_` messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuologueServer {
    /// Its version.
    pub version: String,
    /// Whether it wants [`ClientEvent::DuologuePlayed`](super::ClientEvent::DuologuePlayed).
    #[serde(default)]
    pub played: bool,
}

/// A piece of agent speech.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioEvent {
    /// The sound, in `agent_output_audio_format`.
    pub audio_base_64: AudioBytes,
    /// Starts at 1 and never decreases; strictly greater after an interruption.
    pub event_id: EventId,
    /// When each character is spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<Alignment>,
    /// Whether the turn's last piece; reported of some servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
}

/// When each character of a piece of speech is spoken. The three lists have equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alignment {
    /// One character each.
    pub chars: Vec<String>,
    /// Milliseconds from the start of this piece.
    pub char_start_times_ms: Vec<u32>,
    /// Milliseconds.
    pub char_durations_ms: Vec<u32>,
}

impl Alignment {
    /// Whether the three lists have equal length, as the contract demands.
    pub fn is_consistent(&self) -> bool {
        self.chars.len() == self.char_start_times_ms.len()
            && self.chars.len() == self.char_durations_ms.len()
    }

    /// The characters with start and duration, up to the shortest list.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Duration, Duration)> {
        let millis = |ms: &u32| Duration::from_millis(u64::from(*ms));
        self.chars
            .iter()
            .zip(&self.char_start_times_ms)
            .zip(&self.char_durations_ms)
            .map(move |((text, start), duration)| (text.as_str(), millis(start), millis(duration)))
    }
}

/// What the user said: final in `user_transcript`, still changing in `tentative_user_transcript`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTranscript {
    /// The words.
    pub user_transcript: String,
    /// The turn. Some servers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// The full text of an agent turn, sent with its first audio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentResponse {
    /// The words.
    pub agent_response: String,
    /// The turn. Some servers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// What was really spoken of a response that was interrupted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentResponseCorrection {
    /// The response as it was sent.
    pub original_agent_response: String,
    /// The part that was heard.
    pub corrected_agent_response: String,
    /// The turn it corrects. Some servers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// A piece of streamed text or reasoning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPart {
    /// The words; empty at start and stop.
    #[serde(default, deserialize_with = "null_is_default")]
    pub text: String,
    /// Where in the stream.
    #[serde(rename = "type")]
    pub kind: PartKind,
    /// The turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<PartId>,
}

/// Playback must stop; audio up to and including this id is stale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// The highest id that must not be played any more.
    pub event_id: EventId,
    /// Why; only very old servers say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A tool the client is asked to run, answered by `client_tool_result`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientToolCall {
    /// The tool.
    pub tool_name: String,
    /// The call; the answer repeats it.
    pub tool_call_id: String,
    /// What it is called with.
    #[serde(default, deserialize_with = "null_is_default")]
    pub parameters: Map<String, Value>,
    /// The turn. Some servers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Whether the agent waits for the result; reported of some servers. Clients answer either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expects_response: Option<bool>,
}

/// A component to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RichContent {
    /// Its id; `user_message` may refer to it.
    pub rich_content_id: String,
    /// Its kind, such as `item_card`.
    pub component: String,
    /// Its properties.
    #[serde(default, deserialize_with = "null_is_default")]
    pub props: Map<String, Value>,
    /// The turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// A tool is about to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentToolRequest {
    /// The tool.
    pub tool_name: String,
    /// The call.
    pub tool_call_id: String,
    /// Who runs it.
    pub tool_type: ToolType,
    /// The turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// A tool has finished. After `end_call` the JavaScript SDK hangs up at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentToolResponse {
    /// The tool.
    pub tool_name: String,
    /// The call.
    pub tool_call_id: String,
    /// Who ran it.
    pub tool_type: ToolType,
    /// Whether it failed.
    #[serde(default)]
    pub is_error: bool,
    /// Whether it ran at all.
    #[serde(default = "yes")]
    pub is_called: bool,
    /// The turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// A tool has finished, with its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentToolResponseFull {
    /// What the short form says too.
    #[serde(flatten)]
    pub response: AgentToolResponse,
    /// Whether a guardrail held the result back.
    #[serde(default)]
    pub is_blocked: bool,
    /// The result as text; at most about 64 KB.
    #[serde(default, deserialize_with = "null_is_default")]
    pub full_tool_result: String,
    /// Whether it was cut.
    #[serde(default)]
    pub truncated: bool,
}

fn yes() -> bool {
    true
}

/// Probability that the user speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VadScore {
    /// 0 to 1.
    pub vad_score: f64,
}

/// Asks for a pong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    /// Repeated in the pong.
    pub event_id: EventId,
    /// The server's estimate of the latency, in milliseconds. Always written (one SDK insists on the key), null when
    /// unknown. Rounded if a server sends a fraction.
    #[serde(default, deserialize_with = "whole_millis")]
    pub ping_ms: Option<u64>,
}

/// A latency is a measurement; a fraction of a millisecond is no reason to lose the ping.
fn whole_millis<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.map(|ms| ms.max(0.0).round() as u64))
}

/// Tokens used, after each agent turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextUsage {
    /// The turn.
    pub event_id: EventId,
    /// The llm.
    pub model: String,
    /// Tokens in its context.
    pub context_tokens: u64,
    /// Tokens it can hold.
    pub context_limit_tokens: u64,
}

/// Debug: probability that the user's turn is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnProbability {
    /// 0 to 1.
    pub turn_probability: f64,
}

/// Debug: an answer prepared before the user's turn was over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TentativeAgentResponse {
    /// The words.
    pub tentative_agent_response: String,
}

/// Somebody is typing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTyping {
    /// Whether they are.
    pub is_typing: bool,
    /// Milliseconds after which the indicator should go by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Something went wrong; usually a close with the same code follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorEvent {
    /// The close code. A server should always set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CloseCode>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Which kind of thing happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    /// Text that may be shown to anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Text for the agent's owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debug_message: Option<String>,
    /// More.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Map<String, Value>>,
}

impl ErrorEvent {
    /// An error of this kind, with the code that belongs to it (1011 where the contract names none).
    pub fn new(error_type: ErrorType, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code: Some(error_type.close_code().unwrap_or(CloseCode::Crashed)),
            reason: Some(message.clone()),
            message: Some(message),
            error_type: Some(error_type),
            debug_message: None,
            details: None,
        }
    }
}

/// What a custom llm added to its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentResponseMetadata {
    /// Whatever it was.
    pub metadata: Map<String, Value>,
    /// The turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// An agent turn is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentResponseComplete {
    /// The turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// Where the client stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// The state.
    pub status: QueueState,
}

/// One stage of a turn and how long it took. Ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What was done, such as `asr` or `llm_first_token`.
    pub name: String,
    /// Milliseconds, to the microsecond.
    pub ms: f64,
}

impl Stage {
    /// A stage that took `duration`.
    pub fn new(name: impl Into<String>, duration: Duration) -> Self {
        Self {
            name: name.into(),
            ms: duration.as_micros() as f64 / 1_000.0,
        }
    }
}
