//! How words are pronounced.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Account, ApiError, Page, Upload, account::step, multipart::Form, page::Turning};

/// How one word is pronounced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PronunciationRule {
    /// As if something else were written.
    Alias {
        /// The word.
        string_to_replace: String,
        /// What is spoken instead.
        alias: String,
    },
    /// By its sounds.
    Phoneme {
        /// The word.
        string_to_replace: String,
        /// Its sounds.
        phoneme: String,
        /// `ipa` or `cmu-arpabet`.
        alphabet: String,
    },
}

/// A pronunciation dictionary.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Dictionary {
    /// Its id.
    pub id: String,
    /// Its version; the newest where several are meant.
    #[serde(default, alias = "latest_version_id")]
    pub version_id: Option<String>,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The account's pronunciation dictionaries. From [`Account::dictionaries`].
#[derive(Clone, Copy, Debug)]
pub struct Dictionaries<'a>(&'a Account);

impl Account {
    /// The account's pronunciation dictionaries.
    pub const fn dictionaries(&self) -> Dictionaries<'_> {
        Dictionaries(self)
    }
}

impl Dictionaries<'_> {
    /// Makes a dictionary of rules.
    pub async fn create(
        &self,
        name: &str,
        rules: &[PronunciationRule],
    ) -> Result<Dictionary, ApiError> {
        let request = self.0.post("/v1/pronunciation-dictionaries/add-from-rules");
        let body = json!({ "name": name, "rules": rules });
        request.once_only().json(&body)?.read().await
    }

    /// Makes a dictionary of a lexicon file (PLS).
    pub async fn create_from_file(
        &self,
        name: &str,
        file: &Upload,
    ) -> Result<Dictionary, ApiError> {
        let form = Form::default()
            .text("name", name)
            .file("file", &file.name, &file.bytes);
        let request = self.0.post("/v1/pronunciation-dictionaries/add-from-file");
        request.once_only().form(form).read().await
    }

    /// A page of dictionaries. `cursor` is [`Page::next`] of the page before.
    pub async fn list(&self, cursor: Option<&str>) -> Result<Page<Dictionary>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            pronunciation_dictionaries: Vec<Dictionary>,
            #[serde(flatten)]
            turning: Turning,
        }
        let request = self.0.get("/v1/pronunciation-dictionaries");
        let answer: Answer = request.maybe("cursor", cursor).read().await?;
        Ok(answer.turning.page(answer.pronunciation_dictionaries))
    }

    /// One dictionary.
    pub async fn get(&self, id: &str) -> Result<Dictionary, ApiError> {
        self.0.get(&path(id)).read().await
    }

    /// Adds rules; a word that has one gets the new one.
    pub async fn add_rules(
        &self,
        id: &str,
        rules: &[PronunciationRule],
    ) -> Result<Dictionary, ApiError> {
        let request = self.0.post(&format!("{}/add-rules", path(id)));
        request.json(&json!({ "rules": rules }))?.read().await
    }

    /// Takes the rules of these words out.
    pub async fn remove_rules(&self, id: &str, words: &[String]) -> Result<Dictionary, ApiError> {
        let request = self.0.post(&format!("{}/remove-rules", path(id)));
        request
            .json(&json!({ "rule_strings": words }))?
            .read()
            .await
    }
}

fn path(id: &str) -> String {
    format!("/v1/pronunciation-dictionaries/{}", step(id))
}
