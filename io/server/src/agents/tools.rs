//! The tools of an agent: those written into it, and those it names by id.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Registry, StoredAgent};

impl Registry {
    /// The agent with the tools it names by id written into it; `chosen` are a caller's own choice of ids. Ids that lead
    /// nowhere are passed over with a warning.
    pub(crate) fn with_tools(
        &self,
        agent: Arc<StoredAgent>,
        chosen: Option<&[String]>,
    ) -> Arc<StoredAgent> {
        let named = agent
            .document
            .pointer("/conversation_config/agent/prompt/tool_ids")
            .and_then(Value::as_array);
        let ids: Vec<&str> = match (chosen, named) {
            (Some(chosen), _) => chosen.iter().map(String::as_str).collect(),
            (None, Some(named)) => named.iter().filter_map(Value::as_str).collect(),
            (None, None) => return agent,
        };
        let mut tools = Vec::new();
        for id in ids {
            if let Some(tool) = self.tool(id) {
                let mut config = tool.document.get("tool_config").cloned();
                // What it answers in tests is kept beside its configuration.
                if let (Some(Value::Object(config)), Some(mocks)) =
                    (&mut config, tool.document.get("response_mocks"))
                {
                    config.insert("response_mocks".to_owned(), mocks.clone());
                }
                tools.extend(config);
            } else {
                tracing::warn!(
                    agent = agent.id,
                    tool = id,
                    "the agent names a tool that is not here"
                );
            }
        }
        let mut copy = StoredAgent::clone(&agent);
        add_tools(&mut copy.document, tools);
        Arc::new(copy)
    }
}

/// The object at `conversation_config.agent.prompt`, made where it is missing.
pub(crate) fn prompt_of(document: &mut Value) -> Option<&mut Map<String, Value>> {
    let mut value = document;
    for name in ["conversation_config", "agent", "prompt"] {
        if !value.is_object() {
            *value = json!({});
        }
        value = value
            .as_object_mut()?
            .entry(name)
            .or_insert_with(|| json!({}));
    }
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// Puts tools beside those that are written into the agent. One of the same name replaces it.
pub(crate) fn add_tools(document: &mut Value, more: Vec<Value>) {
    if more.is_empty() {
        return;
    }
    let Some(prompt) = prompt_of(document) else {
        return;
    };
    let tools = prompt.entry("tools").or_insert_with(|| json!([]));
    if !tools.is_array() {
        *tools = json!([]);
    }
    let Value::Array(tools) = tools else { return };
    tools.retain(|tool| {
        !more
            .iter()
            .any(|other| other.get("name") == tool.get("name"))
    });
    tools.extend(more);
}
