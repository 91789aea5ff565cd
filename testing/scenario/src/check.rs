//! The rules of a conversation, checked on the log alone: the machine's own state is not asked.

use std::collections::{BTreeMap, BTreeSet};

use turn::{Input, Output, ReplyId};

use crate::{event::What, world::Outcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Speculative,
    Live,
    Over,
}

#[derive(Default)]
struct Rules {
    replies: BTreeMap<ReplyId, Stage>,
    stopped: u64,
    event: u64,
    utterance: u64,
    open: Option<u64>,
    decided: BTreeSet<u64>,
    running: BTreeSet<u64>,
    called: BTreeSet<u64>,
    ducked: bool,
    ended: bool,
}

/// The first rule that a conversation broke, in words. None: all is well.
pub fn broken_rule(outcome: &Outcome) -> Option<String> {
    let mut rules = Rules::default();
    for entry in &outcome.log {
        let broken = match &entry.what {
            What::Decided(output) => rules.decided(output),
            What::Told(Input::Final { utterance, .. }) => {
                if rules.open == Some(utterance.0) {
                    rules.open = None;
                }
                None
            }
            _ => None,
        };
        if let Some(rule) = broken {
            return Some(format!("{entry}: {rule}"));
        }
    }
    if rules.ended || matches!(outcome.floor, turn::FloorKind::Open) {
        None
    } else {
        Some(format!(
            "left to itself, the conversation stays with {:?}",
            outcome.floor
        ))
    }
}

impl Rules {
    fn live(&self, reply: ReplyId) -> bool {
        self.replies.get(&reply) == Some(&Stage::Live)
    }

    fn under_way(&self) -> bool {
        self.replies.values().any(|stage| *stage == Stage::Live)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each decision")]
    fn decided(&mut self, output: &Output) -> Option<String> {
        let no = |what: &str| Some(what.to_owned());
        if self.ended {
            return no("something after the end");
        }
        match output {
            Output::Listen if self.under_way() => no("listening while a reply is under way"),
            Output::OpenUtterance { utterance, .. } => {
                if utterance.0 <= self.utterance {
                    return no("utterance ids only grow");
                }
                if self.open.is_some() {
                    return no("two utterances at once");
                }
                self.utterance = utterance.0;
                self.open = Some(utterance.0);
                None
            }
            Output::CloseUtterance { utterance } => {
                if self.open.take() != Some(utterance.0) {
                    return no("an utterance is closed that is not open");
                }
                None
            }
            Output::DropUtterance { utterance, .. } => {
                if !self.decided.insert(utterance.0) {
                    return no("an utterance is dropped twice");
                }
                if self.open == Some(utterance.0) {
                    self.open = None;
                }
                None
            }
            Output::Commit { text, .. } => {
                if self.under_way() {
                    return no("a turn is committed while the agent has the floor");
                }
                text.trim()
                    .is_empty()
                    .then(|| "an empty turn is committed".to_owned())
            }
            Output::Generate {
                reply, speculative, ..
            } => {
                if self
                    .replies
                    .last_key_value()
                    .is_some_and(|(last, _)| last >= reply)
                {
                    return no("reply ids only grow");
                }
                let stage = if speculative.is_some() {
                    Stage::Speculative
                } else {
                    Stage::Live
                };
                self.replies.insert(*reply, stage);
                None
            }
            Output::Adopt { reply } => (self.replies.insert(*reply, Stage::Live)
                != Some(Stage::Speculative))
            .then(|| "adopted what was no speculation".to_owned()),
            Output::Play { reply, event } => {
                if event.0 <= self.event || event.0 <= self.stopped {
                    return no("event ids only grow");
                }
                self.event = event.0;
                (!self.live(*reply))
                    .then(|| "sound of a reply that is not the agent's to say".to_owned())
            }
            Output::Speak { reply, .. }
            | Output::SpeakEnd { reply }
            | Output::Correct { reply, .. } => {
                (!self.live(*reply)).then(|| "a reply that is not the agent's to say".to_owned())
            }
            Output::Duck { .. } => {
                std::mem::replace(&mut self.ducked, true).then(|| "ducked twice".to_owned())
            }
            Output::Resume { .. } => (!std::mem::replace(&mut self.ducked, false))
                .then(|| "resumed without a duck".to_owned()),
            Output::Stop { last, .. } => {
                self.ducked = false;
                self.stopped = last.0;
                (last.0 < self.event).then(|| "the stop leaves out what was sent".to_owned())
            }
            Output::Cancel { reply } => match self.replies.get_mut(reply) {
                Some(stage @ Stage::Speculative) => {
                    *stage = Stage::Over;
                    None
                }
                Some(Stage::Live) => None,
                _ => no("cancelled what is not under way"),
            },
            Output::ReplyEnded { reply, .. } => (self.replies.insert(*reply, Stage::Over)
                != Some(Stage::Live))
            .then(|| "a reply ends that is not under way".to_owned()),
            Output::RunTool { call } => {
                self.running.insert(call.0);
                (!self.called.insert(call.0)).then(|| "a tool runs twice".to_owned())
            }
            Output::ToolEnded { call, .. } => {
                (!self.running.remove(&call.0)).then(|| "a tool ends that does not run".to_owned())
            }
            Output::End { .. } => {
                self.ended = true;
                if self.ducked {
                    return no("the edge is left paused");
                }
                let alive = self.replies.values().any(|s| *s != Stage::Over);
                (alive || !self.running.is_empty())
                    .then(|| "the end leaves replies or tools".to_owned())
            }
            _ => None,
        }
    }
}
