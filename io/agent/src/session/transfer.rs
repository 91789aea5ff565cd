//! `transfer_to_agent`: another agent takes over within the conversation.
//!
//! The next agent brings its prompt, voice, tools, providers and variables. What belongs to the connection stays: audio
//! formats, subscribed events, text-only mode, the turn-taking settings, and what was said so far, which the next agent knows.

use std::{fmt::Write as _, sync::Arc};

use protocol::agents::{ErrorType, Initiation};
use serde::Deserialize;
use serde_json::Value;

use super::Session;
use crate::{
    config::ToolConfig,
    plan::{Basis, Plan},
    variables::SYSTEM,
};

/// The system tool's name.
pub(super) const TRANSFER: &str = "transfer_to_agent";

/// One entry of the tool's `params.transfers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transfer {
    agent_id: String,
    condition: String,
    /// What the present agent says first.
    #[serde(rename = "transfer_message")]
    pub(super) message: Option<String>,
    #[serde(rename = "enable_transferred_agent_first_message")]
    greets: bool,
}

/// The transfers that a tool allows, in the order in which the llm numbers them.
fn transfers(config: &ToolConfig) -> Vec<Transfer> {
    config
        .params
        .as_ref()
        .and_then(|params| params.get("transfers"))
        .and_then(|transfers| serde_json::from_value(transfers.clone()).ok())
        .unwrap_or_default()
}

/// When to hand over to whom, for the llm.
pub(super) fn description(config: &ToolConfig) -> String {
    let mut text = String::from("Hand the conversation over to another agent. Agents by number:");
    for (number, transfer) in transfers(config).iter().enumerate() {
        let _ = write!(
            text,
            "\n{number}: {} ({})",
            transfer.condition, transfer.agent_id
        );
    }
    text
}

/// The transfer that a call asks for: by number, or by the agent's id.
pub(super) fn chosen(config: &ToolConfig, arguments: &Value) -> Result<Transfer, String> {
    let known = transfers(config);
    let by_number = arguments
        .get("agent_number")
        .and_then(Value::as_u64)
        .and_then(|number| known.get(usize::try_from(number).ok()?));
    let by_id = || {
        let id = arguments.get("agent_id")?.as_str()?;
        known.iter().find(|transfer| transfer.agent_id == id)
    };
    by_number
        .or_else(by_id)
        .cloned()
        .ok_or_else(|| format!("agent_number must be below {}", known.len()))
}

impl Session {
    /// The next agent takes over. An error is the llm's to explain; a variable that the next agent lacks ends the
    /// conversation.
    pub(super) async fn transfer(&mut self, transfer: &Transfer) -> Result<String, String> {
        let id = &transfer.agent_id;
        let next = self
            .options
            .transfer
            .as_ref()
            .and_then(|resolve| resolve(id))
            .ok_or_else(|| format!("there is no agent {id}"))?;
        let (own, mut system): (crate::variables::Variables, crate::variables::Variables) = self
            .plan
            .variables
            .clone()
            .into_iter()
            .partition(|(name, _)| !name.starts_with(SYSTEM));
        system.insert("system__current_agent_id".to_owned(), next.id().into());
        let mut wishes = Initiation {
            dynamic_variables: own,
            user_id: self.plan.user.clone(),
            ..Initiation::default()
        };
        // Whoever cannot hear now will not hear the next agent either.
        wishes.conversation_config_override.text_only = self.plan.text_only.then_some(true);
        let made = Plan::make(
            Basis {
                config: &next.inner.config,
                asr: &*next.inner.providers.asr,
                tts: &*next.inner.providers.tts,
                trusted: true,
                soft_timeout: self.options.soft_timeout,
                system,
            },
            &wishes,
        );
        let plan = match made {
            Ok(plan) => plan,
            Err(refusal) if refusal.error_type == ErrorType::MissingDynamicVariable => {
                let message = format!("the agent {id} cannot take over: {}", refusal.message);
                self.fail(ErrorType::MissingDynamicVariableTransfer, message.clone())
                    .await;
                return Err(message);
            }
            Err(refusal) => return Err(refusal.message),
        };
        if transfer.greets && !plan.first_message.trim().is_empty() {
            self.next_words = Some(plan.first_message.clone());
        }
        let before = std::mem::replace(&mut self.plan, plan);
        self.plan.input_format = before.input_format;
        self.plan.output_format = before.output_format;
        self.plan.client_events = before.client_events;
        self.plan.text_only = before.text_only;
        self.plan.turn = before.turn;
        self.plan.extra_body = before.extra_body;
        let other_ears = before.language != self.plan.language
            || !Arc::ptr_eq(&self.inner.providers.asr, &next.inner.providers.asr);
        self.inner = next.inner;
        if other_ears {
            self.listen_anew();
        }
        Ok(format!("The agent {id} has taken over."))
    }
}
