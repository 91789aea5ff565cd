//! Text to speech.

use serde::Serialize;

use crate::{Account, ApiError, Body, VoiceSettings, account::step};

/// How sound comes when nothing is said: MP3, 44.1 kHz, 128 kbit/s.
pub const DEFAULT_FORMAT: &str = "mp3_44100_128";

/// Text that shall be spoken.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Speech {
    /// The words.
    pub text: String,
    /// The model. Default: `eleven_multilingual_v2`, by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// ISO 639-1; refused by models that cannot be told. Default: found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// How the voice speaks. Default: as it was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_settings: Option<VoiceSettings>,
    /// At most three.
    #[serde(
        rename = "pronunciation_dictionary_locators",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub pronunciations: Vec<Pronunciation>,
    /// The same seed tends to give the same sound. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// What was said before; for the melody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_text: Option<String>,
    /// What is said next; for the melody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_text: Option<String>,
    /// How the sound is coded: `mp3_44100_128`, `pcm_16000` (no header), `wav_16000`, `opus_48000_64`, `ulaw_8000`, …
    /// Default [`DEFAULT_FORMAT`].
    #[serde(skip)]
    pub format: Option<String>,
}

/// A pronunciation dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pronunciation {
    /// Its id.
    #[serde(rename = "pronunciation_dictionary_id")]
    pub id: String,
    /// Its version. Default: the newest.
    #[serde(rename = "version_id", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Speech {
    /// `text` with every default.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Account {
    /// Speaks, and gives the sound once it is complete at the platform.
    pub async fn speak(&self, voice_id: &str, speech: &Speech) -> Result<Body, ApiError> {
        self.spoken(voice_id, "", speech).await
    }

    /// Speaks, and gives the sound while it is made: the first of it comes much sooner.
    pub async fn speak_streaming(&self, voice_id: &str, speech: &Speech) -> Result<Body, ApiError> {
        self.spoken(voice_id, "/stream", speech).await
    }

    async fn spoken(&self, voice: &str, how: &str, speech: &Speech) -> Result<Body, ApiError> {
        self.post(&format!("/v1/text-to-speech/{}{how}", step(voice)))
            .query(
                "output_format",
                speech.format.as_deref().unwrap_or(DEFAULT_FORMAT),
            )
            .retention()
            .json(speech)?
            .stream()
            .await
    }
}
