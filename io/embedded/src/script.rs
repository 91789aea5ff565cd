//! The scripted brain: an [`Llm`] without a language model.
//!
//! It follows a script, the `duologue_script` part of an agent's file: states, what the caller may say in words, slots
//! such as a name or a day, tools, replies. An agent that is only a prompt gets the generic script, which answers from
//! the prompt's own text. The language of scripts is told in `docs/embedded.md`.
//!
//! Every reply is computed from the request alone, by playing its messages through the script again. So a reply can be
//! begun before the caller has finished, thrown away, interrupted, or asked for twice.

mod engine;
mod expect;
mod knowledge;
mod model;
mod names;
mod numbers;
mod parse;
mod pattern;
mod spell;
pub(crate) mod sums;
mod understand;
pub(crate) mod when;
mod words;

use std::{collections::BTreeMap, sync::Arc};

use providers::llm::{Event, Generation, Llm, Request};
use serde_json::Value;
use tokio::sync::mpsc;

use engine::Run;
use model::Script;
pub(crate) use names::alike as names_alike;
pub(crate) use numbers::{in_order, spoken as spoken_number};
pub use parse::ScriptError;

/// The generic script, for agents without one of their own.
const GENERIC: &str = include_str!("../agents/generic.toml");

/// A brain that follows a script. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scripted {
    script: Arc<Script>,
}

impl Scripted {
    /// The brain for an agent's file: its `duologue_script`, or the generic script when it has none.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the file or its script, with line and column.
    pub fn from_toml(text: &str) -> Result<Self, ScriptError> {
        match parse::script(text)? {
            Some(script) => Ok(Self {
                script: Arc::new(script),
            }),
            None => Ok(Self::generic()),
        }
    }

    /// The brain for agents that are only a prompt: it answers from the prompt's text and from context messages.
    pub fn generic() -> Self {
        // The bundled script is read by the tests; should it ever be broken, an empty one still says goodbye.
        let script = parse::script(GENERIC).ok().flatten().unwrap_or_default();
        Self {
            script: Arc::new(script),
        }
    }

    /// The script's own variables, with their defaults: opening hours, names, prices.
    pub fn variables(&self) -> &BTreeMap<String, Value> {
        &self.script.variables
    }

    /// The tools that the script calls, `end_call` not counted.
    pub fn tools(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .script
            .states
            .iter()
            .flat_map(|s| &s.steps)
            .filter_map(|s| {
                if let model::Step::Call { tool, .. } = s {
                    Some(tool.clone())
                } else {
                    None
                }
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The whole reply at once: the events that [`Llm::generate`] streams.
    pub fn reply(&self, request: &Request) -> Vec<Event> {
        if self.script.states.is_empty() {
            return vec![Event::Done];
        }
        let run = Run::replay(&self.script, request);
        let reply = run.reply();
        let mut events: Vec<Event> = sentences(&reply.text)
            .into_iter()
            .map(Event::Text)
            .collect();
        if let Some(call) = reply.call {
            events.push(Event::Call(call));
        }
        events.push(Event::Expect(expect::expected(&run)));
        events.push(Event::Done);
        events
    }
}

impl Llm for Scripted {
    fn can_judge(&self) -> bool {
        false
    }

    fn is_free(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "scripted"
    }

    fn generate(&self, request: Request) -> Generation {
        let events = self.reply(&request);
        let (sender, receiver) = mpsc::channel(events.len().max(1));
        for event in events {
            // The channel holds them all.
            if sender.try_send(Ok(event)).is_err() {
                break;
            }
        }
        receiver
    }
}

/// A reply sentence by sentence, so that the voice can begin with the first. Joined they give the text back.
fn sentences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut from = 0;
    for (i, c) in text.char_indices() {
        let end = i + c.len_utf8();
        if matches!(c, '.' | '!' | '?') && text[end..].starts_with(' ') && end - from > 12 {
            out.push(text[from..=end].to_owned());
            from = end + 1;
        }
    }
    if from < text.len() {
        out.push(text[from..].to_owned());
    }
    out
}

#[cfg(test)]
mod tests;
