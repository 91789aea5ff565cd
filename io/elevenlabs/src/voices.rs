//! Voices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Account, ApiError, Body, Page, Said, account::step, page::Turning};

/// A voice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Voice {
    /// Its id.
    pub voice_id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// `premade`, `cloned`, `generated`, `professional`, …
    #[serde(default)]
    pub category: Option<String>,
    /// What it sounds like, in words.
    #[serde(default)]
    pub description: Option<String>,
    /// `accent`, `gender`, `age`, `use_case`, …
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Where a sample can be heard.
    #[serde(default)]
    pub preview_url: Option<String>,
}

/// How a voice speaks. What is not set is as the voice itself has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VoiceSettings {
    /// 0 (lively) to 1 (even).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f64>,
    /// 0 to 1; above 0 costs time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<f64>,
    /// Nearer to the original speaker; costs time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_speaker_boost: Option<bool>,
    /// 0.7 to 1.2 times the normal speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
}

/// Which voices are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoicesQuery {
    /// Words of name, description, labels or category. Default: any.
    pub search: Option<String>,
    /// `premade`, `cloned`, `generated` or `professional`. Default: any.
    pub category: Option<String>,
    /// 1 to 100. Default 10, by the platform.
    pub page_size: Option<u32>,
    /// [`Page::next`] of the page before. Default: the first page.
    pub cursor: Option<String>,
}

/// The account's voices. From [`Account::voices`].
#[derive(Clone, Copy, Debug)]
pub struct Voices<'a>(&'a Account);

impl Account {
    /// The account's voices.
    pub const fn voices(&self) -> Voices<'_> {
        Voices(self)
    }
}

impl Voices<'_> {
    /// A page of voices; with [`VoicesQuery::search`], those that fit.
    pub async fn list(&self, query: &VoicesQuery) -> Result<Page<Voice>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            voices: Vec<Voice>,
            #[serde(flatten)]
            turning: Turning,
        }
        let answer: Answer = self
            .0
            .get("/v2/voices")
            .maybe("search", query.search.as_ref())
            .maybe("category", query.category.as_ref())
            .maybe("page_size", query.page_size)
            .maybe("next_page_token", query.cursor.as_ref())
            .read()
            .await?;
        Ok(answer.turning.page(answer.voices))
    }

    /// One voice.
    pub async fn get(&self, voice_id: &str) -> Result<Voice, ApiError> {
        self.0
            .get(&format!("/v1/voices/{}", step(voice_id)))
            .read()
            .await
    }

    /// The sample of a voice, as it comes. The key is not sent: samples are public and may lie elsewhere.
    pub async fn preview(&self, voice: &Voice) -> Result<Body, ApiError> {
        let Some(url) = &voice.preview_url else {
            return Err(ApiError::NotFound(Said {
                message: format!("voice {} has no sample", voice.voice_id),
                ..Said::default()
            }));
        };
        self.0.fetch_public(url).await
    }
}
