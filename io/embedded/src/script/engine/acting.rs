//! Steps and effects: what the script does next.

use super::{Effect, Kind, Map, Pending, Run, Step, ToolCall, Val, Value, raw_slot};

impl Run<'_> {
    pub(super) fn perform(&mut self, effect: &Effect) {
        self.assign(effect);
        // Said before it is forgotten: "Tuesday at ten is taken."
        self.say(&effect.says);
        for &slot in &effect.forget {
            self.values[slot] = None;
            self.refused[slot] = false;
        }
        self.follow(effect);
    }

    pub(super) fn assign(&mut self, effect: &Effect) {
        for (slot, text) in &effect.set {
            let text = self.render(text);
            let value = match self.script.slots[*slot].kind {
                Kind::Date => text.parse().map(Val::Date).ok(),
                Kind::Time => text.parse().map(Val::Time).ok(),
                Kind::Number => text.parse().map(Val::Number).ok(),
                _ => Some(Val::Text(text)),
            };
            self.values[*slot] = value;
        }
    }

    pub(super) fn follow(&mut self, effect: &Effect) {
        if effect.end {
            self.finish();
        } else if let Some(slot) = effect.asks {
            self.pending = Pending::Slot(slot);
        } else if let Some(state) = effect.visit {
            let done = self.done.clone();
            let home = (self.state, done);
            self.enter(state);
            self.back = Some(home);
            self.walk();
        } else {
            if let Some(state) = effect.go {
                self.back = None;
                self.enter(state);
            }
            self.walk();
        }
    }

    /// Sets the state without speaking.
    pub(super) fn enter(&mut self, state: usize) {
        self.state = state;
        self.done.clear();
        for &slot in &self.script.states[state].fresh {
            self.values[slot] = None;
            self.refused[slot] = false;
        }
    }

    /// The conversation begins, after the first message: wait as the first state does.
    pub(super) fn arrive(&mut self) {
        let start = &self.script.states[self.state];
        self.pending = match start.steps.first() {
            Some(Step::Ask {
                slot, offer: false, ..
            }) => Pending::Slot(*slot),
            _ => Pending::Listen,
        };
    }

    /// Does the first step that is not done, and on until something has to be waited for.
    pub(super) fn walk(&mut self) {
        let script = self.script;
        let mut at = 0;
        for _ in 0..64 {
            let Some(step) = script.states[self.state].steps.get(at) else {
                if let Some((state, done)) = self.back.take() {
                    self.state = state;
                    self.done = done;
                    self.pending = Pending::Listen;
                    at = 0;
                    continue;
                }
                self.leave();
                return;
            };
            match step {
                Step::Say(says) => {
                    if !self.done.contains_key(&at) {
                        self.say(says);
                        self.done.insert(at, String::new());
                    }
                }
                Step::Listen(says) => {
                    self.say(says);
                    self.pending = Pending::Listen;
                    return;
                }
                Step::Ask { slot, says, offer } => {
                    let refused = *offer && self.refused[*slot];
                    match &self.values[*slot] {
                        Some(value) if value.is_settled() => {}
                        Some(value) => {
                            let value = value.clone();
                            self.ask_which(*slot, &value);
                            return;
                        }
                        None if refused => {}
                        None => {
                            let slot_texts = &script.slots[*slot];
                            let offers = *offer && !slot_texts.offer.is_empty();
                            let texts = if offers {
                                &slot_texts.offer
                            } else if says.is_empty() {
                                &slot_texts.ask
                            } else {
                                says
                            };
                            self.say(texts);
                            self.pending = if offers {
                                Pending::Offer(*slot)
                            } else {
                                Pending::Slot(*slot)
                            };
                            return;
                        }
                    }
                }
                Step::Confirm { .. } => {
                    let text = self.confirm_text(at);
                    if self.done.get(&at) != Some(&text) {
                        self.said.push(text);
                        self.pending = Pending::Confirm(at);
                        return;
                    }
                }
                Step::Call { tool, with, .. } => {
                    let arguments = self.arguments(with);
                    if self.done.get(&at) != Some(&arguments.to_string()) {
                        self.calls += 1;
                        self.call = Some(ToolCall {
                            id: format!("call_{}", self.calls),
                            name: tool.clone(),
                            arguments: arguments.clone(),
                        });
                        self.pending = Pending::Call(at, tool.clone(), arguments);
                        return;
                    }
                }
                Step::Go(state) => {
                    self.enter(*state);
                    at = 0;
                    continue;
                }
                Step::End => {
                    self.finish();
                    return;
                }
            }
            at += 1;
        }
        // Steps that lead round in a circle end up listening.
        self.pending = Pending::Listen;
    }

    /// Back to where wishes are heard.
    pub(super) fn leave(&mut self) {
        self.back = None;
        self.enter(self.script.start);
        let script = self.script;
        if let Some(Step::Listen(says)) = script.states[self.state].steps.first() {
            self.say(says);
        }
        self.arrive();
    }

    pub(super) fn finish(&mut self) {
        self.pending = Pending::Ended;
        if self.request.tools.iter().any(|t| t.name == "end_call") {
            self.calls += 1;
            self.call = Some(ToolCall {
                id: format!("call_{}", self.calls),
                name: "end_call".to_owned(),
                arguments: Value::Object(Map::new()),
            });
        }
    }

    pub(super) fn declined(&mut self, step: usize) {
        let script = self.script;
        if let Some(Step::Confirm {
            no: Some(effect), ..
        }) = script.states[self.state].steps.get(step)
        {
            self.perform(effect);
        } else {
            self.say_text("change");
            self.pending = Pending::Change;
        }
    }

    pub(super) fn arguments(&self, with: &[(String, Value)]) -> Value {
        let mut out = Map::new();
        for (name, value) in with {
            let value = match value.as_str() {
                Some(text) => match raw_slot(text) {
                    Some(slot) => {
                        let held = self
                            .script
                            .slots
                            .iter()
                            .position(|s| s.name == slot)
                            .and_then(|i| self.values[i].as_ref());
                        match held {
                            Some(held) => held.raw(),
                            None => continue,
                        }
                    }
                    None => Value::from(self.render(text)),
                },
                None => value.clone(),
            };
            out.insert(name.clone(), value);
        }
        Value::Object(out)
    }
}
