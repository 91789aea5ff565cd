//! Sound effects.

use serde::Serialize;

use crate::{Account, ApiError, Body, speech::DEFAULT_FORMAT};

/// A sound that shall be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SoundEffect {
    /// What it is, in words.
    pub text: String,
    /// 0.5 to 30 s. Default: whatever suits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// How closely the words are followed: 0 to 1. Default 0.3, by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_influence: Option<f64>,
    /// Whether its end leads into its beginning; not every model can. Default no.
    #[serde(rename = "loop", skip_serializing_if = "std::ops::Not::not")]
    pub loops: bool,
    /// The model. Default: by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// How the sound is coded. Default [`DEFAULT_FORMAT`].
    #[serde(skip)]
    pub format: Option<String>,
}

impl SoundEffect {
    /// `text` with every default.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Account {
    /// Makes a sound, and gives it as it comes.
    pub async fn sound_effect(&self, effect: &SoundEffect) -> Result<Body, ApiError> {
        self.post("/v1/sound-generation")
            .query(
                "output_format",
                effect.format.as_deref().unwrap_or(DEFAULT_FORMAT),
            )
            .json(effect)?
            .stream()
            .await
    }
}
