//! Agents as the account keeps them.

use std::collections::BTreeSet;

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

impl Agent {
    /// The names in `{{name}}` of its prompt and first message that have no default: whoever begins a conversation has
    /// to give them values.
    pub fn variables(&self) -> Vec<String> {
        let none = Map::new();
        let agent = self.conversation_config.get("agent");
        let agent = agent.and_then(Value::as_object).unwrap_or(&none);
        let prompt = agent.get("prompt").and_then(|prompt| prompt.get("prompt"));
        let texts = [prompt, agent.get("first_message")];
        let texts = texts.into_iter().flatten().filter_map(Value::as_str);
        self.needed(texts)
    }

    /// The names in `{{name}}` of `texts` that have no default in this agent and are not the platform's own.
    pub fn needed<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Vec<String> {
        let defaults = self
            .conversation_config
            .get("agent")
            .and_then(|agent| {
                agent
                    .get("dynamic_variables")?
                    .get("dynamic_variable_placeholders")
            })
            .and_then(Value::as_object);
        let names: BTreeSet<&str> = texts.flat_map(placeholders).collect();
        names
            .into_iter()
            .filter(|name| {
                !name.starts_with("system__")
                    && defaults.is_none_or(|defaults| !defaults.contains_key(*name))
            })
            .map(str::to_owned)
            .collect()
    }
}

/// The names in `{{name}}`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim())
        .filter(|name| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-.".contains(c))
        })
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
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
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

impl<'a> Agents<'a> {
    pub(crate) const fn account(self) -> &'a Account {
        self.0
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
        let request = self.0.post(path).once_only();
        let answer: Answer = request.json(body)?.read().await?;
        Ok(answer.agent_id)
    }
}

fn path(agent_id: &str) -> String {
    format!("/v1/convai/agents/{}", step(agent_id))
}
