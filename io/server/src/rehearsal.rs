//! Trying an agent out in writing: what was said before, what is said now, and what it does then. Nothing of it is kept.

mod history;
mod player;
mod watch;

use std::{sync::Arc, time::Duration};

use protocol::agents::{ClientEvent, EventId, Initiation, ServerEvent};
use serde_json::{Map, Value, json};
use store::{Prices, Summary, ToolCall, Whole};
use tokio::{sync::mpsc, time::timeout};

use self::watch::Watch;
pub(crate) use self::{
    history::History,
    player::{Player, simulate},
};
use crate::{Begun, Call, Problem, Rehearsal, StoredAgent, http::House, ids, records::transcript};

/// How long the agent may take for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// After its answer an agent may go on with a tool; that comes at once or not at all.
const AFTERTHOUGHT: Duration = Duration::from_millis(150);
/// What a client's tool answers here.
const NO_CLIENT: &str =
    "There is no client in this test: the tool has no mock, and nobody can run it.";

/// What tools do.
pub(crate) enum Tools<'a> {
    /// These answer without running, the others run.
    Mocked(&'a Map<String, Value>),
    /// These answer with the mocks written into them, or else as the fallback says; the others run.
    Chosen {
        names: &'a [String],
        fallback: &'a str,
    },
    /// None runs: those with mocks answer these, the others that this is a test.
    Idle,
}

/// An agent about to be tried.
pub(crate) struct Stage<'a> {
    pub(crate) agent: Arc<StoredAgent>,
    pub(crate) history: &'a History,
    pub(crate) variables: Option<&'a Value>,
    pub(crate) tools: Tools<'a>,
}

/// What came of waiting for the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It said something, or chose to say nothing.
    Answer,
    /// It did not, for as long as one waited.
    Silence,
    /// It ended the conversation.
    Ended,
}

/// A conversation under way.
pub(crate) struct Talk {
    sender: mpsc::Sender<ClientEvent>,
    receiver: mpsc::Receiver<ServerEvent>,
    watch: Arc<Watch>,
    before: Whole,
    agent: Arc<StoredAgent>,
    initiation: Value,
    /// The event id of the first reply that called tools since the user spoke, and its calls.
    round: Option<(Option<EventId>, Vec<String>)>,
}

impl Talk {
    pub(crate) async fn begin(house: &House, stage: Stage<'_>) -> Result<Self, Problem> {
        let agent = prepared(house, stage.agent, &stage.tools)?;
        let initiation = json!({
            "dynamic_variables": variables(stage.variables),
            "tool_mock_config": mocking(&agent, &stage.tools),
            "conversation_config_override": {"conversation": {"text_only": true, "client_events":
                ["agent_response", "agent_tool_request", "agent_tool_response", "client_tool_call"]}},
        });
        let wishes: Initiation = serde_json::from_value(initiation.clone())
            .map_err(|error| Problem::invalid(error.to_string()).at("dynamic_variables"))?;
        let watch = Arc::new(Watch::after(stage.history.whole()));
        // How it ends is told among the events.
        let Begun {
            sender, receiver, ..
        } = house
            .answerer
            .answer(Call {
                conversation_id: ids::new("conv_"),
                agent: Arc::clone(&agent),
                registry: Arc::clone(&house.registry),
                setup: None,
                initiation: Box::new(wishes.clone()),
                trusted: true,
                rehearsal: Some(Rehearsal {
                    history: stage.history.messages().to_vec(),
                    watcher: Arc::clone(&watch) as _,
                }),
            })
            .await
            .map_err(|refusal| Problem::invalid(refusal.message))?;
        let begin = ClientEvent::ConversationInitiationClientData(Box::new(wishes));
        // An agent that is gone already says so when it is listened to.
        let _ = sender.send(begin).await;
        Ok(Self {
            sender,
            receiver,
            watch,
            before: stage.history.whole().clone(),
            agent,
            initiation,
            round: None,
        })
    }

    /// The user says something. False: the conversation is over.
    pub(crate) async fn say(&mut self, text: &str) -> bool {
        self.round = None;
        let event = json!({"type": "user_message", "text": text}).to_string();
        match ClientEvent::from_json(&event) {
            Ok(event) => self.sender.send(event).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Waits until the agent has answered, tools included.
    pub(crate) async fn listen(&mut self, patience: Duration) -> Result<Heard, Problem> {
        let answers = self.watch.answers();
        let (mut open, mut owes, mut skipped) = (0_usize, false, false);
        loop {
            let done = open == 0 && !owes && (skipped || self.watch.answers() > answers);
            let wait = if done { AFTERTHOUGHT } else { patience };
            let event = tokio::select! {
                event = timeout(wait, self.receiver.recv()) => event,
                () = self.watch.changed(), if !done => continue,
            };
            match event {
                Err(_) if done => return Ok(Heard::Answer),
                Err(_) => return Ok(Heard::Silence),
                Ok(None) => return Ok(Heard::Ended),
                Ok(Some(ServerEvent::AgentToolRequest {
                    agent_tool_request: call,
                })) => {
                    open += 1;
                    let (event, calls) = self.round.get_or_insert((call.event_id, Vec::new()));
                    if *event == call.event_id {
                        calls.push(call.tool_call_id);
                    }
                }
                Ok(Some(ServerEvent::AgentToolResponse {
                    agent_tool_response,
                })) => {
                    open = open.saturating_sub(1);
                    skipped |= agent_tool_response.tool_name == "skip_turn";
                    owes = !skipped;
                }
                Ok(Some(ServerEvent::AgentResponse { .. })) => owes = false,
                Ok(Some(ServerEvent::ClientToolCall { client_tool_call })) => {
                    let answer = ClientEvent::ClientToolResult {
                        tool_call_id: client_tool_call.tool_call_id,
                        result: NO_CLIENT.into(),
                        is_error: true,
                    };
                    if self.sender.send(answer).await.is_err() {
                        return Ok(Heard::Ended);
                    }
                }
                Ok(Some(ServerEvent::Error { error_event })) => {
                    return Err(Problem::storage(error_event.message.unwrap_or_default()));
                }
                Ok(Some(_)) => {}
            }
        }
    }

    /// All that was said, what was said before included.
    pub(crate) fn whole(&self) -> Whole {
        Whole {
            summary: Summary {
                agent: self.agent.id.clone(),
                agent_name: self.agent.name().to_owned(),
                language: language(&self.agent).to_owned(),
                ..Summary::default()
            },
            initiation: self.initiation.clone(),
            agent_document: self.agent.document.clone(),
            ..self.watch.whole()
        }
    }

    /// The tools that the agent called at first, before it knew what any of them says.
    pub(crate) fn calls(&self) -> Vec<ToolCall> {
        let round = self.round.as_ref().map_or(&[][..], |(_, calls)| calls);
        let mut calls = self.watch.whole().tools;
        calls.retain(|call| round.contains(&call.call_id));
        calls
    }

    /// What was said here, as the API shows it: what was said before is left out.
    pub(crate) fn transcript(&self) -> Vec<Value> {
        let mut whole = self.watch.whole();
        whole
            .turns
            .drain(..self.before.turns.len().min(whole.turns.len()));
        whole
            .tools
            .drain(..self.before.tools.len().min(whole.tools.len()));
        transcript(&whole, &Prices::default())
    }
}

/// The language an agent talks in.
pub(crate) fn language(agent: &StoredAgent) -> &str {
    agent
        .document
        .pointer("/conversation_config/agent/language")
        .and_then(Value::as_str)
        .unwrap_or("en")
}

/// The agent with its tools written into it, and mocks where they are wanted. In writing nobody is asked whether they are
/// still there.
fn prepared(
    house: &House,
    agent: Arc<StoredAgent>,
    wanted: &Tools<'_>,
) -> Result<Arc<StoredAgent>, Problem> {
    let mut agent = StoredAgent::clone(&house.registry.with_tools(agent, None));
    if let Some(config) = agent
        .document
        .get_mut("conversation_config")
        .and_then(Value::as_object_mut)
    {
        let turn = config.entry("turn").or_insert_with(|| json!({}));
        if let Some(turn) = turn.as_object_mut() {
            turn.insert("turn_timeout".to_owned(), json!(-1));
            turn.insert("silence_end_call_timeout".to_owned(), json!(-1));
            turn.insert(
                "soft_timeout_config".to_owned(),
                json!({"timeout_seconds": -1}),
            );
        }
    }
    let tools = agent
        .document
        .pointer_mut("/conversation_config/agent/prompt/tools")
        .and_then(Value::as_array_mut);
    let mut names = Vec::new();
    for tool in tools.into_iter().flatten() {
        let Some(tool) = tool.as_object_mut() else {
            continue;
        };
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        names.push(name.to_owned());
        let mock = match wanted {
            Tools::Mocked(mocks) => mocks.get(name).map(|mock| {
                json!({"mock_result": mock.get("default_return_value").cloned().unwrap_or("".into()),
                    "is_error": mock.get("default_is_error") == Some(&Value::Bool(true))})
            }),
            Tools::Idle if tool.get("response_mocks").is_none_or(Value::is_null) => Some(
                json!({"mock_result": "This is a test: the tool was not run, and all went well."}),
            ),
            Tools::Idle | Tools::Chosen { .. } => None,
        };
        if let Some(mock) = mock {
            tool.insert("response_mocks".to_owned(), json!([mock]));
        }
    }
    if let Tools::Mocked(mocks) = wanted
        && let Some(unknown) = mocks.keys().find(|name| !names.contains(name))
    {
        let words = format!(
            "The agent has no tool {unknown} that could be mocked; it has {}.",
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        );
        return Err(Problem::invalid(words).at("tool_mock_config"));
    }
    Ok(Arc::new(agent))
}

/// What the conversation is told of mocks. Documents are looked through in any case.
fn mocking(agent: &StoredAgent, wanted: &Tools<'_>) -> Value {
    match wanted {
        Tools::Mocked(mocks) => json!({"mocking_strategy": "selected",
            "mocked_tool_names": mocks.keys().collect::<Vec<_>>()}),
        Tools::Chosen { names, fallback } => json!({"mocking_strategy": "selected",
            "mocked_tool_names": names, "fallback_strategy": fallback}),
        Tools::Idle => {
            json!({"mocking_strategy": "selected", "mocked_tool_names": tool_names(agent)})
        }
    }
}

/// The tools written into an agent, by name.
pub(crate) fn tool_names(agent: &StoredAgent) -> Vec<&str> {
    let tools = agent
        .document
        .pointer("/conversation_config/agent/prompt/tools")
        .and_then(Value::as_array);
    tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("name")?.as_str())
        .collect()
}

/// The variables of a test. Those of the system are set by the system.
fn variables(given: Option<&Value>) -> Value {
    let mut given = given
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    given.retain(|name, _| !name.starts_with("system__"));
    Value::Object(given)
}
