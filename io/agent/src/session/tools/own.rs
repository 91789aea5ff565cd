//! The agent's own tools: it hangs up, waits, presses keys, changes its language.

use protocol::agents::{AgentToolRequest, AgentToolResponse, ToolType};
use providers::llm::ToolCall;
use serde_json::Value;
use turn::{Input, ReplyId};

use super::Session;
use crate::{
    config::ToolConfig, context::ToolResult, keypad::Keys, plan::lacks, record::Fact, variables,
};

impl Session {
    /// The agent wants to hang up, after what it says in this reply.
    pub(super) async fn on_end_call(&mut self, reply: ReplyId, call: ToolCall, message: String) {
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
    pub(super) fn voicemail_message(&self, config: Option<&ToolConfig>) -> String {
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
    pub(super) fn keys(&self, arguments: &Value) -> Result<Keys, String> {
        if self.plan.text_only {
            return Err("This conversation has no sound: no keys can be pressed.".to_owned());
        }
        let keys = arguments.get("dtmf_tones").and_then(Value::as_str);
        Keys::parse(keys.ok_or("the argument dtmf_tones is missing")?)
    }

    pub(super) async fn on_skip_turn(&mut self, reply: ReplyId, call: ToolCall) {
        self.system_call(reply, call, false).await;
        self.tell(Input::SkipTurn { reply });
    }

    pub(super) async fn system_call(&mut self, reply: ReplyId, call: ToolCall, ends: bool) {
        match self.replies.get_mut(&reply) {
            Some(speculation) if !speculation.adopted => speculation.unannounced.push((call, ends)),
            Some(_) => self.announce_system_call(reply, call, ends).await,
            None => {}
        }
    }

    /// Tells of a system tool, once it is certain that it counts.
    pub(in crate::session) async fn announce_system_call(
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

    pub(super) fn change_language(&mut self, arguments: &Value) -> Result<String, String> {
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
            let config = &self.inner.config.view.conversation_config;
            self.plan.change_language(config, &*providers.tts, wanted);
            self.listen_anew();
        }
        Ok(format!("The language is {wanted} now."))
    }
}
