//! What the account is and may do.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Account, ApiError};

/// A model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// Its id.
    pub model_id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is good for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it speaks.
    #[serde(default)]
    pub can_do_text_to_speech: Option<bool>,
    /// In which languages.
    #[serde(default)]
    pub languages: Option<Vec<ModelLanguage>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A language of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ModelLanguage {
    /// Its code.
    pub language_id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
}

/// Who holds the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// Their id.
    pub user_id: String,
    /// Their plan.
    #[serde(default)]
    pub subscription: Option<Subscription>,
    /// What they are called.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A plan and how much of it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Subscription {
    /// `free`, `starter`, `creator`, …
    #[serde(default)]
    pub tier: String,
    /// Characters (credits) used in this period.
    #[serde(default)]
    pub character_count: u64,
    /// Characters (credits) there are in this period.
    #[serde(default)]
    pub character_limit: u64,
    /// When the next period begins, in seconds since 1970.
    #[serde(default)]
    pub next_character_count_reset_unix: Option<u64>,
    /// `active`, `trialing`, `past_due`, …
    #[serde(default)]
    pub status: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Account {
    /// The models there are.
    pub async fn models(&self) -> Result<Vec<Model>, ApiError> {
        self.get("/v1/models").read().await
    }

    /// Who holds the key.
    pub async fn user(&self) -> Result<User, ApiError> {
        self.get("/v1/user").read().await
    }

    /// The plan and how much of it is used.
    pub async fn subscription(&self) -> Result<Subscription, ApiError> {
        self.get("/v1/user/subscription").read().await
    }
}
