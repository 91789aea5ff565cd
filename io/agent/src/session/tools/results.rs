//! What comes of calls: each ends once, and everybody is told.

use audio::Moment;
use protocol::agents::{AgentToolResponse, AgentToolResponseFull};
use serde_json::Value;
use turn::{Input, ReplyId, ToolCallId, ToolOutcome};

use super::{Runner, Session};
use crate::{assignments::assign, context::ToolResult, record::Fact};

/// How much of a result clients are told, in bytes.
const LONGEST_RESULT: usize = 64 * 1024;

impl Session {
    /// Whether a call of this reply is not over.
    pub(in crate::session) fn has_calls(&self, reply: ReplyId) -> bool {
        self.calls.values().any(|call| call.reply == reply)
    }

    /// A tool of this process is done.
    pub(in crate::session) fn on_tool(&mut self, id: ToolCallId, result: Result<Value, String>) {
        self.tool_answered_with(id, result);
    }

    /// Takes what the conversation keeps of a result, and tells the machine that it is there.
    pub(super) fn tool_answered_with(&mut self, id: ToolCallId, result: Result<Value, String>) {
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
    pub(in crate::session) fn on_client_result(
        &mut self,
        wire_id: &str,
        result: Value,
        is_error: bool,
    ) {
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

    pub(super) fn tool_finished(&mut self, id: ToolCallId, result: Result<String, String>) {
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
    pub(in crate::session) async fn fail_calls(&mut self, reason: &str) {
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
    pub(in crate::session) async fn tool_ended(
        &mut self,
        now: Moment,
        id: ToolCallId,
        outcome: ToolOutcome,
    ) {
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
    pub(in crate::session) async fn tool_answered(
        &mut self,
        response: AgentToolResponse,
        result: &str,
    ) {
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
