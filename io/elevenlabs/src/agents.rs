//! Agents as the account keeps them.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Account, ApiError, Page, account::step, page::Turning};

/// An agent, whole. What the platform adds tomorrow is kept in [`Agent::rest`] and written back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id.
    pub agent_id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// What it says, hears and how: `agent`, `tts`, `asr`, `turn`, `conversation`.
    #[serde(default)]
    pub conversation_config: Map<String, Value>,
    /// Who may talk to it, what a client may override, evaluation, privacy.
    #[serde(default)]
    pub platform_settings: Option<Map<String, Value>>,
    /// Words it is filed under.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An agent in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AgentSummary {
    /// Its id.
    pub agent_id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created_at_unix_secs: Option<u64>,
    /// When it was last called, in seconds since 1970.
    #[serde(default)]
    pub last_call_time_unix_secs: Option<u64>,
    /// Whether it was put aside.
    #[serde(default)]
    pub archived: Option<bool>,
}

/// Which agents are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentsQuery {
    /// Part of the name. Default: any.
    pub search: Option<String>,
    /// 1 to 100. Default 30, by the platform.
    pub page_size: Option<u32>,
    /// [`Page::next`] of the page before. Default: the first page.
    pub cursor: Option<String>,
}

/// The account's agents. From [`Account::agents`].
#[derive(Clone, Copy, Debug)]
pub struct Agents<'a>(&'a Account);

impl Account {
    /// The account's agents.
    pub const fn agents(&self) -> Agents<'_> {
        Agents(self)
    }
}

impl Agents<'_> {
    /// One agent, whole.
    pub async fn get(&self, agent_id: &str) -> Result<Agent, ApiError> {
        self.0.get(&path(agent_id)).read().await
    }

    /// A page of agents.
    pub async fn list(&self, query: &AgentsQuery) -> Result<Page<AgentSummary>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            agents: Vec<AgentSummary>,
            #[serde(flatten)]
            turning: Turning,
        }
        let answer: Answer = self
            .0
            .get("/v1/convai/agents")
            .maybe("page_size", query.page_size)
            .maybe("search", query.search.as_ref())
            .maybe("cursor", query.cursor.as_ref())
            .read()
            .await?;
        Ok(answer.turning.page(answer.agents))
    }

    /// Makes an agent of a body with at least `conversation_config`, and says its id.
    pub async fn create(&self, body: &Value) -> Result<String, ApiError> {
        self.made("/v1/convai/agents/create", body).await
    }

    /// Changes the fields that `body` names, deeply; everything else stays. Says what the agent is then.
    pub async fn update(&self, agent_id: &str, body: &Value) -> Result<Agent, ApiError> {
        self.0
            .request(Method::PATCH, &path(agent_id))
            .json(body)?
            .read()
            .await
    }

    /// Deletes an agent.
    pub async fn delete(&self, agent_id: &str) -> Result<(), ApiError> {
        self.0.request(Method::DELETE, &path(agent_id)).done().await
    }

    /// Makes a copy, under another name if one is given, and says its id.
    pub async fn duplicate(&self, agent_id: &str, name: Option<&str>) -> Result<String, ApiError> {
        let body = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
        self.made(&format!("{}/duplicate", path(agent_id)), &body)
            .await
    }

    async fn made(&self, path: &str, body: &Value) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            agent_id: String,
        }
        let answer: Answer = self.0.post(path).json(body)?.read().await?;
        Ok(answer.agent_id)
    }
}

fn path(agent_id: &str) -> String {
    format!("/v1/convai/agents/{}", step(agent_id))
}
