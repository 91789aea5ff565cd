//! Tools: the client's, the agent's own, and those that run in this process. Each call ends once.

mod own;
mod results;

use std::sync::Arc;

use audio::Moment;
use protocol::agents::{AgentToolRequest, ClientToolCall, ToolType};
use providers::{
    llm::{ToolCall, ToolSpec},
    tool::{Invocation, Tool},
};
use serde_json::{Map, Value};
use tokio::task::{AbortHandle, Id};
use turn::{Input, ReplyId, ToolCallId};

use super::{
    Session,
    transfer::{self, TRANSFER, Transfer},
};
use crate::{
    config::{Assignment, ToolConfig, ToolKind},
    keypad::Keys,
    mocks, variables,
};

/// Names of system tools.
const KEYPAD: &str = "play_keypad_touch_tone";
const VOICEMAIL: &str = "voicemail_detection";
const NUMBER: &str = "transfer_to_number";
/// No edge of this program reaches the telephone network.
const NO_TELEPHONE: &str = "This conversation is not held over a telephone line that can be transferred. Tell the user that the transfer is not possible here; the number may be given to them instead.";
/// A call that the machine knows.
pub(super) struct Call {
    reply: ReplyId,
    asked: ToolCall,
    /// Its name on the wire.
    wire_id: String,
    kind: ToolType,
    runner: Runner,
    assignments: Vec<Assignment>,
    started: Moment,
    /// Its request was told, so its result must be.
    told: bool,
    result: Option<Result<String, String>>,
    pub(super) task: Option<Id>,
    abort: Option<AbortHandle>,
}

enum Runner {
    /// The client; whether it answers.
    Client {
        expects_response: bool,
    },
    Process(Arc<dyn Tool>),
    Language,
    Transfer(Result<Transfer, String>),
    Keypad(Result<Keys, String>),
    /// It does not run; this is its answer.
    Known(Result<String, String>),
    Nobody,
}

impl Session {
    /// What the llm may call.
    pub(super) fn tool_specs(&self) -> Vec<ToolSpec> {
        let prompt = &self.inner.config.view.conversation_config.agent.prompt;
        let mut specs: Vec<ToolSpec> = self.inner.tools.iter().map(|tool| tool.spec()).collect();
        let transfers = self.options.transfer.is_some();
        let own = |name: &str| {
            matches!(
                name,
                "end_call" | "skip_turn" | "language_detection" | KEYPAD | VOICEMAIL | NUMBER
            ) || transfers && name == TRANSFER
        };
        let known = prompt
            .tools
            .iter()
            .filter(|tool| match tool.kind {
                ToolKind::Client => true,
                ToolKind::System => own(tool.system_type()),
                _ => false,
            })
            .cloned();
        let built_in = prompt
            .built_in_tools
            .iter()
            .filter(|(name, _)| own(name))
            .map(|(name, value)| built_in(name, value));
        for tool in known.chain(built_in) {
            let mut spec = tool.spec();
            if tool.kind == ToolKind::System && tool.system_type() == TRANSFER {
                spec.description = transfer::description(&tool);
            }
            if !specs.iter().any(|other| other.name == spec.name) {
                specs.push(spec);
            }
        }
        specs
    }

    fn tool_config(&self, name: &str) -> Option<ToolConfig> {
        let prompt = &self.inner.config.view.conversation_config.agent.prompt;
        prompt
            .tools
            .iter()
            .find(|tool| tool.name == name)
            .cloned()
            .or_else(|| {
                prompt
                    .built_in_tools
                    .get(name)
                    .map(|value| built_in(name, value))
            })
    }

    /// The llm calls a tool.
    #[expect(clippy::too_many_lines, reason = "one kind of tool after the other")]
    pub(super) async fn on_call(&mut self, reply: ReplyId, call: ToolCall) {
        let config = self.tool_config(&call.name);
        let in_process = self
            .inner
            .tools
            .iter()
            .find(|tool| tool.spec().name == call.name)
            .map(Arc::clone);
        let system = config
            .as_ref()
            .filter(|config| config.kind == ToolKind::System && in_process.is_none())
            .map(|config| config.system_type().to_owned());
        match system.as_deref() {
            Some("end_call") => {
                let message = call.arguments.get("message").and_then(Value::as_str);
                let message = message.unwrap_or_default().trim().to_owned();
                return self.on_end_call(reply, call, message).await;
            }
            Some(VOICEMAIL) => {
                let message = self.voicemail_message(config.as_ref());
                return self.on_end_call(reply, call, message).await;
            }
            Some("skip_turn") => return self.on_skip_turn(reply, call).await,
            _ => {}
        }
        let timeout = in_process
            .as_ref()
            .map(|tool| tool.timeout())
            .or_else(|| config.as_ref().map(ToolConfig::timeout))
            .unwrap_or(std::time::Duration::from_secs(20));
        let interruptible = config.as_ref().is_none_or(ToolConfig::is_interruptible);
        let assignments = config
            .as_ref()
            .map(|config| config.assignments.clone())
            .unwrap_or_default();
        let mocked = self.mocked(config.as_ref(), &call);
        let (runner, kind) = match (in_process, config) {
            (_, config) if mocked.is_some() => (
                mocked.map_or(Runner::Nobody, Runner::Known),
                match config.map(|config| config.kind) {
                    Some(ToolKind::Client) => ToolType::Client,
                    _ => ToolType::Webhook,
                },
            ),
            (Some(tool), config) => (
                Runner::Process(tool),
                match config.map(|config| config.kind) {
                    Some(ToolKind::System) => ToolType::System,
                    _ => ToolType::Webhook,
                },
            ),
            (None, Some(config)) if config.kind == ToolKind::Client => (
                Runner::Client {
                    expects_response: config.expects_response,
                },
                ToolType::Client,
            ),
            (None, Some(config)) if config.system_type() == "language_detection" => {
                (Runner::Language, ToolType::System)
            }
            (None, Some(config)) if config.system_type() == KEYPAD => {
                (Runner::Keypad(self.keys(&call.arguments)), ToolType::System)
            }
            (None, Some(config)) if config.system_type() == NUMBER => (
                Runner::Known(Err(NO_TELEPHONE.to_owned())),
                ToolType::System,
            ),
            (None, Some(config))
                if config.system_type() == TRANSFER && self.options.transfer.is_some() =>
            {
                let chosen = transfer::chosen(&config, &call.arguments);
                if let Ok(Some(message)) = chosen.as_ref().map(|to| to.message.clone()) {
                    self.on_text(reply, message).await;
                }
                (Runner::Transfer(chosen), ToolType::System)
            }
            _ => (Runner::Nobody, ToolType::Webhook),
        };
        let id = self.next_call;
        self.next_call = id.next();
        self.calls.insert(
            id,
            Call {
                reply,
                wire_id: format!("tc_{id}"),
                asked: call,
                kind,
                runner,
                assignments,
                started: self.clock.now(),
                told: false,
                result: None,
                task: None,
                abort: None,
            },
        );
        self.tell(Input::ToolRequested {
            reply,
            call: id,
            interruptible,
            timeout,
        });
    }

    /// What a tool answers that the client wants mocked. The agent's own tools are never mocked.
    fn mocked(
        &self,
        config: Option<&ToolConfig>,
        call: &ToolCall,
    ) -> Option<Result<String, String>> {
        if config.is_some_and(|config| config.kind == ToolKind::System) {
            return None;
        }
        let mocks = config.map(|config| config.response_mocks.as_slice());
        mocks::answer(
            &self.mocks,
            &call.name,
            mocks.unwrap_or_default(),
            &call.arguments,
        )
    }

    /// The machine lets a tool run.
    pub(super) async fn run_tool(&mut self, id: ToolCallId) {
        let now = self.clock.now();
        let invocation_now = self.wall_now();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.started = now;
        call.told = true;
        let reply = call.reply;
        let name = call.asked.name.clone();
        let wire_id = call.wire_id.clone();
        let tool_call = call.asked.clone();
        let kind = call.kind.clone();
        self.summary.tool_calls += 1;
        self.context.call(reply, tool_call.clone());
        let event_id = Some(self.event_of(reply));
        self.send(
            AgentToolRequest {
                tool_name: name.clone(),
                tool_call_id: wire_id.clone(),
                tool_type: kind,
                event_id,
            }
            .into(),
        )
        .await;
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        match &call.runner {
            Runner::Client { expects_response } => {
                let expects_response = *expects_response;
                let parameters = match tool_call.arguments {
                    Value::Object(parameters) => parameters,
                    _ => Map::new(),
                };
                self.send(
                    ClientToolCall {
                        tool_name: name,
                        tool_call_id: wire_id,
                        parameters,
                        event_id,
                        // Seen elsewhere, but not in the published contract.
                        expects_response: None,
                    }
                    .into(),
                )
                .await;
                if !expects_response {
                    self.tool_finished(id, Ok("The client was told.".to_owned()));
                }
            }
            Runner::Process(tool) => {
                let tool = Arc::clone(tool);
                let invocation = Invocation {
                    conversation: self.id.clone(),
                    arguments: tool_call.arguments,
                    now: invocation_now,
                    variables: variables::all(&self.plan.variables),
                };
                let abort = self
                    .running
                    .spawn(async move { (id, tool.call(invocation).await) });
                call.task = Some(abort.id());
                call.abort = Some(abort);
            }
            Runner::Language => {
                let result = self.change_language(&tool_call.arguments);
                self.tool_finished(id, result);
            }
            Runner::Transfer(chosen) => {
                let result = match chosen.clone() {
                    Ok(transfer) => self.transfer(&transfer).await,
                    Err(problem) => Err(problem),
                };
                self.tool_finished(id, result);
            }
            Runner::Keypad(keys) => {
                let result = keys.clone();
                if let Ok(keys) = &result {
                    self.next_keys = Some(keys.clone());
                }
                let result = result.map(|keys| format!("The keys {} are pressed.", keys.as_str()));
                self.tool_finished(id, result);
            }
            Runner::Known(result) => {
                let result = result.clone();
                self.tool_answered_with(id, result.map(Value::String));
            }
            Runner::Nobody => {
                self.tool_finished(id, Err(format!("there is no tool called {name}")));
            }
        }
    }
}

/// A built-in tool by its name; its settings may be nothing but `{}`.
fn built_in(name: &str, value: &Value) -> ToolConfig {
    let mut config: ToolConfig = serde_json::from_value(value.clone()).unwrap_or_default();
    config.kind = ToolKind::System;
    name.clone_into(&mut config.name);
    config
}
