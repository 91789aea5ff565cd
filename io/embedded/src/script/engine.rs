//! The script at work: the history is played through it, and what it says last is the reply.
//!
//! Nothing is kept between replies. A step is done when what it asks for is there (a slot filled, a call made with the
//! same arguments, the same text confirmed), so a correction of an earlier slot undoes by itself what hangs on it.

mod acting;
mod asking;
mod filling;
mod understanding;

use std::collections::BTreeMap;

use jiff::Zoned;
use providers::llm::{Message, Request, ToolCall};
use serde_json::{Map, Value};

use super::{
    knowledge::Knowledge,
    model::{Branch, Effect, Intent, Kind, Script, Step},
    parse::raw_slot,
    pattern::{GOOD, Match},
    understand::{self, Utterance, Val},
    words,
};

/// What the agent is waiting for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pending {
    /// Any wish.
    Listen,
    /// A value for a slot.
    Slot(usize),
    /// Yes or no to an offer to ask for a slot.
    Offer(usize),
    /// Which of two.
    Which(usize),
    /// Yes or no to a step's question.
    Confirm(usize),
    /// What is to be different.
    Change,
    /// A tool's result: its step, its name, its arguments.
    Call(usize, String, Value),
    /// Nothing: the agent has said goodbye.
    Ended,
}

/// A conversation in the middle of its script.
pub(crate) struct Run<'a> {
    script: &'a Script,
    request: &'a Request,
    now: Zoned,
    knowledge: Knowledge,
    state: usize,
    values: Vec<Option<Val>>,
    refused: Vec<bool>,
    /// Steps of this state that are done, with what they were done for.
    done: BTreeMap<usize, String>,
    pub(crate) pending: Pending,
    /// Where to go back after a visit.
    back: Option<(usize, BTreeMap<usize, String>)>,
    misses: usize,
    /// How often in a row the same was said.
    stuck: usize,
    /// How often in a row an answer changed nothing.
    still: usize,
    turn: usize,
    calls: usize,
    result: Value,
    /// The last part of the day said for a time.
    said: Vec<String>,
    last: String,
    call: Option<ToolCall>,
    extra: BTreeMap<&'static str, String>,
}

/// What comes out of a run.
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) call: Option<ToolCall>,
}

impl<'a> Run<'a> {
    /// Plays the history of `request` through `script`.
    pub(crate) fn replay(script: &'a Script, request: &'a Request) -> Self {
        let now = request.now.parse().unwrap_or_else(|_| Zoned::default());
        let mut run = Self {
            script,
            request,
            now,
            knowledge: Knowledge::of(request),
            state: script.start,
            values: vec![None; script.slots.len()],
            refused: vec![false; script.slots.len()],
            done: BTreeMap::new(),
            pending: Pending::Listen,
            back: None,
            misses: 0,
            stuck: 0,
            still: 0,
            turn: 0,
            calls: 0,
            result: Value::Null,
            said: Vec::new(),
            last: String::new(),
            call: None,
            extra: BTreeMap::new(),
        };
        run.arrive();
        let mut unheard = String::new();
        let mut silent = true;
        for message in &request.messages {
            match message {
                Message::User(text) | Message::Seen { text, .. } => {
                    // What the caller says in pieces, without a word between, is one utterance.
                    if !unheard.is_empty() {
                        unheard.push(' ');
                    }
                    unheard.push_str(text);
                    silent = false;
                }
                Message::Agent { text, calls } => {
                    let heard_or_done = !text.trim().is_empty() || !calls.is_empty();
                    if !unheard.is_empty() && heard_or_done {
                        run.hear(&std::mem::take(&mut unheard));
                    }
                    if !text.trim().is_empty() && run.said.is_empty() {
                        text.clone_into(&mut run.last);
                    }
                    silent = true;
                }
                Message::Tool {
                    name,
                    result,
                    is_error,
                    ..
                } => {
                    if !unheard.is_empty() {
                        run.hear(&std::mem::take(&mut unheard));
                    }
                    run.result(name, result, *is_error);
                    silent = false;
                }
                _ => {}
            }
        }
        if !unheard.is_empty() {
            run.hear(&unheard);
        } else if silent {
            run.nobody_spoke();
        }
        run
    }

    /// The reply to the last message.
    pub(crate) fn reply(&self) -> Reply {
        Reply {
            text: self.said.join(" "),
            call: self.call.clone(),
        }
    }

    pub(crate) fn script(&self) -> &'a Script {
        self.script
    }

    pub(crate) fn state(&self) -> usize {
        self.state
    }

    fn begin(&mut self) {
        if !self.said.is_empty() {
            let said = self.said.join(" ");
            self.stuck = if said == self.last { self.stuck + 1 } else { 0 };
            self.last = said;
        }
        self.said.clear();
        self.call = None;
        self.extra.clear();
    }

    /// The caller has said nothing since: the agent speaks up.
    fn nobody_spoke(&mut self) {
        if self.request.messages.is_empty() {
            // No first message was set: the question that the state begins with is one.
            self.walk();
            return;
        }
        self.begin();
        if self.pending == Pending::Ended {
            self.finish();
            return;
        }
        self.say_text("still_there");
        self.ask_again(1);
    }

    fn hear(&mut self, text: &str) {
        self.begin();
        self.turn += 1;
        if let Pending::Call(step, ..) = self.pending.clone() {
            // The call was broken off; what it was made for is asked for again.
            self.done.remove(&step);
            self.pending = Pending::Listen;
        }
        if self.pending == Pending::Ended {
            // The caller goes on after the goodbye.
            self.pending = Pending::Listen;
            self.enter(self.script.start);
        }
        if words::tokens(text).is_empty() {
            self.say_text("still_there");
            self.ask_again(1);
            return;
        }
        if self.stuck >= 3 {
            self.say_text("give_up");
            self.finish();
            return;
        }
        let asked = match self.pending {
            Pending::Slot(slot) | Pending::Offer(slot) | Pending::Which(slot) => {
                self.script.slots.get(slot)
            }
            _ => None,
        };
        // Values read back are put right with bare ones: "no, three".
        let mending =
            matches!(self.pending, Pending::Confirm(_) | Pending::Change) && !agrees(text);
        let heard = understand::read(text, &self.script.slots, asked, mending, &self.now);
        let before = (self.state, self.pending.clone(), self.values.clone());
        if self.understood(&heard) {
            self.misses = 0;
            // Answers that change nothing, again and again, are no progress, whatever was said to them.
            let still = (self.state, self.pending.clone(), self.values.clone()) == before;
            self.still = if still && self.pending != Pending::Listen {
                self.still + 1
            } else {
                0
            };
            if self.still > 4 {
                self.say_text("give_up");
                self.finish();
            }
        } else {
            self.repair();
        }
    }

    fn result(&mut self, name: &str, result: &str, is_error: bool) {
        let Pending::Call(step, tool, arguments) = self.pending.clone() else {
            return;
        };
        if tool != name {
            return;
        }
        self.begin();
        self.pending = Pending::Listen;
        let mut value: Value = serde_json::from_str(result).unwrap_or_else(|_| Value::from(result));
        if is_error {
            value = serde_json::json!({ "error": result });
        }
        self.result = value;
        self.done.insert(step, arguments.to_string());
        let script = self.script;
        let Some(Step::Call { on, .. }) = script.states[self.state].steps.get(step) else {
            self.walk();
            return;
        };
        match on.iter().find(|branch| self.holds(branch, is_error)) {
            Some(branch) => {
                // A branch that forgets what the call was made with wants it made again.
                if !branch.effect.forget.is_empty() {
                    self.done.remove(&step);
                } else if !branch.effect.set.is_empty() {
                    // What the result puts into the slots is no reason to ask the tool again.
                    self.assign(&branch.effect);
                    if let Some(Step::Call { with, .. }) = script.states[self.state].steps.get(step)
                    {
                        let arguments = self.arguments(with).to_string();
                        self.done.insert(step, arguments);
                    }
                }
                self.perform(&branch.effect);
            }
            None if is_error => {
                self.say_text("tool_failed");
                self.leave();
            }
            None => self.walk(),
        }
    }

    fn holds(&self, branch: &Branch, is_error: bool) -> bool {
        if is_error && !branch.when.iter().any(|(key, _)| key == "error") {
            return false;
        }
        branch.when.iter().all(|(key, value)| {
            if key == "error" {
                return is_error == (value == &Value::Bool(true));
            }
            let held = key
                .split('.')
                .try_fold(&self.result, |at, part| at.get(part))
                .unwrap_or(&Value::Null);
            held == value
        })
    }
}

/// Whether an answer begins with a yes.
fn agrees(text: &str) -> bool {
    words::tokens(text).first().is_some_and(|t| {
        matches!(
            t.text.as_str(),
            "yes" | "yeah" | "yep" | "yup" | "sure" | "correct" | "right" | "okay"
        )
    })
}
