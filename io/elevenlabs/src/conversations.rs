//! Conversations that were held.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Account, ApiError, Body, Page, Upload, account::step, multipart::Form, page::Turning};

/// A conversation in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ConversationSummary {
    /// Its id.
    pub conversation_id: String,
    /// Whom with.
    pub agent_id: String,
    /// The agent's name.
    #[serde(default)]
    pub agent_name: Option<String>,
    /// When it began, in seconds since 1970.
    #[serde(default)]
    pub start_time_unix_secs: u64,
    /// How long it was, in seconds.
    #[serde(default)]
    pub call_duration_secs: u64,
    /// How many things were said.
    #[serde(default)]
    pub message_count: u64,
    /// `initiated`, `in-progress`, `processing`, `done` or `failed`.
    #[serde(default)]
    pub status: String,
    /// `success`, `failure` or `unknown`.
    #[serde(default)]
    pub call_successful: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A conversation, whole.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ConversationRecord {
    /// Its id.
    pub conversation_id: String,
    /// Whom with.
    pub agent_id: String,
    /// `initiated`, `in-progress`, `processing`, `done` or `failed`.
    pub status: String,
    /// What was said.
    #[serde(default)]
    pub transcript: Vec<TranscriptItem>,
    /// When, how long, what it cost, how it ended: `start_time_unix_secs`, `call_duration_secs`, `cost`, …
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Summary and evaluation; none until it was processed.
    #[serde(default)]
    pub analysis: Option<Map<String, Value>>,
    /// Whether there is a recording.
    #[serde(default)]
    pub has_audio: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Something that was said or done.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TranscriptItem {
    /// `user` or `agent`.
    pub role: String,
    /// The words; none where only a tool was called.
    #[serde(default)]
    pub message: Option<String>,
    /// Seconds from the beginning.
    #[serde(default)]
    pub time_in_call_secs: u64,
    /// Whether the agent was interrupted; `message` is then what was spoken.
    #[serde(default)]
    pub interrupted: Option<bool>,
    /// What the agent was to say.
    #[serde(default)]
    pub original_message: Option<String>,
    /// Tools that were called.
    #[serde(default)]
    pub tool_calls: Option<Vec<Value>>,
    /// What came of them.
    #[serde(default)]
    pub tool_results: Option<Vec<Value>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Which conversations are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationsQuery {
    /// With this agent. Default: any.
    pub agent_id: Option<String>,
    /// Of this person, by the caller's own id. Default: anybody.
    pub user_id: Option<String>,
    /// Begun before, in seconds since 1970. Default: any time.
    pub before_unix_secs: Option<u64>,
    /// Begun after, in seconds since 1970. Default: any time.
    pub after_unix_secs: Option<u64>,
    /// 1 to 100. Default 30, by the platform.
    pub page_size: Option<u32>,
    /// [`Page::next`] of the page before. Default: the first page.
    pub cursor: Option<String>,
}

/// The account's conversations. From [`Account::conversations`].
#[derive(Clone, Copy, Debug)]
pub struct Conversations<'a>(&'a Account);

impl Account {
    /// The account's conversations.
    pub const fn conversations(&self) -> Conversations<'_> {
        Conversations(self)
    }
}

impl Conversations<'_> {
    /// A page of conversations, the newest first.
    pub async fn list(
        &self,
        query: &ConversationsQuery,
    ) -> Result<Page<ConversationSummary>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            conversations: Vec<ConversationSummary>,
            #[serde(flatten)]
            turning: Turning,
        }
        let answer: Answer = self
            .0
            .get("/v1/convai/conversations")
            .maybe("agent_id", query.agent_id.as_ref())
            .maybe("user_id", query.user_id.as_ref())
            .maybe("call_start_before_unix", query.before_unix_secs)
            .maybe("call_start_after_unix", query.after_unix_secs)
            .maybe("page_size", query.page_size)
            .maybe("cursor", query.cursor.as_ref())
            .read()
            .await?;
        Ok(answer.turning.page(answer.conversations))
    }

    /// One conversation as the platform keeps it.
    pub async fn get(&self, conversation_id: &str) -> Result<ConversationRecord, ApiError> {
        self.0.get(&path(conversation_id)).read().await
    }

    /// The recording, as it comes. MP3 at the platform; [`Body::content_type`] says.
    pub async fn audio(&self, conversation_id: &str) -> Result<Body, ApiError> {
        self.0
            .get(&format!("{}/audio", path(conversation_id)))
            .stream()
            .await
    }

    /// Says whether a conversation was liked; none takes it back. Needs no key.
    pub async fn rate(&self, conversation_id: &str, liked: Option<bool>) -> Result<(), ApiError> {
        let feedback = liked.map(|liked| if liked { "like" } else { "dislike" });
        self.0
            .post(&format!("{}/feedback", path(conversation_id)))
            .open_to_all()
            .json(&json!({ "feedback": feedback }))?
            .done()
            .await
    }

    /// Takes a file (an image, a PDF) into a conversation under way, and says its id, for
    /// `multimodal_message`. Needs no key.
    pub async fn upload(&self, conversation_id: &str, file: &Upload) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            file_id: String,
        }
        let answer: Answer = self
            .0
            .post(&format!("{}/files", path(conversation_id)))
            .open_to_all()
            .once_only()
            .form(Form::default().file("file", &file.name, &file.bytes))
            .read()
            .await?;
        Ok(answer.file_id)
    }

    /// Deletes a conversation with everything in it.
    pub async fn delete(&self, conversation_id: &str) -> Result<(), ApiError> {
        self.0
            .request(Method::DELETE, &path(conversation_id))
            .done()
            .await
    }
}

fn path(conversation_id: &str) -> String {
    format!("/v1/convai/conversations/{}", step(conversation_id))
}
