//! An agent elsewhere: at ElevenLabs, or at a server of one's own.

use protocol::agents::client::{End, EndedBy, Settings as ClientSettings};
use sdk::{Agents, Channel, ConnectError, Continuation, Conversation};

use crate::{
    account, agents,
    cli::{Pace, Talk},
    problem::{Outcome, Problem},
    settings::{Settings, keys},
};

/// The agent for whoever names a server and no agent: the one every server of this project has.
const DEFAULT_AGENT: &str = "assistant";

/// An agent elsewhere, and how it is reached.
pub(crate) struct Remote {
    agents: Agents,
    agent: String,
    /// Whether it is the cloud's, where what was not allowed is refused.
    is_cloud: bool,
    /// Whether a conversation that is cut off goes on in a new one.
    goes_on: bool,
    because: String,
}

/// The remote agent that is to be talked to, if it is one: flag > settings > what is there.
pub(crate) fn choose(settings: &Settings, arguments: &Talk) -> Outcome<Option<Remote>> {
    let brain = settings.setting(keys::BRAIN);
    let key = settings.get(keys::ELEVENLABS_API_KEY);
    let agent = settings.get(keys::AGENT_ID);
    let server = settings.get(keys::ELEVENLABS_BASE_URL);
    let because = match brain.value().unwrap_or("auto").to_lowercase().as_str() {
        "elevenlabs" => brain.origin.to_string(),
        "auto" if arguments.server.is_some() => "--server".to_owned(),
        // An agent of this machine is meant, whatever account there is.
        "auto" if agent.is_none_or(|agent| agents::find(settings, agent).is_ok()) => {
            return Ok(None);
        }
        "auto" if key.is_some() => {
            let (key, agent) = (keys::ELEVENLABS_API_KEY.name, keys::AGENT_ID.name);
            format!("{key} and {agent} are set")
        }
        _ => return Ok(None),
    };
    if arguments.pace == Pace::Fast {
        return Err(Problem::usage("an agent elsewhere cannot be hurried")
            .because("--pace fast needs an agent of this machine")
            .fix("leave --pace out, or add --brain embedded"));
    }
    let Some(agent) = agent.or(server.map(|_| DEFAULT_AGENT)) else {
        return Err(Problem::usage("there is no agent to talk to")
            .because(format!("{} is not set", keys::AGENT_ID.name))
            .fix("name one with --agent agent_…, or put AGENT_ID=agent_… into .env"));
    };
    let account = account::of(settings)?;
    Ok(Some(Remote {
        agents: Agents::new(account),
        agent: agent.to_owned(),
        is_cloud: server.is_none(),
        goes_on: settings.is_on(keys::CONTINUE),
        because,
    }))
}

impl Remote {
    /// For people: which brain, and why.
    pub(crate) fn shown(&self) -> String {
        let url = self.agents.account().url("");
        let host = url.host_str().unwrap_or_default();
        format!("elevenlabs at {host} ({})", self.because)
    }

    /// The agent's id.
    pub(crate) fn agent(&self) -> &str {
        &self.agent
    }

    /// Begins the conversation.
    pub(crate) async fn begin(
        &self,
        mut settings: ClientSettings,
    ) -> Outcome<Conversation<Channel>> {
        // Agents seldom allow it, and typed words are taken in spoken conversations as well.
        settings
            .initiation
            .conversation_config_override
            .conversation
            .text_only = None;
        if self.is_cloud {
            // The agent's own choice of events; asking for others may be refused.
            settings
                .initiation
                .conversation_config_override
                .conversation
                .client_events = None;
        }
        let builder = self
            .agents
            .conversation(&self.agent)
            .with_settings(settings.clone());
        let door = builder.door();
        let began = async {
            let channel = sdk::relay(builder.open().await?);
            Conversation::begin(channel, settings.clone()).await
        };
        let conversation = began.await.map_err(|error| problem(&error))?;
        if !self.goes_on {
            return Ok(conversation);
        }
        let initiation = settings.initiation.clone();
        Ok(
            conversation.with_continuation(Continuation::default(), settings, move || {
                let (door, initiation) = (door.clone(), initiation.clone());
                Box::pin(async move { door.open(&initiation).await.map(sdk::relay) })
            }),
        )
    }
}

/// What did not work, and what to do.
pub(crate) fn problem(error: &ConnectError) -> Problem {
    let text = error.to_string();
    // These errors say what to do after the first semicolon.
    let (why, fix) = text.split_once("; ").unwrap_or((&text, ""));
    let problem = Problem::failure("the conversation did not begin").because(why);
    match error {
        ConnectError::MissingVariables { names } => {
            let flags: Vec<String> = names.iter().map(|name| format!("--var {name}=…")).collect();
            problem.fix(format!(
                "give them: {} (or a [variables] table in duologue.toml)",
                flags.join(" ")
            ))
        }
        ConnectError::Refused { .. } => problem.fix("change what was refused: --var NAME=VALUE gives a missing variable; `duologue agents show` prints the agent"),
        _ if fix.is_empty() => problem.fix("try again with --log-level debug"),
        _ => problem.fix(fix),
    }
}

/// What to do after a conversation elsewhere was ended by neither side.
pub(crate) const fn after(end: &End) -> &'static str {
    match end.by {
        EndedBy::Lost => {
            "the lines above are complete; call again, or have it go on by itself in a new conversation: --continue"
        }
        _ => {
            "the lines above are complete; `duologue doctor` looks at the key, the agent and its formats"
        }
    }
}

/// How a conversation elsewhere ended, in the words of one held here.
pub(crate) fn reason(end: Option<&End>) -> (&'static str, String) {
    match end {
        None => ("user_ended", String::new()),
        Some(end) => {
            let reason = match end.by {
                EndedBy::User => "user_ended",
                EndedBy::Agent => "agent_ended",
                _ => "failed",
            };
            (reason, end.reason.clone())
        }
    }
}
