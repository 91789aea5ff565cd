//! The agents a server has: those it brings along, those in a folder of files, and those made over REST.

mod folder;
mod merge;
mod page;
mod tools;

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::{Map, Value, json};

use self::folder::AgentFolder;
pub(crate) use self::{
    merge::merge,
    page::{Page, PageQuery},
    tools::{add_tools, prompt_of},
};
use crate::{
    Problem, ids,
    shelf::{Kind, Shelf, storage},
};

/// An agent as a conversation finds it.
#[derive(Clone, Debug)]
pub struct StoredAgent {
    /// Its id.
    pub id: String,
    /// Its JSON, in ElevenLabs' schema, as it came.
    pub document: Value,
    /// `duologue_script` of an agent file: what the scripted brain says.
    pub script: Option<Value>,
    /// The text of an agent file, for those who report places in it.
    pub text: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970.
    pub updated: u64,
}

/// Where an agent comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Brought along by the program.
    Bundled,
    /// A file in the agents folder.
    File,
    /// Made over REST.
    Created,
}

impl StoredAgent {
    /// An agent written as a TOML file.
    pub fn from_file(
        id: &str,
        text: &str,
        origin: Origin,
    ) -> Result<Self, agent::config::FileError> {
        let file = agent::config::AgentFile::parse(text)?;
        Ok(Self {
            id: id.to_owned(),
            document: file.config.value,
            script: file.script,
            text: Some(file.text),
            origin,
            created: 0,
            updated: 0,
        })
    }

    /// The agent as a file for the scripted brain: its text, or what it would be. None without a script of its own.
    pub fn toml(&self) -> Option<String> {
        if self.text.is_some() {
            return self.text.clone();
        }
        let script = self
            .script
            .as_ref()
            .or_else(|| self.document.get("duologue_script"))?;
        let mut file = self.document.as_object().cloned().unwrap_or_default();
        file.insert("duologue_script".to_owned(), script.clone());
        let mut file = Value::Object(file);
        strip_nulls(&mut file);
        toml::to_string(&file).ok()
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.document
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or(&self.id)
    }

    /// Whether only those may call it who have a key or a signed URL.
    pub(crate) fn is_private(&self) -> bool {
        self.document
            .pointer("/platform_settings/auth/enable_auth")
            .and_then(Value::as_bool)
            == Some(true)
    }

    /// Whether a page of this origin may call it. An agent without a list may be called from everywhere.
    pub(crate) fn admits_origin(&self, origin: Option<&str>) -> bool {
        let auth = self.document.pointer("/platform_settings/auth");
        let Some(Value::Array(list)) = auth.and_then(|auth| auth.get("allowlist")) else {
            return true;
        };
        if list.is_empty() {
            return true;
        }
        let Some(origin) = origin else {
            let required = auth.and_then(|auth| auth.get("require_origin_header"));
            return required.and_then(Value::as_bool) != Some(true);
        };
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        list.iter()
            .filter_map(|entry| entry.get("hostname").and_then(Value::as_str))
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// The agent object of the REST API: the document as it came, and what the server knows.
    pub(crate) fn to_rest(&self) -> Value {
        let mut object = self.document.as_object().cloned().unwrap_or_default();
        object.insert("agent_id".to_owned(), self.id.clone().into());
        object.insert("name".to_owned(), self.name().into());
        object
            .entry("conversation_config")
            .or_insert_with(|| json!({}));
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.insert("created_at_unix_secs".to_owned(), self.created.into());
            metadata.insert("updated_at_unix_secs".to_owned(), self.updated.into());
        }
        object.insert("access_info".to_owned(), access_info(self.origin));
        Value::Object(object)
    }

    /// One line of a list.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "agent_id": self.id,
            "name": self.name(),
            "tags": self.document.get("tags").filter(|tags| tags.is_array()).cloned().unwrap_or_else(|| json!([])),
            "created_at_unix_secs": self.created,
            // One SDK cannot read a list without it.
            "voice_id": self.document.pointer("/conversation_config/tts/voice_id").and_then(Value::as_str).unwrap_or_default(),
            "access_info": access_info(self.origin),
            "archived": self.is_archived(),
        })
    }

    pub(crate) fn is_archived(&self) -> bool {
        self.document
            .pointer("/platform_settings/archived")
            .and_then(Value::as_bool)
            == Some(true)
    }
}

/// TOML has no null.
fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(strip_nulls);
        }
        Value::Array(values) => {
            values.retain(|value| !value.is_null());
            values.iter_mut().for_each(strip_nulls);
        }
        _ => {}
    }
}

fn access_info(origin: Origin) -> Value {
    json!({
        "is_creator": origin == Origin::Created,
        "creator_name": "",
        "creator_email": "",
        "role": if origin == Origin::Created { "admin" } else { "viewer" },
    })
}

/// A tool that agents name by id.
#[derive(Clone, Debug)]
pub(crate) struct StoredTool {
    pub(crate) id: String,
    /// `{tool_config, response_mocks?, …}` as it came.
    pub(crate) document: Value,
}

impl StoredTool {
    pub(crate) fn to_rest(&self) -> Value {
        let mut object = self.document.as_object().cloned().unwrap_or_default();
        object.insert("id".to_owned(), self.id.clone().into());
        object.insert("access_info".to_owned(), access_info(Origin::Created));
        object
            .entry("usage_stats")
            .or_insert_with(|| json!({"total_calls": 0, "avg_latency_secs": 0.0}));
        Value::Object(object)
    }

    pub(crate) fn name(&self) -> &str {
        self.document
            .pointer("/tool_config/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// All agents and tools of a server.
///
/// Where two have the same id, one made over REST wins over a file, and a file over a bundled one.
pub struct Registry {
    bundled: BTreeMap<String, Arc<StoredAgent>>,
    folder: Option<AgentFolder>,
    created: RwLock<BTreeMap<String, Arc<StoredAgent>>>,
    tools: RwLock<BTreeMap<String, Arc<StoredTool>>>,
    shelf: Arc<dyn Shelf>,
}

impl Registry {
    /// The agents of `bundled`, those in the files of `folder`, and those on `shelf`.
    pub async fn open(
        bundled: Vec<StoredAgent>,
        folder: Option<PathBuf>,
        shelf: Arc<dyn Shelf>,
    ) -> io::Result<Self> {
        let mut created = BTreeMap::new();
        for (id, record) in shelf.all(Kind::Agent).await? {
            created.insert(id.clone(), Arc::new(from_record(id, record)));
        }
        let tools = shelf.all(Kind::Tool).await?;
        Ok(Self {
            bundled: bundled
                .into_iter()
                .map(|agent| (agent.id.clone(), Arc::new(agent)))
                .collect(),
            folder: folder.map(AgentFolder::new),
            created: RwLock::new(created),
            tools: RwLock::new(
                tools
                    .into_iter()
                    .map(|(id, document)| (id.clone(), Arc::new(StoredTool { id, document })))
                    .collect(),
            ),
            shelf,
        })
    }

    /// Where what is made over REST is kept.
    pub(crate) fn shelf(&self) -> Arc<dyn Shelf> {
        Arc::clone(&self.shelf)
    }

    /// The agent with this id, or the answer that there is none.
    pub(crate) fn need(&self, id: &str) -> Result<Arc<StoredAgent>, Problem> {
        self.get(id).ok_or_else(|| Problem::no_agent(id))
    }

    /// The agent with this id.
    pub fn get(&self, id: &str) -> Option<Arc<StoredAgent>> {
        let created = self.created.read().unwrap_or_else(PoisonError::into_inner);
        created
            .get(id)
            .cloned()
            .or_else(|| self.folder.as_ref()?.get(id))
            .or_else(|| self.bundled.get(id).cloned())
    }

    /// All agents, by id.
    pub fn all(&self) -> BTreeMap<String, Arc<StoredAgent>> {
        let mut all = self.bundled.clone();
        if let Some(folder) = &self.folder {
            all.extend(folder.all());
        }
        let created = self.created.read().unwrap_or_else(PoisonError::into_inner);
        all.extend(
            created
                .iter()
                .map(|(id, agent)| (id.clone(), Arc::clone(agent))),
        );
        all
    }

    /// Keeps a new agent and gives its id.
    pub(crate) async fn create(
        &self,
        document: Value,
        now: u64,
    ) -> Result<Arc<StoredAgent>, Problem> {
        check(&document)?;
        let agent = StoredAgent {
            id: ids::new("agent_"),
            document,
            script: None,
            text: None,
            origin: Origin::Created,
            created: now,
            updated: now,
        };
        self.keep(agent).await
    }

    /// A new agent like another, script included.
    pub(crate) async fn duplicate(
        &self,
        id: &str,
        name: Option<&str>,
        now: u64,
    ) -> Result<Arc<StoredAgent>, Problem> {
        let original = self.need(id)?;
        let mut copy = StoredAgent::clone(&original);
        let name = name.map_or_else(|| format!("{} (copy)", original.name()), str::to_owned);
        if let Value::Object(document) = &mut copy.document {
            document.insert("name".to_owned(), name.into());
        }
        copy.id = ids::new("agent_");
        copy.origin = Origin::Created;
        copy.text = None;
        (copy.created, copy.updated) = (now, now);
        self.keep(copy).await
    }

    /// Changes what `changes` names; objects are changed field by field, everything else is replaced.
    pub(crate) async fn update(
        &self,
        id: &str,
        changes: Value,
        now: u64,
    ) -> Result<Arc<StoredAgent>, Problem> {
        let mut agent = StoredAgent::clone(&*self.writable(id)?);
        merge(&mut agent.document, changes);
        check(&agent.document)?;
        agent.updated = now;
        self.keep(agent).await
    }

    /// Forgets an agent.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Problem> {
        self.writable(id)?;
        self.shelf
            .remove(Kind::Agent, id)
            .await
            .map_err(|error| storage(&error))?;
        self.created
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        Ok(())
    }

    fn writable(&self, id: &str) -> Result<Arc<StoredAgent>, Problem> {
        let agent = self.need(id)?;
        match agent.origin {
            Origin::Created => Ok(agent),
            Origin::File => Err(Problem::conflict(format!(
                "The agent {id} is a file of the agents folder: change the file, or duplicate the agent."
            ))),
            Origin::Bundled => Err(Problem::conflict(format!(
                "The agent {id} comes with the program and cannot be changed: duplicate it."
            ))),
        }
    }

    async fn keep(&self, agent: StoredAgent) -> Result<Arc<StoredAgent>, Problem> {
        let record = to_record(&agent);
        self.shelf
            .put(Kind::Agent, &agent.id, &record)
            .await
            .map_err(|error| storage(&error))?;
        let agent = Arc::new(agent);
        let mut created = self.created.write().unwrap_or_else(PoisonError::into_inner);
        created.insert(agent.id.clone(), Arc::clone(&agent));
        Ok(agent)
    }

    /// The tool with this id.
    pub(crate) fn tool(&self, id: &str) -> Option<Arc<StoredTool>> {
        self.tools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// The name of a tool by its id. System tools have no id but their name.
    pub(crate) fn tool_name(&self, id: &str) -> String {
        let tool = self.tool(id);
        tool.map_or_else(|| id.to_owned(), |tool| tool.name().to_owned())
    }

    pub(crate) fn tools(&self) -> Vec<Arc<StoredTool>> {
        self.tools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Keeps a tool: a new one, or in the place of the one with this id.
    pub(crate) async fn put_tool(
        &self,
        id: Option<&str>,
        document: Value,
    ) -> Result<Arc<StoredTool>, Problem> {
        check_tool(&document)?;
        let id = id.map_or_else(|| ids::new("tool_"), str::to_owned);
        self.shelf
            .put(Kind::Tool, &id, &document)
            .await
            .map_err(|error| storage(&error))?;
        let tool = Arc::new(StoredTool {
            id: id.clone(),
            document,
        });
        let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        tools.insert(id, Arc::clone(&tool));
        Ok(tool)
    }

    pub(crate) async fn delete_tool(&self, id: &str) -> Result<(), Problem> {
        if self.tool(id).is_none() {
            return Err(Problem::no_tool(id));
        }
        self.shelf
            .remove(Kind::Tool, id)
            .await
            .map_err(|error| storage(&error))?;
        self.tools
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        Ok(())
    }

    /// The agents that name this tool.
    pub(crate) fn dependents(&self, tool: &str) -> Vec<Arc<StoredAgent>> {
        let names = |agent: &StoredAgent| {
            let ids = agent
                .document
                .pointer("/conversation_config/agent/prompt/tool_ids");
            ids.and_then(Value::as_array)
                .is_some_and(|ids| ids.iter().any(|id| id == tool))
        };
        self.all()
            .into_values()
            .filter(|agent| names(agent))
            .collect()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} agents", self.all().len())
    }
}

/// What of an agent can be told to be wrong before it is called.
fn check(document: &Value) -> Result<(), Problem> {
    if !document
        .get("conversation_config")
        .is_some_and(Value::is_object)
    {
        return Err(Problem::missing("conversation_config"));
    }
    agent::config::Config::from_value(document.clone())
        .map(drop)
        .map_err(|error| Problem::invalid(error.reason).at(error.path))
}

fn check_tool(document: &Value) -> Result<(), Problem> {
    let Some(config) = document.get("tool_config").and_then(Value::as_object) else {
        return Err(Problem::missing("tool_config"));
    };
    if config.get("type").and_then(Value::as_str).is_none() {
        return Err(Problem::missing("tool_config.type"));
    }
    let name = config
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if name.is_empty() || name.len() > 64 || !plain {
        let rule = "A tool's name is 1 to 64 letters, digits, _ or -.";
        return Err(Problem::invalid(rule).at("tool_config.name"));
    }
    Ok(())
}

/// How an agent lies on the shelf: the document untouched, and what the server knows beside it.
fn to_record(agent: &StoredAgent) -> Value {
    json!({
        "document": agent.document,
        "script": agent.script,
        "created_at_unix_secs": agent.created,
        "updated_at_unix_secs": agent.updated,
    })
}

fn from_record(id: String, mut record: Value) -> StoredAgent {
    let mut take = |name: &str| {
        record
            .as_object_mut()
            .and_then(|object| object.remove(name))
    };
    StoredAgent {
        id,
        document: take("document").unwrap_or_else(|| Value::Object(Map::new())),
        script: take("script").filter(|script| !script.is_null()),
        text: None,
        origin: Origin::Created,
        created: take("created_at_unix_secs")
            .and_then(|v| v.as_u64())
            .unwrap_or(0),
        updated: take("updated_at_unix_secs")
            .and_then(|v| v.as_u64())
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
