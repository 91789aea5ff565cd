//! A user played by an llm.

use std::{sync::Arc, time::Duration};

use providers::llm::{Llm, Message, Request};
use serde_json::{Value, json};
use store::{Role, Whole};

use super::{Heard, PATIENCE, Talk};
use crate::{Origin, Problem, StoredAgent, http::House, records::answer};

/// What whoever plays the user says when there is nothing more to say.
const END: &str = "[END]";
/// An agent that has nothing to say first says nothing.
const FIRST: Duration = Duration::from_millis(1_500);

/// Plays the user.
pub(crate) struct Player {
    llm: Arc<dyn Llm>,
    prompt: String,
    first: Option<String>,
    language: String,
    temperature: Option<f32>,
    max_tokens: Option<u32>,
}

impl Player {
    /// From an agent's configuration, as the API has it: `prompt` (an object, or only the text), `first_message`,
    /// `language`. Its llm is the one it names, else the one of `agent`.
    pub(crate) fn new(house: &House, agent: &StoredAgent, user: &Value) -> Result<Self, Problem> {
        let field = "simulation_specification.simulated_user_config";
        let prompt = user.get("prompt");
        for what in [
            "tools",
            "tool_ids",
            "knowledge_base",
            "mcp_server_ids",
            "native_mcp_server_ids",
        ] {
            let list = prompt.and_then(|prompt| prompt.get(what)?.as_array());
            if list.is_some_and(|list| !list.is_empty()) {
                let words = format!(
                    "The user who is played here only talks: leave out {field}.prompt.{what}."
                );
                return Err(Problem::not_built(words));
            }
        }
        let own = StoredAgent {
            id: format!("the user of {}", agent.id),
            document: json!({"conversation_config": {"agent": {
                "prompt": prompt.filter(|prompt| prompt.is_object()).cloned().unwrap_or_else(|| json!({}))}}}),
            script: None,
            text: None,
            origin: Origin::Created,
            created: 0,
            updated: 0,
        };
        let llm = house
            .answerer
            .llm(&own)
            .or_else(|_| house.answerer.llm(agent));
        let llm = llm.map_err(|_| {
            Problem::not_built(
                "Nobody can play the user: this needs an agent, or a server, with a language model.",
            )
        })?;
        let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::trim);
        let own = prompt
            .and_then(|prompt| prompt.get("prompt").or(Some(prompt)))
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty());
        Ok(Self {
            llm,
            prompt: instructions(own.unwrap_or("You are a caller with an ordinary question.")),
            first: text("first_message")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            language: text("language").unwrap_or("en").to_owned(),
            temperature: prompt
                .and_then(|prompt| prompt.get("temperature")?.as_f64())
                .map(|temperature| temperature as f32),
            max_tokens: prompt
                .and_then(|prompt| prompt.get("max_tokens")?.as_u64())
                .and_then(|most| u32::try_from(most).ok()),
        })
    }

    /// Somebody in this situation.
    pub(crate) fn in_scenario(llm: Arc<dyn Llm>, scenario: &str, language: &str) -> Self {
        Self {
            llm,
            prompt: instructions(scenario),
            first: None,
            language: language.to_owned(),
            temperature: None,
            max_tokens: None,
        }
    }

    /// What the user says next; empty: nothing more.
    async fn next(&mut self, whole: &Whole) -> Result<String, Problem> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        // Whoever plays the user is the agent of its own llm: the two change places.
        let mut messages: Vec<Message> = whole
            .turns
            .iter()
            .map(|turn| match turn.role {
                Role::Agent => Message::User(turn.heard.clone()),
                Role::User => Message::Agent {
                    text: turn.text.clone(),
                    calls: Vec::new(),
                },
            })
            .collect();
        if !matches!(messages.last(), Some(Message::User(_))) {
            messages.push(Message::User(
                "(The assistant waits for the user.)".to_owned(),
            ));
        }
        let request = Request {
            prompt: self.prompt.clone(),
            messages,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            language: self.language.clone(),
            ..Request::default()
        };
        let said = tokio::time::timeout(PATIENCE, answer(&self.llm, request)).await;
        said.map_err(|_| {
            Problem::storage(format!(
                "{} took longer than {PATIENCE:?}.",
                self.llm.name()
            ))
        })?
        .map_err(Problem::storage)
    }
}

fn instructions(own: &str) -> String {
    format!(
        "{own}\n\nYou play the user who talks with an assistant. Say only what the user says next, briefly. When the user has \
         nothing more to say, answer {END}."
    )
}

/// Lets the two talk until one of them ends it, or the user has had `most` turns. `last` is what the user has said before
/// and nobody has answered. `told` hears of every step.
pub(crate) async fn simulate(
    talk: &mut Talk,
    player: &mut Player,
    last: Option<&str>,
    most: u64,
    told: &mut (dyn FnMut(&Talk) + Send),
) -> Result<(), Problem> {
    if let Some(last) = last {
        if !talk.say(last).await || talk.listen(PATIENCE).await? == Heard::Ended {
            return Ok(());
        }
    } else if talk.watch.whole().turns.is_empty() && talk.listen(FIRST).await? == Heard::Ended {
        return Ok(());
    }
    told(talk);
    for _ in 0..most {
        let text = player.next(&talk.whole()).await?;
        let ends = text.contains(END);
        let text = text.replace(END, "");
        if text.trim().is_empty() || !talk.say(text.trim()).await {
            return Ok(());
        }
        let heard = talk.listen(PATIENCE).await?;
        told(talk);
        if ends || heard != Heard::Answer {
            return Ok(());
        }
    }
    Ok(())
}
