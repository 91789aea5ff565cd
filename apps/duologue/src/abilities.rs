//! What agents of this machine can do and know: their secrets, their documents, and where their tools may go.

use std::{env, fs, path::Path, sync::Arc};

use agent::config::{Config, ToolKind};
use knowledge::Library;
use providers::{
    ApiKey,
    outbound::{AllowedHosts, Outbound},
};
use server::{Abilities, Equipment, Registry, shelf::Folder};

use crate::{
    problem::{Outcome, Problem},
    records,
    settings::{Settings, keys},
    trust,
};

/// Secrets that agents name are environment variables with this before the name.
const SECRET_PREFIX: &str = "DUOLOGUE_SECRET_";

/// Opens what is kept in the folder `data`.
pub(crate) async fn open(settings: &Settings, data: &Path) -> Outcome<Abilities> {
    let allowed = settings
        .get(keys::ALLOWED_PRIVATE_HOSTS)
        .unwrap_or_default();
    let allowed = AllowedHosts::parse(allowed).map_err(|words| {
        Problem::usage(format!("ALLOWED_PRIVATE_HOSTS cannot be read: {words}"))
            .fix("separate hosts with commas, such as 127.0.0.1:9000, crm.internal")
    })?;
    let outbound = Outbound::trusting(allowed, trust::authorities(settings)?)
        .map_err(|words| Problem::failure("TLS cannot be set up").because(words))?;
    let unreadable = || Problem::failure(format!("could not read {}", data.display()));
    fs::create_dir_all(data).map_err(|error| unreadable().because_io(&error))?;
    let secrets = env::vars()
        .filter_map(|(name, value)| {
            let name = name.strip_prefix(SECRET_PREFIX)?;
            Some((name.to_owned(), ApiKey::new(&value)))
        })
        .collect();
    let abilities = Abilities::open(created(data), secrets, outbound)
        .await
        .map_err(|error| unreadable().because_io(&error))?;
    let library = Library::open(data.join("knowledge.db"))
        .await
        .map_err(|error| unreadable().because(error))?;
    Ok(abilities.with_library(library))
}

/// What is made over REST.
pub(crate) fn created(data: &Path) -> Arc<Folder> {
    Arc::new(Folder::new(data.join("created")))
}

/// What an agent of a conversation here may draw on beside what its file says.
pub(crate) struct Here {
    abilities: Abilities,
    /// Tools that agents name by id.
    tools: Registry,
}

impl Here {
    /// Opens it, when an agent like this has a use for it.
    pub(crate) async fn open(settings: &Settings, config: &Config) -> Outcome<Option<Self>> {
        if !reaches_out(config) {
            return Ok(None);
        }
        let data = records::folder(settings, None)?;
        let tools = Registry::open(Vec::new(), None, created(&data))
            .await
            .map_err(|error| {
                Problem::failure(format!("could not read {}", data.display())).because_io(&error)
            })?;
        Ok(Some(Self {
            abilities: open(settings, &data).await?,
            tools,
        }))
    }

    /// The agent with the tools it names by id.
    pub(crate) fn complete(&self, agent: &str, config: Config) -> Outcome<Config> {
        let mut document = config.value;
        self.tools.write_tools(agent, &mut document, None);
        Config::from_value(document).map_err(|error| {
            Problem::failure(format!("the tools of {agent} cannot be used")).because(error)
        })
    }

    /// What it has on top of `equipment`, as on a server.
    pub(crate) fn equip(
        &self,
        agent: &str,
        config: &Config,
        equipment: Equipment,
    ) -> Outcome<Equipment> {
        self.abilities
            .equip(agent, config, None, equipment)
            .map_err(|refusal| {
                Problem::usage(format!("{agent} cannot be talked to")).because(refusal.message)
            })
    }
}

/// Whether an agent names web servers, documents or an llm of its own, or hands over to others, who may.
fn reaches_out(config: &Config) -> bool {
    let prompt = &config.view.conversation_config.agent.prompt;
    let named = config
        .value
        .pointer("/conversation_config/agent/prompt/tool_ids");
    !prompt.knowledge_base.is_empty()
        || prompt.custom_llm.is_some()
        || named
            .and_then(|ids| ids.as_array())
            .is_some_and(|ids| !ids.is_empty())
        || prompt.tools.iter().any(|tool| match tool.kind {
            ToolKind::Client => false,
            ToolKind::System => tool.system_type() == "transfer_to_agent",
            _ => true,
        })
        || prompt.built_in_tools.contains_key("transfer_to_agent")
}
