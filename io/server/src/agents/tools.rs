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
        if chosen.is_none() && named(&agent.document).is_none() {
            return agent;
        }
        let mut copy = StoredAgent::clone(&agent);
        self.write_tools(&agent.id, &mut copy.document, chosen);
        Arc::new(copy)
    }

    /// Writes the tools that an agent's JSON names by id into it; `chosen` are named instead, if there are any. Ids that
    /// lead nowhere are passed over with a warning.
    pub fn write_tools(&self, agent: &str, document: &mut Value, chosen: Option<&[String]>) {
        let ids: Vec<&str> = match chosen {
            Some(chosen) => chosen.iter().map(String::as_str).collect(),
            None => named(document).into_iter().flatten().collect(),
        };
        let mut tools = Vec::new();
        for id in ids {
            let Some(tool) = self.tool(id) else {
                tracing::warn!(agent, tool = id, "the agent names a tool that is not here");
                continue;
            };
            let mut config = tool.document.get("tool_config").cloned();
            // What it answers in tests is kept beside its configuration.
            if let (Some(Value::Object(config)), Some(mocks)) =
                (&mut config, tool.document.get("response_mocks"))
            {
                config.insert("response_mocks".to_owned(), mocks.clone());
            }
            tools.extend(config);
        }
        add_tools(document, tools);
    }
}

/// The ids of tools that an agent's JSON names.
fn named(document: &Value) -> Option<impl Iterator<Item = &str>> {
    let ids = document
        .pointer("/conversation_config/agent/prompt/tool_ids")?
        .as_array()?;
    Some(ids.iter().filter_map(Value::as_str))
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
