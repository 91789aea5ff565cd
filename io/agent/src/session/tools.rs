//! Tools: the client's, the agent's own, and those that run in this process. Each call ends once.

use std::sync::Arc;

use audio::Moment;
use protocol::agents::{
    AgentToolRequest, AgentToolResponse, AgentToolResponseFull, ClientToolCall, ToolType,
};
use providers::{
    llm::{ToolCall, ToolSpec},
    tool::{Invocation, Tool},
};
use serde_json::{Map, Value};
use tokio::task::{AbortHandle, Id};
use turn::{Input, ReplyId, ToolCallId, ToolOutcome};

use super::{
    Session,
    transfer::{self, TRANSFER, Transfer},
};
use crate::{
    assignments::assign,
    config::{Assignment, ToolConfig, ToolKind},
    context::ToolResult,
    keypad::Keys,
    mocks,
    plan::lacks,
    record::Fact,
    variables,
};

/// Names of system tools.
const KEYPAD: &str = "play_keypad_touch_tone";
const VOICEMAIL: &str = "voicemail_detection";
const NUMBER: &str = "transfer_to_number";
/// No edge of this program reaches the telephone network.
const NO_TELEPHONE: &str = "This conversation is not held over a telephone line that can be transferred. Tell the user that the transfer is not possible here; the number may be given to them instead.";
/// How much of a result clients are told, in bytes.
const LONGEST_RESULT: usize = 64 * 1024;

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

    /// The agent wants to hang up, after what it says in this reply.
    async fn on_end_call(&mut self, reply: ReplyId, call: ToolCall, message: String) {
        if !message.is_empty() {
            let said = self
                .replies
                .get(&reply)
                .is_some_and(|reply| reply.text.contains(&message));
            if !said {
                self.on_text(reply, format!(" {message}")).await;
            }
        }
        self.system_call(reply, call, true).await;
        self.tell(Input::AgentEnds { reply });
    }

    /// What a voicemail system is told, if anything.
    fn voicemail_message(&self, config: Option<&ToolConfig>) -> String {
        let message = config
            .and_then(|config| config.params.as_ref()?.get("voicemail_message")?.as_str())
            .unwrap_or_default();
        match variables::fill(message.trim(), &self.plan.variables) {
            Ok(message) => message,
            Err(missing) => {
                self.warn(&format!(
                    "the voicemail message is left out: the variable {} has no value",
                    missing.0
                ));
                String::new()
            }
        }
    }

    /// The keys that a call names, where they can sound.
    fn keys(&self, arguments: &Value) -> Result<Keys, String> {
        if self.plan.text_only {
            return Err("This conversation has no sound: no keys can be pressed.".to_owned());
        }
        let keys = arguments.get("dtmf_tones").and_then(Value::as_str);
        Keys::parse(keys.ok_or("the argument dtmf_tones is missing")?)
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

    async fn on_skip_turn(&mut self, reply: ReplyId, call: ToolCall) {
        self.system_call(reply, call, false).await;
        self.tell(Input::SkipTurn { reply });
    }

    async fn system_call(&mut self, reply: ReplyId, call: ToolCall, ends: bool) {
        match self.replies.get_mut(&reply) {
            Some(speculation) if !speculation.adopted => speculation.unannounced.push((call, ends)),
            Some(_) => self.announce_system_call(reply, call, ends).await,
            None => {}
        }
    }

    /// Tells of a system tool, once it is certain that it counts.
    pub(super) async fn announce_system_call(
        &mut self,
        reply: ReplyId,
        call: ToolCall,
        ends: bool,
    ) {
        let id = self.next_call;
        self.next_call = id.next();
        let wire_id = format!("tc_{id}");
        self.summary.tool_calls += 1;
        self.context.call(reply, call.clone());
        self.context.answered(
            reply,
            &call.id,
            ToolResult {
                text: "done".to_owned(),
                is_error: false,
            },
        );
        self.options.recorder.record(
            &self.id,
            self.clock.now(),
            Fact::ToolCall {
                id: &wire_id,
                name: &call.name,
                arguments: &call.arguments,
                result: "done",
                is_error: false,
                took: std::time::Duration::ZERO,
            },
        );
        let event_id = Some(self.event_of(reply));
        self.send(
            AgentToolRequest {
                tool_name: call.name.clone(),
                tool_call_id: wire_id.clone(),
                tool_type: ToolType::System,
                event_id,
            }
            .into(),
        )
        .await;
        if ends {
            self.ending_call = Some((call.name, wire_id));
        } else {
            self.tool_answered(
                AgentToolResponse {
                    tool_name: call.name,
                    tool_call_id: wire_id,
                    tool_type: ToolType::System,
                    is_error: false,
                    is_called: true,
                    event_id,
                },
                "done",
            )
            .await;
        }
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

    fn change_language(&mut self, arguments: &Value) -> Result<String, String> {
        let wanted = arguments
            .get("language")
            .and_then(Value::as_str)
            .ok_or("the argument language is missing")?;
        let providers = &self.inner.providers;
        for (what, name, languages) in [
            (
                "recogniser",
                providers.asr.name(),
                providers.asr.languages(),
            ),
            ("voice", providers.tts.name(), providers.tts.languages()),
        ] {
            if !self.plan.text_only
                && let Some(reason) = lacks(what, name, languages, wanted)
            {
                return Err(reason);
            }
        }
        if self.plan.language != wanted {
            wanted.clone_into(&mut self.plan.language);
            self.listen_anew();
        }
        Ok(format!("The language is {wanted} now."))
    }

    /// A tool of this process is done.
    pub(super) fn on_tool(&mut self, id: ToolCallId, result: Result<Value, String>) {
        self.tool_answered_with(id, result);
    }

    /// Takes what the conversation keeps of a result, and tells the machine that it is there.
    fn tool_answered_with(&mut self, id: ToolCallId, result: Result<Value, String>) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let result = result.map(|value| {
            let value = match value {
                // Clients send JSON as text; it is only read where its parts are wanted.
                Value::String(text) if !call.assignments.is_empty() => parsed(text),
                value => value,
            };
            let mut shown = match &call.runner {
                Runner::Process(tool) => tool.shown(&value),
                _ => value.clone(),
            };
            assign(
                &call.assignments,
                &value,
                &mut self.plan.variables,
                &mut shown,
            );
            match shown {
                Value::String(text) => text,
                other => other.to_string(),
            }
        });
        self.tool_finished(id, result);
    }

    /// The client answers a call.
    pub(super) fn on_client_result(&mut self, wire_id: &str, result: Value, is_error: bool) {
        let found = self
            .calls
            .iter()
            .find(|(_, call)| {
                call.wire_id == wire_id
                    && matches!(
                        call.runner,
                        Runner::Client {
                            expects_response: true
                        }
                    )
            })
            .map(|(id, _)| *id);
        let Some(id) = found else {
            return;
        };
        let result = match (is_error, result) {
            (true, Value::String(text)) => Err(text),
            (true, other) => Err(other.to_string()),
            (false, value) => Ok(value),
        };
        self.tool_answered_with(id, result);
    }

    fn tool_finished(&mut self, id: ToolCallId, result: Result<String, String>) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.result.is_some() {
            return;
        }
        let outcome = if result.is_ok() {
            ToolOutcome::Succeeded
        } else {
            ToolOutcome::Failed
        };
        call.result = Some(result);
        self.tell(Input::ToolFinished { call: id, outcome });
    }

    /// The conversation fails: calls under way have their one result all the same.
    pub(super) async fn fail_calls(&mut self, reason: &str) {
        let now = self.clock.now();
        let told = self.calls.iter_mut().filter(|(_, call)| call.told);
        let ids: Vec<ToolCallId> = told
            .map(|(id, call)| {
                call.result.get_or_insert_with(|| Err(reason.to_owned()));
                *id
            })
            .collect();
        for id in ids {
            self.tool_ended(now, id, ToolOutcome::Failed).await;
        }
    }

    /// The machine has closed a call: everybody is told its one result.
    pub(super) async fn tool_ended(&mut self, now: Moment, id: ToolCallId, outcome: ToolOutcome) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        if let Some(abort) = &call.abort {
            abort.abort();
        }
        let (text, is_error) = match (outcome, call.result) {
            (ToolOutcome::Succeeded, Some(Ok(text))) => (text, false),
            (ToolOutcome::Failed, Some(Err(text))) => (text, true),
            (ToolOutcome::TimedOut, _) => ("The tool did not answer in time.".to_owned(), true),
            (ToolOutcome::Cancelled, _) => (
                "The tool was stopped: the user interrupted.".to_owned(),
                true,
            ),
            (_, result) => (
                result.map_or_else(String::new, |result| result.unwrap_or_else(|text| text)),
                outcome != ToolOutcome::Succeeded,
            ),
        };
        self.context.answered(
            call.reply,
            &call.asked.id,
            ToolResult {
                text: text.clone(),
                is_error,
            },
        );
        self.options.recorder.record(
            &self.id,
            now,
            Fact::ToolCall {
                id: &call.wire_id,
                name: &call.asked.name,
                arguments: &call.asked.arguments,
                result: &text,
                is_error,
                took: now - call.started,
            },
        );
        let event_id = Some(self.event_of(call.reply));
        self.tool_answered(
            AgentToolResponse {
                tool_name: call.asked.name,
                tool_call_id: call.wire_id,
                tool_type: call.kind,
                is_error,
                is_called: !matches!(call.runner, Runner::Nobody | Runner::Known(_)),
                event_id,
            },
            &text,
        )
        .await;
    }

    /// Both forms of the same news; the client hears the one it subscribed to.
    pub(super) async fn tool_answered(&mut self, response: AgentToolResponse, result: &str) {
        self.send(response.clone().into()).await;
        let mut end = result.len().min(LONGEST_RESULT);
        while !result.is_char_boundary(end) {
            end -= 1;
        }
        self.send(
            AgentToolResponseFull {
                response,
                is_blocked: false,
                full_tool_result: result[..end].to_owned(),
                truncated: end < result.len(),
            }
            .into(),
        )
        .await;
    }
}

/// JSON objects and lists that came as text; any other text is itself.
fn parsed(text: String) -> Value {
    match serde_json::from_str(&text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ => Value::String(text),
    }
}

/// A built-in tool by its name; its settings may be nothing but `{}`.
fn built_in(name: &str, value: &Value) -> ToolConfig {
    let mut config: ToolConfig = serde_json::from_value(value.clone()).unwrap_or_default();
    config.kind = ToolKind::System;
    name.clone_into(&mut config.name);
    config
}
