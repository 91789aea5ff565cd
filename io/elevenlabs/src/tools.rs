//! Tools that agents share.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Account, ApiError, Page, account::step, page::Turning};

/// A tool.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// Its id.
    pub id: String,
    /// What it is and does: `type`, `name`, `description`, …
    #[serde(default)]
    pub tool_config: Map<String, Value>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Which tools are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolsQuery {
    /// Part of the name. Default: any.
    pub search: Option<String>,
    /// `webhook`, `client`, `system`, …; any of these. Default: any.
    pub types: Vec<String>,
    /// 1 to 100. Default 30, by the platform.
    pub page_size: Option<u32>,
    /// [`Page::next`] of the page before. Default: the first page.
    pub cursor: Option<String>,
}

/// The account's tools. From [`Account::tools`].
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a>(&'a Account);

impl Account {
    /// The account's tools.
    pub const fn tools(&self) -> Tools<'_> {
        Tools(self)
    }
}

impl Tools<'_> {
    /// Makes a tool of its `tool_config`.
    pub async fn create(&self, config: &Value) -> Result<Tool, ApiError> {
        let request = self.0.post("/v1/convai/tools").once_only();
        request
            .json(&json!({ "tool_config": config }))?
            .read()
            .await
    }

    /// A page of tools.
    pub async fn list(&self, query: &ToolsQuery) -> Result<Page<Tool>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            tools: Vec<Tool>,
            #[serde(flatten)]
            turning: Turning,
        }
        let mut request = self
            .0
            .get("/v1/convai/tools")
            .maybe("search", query.search.as_ref())
            .maybe("page_size", query.page_size)
            .maybe("cursor", query.cursor.as_ref());
        for kind in &query.types {
            request = request.query("types", kind);
        }
        let answer: Answer = request.read().await?;
        Ok(answer.turning.page(answer.tools))
    }

    /// One tool.
    pub async fn get(&self, id: &str) -> Result<Tool, ApiError> {
        self.0.get(&path(id)).read().await
    }

    /// Gives a tool another `tool_config`.
    pub async fn update(&self, id: &str, config: &Value) -> Result<Tool, ApiError> {
        let request = self.0.request(Method::PATCH, &path(id));
        request
            .json(&json!({ "tool_config": config }))?
            .read()
            .await
    }

    /// Deletes a tool; with `force` also where agents have it.
    pub async fn delete(&self, id: &str, force: bool) -> Result<(), ApiError> {
        let request = self.0.request(Method::DELETE, &path(id));
        request.maybe("force", force.then_some(true)).done().await
    }

    /// A page of the agents that have a tool.
    pub async fn agents(
        &self,
        id: &str,
        cursor: Option<&str>,
    ) -> Result<Page<Map<String, Value>>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            agents: Vec<Map<String, Value>>,
            #[serde(flatten)]
            turning: Turning,
        }
        let answer: Answer = self
            .0
            .get(&format!("{}/dependent-agents", path(id)))
            .maybe("cursor", cursor)
            .read()
            .await?;
        Ok(answer.turning.page(answer.agents))
    }
}

fn path(id: &str) -> String {
    format!("/v1/convai/tools/{}", step(id))
}
