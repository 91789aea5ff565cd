//! The ElevenLabs Agents wire: JSON text frames over a WebSocket, the same messages over a WebRTC data channel, and
//! the same types without JSON inside a process.
//!
//! [`ClientEvent`] is what a client says, [`ServerEvent`] what a server says. Both keep messages they do not know
//! ([`ClientEvent::Unknown`], [`ServerEvent::Unknown`]) and write them back as they came; a message they do know
//! with a body that does not fit is a [`DecodeError`] that names the message and the field. Sound is held as bytes
//! ([`AudioBytes`]) and becomes base64 only when written. [`client::Client`] is the client's half of the conversation:
//! it keeps the rules that every client must keep.
//!
//! # Where the contract leaves a gap
//!
//! | Gap | What is done here |
//! |---|---|
//! | `event_id` on transcripts and responses is required in one source and absent in examples of another | optional when read; a server should always set it |
//! | `event_id` of streamed text parts is a number in one source, a string in another | [`PartId`] keeps either |
//! | `user_input_audio_format` may be missing | read as `pcm_16000`, as the JavaScript SDK does; the output format stays required |
//! | base64 with missing padding or stray trailing bits | read; always written with padding |
//! | `user_audio_chunk` has no `type` | recognised by its key; `type: null` and `type: "user_audio_chunk"` are read as well |
//! | a message with another `type` and a `user_audio_chunk` key | the `type` wins |
//! | `text_only` at two places of the overrides | either may say it, see [`ConfigOverride::is_text_only`] |
//! | `client_error` and `dtmf_request` have no documented shape | their fields are kept as they came |
//! | `user_message.text` and `feedback.score` may be null or absent | both mean none; written as null |
//! | `error_event` may be missing, `code` too | [`ErrorEvent`] with nothing in it |
//! | fields this crate does not know inside messages it knows | ignored, and not written back |
//! | `queue_status` and the third-party fields (`is_final`, `expects_response`, …) | optional |
//! | `null` where an optional field or an override section is expected | read as absent |
//!
//! # Additions of this project
//!
//! Names that begin with `duologue_` are ours; official SDKs ignore them. A server announces itself in the metadata
//! event ([`DuologueServer`]); only then may a client send [`ClientEvent::DuologueClient`] and
//! [`ClientEvent::DuologuePlayed`]. The fields of these messages stand beside `type`, without a payload object.

mod audio_bytes;
mod audio_frame;
pub mod client;
mod client_event;
pub(crate) mod decode;
mod enclave;
mod enums;
mod ids;
mod initiation;
mod mcp;
mod open_enum;
mod overrides;
mod server_event;
mod server_payloads;

pub use audio_bytes::{AudioBytes, Base64Error};
pub use client_event::{ClientEvent, FileInput, MultimodalMessage, Score, TextInput};
pub use decode::DecodeError;
pub use enclave::{EnclaveError, EnclaveSetup, Hidden, Webhook};
pub use enums::{
    AudioFormat, ClientEventKind, CloseCode, ErrorType, Language, McpIntegrationType, PartKind,
    QueueState, Source, ToolType,
};
pub use ids::{EventId, PartId};
pub use initiation::{
    DynamicVariable, Initiation, MockFallback, MockingStrategy, SourceInfo, ToolMockConfig,
};
pub use mcp::{McpConnections, McpIntegration, McpState, McpToolCall};
pub use overrides::{
    AgentOverride, AsrOverride, ConfigOverride, ConversationOverride, KnowledgeLocator,
    OverrideProblem, PromptOverride, SoftTimeoutOverride, TtsOverride, TurnOverride,
};
pub use server_event::ServerEvent;
pub use server_payloads::{
    AgentResponse, AgentResponseComplete, AgentResponseCorrection, AgentResponseMetadata,
    AgentToolRequest, AgentToolResponse, AgentToolResponseFull, AgentTyping, Alignment, AudioEvent,
    ClientToolCall, ContextUsage, ConversationMetadata, DuologueServer, ErrorEvent, Interruption,
    Ping, QueueStatus, RichContent, Stage, TentativeAgentResponse, TextPart, TurnProbability,
    UserTranscript, VadScore,
};
