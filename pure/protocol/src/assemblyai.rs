//! AssemblyAI's streaming wire, version 3.
//!
//! The client sends sound as binary frames of 50 to 1,000 ms and [`ClientMessage`]s as JSON text; the server answers with
//! [`ServerMessage`]s. A [`Turn`] comes again and again with the same `turn_order` until `end_of_turn`; where formatting
//! was asked for, some models then send it once more, formatted.
//!
//! Unknown messages are kept whole as `Unknown`; a known one with a body that does not fit is a
//! [`DecodeError`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::agents::{
    DecodeError,
    decode::{Fields, kind, object},
};

/// What the client says beside its sound.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientMessage {
    /// Other settings from now on; not acknowledged. The fields are those of the query, `keyterms_prompt` as an array.
    UpdateConfiguration(Map<String, Value>),
    /// The current turn ends here.
    ForceEndpoint,
    /// Still here. Only useful where the query set `inactivity_timeout`.
    KeepAlive,
    /// Nothing follows: give what is left, then [`ServerMessage::Termination`].
    Terminate,
    /// Newer than this crate: kept whole.
    Unknown(Value),
}

impl ClientMessage {
    /// As it came from the wire.
    ///
    /// # Errors
    /// [`DecodeError`]: it is no JSON object with a `type`.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let object = object(text)?;
        let kind = kind(&object).ok_or(DecodeError::MissingType)?.to_owned();
        Ok(match kind.as_str() {
            "UpdateConfiguration" => {
                Self::UpdateConfiguration(Fields::new(kind, object).without_type())
            }
            "ForceEndpoint" => Self::ForceEndpoint,
            "KeepAlive" => Self::KeepAlive,
            "Terminate" => Self::Terminate,
            _ => Self::Unknown(Value::Object(object)),
        })
    }

    /// As it goes on the wire.
    pub fn to_json(&self) -> String {
        let (kind, mut object) = match self {
            Self::UpdateConfiguration(fields) => ("UpdateConfiguration", fields.clone()),
            Self::ForceEndpoint => ("ForceEndpoint", Map::new()),
            Self::KeepAlive => ("KeepAlive", Map::new()),
            Self::Terminate => ("Terminate", Map::new()),
            Self::Unknown(value) => return value.to_string(),
        };
        object.insert("type".into(), kind.into());
        Value::Object(object).to_string()
    }
}

/// A word of a turn. Times are milliseconds from the beginning of the session's sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// As it is written.
    pub text: String,
    /// When it begins.
    pub start: u64,
    /// When it ends.
    pub end: u64,
    /// 0 to 1.
    pub confidence: f64,
    /// It will not change.
    pub word_is_final: bool,
    /// Who, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
}

/// A turn of the user, so far or whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// 0, 1, 2, …: one more after each that ended.
    pub turn_order: u64,
    /// With capitals and punctuation.
    pub turn_is_formatted: bool,
    /// It ended here. The only mark of that.
    pub end_of_turn: bool,
    /// Its text; with some models only the words that are final.
    pub transcript: String,
    /// Not empty where an utterance within the turn ended.
    #[serde(default)]
    pub utterance: String,
    /// 0 to 1.
    pub end_of_turn_confidence: f64,
    /// All words, the last perhaps not final.
    pub words: Vec<Word>,
    /// Where it was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_confidence: Option<f64>,
    /// Who, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker_label: Option<String>,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// The first message.
    Begin {
        /// The session's id.
        id: String,
        /// Unix seconds.
        expires_at: u64,
        /// The settings that hold.
        configuration: Option<Value>,
    },
    /// A turn.
    Turn(Turn),
    /// Somebody begins to speak; some models only.
    SpeechStarted {
        /// Milliseconds from the beginning.
        timestamp: u64,
        /// 0 to 1.
        confidence: Option<f64>,
    },
    /// The last message.
    Termination {
        /// How much sound came, in seconds.
        audio_duration_seconds: f64,
        /// How long the session lasted, in seconds.
        session_duration_seconds: f64,
    },
    /// Something went wrong; the socket closes.
    Error {
        /// A number, where there is one.
        error_code: Option<u32>,
        /// For people.
        error: String,
    },
    /// Something is not as it should be.
    Warning {
        /// A number, where there is one.
        warning_code: Option<u32>,
        /// For people.
        warning: String,
    },
    /// Figures, where they were asked for.
    Heartbeat(Map<String, Value>),
    /// Who spoke, corrected.
    SpeakerRevision {
        /// What changed.
        revisions: Vec<Value>,
    },
    /// What a model made of a turn, where that was asked for.
    LlmGatewayResponse {
        /// Which turn.
        turn_order: u64,
        /// Its text.
        transcript: String,
        /// The answer.
        data: Value,
    },
    /// Newer than this crate: kept whole.
    Unknown(Value),
}

#[derive(Serialize, Deserialize)]
struct Begin {
    id: String,
    expires_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configuration: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct SpeechStarted {
    timestamp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct Termination {
    #[serde(default)]
    audio_duration_seconds: f64,
    #[serde(default)]
    session_duration_seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Trouble {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_code: Option<u32>,
    #[serde(default)]
    error: String,
}

#[derive(Serialize, Deserialize)]
struct Caution {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning_code: Option<u32>,
    #[serde(default)]
    warning: String,
}

#[derive(Serialize, Deserialize)]
struct Revision {
    #[serde(default)]
    revisions: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct Gateway {
    turn_order: u64,
    transcript: String,
    #[serde(default)]
    data: Value,
}

impl ServerMessage {
    /// As it came from the wire. An error may come without a type.
    ///
    /// # Errors
    /// [`DecodeError`]: it is no JSON object, or of a known kind with a body that does not fit.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let object = object(text)?;
        let kind = match kind(&object) {
            Some(kind) => kind.to_owned(),
            None if object.contains_key("error") => "Error".to_owned(),
            None => return Ok(Self::Unknown(Value::Object(object))),
        };
        let fields = |object| Fields::new(kind.as_str(), object);
        Ok(match kind.as_str() {
            "Begin" => {
                let begin: Begin = fields(object).into_body()?;
                Self::Begin {
                    id: begin.id,
                    expires_at: begin.expires_at,
                    configuration: begin.configuration,
                }
            }
            "Turn" => Self::Turn(fields(object).into_body()?),
            "SpeechStarted" => {
                let started: SpeechStarted = fields(object).into_body()?;
                Self::SpeechStarted {
                    timestamp: started.timestamp,
                    confidence: started.confidence,
                }
            }
            "Termination" => {
                let end: Termination = fields(object).into_body()?;
                Self::Termination {
                    audio_duration_seconds: end.audio_duration_seconds,
                    session_duration_seconds: end.session_duration_seconds,
                }
            }
            "Error" => {
                let Trouble { error_code, error } = fields(object).into_body()?;
                Self::Error { error_code, error }
            }
            "Warning" => {
                let caution: Caution = fields(object).into_body()?;
                Self::Warning {
                    warning_code: caution.warning_code,
                    warning: caution.warning,
                }
            }
            "Heartbeat" => Self::Heartbeat(fields(object).without_type()),
            "SpeakerRevision" => Self::SpeakerRevision {
                revisions: fields(object).into_body::<Revision>()?.revisions,
            },
            "LLMGatewayResponse" => {
                let gateway: Gateway = fields(object).into_body()?;
                Self::LlmGatewayResponse {
                    turn_order: gateway.turn_order,
                    transcript: gateway.transcript,
                    data: gateway.data,
                }
            }
            _ => Self::Unknown(Value::Object(object)),
        })
    }

    /// Its `type`; empty for a message without one.
    pub fn kind(&self) -> &str {
        match self {
            Self::Begin { .. } => "Begin",
            Self::Turn(_) => "Turn",
            Self::SpeechStarted { .. } => "SpeechStarted",
            Self::Termination { .. } => "Termination",
            Self::Error { .. } => "Error",
            Self::Warning { .. } => "Warning",
            Self::Heartbeat(_) => "Heartbeat",
            Self::SpeakerRevision { .. } => "SpeakerRevision",
            Self::LlmGatewayResponse { .. } => "LLMGatewayResponse",
            Self::Unknown(value) => value
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        }
    }

    /// As it goes on the wire.
    pub fn to_json(&self) -> String {
        let body = match self {
            Self::Begin {
                id,
                expires_at,
                configuration,
            } => serde_json::to_value(Begin {
                id: id.clone(),
                expires_at: *expires_at,
                configuration: configuration.clone(),
            }),
            Self::Turn(turn) => serde_json::to_value(turn),
            Self::SpeechStarted {
                timestamp,
                confidence,
            } => serde_json::to_value(SpeechStarted {
                timestamp: *timestamp,
                confidence: *confidence,
            }),
            Self::Termination {
                audio_duration_seconds,
                session_duration_seconds,
            } => serde_json::to_value(Termination {
                audio_duration_seconds: *audio_duration_seconds,
                session_duration_seconds: *session_duration_seconds,
            }),
            Self::Error { error_code, error } => serde_json::to_value(Trouble {
                error_code: *error_code,
                error: error.clone(),
            }),
            Self::Warning {
                warning_code,
                warning,
            } => serde_json::to_value(Caution {
                warning_code: *warning_code,
                warning: warning.clone(),
            }),
            Self::Heartbeat(figures) => Ok(Value::Object(figures.clone())),
            Self::SpeakerRevision { revisions } => serde_json::to_value(Revision {
                revisions: revisions.clone(),
            }),
            Self::LlmGatewayResponse {
                turn_order,
                transcript,
                data,
            } => serde_json::to_value(Gateway {
                turn_order: *turn_order,
                transcript: transcript.clone(),
                data: data.clone(),
            }),
            Self::Unknown(value) => return value.to_string(),
        };
        let mut body = body.unwrap_or_default();
        if let Value::Object(object) = &mut body {
            object.insert("type".into(), self.kind().into());
        }
        body.to_string()
    }
}
