//! What a client says.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::{
    AudioBytes, DecodeError, EnclaveSetup, EventId, Initiation,
    decode::{self, Fields, is_default, null_is_default},
};

/// A message from client to server.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", remote = "Self")]
#[non_exhaustive]
pub enum ClientEvent {
    /// What the client asks for; the first message of both SDKs.
    ConversationInitiationClientData(Box<Initiation>),
    /// The first message to a self-hosted orchestrator, before the initiation.
    EnclaveSetupConfig(Box<EnclaveSetup>),
    /// A piece of the user's sound, of any length, silence included. Written without a `type`.
    #[serde(skip)]
    UserAudioChunk {
        /// The sound, in `user_input_audio_format`.
        user_audio_chunk: AudioBytes,
    },
    /// The answer to a ping, sent at once.
    Pong {
        /// The ping's.
        event_id: EventId,
    },
    /// Text that counts as finished user speech: it interrupts the agent and asks for an answer.
    UserMessage {
        /// The words.
        text: Option<String>,
        /// The rich content whose button was pressed.
        #[serde(skip_serializing_if = "Option::is_none")]
        rich_content_id: Option<String>,
    },
    /// The user is typing: the agent must not prompt.
    UserActivity,
    /// Something the agent should know; interrupts nothing and asks for no answer.
    ContextualUpdate {
        /// The words.
        text: String,
        /// Only the newest text of one id is kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        context_id: Option<String>,
    },
    /// What the user thinks of an answer.
    Feedback {
        /// The answer's id.
        event_id: EventId,
        /// None takes an earlier opinion back.
        score: Option<Score>,
    },
    /// The answer to a `client_tool_call`.
    ClientToolResult {
        /// The call's.
        tool_call_id: String,
        /// Any JSON value; one SDK always sends a string.
        result: Value,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// The answer to an `mcp_tool_call` that awaits approval.
    McpToolApprovalResult {
        /// The call's.
        tool_call_id: String,
        /// Whether it may run.
        is_approved: bool,
    },
    /// Text, files or both, as one user turn.
    MultimodalMessage(MultimodalMessage),
    /// Ours: what this client can do. Once, right after the metadata of a server that announced itself.
    DuologueClient {
        /// Whether playback can pause and resume at the exact sample.
        can_pause: bool,
        /// Whether `duologue_played` will follow.
        reports_played: bool,
    },
    /// Ours: how much of an audio event has been heard.
    DuologuePlayed {
        /// The audio event.
        event_id: EventId,
        /// Milliseconds of it that have left the speaker.
        ms: u64,
    },
    /// A kind newer than this crate, kept whole and written back as it came.
    #[serde(skip)]
    Unknown(Value),
}

/// An opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Good.
    Like,
    /// Bad.
    Dislike,
}

/// Text, files or both. Says something only if one of them is there: [`MultimodalMessage::is_empty`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultimodalMessage {
    /// The words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextInput>,
    /// One file; the form of the published contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileInput>,
    /// Several files; a newer form.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub files: Vec<FileInput>,
}

impl MultimodalMessage {
    /// Whether there is neither text nor file; a server refuses such a message.
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.file.is_none() && self.files.is_empty()
    }

    /// Ids of all files, in either form.
    pub fn file_ids(&self) -> impl Iterator<Item = &str> {
        self.file
            .iter()
            .chain(&self.files)
            .map(|file| file.file_id.as_str())
    }
}

/// The text of a multimodal message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "user_message")]
pub struct TextInput {
    /// The words.
    pub text: String,
}

/// A file that was uploaded before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "file_input")]
pub struct FileInput {
    /// Its id.
    pub file_id: String,
}

impl ClientEvent {
    /// Every kind this crate knows, as it is spelled in `type`.
    pub const KINDS: &'static [&'static str] = &[
        "conversation_initiation_client_data",
        "enclave_setup_config",
        "user_audio_chunk",
        "pong",
        "user_message",
        "user_activity",
        "contextual_update",
        "feedback",
        "client_tool_result",
        "mcp_tool_approval_result",
        "multimodal_message",
        "duologue_client",
        "duologue_played",
    ];

    /// A piece of the user's sound.
    pub fn audio(bytes: impl Into<AudioBytes>) -> Self {
        Self::UserAudioChunk {
            user_audio_chunk: bytes.into(),
        }
    }

    /// Text from the user.
    pub fn user_message(text: impl Into<String>) -> Self {
        Self::UserMessage {
            text: Some(text.into()),
            rich_content_id: None,
        }
    }

    /// The kind as it is spelled in `type`.
    pub fn kind(&self) -> &str {
        match self {
            Self::ConversationInitiationClientData(_) => "conversation_initiation_client_data",
            Self::EnclaveSetupConfig(_) => "enclave_setup_config",
            Self::UserAudioChunk { .. } => "user_audio_chunk",
            Self::Pong { .. } => "pong",
            Self::UserMessage { .. } => "user_message",
            Self::UserActivity => "user_activity",
            Self::ContextualUpdate { .. } => "contextual_update",
            Self::Feedback { .. } => "feedback",
            Self::ClientToolResult { .. } => "client_tool_result",
            Self::McpToolApprovalResult { .. } => "mcp_tool_approval_result",
            Self::MultimodalMessage(_) => "multimodal_message",
            Self::DuologueClient { .. } => "duologue_client",
            Self::DuologuePlayed { .. } => "duologue_played",
            Self::Unknown(value) => value.get("type").and_then(Value::as_str).unwrap_or(""),
        }
    }

    /// Reads a message that has already been parsed.
    pub fn from_object(object: Map<String, Value>) -> Result<Self, DecodeError> {
        let Some(kind) = decode::kind(&object) else {
            let untyped = object.get("type").is_none_or(Value::is_null);
            if untyped && object.contains_key("user_audio_chunk") {
                return Self::known("user_audio_chunk", object);
            }
            return Err(DecodeError::MissingType);
        };
        let kind = kind.to_owned();
        Self::known(&kind, object)
    }

    fn known(kind: &str, object: Map<String, Value>) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(kind, object);
        Ok(match kind {
            "conversation_initiation_client_data" => {
                Self::ConversationInitiationClientData(fields.into_body()?)
            }
            "enclave_setup_config" => Self::EnclaveSetupConfig(fields.into_body()?),
            "user_audio_chunk" => Self::UserAudioChunk {
                user_audio_chunk: fields.take("user_audio_chunk")?,
            },
            "pong" => Self::Pong {
                event_id: fields.take("event_id")?,
            },
            "user_message" => Self::UserMessage {
                text: fields.take_or_default("text")?,
                rich_content_id: fields.take_or_default("rich_content_id")?,
            },
            "user_activity" => Self::UserActivity,
            "contextual_update" => Self::ContextualUpdate {
                text: fields.take("text")?,
                context_id: fields.take_or_default("context_id")?,
            },
            "feedback" => Self::Feedback {
                event_id: fields.take("event_id")?,
                score: fields.take_or_default("score")?,
            },
            "client_tool_result" => Self::ClientToolResult {
                tool_call_id: fields.take("tool_call_id")?,
                result: fields.take_or_default("result")?,
                is_error: fields.take_or_default("is_error")?,
            },
            "mcp_tool_approval_result" => Self::McpToolApprovalResult {
                tool_call_id: fields.take("tool_call_id")?,
                is_approved: fields.take("is_approved")?,
            },
            "multimodal_message" => Self::MultimodalMessage(fields.into_body()?),
            "duologue_client" => Self::DuologueClient {
                can_pause: fields.take_or_default("can_pause")?,
                reports_played: fields.take_or_default("reports_played")?,
            },
            "duologue_played" => Self::DuologuePlayed {
                event_id: fields.take("event_id")?,
                ms: fields.take("ms")?,
            },
            _ => Self::Unknown(Value::Object(fields.into_object())),
        })
    }
}

impl Serialize for ClientEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Untyped<'a> {
            user_audio_chunk: &'a AudioBytes,
        }
        match self {
            Self::UserAudioChunk { user_audio_chunk } => {
                Untyped { user_audio_chunk }.serialize(serializer)
            }
            Self::Unknown(value) => value.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClientEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(deserializer)?;
        Self::from_object(object).map_err(de::Error::custom)
    }
}
