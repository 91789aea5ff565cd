//! Scribe: sound goes up in pieces, text comes down.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tts::strip_nulls;
use crate::agents::{
    AudioBytes, DecodeError,
    decode::{Fields, object},
};

/// Every `message_type` that reports an error.
pub const SCRIBE_ERRORS: [&str; 14] = [
    "error",
    "auth_error",
    "quota_exceeded",
    "commit_throttled",
    "transcriber_error",
    "unaccepted_terms",
    "rate_limited",
    "input_error",
    "invalid_request",
    "queue_overflow",
    "resource_exhausted",
    "session_time_limit_exceeded",
    "chunk_size_exceeded",
    "insufficient_audio_activity",
];

/// The only message of a client: `input_audio_chunk`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ScribeInput {
    /// Sound in the format that the query named; may be empty where it commits.
    #[serde(rename = "audio_base_64")]
    pub audio: AudioBytes,
    /// What was said until here is one segment: give its text.
    #[serde(default)]
    pub commit: bool,
    /// Samples per second.
    #[serde(default)]
    pub sample_rate: Option<u32>,
    /// What was said before, with the first sound only.
    #[serde(default)]
    pub previous_text: Option<String>,
}

impl ScribeInput {
    /// As it goes on the wire.
    pub fn to_json(&self) -> String {
        let mut object = Map::new();
        object.insert("message_type".into(), "input_audio_chunk".into());
        object.insert("audio_base_64".into(), self.audio.to_base64().into());
        object.insert("commit".into(), self.commit.into());
        if let Some(rate) = self.sample_rate {
            object.insert("sample_rate".into(), rate.into());
        }
        if let Some(text) = &self.previous_text {
            object.insert("previous_text".into(), text.as_str().into());
        }
        Value::Object(object).to_string()
    }

    /// As it came from the wire. A null counts as absent: one SDK sends them with every message.
    ///
    /// # Errors
    /// [`DecodeError`]: it is no JSON object, of another kind, or its sound is no base64.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let mut object = object(text)?;
        strip_nulls(&mut object);
        match kind(&object) {
            None => Err(DecodeError::MissingType),
            Some("input_audio_chunk") => Fields::new("input_audio_chunk", object).into_body(),
            Some(other) => Err(DecodeError::BadBody {
                kind: other.to_owned(),
                field: "message_type".to_owned(),
                reason: "only input_audio_chunk is known".to_owned(),
            }),
        }
    }
}

/// A text that will not change, with what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// The text.
    pub text: String,
    /// ISO 639; where it was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// Its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<ScribeWord>>,
}

/// A word, a space or a sound that is no speech.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScribeWord {
    /// As it is written.
    pub text: String,
    /// `word`, `spacing` or `audio_event`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How sure it is: 0 is certain, less is less so.
    #[serde(default)]
    pub logprob: f64,
    /// Seconds from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Seconds from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker_id: Option<String>,
}

/// Something found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// As it is written.
    pub text: String,
    /// What it is.
    pub entity_type: String,
    /// Where it begins, in characters.
    pub start_char: u32,
    /// Where it ends.
    pub end_char: u32,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScribeOutput {
    /// The first message.
    SessionStarted {
        /// Its id.
        session_id: String,
        /// The settings that hold.
        config: Value,
    },
    /// The words so far. May change.
    Partial {
        /// All words of the segment so far.
        text: String,
    },
    /// Settled, and not committed yet.
    Final(Committed),
    /// The same with times.
    FinalWithTimestamps(Committed),
    /// The text of a segment that was committed.
    Committed(Committed),
    /// The same with times; follows [`ScribeOutput::Committed`] where times were asked for.
    CommittedWithTimestamps(Committed),
    /// What was found in a committed text.
    CommittedEntities {
        /// The text.
        text: String,
        /// What was found.
        entities: Vec<Entity>,
    },
    /// Something went wrong; see [`SCRIBE_ERRORS`].
    Error {
        /// Its `message_type`.
        kind: String,
        /// For people.
        error: String,
    },
    /// Newer than this crate: kept whole.
    Unknown(Value),
}

#[derive(Serialize, Deserialize)]
struct Started {
    session_id: String,
    #[serde(default)]
    config: Value,
}

#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Entities {
    text: String,
    entities: Vec<Entity>,
}

#[derive(Serialize, Deserialize)]
struct Trouble {
    #[serde(default)]
    error: String,
}

impl ScribeOutput {
    /// As it came from the wire.
    ///
    /// # Errors
    /// [`DecodeError`]: it is no JSON object, or of a known kind with a body that does not fit.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let object = object(text)?;
        let Some(kind) = kind(&object).map(str::to_owned) else {
            return Ok(Self::Unknown(Value::Object(object)));
        };
        let fields = |object| Fields::new(kind.as_str(), object);
        Ok(match kind.as_str() {
            "session_started" => {
                let Started { session_id, config } = fields(object).into_body()?;
                Self::SessionStarted { session_id, config }
            }
            "partial_transcript" => Self::Partial {
                text: fields(object).into_body::<Text>()?.text,
            },
            "final_transcript" => Self::Final(fields(object).into_body()?),
            "final_transcript_with_timestamps" => {
                Self::FinalWithTimestamps(fields(object).into_body()?)
            }
            "committed_transcript" => Self::Committed(fields(object).into_body()?),
            "committed_transcript_with_timestamps" => {
                Self::CommittedWithTimestamps(fields(object).into_body()?)
            }
            "committed_transcript_entities" => {
                let Entities { text, entities } = fields(object).into_body()?;
                Self::CommittedEntities { text, entities }
            }
            error if SCRIBE_ERRORS.contains(&error) => Self::Error {
                kind: kind.clone(),
                error: fields(object).into_body::<Trouble>()?.error,
            },
            _ => Self::Unknown(Value::Object(object)),
        })
    }

    /// Its `message_type`; empty for a message without one.
    pub fn kind(&self) -> &str {
        match self {
            Self::SessionStarted { .. } => "session_started",
            Self::Partial { .. } => "partial_transcript",
            Self::Final(_) => "final_transcript",
            Self::FinalWithTimestamps(_) => "final_transcript_with_timestamps",
            Self::Committed(_) => "committed_transcript",
            Self::CommittedWithTimestamps(_) => "committed_transcript_with_timestamps",
            Self::CommittedEntities { .. } => "committed_transcript_entities",
            Self::Error { kind, .. } => kind,
            Self::Unknown(value) => value
                .get("message_type")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        }
    }

    /// As it goes on the wire.
    pub fn to_json(&self) -> String {
        let body = match self {
            Self::SessionStarted { session_id, config } => serde_json::to_value(Started {
                session_id: session_id.clone(),
                config: config.clone(),
            }),
            Self::Partial { text } => serde_json::to_value(Text { text: text.clone() }),
            Self::Final(text)
            | Self::FinalWithTimestamps(text)
            | Self::Committed(text)
            | Self::CommittedWithTimestamps(text) => serde_json::to_value(text),
            Self::CommittedEntities { text, entities } => serde_json::to_value(Entities {
                text: text.clone(),
                entities: entities.clone(),
            }),
            Self::Error { error, .. } => serde_json::to_value(Trouble {
                error: error.clone(),
            }),
            Self::Unknown(value) => return value.to_string(),
        };
        let mut body = body.unwrap_or_default();
        if let Value::Object(object) = &mut body {
            object.insert("message_type".into(), self.kind().into());
        }
        body.to_string()
    }
}

fn kind(object: &Map<String, Value>) -> Option<&str> {
    object.get("message_type").and_then(Value::as_str)
}
