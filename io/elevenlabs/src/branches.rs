//! Branches of an agent: versions of it side by side.

use reqwest::Method;
use serde_json::Value;

use crate::{Account, Agents, ApiError, account::step};

/// The branches of one agent. From [`Agents::branches`]. What the platform tells of a branch is given as it came.
#[derive(Clone, Copy, Debug)]
pub struct Branches<'a> {
    account: &'a Account,
    agent_id: &'a str,
}

impl<'a> Agents<'a> {
    /// The branches of an agent.
    pub const fn branches(&self, agent_id: &'a str) -> Branches<'a> {
        Branches {
            account: self.account(),
            agent_id,
        }
    }
}

impl Branches<'_> {
    /// All of them.
    pub async fn list(&self) -> Result<Value, ApiError> {
        self.account.get(&self.path("")).read().await
    }

    /// One of them.
    pub async fn get(&self, branch_id: &str) -> Result<Value, ApiError> {
        self.account.get(&self.one(branch_id, "")).read().await
    }

    /// Makes one of a body with at least `parent_version_id`, `name` and `description`.
    pub async fn create(&self, body: &Value) -> Result<Value, ApiError> {
        let request = self.account.post(&self.path("")).once_only();
        request.json(body)?.read_or_null().await
    }

    /// Changes the fields that `body` names.
    pub async fn update(&self, branch_id: &str, body: &Value) -> Result<Value, ApiError> {
        let path = self.one(branch_id, "");
        let request = self.account.request(Method::PATCH, &path);
        request.json(body)?.read_or_null().await
    }

    /// Brings a branch into `target_branch_id`.
    pub async fn merge(&self, branch_id: &str, target_branch_id: &str) -> Result<Value, ApiError> {
        let request = self.account.post(&self.one(branch_id, "/merge"));
        request
            .once_only()
            .query("target_branch_id", target_branch_id)
            .read_or_null()
            .await
    }

    fn one(&self, branch_id: &str, what: &str) -> String {
        self.path(&format!("/{}{what}", step(branch_id)))
    }

    fn path(&self, what: &str) -> String {
        format!("/v1/convai/agents/{}/branches{what}", step(self.agent_id))
    }
}
