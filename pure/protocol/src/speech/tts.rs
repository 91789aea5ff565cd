//! `stream-input`: text goes up in pieces, sound comes down as it is made.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::agents::{
    AudioBytes, DecodeError,
    decode::{Fields, object},
};

/// How a voice speaks. What is absent is as it was stored with the voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoiceSettings {
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<f64>,
    /// Nearer to the original speaker, at some cost of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_speaker_boost: Option<bool>,
    /// 0.7 to 1.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
}

/// When sound is made of the text that has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenerationConfig {
    /// After so many characters the first, second, … sound is made; 50 to 500 each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chunk_length_schedule: Vec<u32>,
}

/// What the client says. The first message initialises, the one with an empty text ends.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TtsInput {
    /// A single space in the first message; then words, best with a space at the end; empty: nothing follows.
    pub text: String,
    /// In the first message only; the server closes on a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_settings: Option<VoiceSettings>,
    /// In the first message only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_config: Option<GenerationConfig>,
    /// In the first message only: at most three, each with an id and a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pronunciation_dictionary_locators: Option<Vec<Value>>,
    /// Make sound now if there is enough text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_trigger_generation: Option<bool>,
    /// Make sound of all text that has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flush: Option<bool>,
    /// The key, where the upgrade could not carry it.
    #[serde(
        default,
        rename = "xi-api-key",
        alias = "xi_api_key",
        skip_serializing_if = "Option::is_none"
    )]
    pub xi_api_key: Option<String>,
    /// A bearer token in place of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
}

impl TtsInput {
    /// The message that initialises.
    pub fn begin(voice_settings: Option<VoiceSettings>) -> Self {
        Self {
            text: " ".to_owned(),
            voice_settings,
            ..Self::default()
        }
    }

    /// Words, of which sound is to be made at once.
    pub fn flushed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            flush: Some(true),
            ..Self::default()
        }
    }

    /// The message that ends.
    pub fn end() -> Self {
        Self::default()
    }

    /// Whether nothing follows.
    pub fn is_end(&self) -> bool {
        self.text.is_empty()
    }

    /// As it goes on the wire.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As it came from the wire.
    ///
    /// # Errors
    /// [`DecodeError`]: it is no JSON object, has no text, or a field of the wrong kind.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let mut object = object(text)?;
        strip_nulls(&mut object);
        Fields::new("stream-input", object).into_body()
    }
}

impl fmt::Debug for TtsInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "***");
        f.debug_struct("TtsInput")
            .field("text", &self.text)
            .field("voice_settings", &self.voice_settings)
            .field("generation_config", &self.generation_config)
            .field("try_trigger_generation", &self.try_trigger_generation)
            .field("flush", &self.flush)
            .field("xi_api_key", &hidden(&self.xi_api_key))
            .field("authorization", &hidden(&self.authorization))
            .finish_non_exhaustive()
    }
}

/// Which letter sounds when, from the start of the sound it comes with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CharAlignment {
    /// The letters.
    pub chars: Vec<String>,
    /// When each begins, in milliseconds.
    #[serde(rename = "charStartTimesMs")]
    pub starts_ms: Vec<u32>,
    /// How long each lasts, in milliseconds.
    #[serde(rename = "charDurationsMs", alias = "charsDurationsMs")]
    pub durations_ms: Vec<u32>,
}

/// A piece of sound, or the end of all sound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TtsAudio {
    /// In the format that was asked for; none with the end.
    pub audio: Option<AudioBytes>,
    /// True at the end.
    pub is_final: Option<bool>,
    /// Of the text as it was spoken (numbers as words).
    pub normalized_alignment: Option<CharAlignment>,
    /// Of the text as it was given.
    pub alignment: Option<CharAlignment>,
}

/// Why the socket is about to close.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TtsError {
    /// For people.
    pub message: String,
    /// A word for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The close code that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TtsOutput {
    /// Sound.
    Audio(TtsAudio),
    /// An error; the socket closes.
    Error(TtsError),
    /// Newer than this crate: kept whole.
    Unknown(Value),
}

impl TtsOutput {
    /// As it came from the wire. Messages have no type: what they hold tells what they are.
    ///
    /// # Errors
    /// [`DecodeError`]: it is no JSON object, or a field of it is of the wrong kind.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let object = object(text)?;
        let holds = |names: &[&str]| names.iter().any(|name| object.contains_key(*name));
        if holds(&["audio", "isFinal"]) {
            Fields::new("audio", object).into_body().map(Self::Audio)
        } else if holds(&["message", "error"]) {
            Fields::new("error", object).into_body().map(Self::Error)
        } else {
            Ok(Self::Unknown(Value::Object(object)))
        }
    }

    /// As it goes on the wire.
    pub fn to_json(&self) -> String {
        match self {
            Self::Audio(audio) => serde_json::to_string(audio),
            Self::Error(error) => serde_json::to_string(error),
            Self::Unknown(value) => serde_json::to_string(value),
        }
        .unwrap_or_default()
    }
}

/// The SDKs send `null` for what they do not set.
pub(super) fn strip_nulls(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    for value in object.values_mut() {
        if let Value::Object(inner) = value {
            strip_nulls(inner);
        }
    }
}
