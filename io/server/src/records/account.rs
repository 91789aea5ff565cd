//! What the account routes say of a server that has no accounts.

use serde_json::{Value, json};

/// A model that `/v1/models` lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether it speaks.
    pub speaks: bool,
    /// ISO 639-1 codes and names of the languages it knows.
    pub languages: Vec<(String, String)>,
}

impl Model {
    pub(crate) fn to_rest(&self) -> Value {
        let languages = self
            .languages
            .iter()
            .map(|(id, name)| json!({ "language_id": id, "name": name }));
        json!({
            "model_id": self.id,
            "name": self.name,
            "description": self.description,
            "can_be_finetuned": false,
            "can_do_text_to_speech": self.speaks,
            "can_do_voice_conversion": false,
            "can_use_style": false,
            "can_use_speaker_boost": false,
            "serves_pro_voices": false,
            "token_cost_factor": 0.0,
            "requires_alpha_access": false,
            "languages": languages.collect::<Vec<_>>(),
            "model_rates": { "character_cost_multiplier": 0.0 },
            "concurrency_group": "standard",
        })
    }
}
