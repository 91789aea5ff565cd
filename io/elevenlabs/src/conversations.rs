//! Conversations that were held.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{Account, ApiError, Body, Page, account::step, page::Turning};

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

    /// One conversation as the platform keeps it: `transcript`, `metadata`, `analysis` and more.
    pub async fn get(&self, conversation_id: &str) -> Result<Value, ApiError> {
        self.0.get(&path(conversation_id)).read().await
    }

    /// The recording, as it comes. MP3 at the platform; [`Body::content_type`] says.
    pub async fn audio(&self, conversation_id: &str) -> Result<Body, ApiError> {
        self.0
            .get(&format!("{}/audio", path(conversation_id)))
            .stream()
            .await
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
