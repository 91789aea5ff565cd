//! What agents can do and know on this server: web servers they may call, secrets for those, and documents.

mod vault;

use std::{collections::BTreeMap, fmt, io, sync::Arc};

use agent::config::Config;
use knowledge::{Informed, Library, Search};
use providers::{
    ApiKey,
    llm::Llm,
    outbound::{AllowedHosts, Outbound},
    tool::Tool,
    webhook::{Webhook, WebhookError},
};
use serde_json::Value;

pub(crate) use self::vault::Secret;
use self::vault::Vault;
use crate::{
    Equipment, Refusal,
    in_process::own_llm,
    shelf::{Nowhere, Shelf},
};

/// What agents can do and know. Cheap to clone.
#[derive(Clone)]
pub struct Abilities {
    outbound: Outbound,
    vault: Arc<Vault>,
    library: Option<Library>,
}

impl Abilities {
    /// Webhook tools that reach what `outbound` does; the secrets of `given`, by name, and those that
    /// are made over REST and kept on `shelf`. Without documents: see [`Abilities::with_library`].
    ///
    /// # Errors
    /// The shelf cannot be read.
    pub async fn open(
        shelf: Arc<dyn Shelf>,
        given: BTreeMap<String, ApiKey>,
        outbound: Outbound,
    ) -> io::Result<Self> {
        Ok(Self {
            outbound,
            vault: Arc::new(Vault::open(shelf, given).await?),
            library: None,
        })
    }

    /// Nothing but secrets by name. None: TLS cannot be set up.
    pub(crate) fn plain(given: BTreeMap<String, ApiKey>) -> Option<Self> {
        Some(Self {
            outbound: Outbound::new(AllowedHosts::default()).ok()?,
            vault: Arc::new(Vault::empty(Arc::new(Nowhere), given)),
            library: None,
        })
    }

    /// The same with documents.
    #[must_use]
    pub fn with_library(mut self, library: Library) -> Self {
        self.library = Some(library);
        self
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) fn library(&self) -> Option<&Library> {
        self.library.as_ref()
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// All secrets by what agents may call them.
    pub(crate) fn secrets(&self) -> BTreeMap<String, ApiKey> {
        self.vault.all()
    }

    /// The webhook tool of a `tool_config`.
    pub(crate) fn webhook(&self, config: &Value) -> Result<Webhook, WebhookError> {
        let vault = Arc::clone(&self.vault);
        let secrets = Arc::new(move |id: &str| vault.value(id));
        Webhook::new(config, self.outbound.clone(), secrets)
    }

    /// What an agent has on top of `equipment`: its own llm before the one it was given (`wanted` is the caller's choice of
    /// llm, if there is one), its webhook tools, and its documents.
    ///
    /// # Errors
    /// [`Refusal`] says what is wrong with the agent's own llm.
    pub fn equip(
        &self,
        agent: &str,
        config: &Config,
        wanted: Option<&str>,
        equipment: Equipment,
    ) -> Result<Equipment, Refusal> {
        let Equipment {
            mut providers,
            mut tools,
        } = own_llm(
            config,
            wanted,
            &self.secrets(),
            self.outbound.authorities(),
            equipment,
        )?;
        self.add_webhooks(agent, config, &mut tools);
        providers.llm = self.inform(config, providers.llm, &mut tools);
        Ok(Equipment { providers, tools })
    }

    /// Adds the agent's webhook tools to `tools`. Those that cannot be called are left out with a warning.
    fn add_webhooks(&self, agent: &str, config: &Config, tools: &mut Vec<Arc<dyn Tool>>) {
        let named = config
            .value
            .pointer("/conversation_config/agent/prompt/tools")
            .and_then(Value::as_array);
        for tool in named.into_iter().flatten() {
            let is_webhook = tool.get("type").and_then(Value::as_str) == Some("webhook");
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
            if !is_webhook || tools.iter().any(|known| known.spec().name == name) {
                continue;
            }
            match self.webhook(tool) {
                Ok(webhook) => tools.push(Arc::new(webhook)),
                Err(error) => {
                    tracing::warn!(agent, tool = name, %error, "the tool cannot be called");
                }
            }
        }
    }

    /// The llm with what the agent knows. Documents of `usage_mode` `prompt` stand in the prompt; the others are looked
    /// through at every turn, and by a tool.
    fn inform(
        &self,
        config: &Config,
        llm: Arc<dyn Llm>,
        tools: &mut Vec<Arc<dyn Tool>>,
    ) -> Arc<dyn Llm> {
        let entries = &config.view.conversation_config.agent.prompt.knowledge_base;
        let Some(library) = self.library.as_ref().filter(|_| !entries.is_empty()) else {
            return llm;
        };
        let text = |entry: &Value, name: &str| Some(entry.get(name)?.as_str()?.to_owned());
        let (whole, searched): (Vec<&Value>, Vec<&Value>) = entries
            .iter()
            .partition(|entry| text(entry, "usage_mode").as_deref() == Some("prompt"));
        let ids = |entries: Vec<&Value>| -> Vec<String> {
            entries
                .into_iter()
                .filter_map(|entry| text(entry, "id"))
                .collect()
        };
        let (whole, searched) = (ids(whole), ids(searched));
        let most = config
            .value
            .pointer("/conversation_config/agent/prompt/rag/max_retrieved_rag_chunks_count")
            .and_then(Value::as_u64)
            .and_then(|most| usize::try_from(most).ok());
        if !searched.is_empty() {
            tools.push(Arc::new(Search::new(library.clone(), searched.clone())));
        }
        Arc::new(Informed::new(llm, library.clone(), whole, searched, most))
    }
}

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abilities")
            .field("outbound", &self.outbound)
            .field("library", &self.library.is_some())
            .finish_non_exhaustive()
    }
}
