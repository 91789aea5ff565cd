//! Agents in this process.

mod llm;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent::{Agent, Clock, Options, Providers, Recorders, Resolver, config::Config};
use protocol::agents::ErrorType;
use providers::{
    ApiKey, ProviderError, cascade::LlmCascade, http::Authorities, llm::Llm, tool::Tool,
};

use crate::{
    Abilities, Answer, Answerer, Beginning, Begun, Call, Ending, Limits, Records, Refusal,
    Registry, StoredAgent, ids,
};

/// Gives agents what they hear, think and speak with. The program wires vendors in here.
pub trait Engine: Send + Sync {
    /// For one conversation with this agent. Asked at every call, so it should be quick.
    ///
    /// # Errors
    /// What keeps the agent from being talked to; the caller is told.
    fn equip(&self, agent: &StoredAgent) -> Result<Equipment, ProviderError>;
}

/// What an agent is given.
pub struct Equipment {
    /// What it hears, thinks and speaks with. An agent with an llm of its own (`custom-llm`) uses that instead.
    pub providers: Providers,
    /// What it can do.
    pub tools: Vec<Arc<dyn Tool>>,
}

/// Runs every conversation as a task of this process.
pub struct InProcess {
    maker: Arc<Maker>,
    options: Options,
    records: Option<Records>,
}

/// Makes agents of what is stored.
struct Maker {
    engine: Arc<dyn Engine>,
    secrets: BTreeMap<String, ApiKey>,
    /// None: what needs the web cannot be done.
    abilities: Option<Abilities>,
}

impl Maker {
    /// `wanted` is the caller's own choice of llm.
    fn make(&self, stored: &StoredAgent, wanted: Option<&str>) -> Result<Agent, Refusal> {
        let config = Config::from_value(stored.document.clone())
            .map_err(|error| Refusal::new(ErrorType::ValueError, error.to_string()))?;
        let equipment = self.engine.equip(stored).map_err(|error| unable(&error))?;
        let Equipment { providers, tools } = match &self.abilities {
            Some(abilities) => abilities.equip(&stored.id, &config, wanted, equipment)?,
            None => own_llm(
                &config,
                wanted,
                &self.secrets,
                &Authorities::public(),
                equipment,
            )?,
        };
        Ok(Agent::new(stored.id.clone(), config, providers, tools))
    }

    /// Finds the agents to whom others hand over.
    fn resolver(self: &Arc<Self>, registry: &Arc<Registry>) -> Resolver {
        let (maker, registry) = (Arc::clone(self), Arc::clone(registry));
        Arc::new(move |id| {
            let stored = registry.with_tools(registry.get(id)?, None);
            maker
                .make(&stored, None)
                .inspect_err(|refusal| tracing::warn!(agent = id, %refusal, "cannot take over"))
                .ok()
        })
    }
}

impl InProcess {
    /// Agents equipped by `engine`. `secrets` are what agents name as `{"secret_id": …}`.
    pub fn new(
        engine: Arc<dyn Engine>,
        secrets: BTreeMap<String, ApiKey>,
        limits: &Limits,
    ) -> Self {
        let options = Options {
            ping_every: limits.ping,
            // The socket's own limit comes first and says more.
            receive_timeout: limits.receive + Duration::from_secs(5),
            ..Options::default()
        };
        Self {
            maker: Arc::new(Maker {
                engine,
                abilities: Abilities::plain(secrets.clone()),
                secrets,
            }),
            options,
            records: None,
        }
    }

    /// The same with other options for every conversation. Its id, trust and seed are set for each, and a
    /// real clock begins anew.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The same with these abilities: their secrets take the place of those given before.
    #[must_use]
    pub fn with_abilities(mut self, abilities: Abilities) -> Self {
        if let Some(maker) = Arc::get_mut(&mut self.maker) {
            maker.abilities = Some(abilities);
        }
        self
    }

    /// The same with somebody who keeps conversations, besides the recorder of the options.
    #[must_use]
    pub fn with_records(mut self, records: Records) -> Self {
        self.records = Some(records);
        self
    }

    /// The options of this call, with those who keep it.
    fn options(&self, call: &Call) -> Options {
        let mut options = self.options.clone();
        if let Some(rehearsal) = &call.rehearsal {
            return Options {
                history: rehearsal.history.clone(),
                recorder: Arc::clone(&rehearsal.watcher),
                journal: None,
                // Whoever reads waits gladly, and fillers are no answers.
                soft_timeout: None,
                ..options
            };
        }
        if let Some(records) = &self.records {
            let kept = records.begin(&Beginning {
                conversation: &call.conversation_id,
                agent_name: call.agent.name(),
                agent_document: &call.agent.document,
                initiation: &call.initiation,
                setup: call.setup.as_deref(),
                source: None,
            });
            options.recorder = Arc::new(Recorders(vec![options.recorder, kept.recorder]));
            options.journal = options.journal.or(kept.journal);
            options.files = options.files.or_else(|| Some(records.files()));
        }
        options
    }

    fn begin(&self, call: Call) -> Result<Begun, Refusal> {
        let wanted = call
            .initiation
            .conversation_config_override
            .agent
            .prompt
            .llm
            .as_deref();
        let agent = self.maker.make(&call.agent, wanted)?;
        let options = self.options(&call);
        let (link, edge) = agent::link();
        // Every conversation counts from its own beginning, or its recording would begin with all the silence since the
        // server started.
        let clock = match &self.options.clock {
            driven if driven.is_driven() => driven.clone(),
            _ => Clock::real(),
        };
        let mut handle = agent.start(
            link,
            Options {
                conversation: Some(call.conversation_id),
                trusted: call.trusted,
                seed: ids::seed(),
                clock,
                transfer: Some(
                    self.options
                        .transfer
                        .clone()
                        .unwrap_or_else(|| self.maker.resolver(&call.registry)),
                ),
                ..options
            },
        );
        Ok(Begun {
            sender: edge.sender,
            receiver: edge.receiver,
            ending: Box::pin(async move {
                let ending = handle.ended().await;
                Ending {
                    code: ending.code,
                    reason: ending.message,
                }
            }),
        })
    }
}

impl Answerer for InProcess {
    fn answer(&self, call: Call) -> Answer<'_> {
        let begun = self.begin(call);
        Box::pin(std::future::ready(begun))
    }

    fn llm(&self, agent: &StoredAgent) -> Result<Arc<dyn Llm>, String> {
        let made = self.maker.make(agent, None);
        let llm = made
            .map(|agent| agent.llm())
            .map_err(|refusal| refusal.message)?;
        if llm.can_judge() {
            Ok(llm)
        } else {
            Err(format!(
                "Not judged: the agent's replies come from {}, which cannot judge a conversation.",
                llm.name()
            ))
        }
    }
}

/// Puts the agent's own llm, if it is to be used, before the one it was given.
pub(crate) fn own_llm(
    config: &Config,
    wanted: Option<&str>,
    secrets: &BTreeMap<String, ApiKey>,
    authorities: &Authorities,
    mut equipment: Equipment,
) -> Result<Equipment, Refusal> {
    if let Some(own) = llm::own(config, wanted, secrets, authorities)? {
        let given = equipment.providers.llm;
        equipment.providers.llm = match llm::patience(config) {
            Some(patience) => Arc::new(
                LlmCascade::new(vec![own, given], patience).map_err(|error| unable(&error))?,
            ),
            None => own,
        };
    }
    Ok(equipment)
}

fn unable(error: &ProviderError) -> Refusal {
    let error_type = match error {
        ProviderError::Unsupported { .. } => ErrorType::ValueError,
        _ => ErrorType::HttpException,
    };
    Refusal::new(error_type, error.to_string())
}
