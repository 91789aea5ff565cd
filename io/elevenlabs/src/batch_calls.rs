//! Many calls at once.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Account, ApiError, Page, account::step};

/// Calls that shall be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NewBatchCall {
    /// What it is called.
    pub call_name: String,
    /// Who calls.
    pub agent_id: String,
    /// Who is called: at most 10,000.
    pub recipients: Vec<Recipient>,
    /// From which number of the account, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_phone_number_id: Option<String>,
    /// When, in seconds since 1970. Default: now. Sent in any case: some versions of the platform want it.
    pub scheduled_time_unix: Option<u64>,
    /// Time zone of the schedule, such as `Europe/Vienna`. Default: by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// How many at once. Default: as many as the account may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_concurrency_limit: Option<u32>,
}

/// Somebody who is called, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// By the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// What the conversation begins with.
    #[serde(
        default,
        rename = "conversation_initiation_client_data",
        skip_serializing_if = "Option::is_none"
    )]
    pub initiation: Option<Value>,
    /// `pending`, `dispatched`, `initiated`, `in_progress`, `completed`, `failed`, `cancelled` or `voicemail`. By the
    /// platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The conversation it became. By the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Recipient {
    /// Somebody with this number.
    pub fn new(phone_number: impl Into<String>) -> Self {
        Self {
            phone_number: Some(phone_number.into()),
            ..Self::default()
        }
    }
}

/// Many calls and how far they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct BatchCall {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Who calls.
    #[serde(default)]
    pub agent_id: String,
    /// `pending`, `in_progress`, `completed`, `failed` or `cancelled`.
    #[serde(default)]
    pub status: String,
    /// How many have been begun.
    #[serde(default)]
    pub total_calls_dispatched: u64,
    /// How many there are to be.
    #[serde(default)]
    pub total_calls_scheduled: u64,
    /// How many are over.
    #[serde(default)]
    pub total_calls_finished: u64,
    /// Who is called; where one batch was asked for.
    #[serde(default)]
    pub recipients: Vec<Recipient>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The account's batch calls. From [`Account::batch_calls`].
#[derive(Clone, Copy, Debug)]
pub struct BatchCalls<'a>(&'a Account);

impl Account {
    /// The account's batch calls.
    pub const fn batch_calls(&self) -> BatchCalls<'_> {
        BatchCalls(self)
    }
}

impl BatchCalls<'_> {
    /// Begins to call, or will. Never tried twice, since that would ring twice.
    pub async fn submit(&self, batch: &NewBatchCall) -> Result<BatchCall, ApiError> {
        let request = self.0.post("/v1/convai/batch-calling/submit").once_only();
        request.json(batch)?.read().await
    }

    /// A page of batches; of one agent if it is named. `after` is [`Page::next`] of the page before.
    pub async fn list(
        &self,
        agent_id: Option<&str>,
        limit: Option<u32>,
        after: Option<&str>,
    ) -> Result<Page<BatchCall>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            batch_calls: Vec<BatchCall>,
            #[serde(default)]
            next_doc: Option<String>,
            #[serde(default)]
            has_more: Option<bool>,
        }
        let answer: Answer = self
            .0
            .get("/v1/convai/batch-calling/workspace")
            .maybe("limit", limit)
            .maybe("last_doc", after)
            .maybe("agent_id", agent_id)
            .read()
            .await?;
        Ok(Page {
            items: answer.batch_calls,
            next: answer
                .next_doc
                .filter(|next| answer.has_more != Some(false) && !next.is_empty()),
        })
    }

    /// One batch, with everybody who is called.
    pub async fn get(&self, id: &str) -> Result<BatchCall, ApiError> {
        self.0.get(&path(id, "")).read().await
    }

    /// Calls nobody any more.
    pub async fn cancel(&self, id: &str) -> Result<BatchCall, ApiError> {
        let request = self.0.post(&path(id, "/cancel"));
        request.json(&json!({}))?.read().await
    }

    /// Calls again whoever was not reached. Never tried twice.
    pub async fn retry(&self, id: &str) -> Result<BatchCall, ApiError> {
        let request = self.0.post(&path(id, "/retry")).once_only();
        request.json(&json!({}))?.read().await
    }

    /// Deletes a batch.
    pub async fn delete(&self, id: &str) -> Result<(), ApiError> {
        self.0.request(Method::DELETE, &path(id, "")).done().await
    }
}

fn path(id: &str, what: &str) -> String {
    format!("/v1/convai/batch-calling/{}{what}", step(id))
}
