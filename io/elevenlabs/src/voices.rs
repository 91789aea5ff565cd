//! Voices.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Account, ApiError, Body, Page, Said, Upload, account::step, multipart::Form, page::Turning,
};

/// A voice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A voice of the library, which everybody may add to their own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct SharedVoice {
    /// Whose it is.
    pub public_owner_id: String,
    /// Its id there.
    pub voice_id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its language.
    #[serde(default)]
    pub language: Option<String>,
    /// What it sounds like, in words.
    #[serde(default)]
    pub description: Option<String>,
    /// Where a sample can be heard.
    #[serde(default)]
    pub preview_url: Option<String>,
    /// Everything else: `accent`, `gender`, `age`, `use_case`, `rate`, …
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Which voices of the library are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedVoicesQuery {
    /// Words to look for. Default: any.
    pub search: Option<String>,
    /// `professional`, `high_quality`, … Default: any.
    pub category: Option<String>,
    /// `male`, `female`, `neutral`. Default: any.
    pub gender: Option<String>,
    /// A language's code. Default: any.
    pub language: Option<String>,
    /// What it is good for; any of these. Default: anything.
    pub use_cases: Vec<String>,
    /// 1 to 100. Default 30, by the platform.
    pub page_size: Option<u32>,
    /// Counted from 0. Default 0.
    pub page: Option<u32>,
}

/// A voice that is to be made from recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloning {
    /// What it is called.
    pub name: String,
    /// Recordings of it: a minute or two, of one person, who has agreed.
    pub recordings: Vec<Upload>,
    /// What it sounds like, in words. Default: nothing.
    pub description: Option<String>,
    /// `accent`, `gender`, … Default: none.
    pub labels: BTreeMap<String, String>,
    /// Whether noise is taken out first. Default no.
    pub remove_background_noise: bool,
}

/// A voice that was made from recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Cloned {
    /// Its id.
    pub voice_id: String,
    /// Whether the person has to be verified before it speaks.
    #[serde(default)]
    pub requires_verification: bool,
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

    /// A page of the library's voices. [`Page::next`] is the number of the next page.
    pub async fn search_library(
        &self,
        query: &SharedVoicesQuery,
    ) -> Result<Page<SharedVoice>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            voices: Vec<SharedVoice>,
            #[serde(default)]
            has_more: bool,
        }
        let mut request = self
            .0
            .get("/v1/shared-voices")
            .maybe("page_size", query.page_size)
            .maybe("page", query.page)
            .maybe("search", query.search.as_ref())
            .maybe("category", query.category.as_ref())
            .maybe("gender", query.gender.as_ref())
            .maybe("language", query.language.as_ref());
        for use_case in &query.use_cases {
            request = request.query("use_cases", use_case);
        }
        let answer: Answer = request.read().await?;
        Ok(Page {
            items: answer.voices,
            next: answer
                .has_more
                .then(|| (query.page.unwrap_or(0) + 1).to_string()),
        })
    }

    /// Adds a voice of the library to the account's, and says its id there.
    pub async fn add_shared(&self, voice: &SharedVoice, name: &str) -> Result<String, ApiError> {
        let owner = step(&voice.public_owner_id);
        let path = format!("/v1/voices/add/{owner}/{}", step(&voice.voice_id));
        let request = self.0.post(&path).once_only();
        let made: Cloned = request.json(&json!({ "new_name": name }))?.read().await?;
        Ok(made.voice_id)
    }

    /// Makes a voice from recordings.
    pub async fn clone_instantly(&self, cloning: &Cloning) -> Result<Cloned, ApiError> {
        let labels = (!cloning.labels.is_empty()).then(|| json!(cloning.labels));
        let mut form = Form::default()
            .text("name", &cloning.name)
            .maybe("description", cloning.description.as_ref())
            .maybe("labels", labels)
            .maybe(
                "remove_background_noise",
                cloning.remove_background_noise.then_some(true),
            );
        for recording in &cloning.recordings {
            form = form.file("files", &recording.name, &recording.bytes);
        }
        let request = self.0.post("/v1/voices/add").once_only();
        request.form(form).read().await
    }

    /// How a voice speaks where nothing is said.
    pub async fn settings(&self, voice_id: &str) -> Result<VoiceSettings, ApiError> {
        let path = format!("/v1/voices/{}/settings", step(voice_id));
        self.0.get(&path).read().await
    }

    /// Changes how a voice speaks where nothing is said.
    pub async fn set_settings(
        &self,
        voice_id: &str,
        settings: &VoiceSettings,
    ) -> Result<(), ApiError> {
        let path = format!("/v1/voices/{}/settings/edit", step(voice_id));
        self.0.post(&path).json(settings)?.done().await
    }

    /// Deletes a voice.
    pub async fn delete(&self, voice_id: &str) -> Result<(), ApiError> {
        let path = format!("/v1/voices/{}", step(voice_id));
        self.0.request(Method::DELETE, &path).done().await
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
