//! What a server says.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::{
    AgentResponse, AgentResponseComplete, AgentResponseCorrection, AgentResponseMetadata,
    AgentToolRequest, AgentToolResponse, AgentToolResponseFull, AgentTyping, AudioEvent,
    ClientEventKind, ClientToolCall, ContextUsage, ConversationMetadata, DecodeError, ErrorEvent,
    EventId, Interruption, McpConnections, McpToolCall, Ping, QueueStatus, RichContent, Stage,
    TentativeAgentResponse, TextPart, TurnProbability, UserTranscript, VadScore,
    decode::{self, Fields},
};

/// A message from server to client. The field of each variant is the payload object of the wire, under its name.
///
/// Payloads that belong to one kind only convert into it: `ServerEvent::from(Ping { .. })`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", remote = "Self")]
#[non_exhaustive]
pub enum ServerEvent {
    /// The first message, exactly once: the conversation's id and how sound is coded.
    ConversationInitiationMetadata {
        /// What they are.
        conversation_initiation_metadata_event: ConversationMetadata,
    },
    /// A piece of agent speech.
    Audio {
        /// The sound.
        audio_event: AudioEvent,
    },
    /// The final text of a user turn.
    UserTranscript {
        /// The text.
        user_transcription_event: UserTranscript,
    },
    /// Text of a user turn that may still change.
    TentativeUserTranscript {
        /// The text.
        tentative_user_transcription_event: UserTranscript,
    },
    /// The full text of an agent turn, sent with its first audio.
    AgentResponse {
        /// The text.
        agent_response_event: AgentResponse,
    },
    /// What was really spoken, after an interruption.
    AgentResponseCorrection {
        /// Both texts.
        agent_response_correction_event: AgentResponseCorrection,
    },
    /// A piece of streamed text.
    AgentChatResponsePart {
        /// The piece.
        text_response_part: TextPart,
    },
    /// A piece of streamed reasoning.
    AgentReasoningResponsePart {
        /// The piece; its id is a string.
        reasoning_response_part: TextPart,
    },
    /// Playback must stop.
    Interruption {
        /// What is stale.
        interruption_event: Interruption,
    },
    /// A tool the client must run and answer.
    ClientToolCall {
        /// The call.
        client_tool_call: ClientToolCall,
    },
    /// A component to show.
    RichContent {
        /// The component.
        rich_content: RichContent,
    },
    /// A tool is about to run.
    AgentToolRequest {
        /// The call.
        agent_tool_request: AgentToolRequest,
    },
    /// A tool has finished.
    AgentToolResponse {
        /// How.
        agent_tool_response: AgentToolResponse,
    },
    /// A tool has finished, with its result.
    AgentToolResponseFullPayload {
        /// How, and with what.
        agent_tool_response_full_payload: AgentToolResponseFull,
    },
    /// Progress of an MCP tool, or a request to approve it.
    McpToolCall {
        /// The call.
        mcp_tool_call: McpToolCall,
    },
    /// State of the MCP servers.
    McpConnectionStatus {
        /// The servers.
        mcp_connection_status: McpConnections,
    },
    /// Probability that the user speaks.
    VadScore {
        /// The score.
        vad_score_event: VadScore,
    },
    /// Asks for a pong.
    Ping {
        /// What to repeat.
        ping_event: Ping,
    },
    /// Tokens used by the context.
    ContextUsage {
        /// The figures.
        context_usage_event: ContextUsage,
    },
    /// Recognition is ready.
    AsrInitiationMetadata {
        /// Whatever the recogniser says of itself.
        asr_initiation_metadata_event: Map<String, Value>,
    },
    /// A guardrail fired.
    GuardrailTriggered,
    /// Debug: probability that the user's turn is over.
    InternalTurnProbability {
        /// The probability.
        turn_probability_internal_event: TurnProbability,
    },
    /// Debug: an answer prepared before the user's turn was over.
    InternalTentativeAgentResponse {
        /// The answer.
        tentative_agent_response_internal_event: TentativeAgentResponse,
    },
    /// Somebody is typing.
    AgentTyping {
        /// Whether, and how long.
        agent_typing_event: AgentTyping,
    },
    /// A person or another agent took over.
    ExternalAgentConnected {
        /// Empty so far.
        #[serde(skip_serializing_if = "Map::is_empty")]
        external_agent_connected_event: Map<String, Value>,
    },
    /// The take-over has ended.
    ExternalAgentDisconnected {
        /// Empty so far.
        #[serde(skip_serializing_if = "Map::is_empty")]
        external_agent_disconnected_event: Map<String, Value>,
    },
    /// Something went wrong; usually a close with the same code follows.
    Error {
        /// What.
        error_event: ErrorEvent,
    },
    /// What a custom llm added to its answer.
    AgentResponseMetadata {
        /// The addition.
        agent_response_metadata_event: AgentResponseMetadata,
    },
    /// An agent turn is complete.
    AgentResponseComplete {
        /// Which.
        agent_response_complete_event: AgentResponseComplete,
    },
    /// An error of the client's; its shape is not documented.
    ClientError {
        /// All fields but `type`, as they came.
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
    /// Keypad tones are wanted; its shape is not documented.
    DtmfRequest {
        /// All fields but `type`, as they came.
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
    /// Where the client stands in the queue; while it waits, what it says is discarded.
    QueueStatus {
        /// The state.
        queue_status_event: QueueStatus,
    },
    /// A client's contextual update, echoed.
    ContextualUpdate {
        /// The words.
        text: String,
        /// The id it replaces.
        #[serde(skip_serializing_if = "Option::is_none")]
        context_id: Option<String>,
    },
    /// Ours: pause playback; the user may be interrupting.
    DuologueDuck {
        /// The audio that plays.
        event_id: EventId,
    },
    /// Ours: go on from the sample where playback paused.
    DuologueResume {
        /// The audio that was paused.
        event_id: EventId,
    },
    /// Ours: where the time of a turn went.
    DuologueMetrics {
        /// The turn, by its first audio.
        event_id: EventId,
        /// In the order they happened.
        stages: Vec<Stage>,
    },
    /// A kind newer than this crate, kept whole and written back as it came.
    #[serde(skip)]
    Unknown(Value),
}

impl ServerEvent {
    /// Every kind this crate knows, as it is spelled in `type`.
    pub const KINDS: &'static [&'static str] = &[
        "conversation_initiation_metadata",
        "audio",
        "user_transcript",
        "tentative_user_transcript",
        "agent_response",
        "agent_response_correction",
        "agent_chat_response_part",
        "agent_reasoning_response_part",
        "interruption",
        "client_tool_call",
        "rich_content",
        "agent_tool_request",
        "agent_tool_response",
        "agent_tool_response_full_payload",
        "mcp_tool_call",
        "mcp_connection_status",
        "vad_score",
        "ping",
        "context_usage",
        "asr_initiation_metadata",
        "guardrail_triggered",
        "internal_turn_probability",
        "internal_tentative_agent_response",
        "agent_typing",
        "external_agent_connected",
        "external_agent_disconnected",
        "error",
        "agent_response_metadata",
        "agent_response_complete",
        "client_error",
        "dtmf_request",
        "queue_status",
        "contextual_update",
        "duologue_duck",
        "duologue_resume",
        "duologue_metrics",
    ];

    /// The kind as it is spelled in `type`.
    pub fn kind(&self) -> &str {
        match self {
            Self::ConversationInitiationMetadata { .. } => "conversation_initiation_metadata",
            Self::Audio { .. } => "audio",
            Self::UserTranscript { .. } => "user_transcript",
            Self::TentativeUserTranscript { .. } => "tentative_user_transcript",
            Self::AgentResponse { .. } => "agent_response",
            Self::AgentResponseCorrection { .. } => "agent_response_correction",
            Self::AgentChatResponsePart { .. } => "agent_chat_response_part",
            Self::AgentReasoningResponsePart { .. } => "agent_reasoning_response_part",
            Self::Interruption { .. } => "interruption",
            Self::ClientToolCall { .. } => "client_tool_call",
            Self::RichContent { .. } => "rich_content",
            Self::AgentToolRequest { .. } => "agent_tool_request",
            Self::AgentToolResponse { .. } => "agent_tool_response",
            Self::AgentToolResponseFullPayload { .. } => "agent_tool_response_full_payload",
            Self::McpToolCall { .. } => "mcp_tool_call",
            Self::McpConnectionStatus { .. } => "mcp_connection_status",
            Self::VadScore { .. } => "vad_score",
            Self::Ping { .. } => "ping",
            Self::ContextUsage { .. } => "context_usage",
            Self::AsrInitiationMetadata { .. } => "asr_initiation_metadata",
            Self::GuardrailTriggered => "guardrail_triggered",
            Self::InternalTurnProbability { .. } => "internal_turn_probability",
            Self::InternalTentativeAgentResponse { .. } => "internal_tentative_agent_response",
            Self::AgentTyping { .. } => "agent_typing",
            Self::ExternalAgentConnected { .. } => "external_agent_connected",
            Self::ExternalAgentDisconnected { .. } => "external_agent_disconnected",
            Self::Error { .. } => "error",
            Self::AgentResponseMetadata { .. } => "agent_response_metadata",
            Self::AgentResponseComplete { .. } => "agent_response_complete",
            Self::ClientError { .. } => "client_error",
            Self::DtmfRequest { .. } => "dtmf_request",
            Self::QueueStatus { .. } => "queue_status",
            Self::ContextualUpdate { .. } => "contextual_update",
            Self::DuologueDuck { .. } => "duologue_duck",
            Self::DuologueResume { .. } => "duologue_resume",
            Self::DuologueMetrics { .. } => "duologue_metrics",
            Self::Unknown(value) => value.get("type").and_then(Value::as_str).unwrap_or(""),
        }
    }

    /// Whether a server sends this to a client that subscribed to `client_events`.
    ///
    /// Metadata, pings, client tool calls and errors always go, and so does what no subscription can name: the queue,
    /// the echo of a contextual update and our own additions. Everything else goes only when it is listed.
    pub fn is_subscribed(&self, client_events: &[ClientEventKind]) -> bool {
        match ClientEventKind::from(self.kind()) {
            ClientEventKind::Unknown(kind) => {
                Self::KINDS.contains(&kind.as_str())
                    || client_events.iter().any(|wanted| wanted.as_str() == kind)
            }
            kind => kind.is_always_sent() || client_events.contains(&kind),
        }
    }

    /// Reads a message that has already been parsed.
    pub fn from_object(object: Map<String, Value>) -> Result<Self, DecodeError> {
        let kind = decode::kind(&object)
            .ok_or(DecodeError::MissingType)?
            .to_owned();
        Self::known(&kind, object)
    }

    #[allow(clippy::too_many_lines, reason = "one line per kind of the contract")]
    fn known(kind: &str, object: Map<String, Value>) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(kind, object);
        Ok(match kind {
            "conversation_initiation_metadata" => Self::ConversationInitiationMetadata {
                conversation_initiation_metadata_event: fields
                    .take("conversation_initiation_metadata_event")?,
            },
            "audio" => Self::Audio {
                audio_event: fields.take("audio_event")?,
            },
            "user_transcript" => Self::UserTranscript {
                user_transcription_event: fields.take("user_transcription_event")?,
            },
            "tentative_user_transcript" => Self::TentativeUserTranscript {
                tentative_user_transcription_event: fields
                    .take("tentative_user_transcription_event")?,
            },
            "agent_response" => Self::AgentResponse {
                agent_response_event: fields.take("agent_response_event")?,
            },
            "agent_response_correction" => Self::AgentResponseCorrection {
                agent_response_correction_event: fields.take("agent_response_correction_event")?,
            },
            "agent_chat_response_part" => Self::AgentChatResponsePart {
                text_response_part: fields.take("text_response_part")?,
            },
            "agent_reasoning_response_part" => Self::AgentReasoningResponsePart {
                reasoning_response_part: fields.take("reasoning_response_part")?,
            },
            "interruption" => Self::Interruption {
                interruption_event: fields.take("interruption_event")?,
            },
            "client_tool_call" => Self::ClientToolCall {
                client_tool_call: fields.take("client_tool_call")?,
            },
            "rich_content" => Self::RichContent {
                rich_content: fields.take("rich_content")?,
            },
            "agent_tool_request" => Self::AgentToolRequest {
                agent_tool_request: fields.take("agent_tool_request")?,
            },
            "agent_tool_response" => Self::AgentToolResponse {
                agent_tool_response: fields.take("agent_tool_response")?,
            },
            "agent_tool_response_full_payload" => Self::AgentToolResponseFullPayload {
                agent_tool_response_full_payload: fields
                    .take("agent_tool_response_full_payload")?,
            },
            "mcp_tool_call" => Self::McpToolCall {
                mcp_tool_call: fields.take("mcp_tool_call")?,
            },
            "mcp_connection_status" => Self::McpConnectionStatus {
                mcp_connection_status: fields.take("mcp_connection_status")?,
            },
            "vad_score" => Self::VadScore {
                vad_score_event: fields.take("vad_score_event")?,
            },
            "ping" => Self::Ping {
                ping_event: fields.take("ping_event")?,
            },
            "context_usage" => Self::ContextUsage {
                context_usage_event: fields.take("context_usage_event")?,
            },
            "asr_initiation_metadata" => Self::AsrInitiationMetadata {
                asr_initiation_metadata_event: fields
                    .take_or_default("asr_initiation_metadata_event")?,
            },
            "guardrail_triggered" => Self::GuardrailTriggered,
            "internal_turn_probability" => Self::InternalTurnProbability {
                turn_probability_internal_event: fields.take("turn_probability_internal_event")?,
            },
            "internal_tentative_agent_response" => Self::InternalTentativeAgentResponse {
                tentative_agent_response_internal_event: fields
                    .take("tentative_agent_response_internal_event")?,
            },
            "agent_typing" => Self::AgentTyping {
                agent_typing_event: fields.take("agent_typing_event")?,
            },
            "external_agent_connected" => Self::ExternalAgentConnected {
                external_agent_connected_event: fields
                    .take_or_default("external_agent_connected_event")?,
            },
            "external_agent_disconnected" => Self::ExternalAgentDisconnected {
                external_agent_disconnected_event: fields
                    .take_or_default("external_agent_disconnected_event")?,
            },
            "error" => Self::Error {
                error_event: fields.take_or_default("error_event")?,
            },
            "agent_response_metadata" => Self::AgentResponseMetadata {
                agent_response_metadata_event: fields.take("agent_response_metadata_event")?,
            },
            "agent_response_complete" => Self::AgentResponseComplete {
                agent_response_complete_event: fields
                    .take_or_default("agent_response_complete_event")?,
            },
            "client_error" => Self::ClientError {
                fields: fields.without_type(),
            },
            "dtmf_request" => Self::DtmfRequest {
                fields: fields.without_type(),
            },
            "queue_status" => Self::QueueStatus {
                queue_status_event: fields.take("queue_status_event")?,
            },
            "contextual_update" => Self::ContextualUpdate {
                text: fields.take("text")?,
                context_id: fields.take_or_default("context_id")?,
            },
            "duologue_duck" => Self::DuologueDuck {
                event_id: fields.take("event_id")?,
            },
            "duologue_resume" => Self::DuologueResume {
                event_id: fields.take("event_id")?,
            },
            "duologue_metrics" => Self::DuologueMetrics {
                event_id: fields.take("event_id")?,
                stages: fields.take("stages")?,
            },
            _ => Self::Unknown(Value::Object(fields.into_object())),
        })
    }
}

impl Serialize for ServerEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(value) => value.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ServerEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(deserializer)?;
        Self::from_object(object).map_err(de::Error::custom)
    }
}

/// Payloads that belong to one kind only.
macro_rules! from_payload {
    ($( $payload:ty => $variant:ident { $field:ident }, )*) => {
        $(
            impl From<$payload> for ServerEvent {
                fn from($field: $payload) -> Self {
                    Self::$variant { $field }
                }
            }
        )*
    };
}

from_payload! {
    ConversationMetadata => ConversationInitiationMetadata { conversation_initiation_metadata_event },
    AudioEvent => Audio { audio_event },
    AgentResponse => AgentResponse { agent_response_event },
    AgentResponseCorrection => AgentResponseCorrection { agent_response_correction_event },
    Interruption => Interruption { interruption_event },
    ClientToolCall => ClientToolCall { client_tool_call },
    RichContent => RichContent { rich_content },
    AgentToolRequest => AgentToolRequest { agent_tool_request },
    AgentToolResponse => AgentToolResponse { agent_tool_response },
    AgentToolResponseFull => AgentToolResponseFullPayload { agent_tool_response_full_payload },
    McpToolCall => McpToolCall { mcp_tool_call },
    McpConnections => McpConnectionStatus { mcp_connection_status },
    VadScore => VadScore { vad_score_event },
    Ping => Ping { ping_event },
    ContextUsage => ContextUsage { context_usage_event },
    TurnProbability => InternalTurnProbability { turn_probability_internal_event },
    TentativeAgentResponse => InternalTentativeAgentResponse { tentative_agent_response_internal_event },
    AgentTyping => AgentTyping { agent_typing_event },
    ErrorEvent => Error { error_event },
    AgentResponseMetadata => AgentResponseMetadata { agent_response_metadata_event },
    AgentResponseComplete => AgentResponseComplete { agent_response_complete_event },
    QueueStatus => QueueStatus { queue_status_event },
}
