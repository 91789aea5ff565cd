//! Questions asked again, repairs, and the words of replies.

use super::{Pending, Run, Step, Val, Value};

impl Run<'_> {
    pub(super) fn ask_which(&mut self, slot: usize, value: &Val) {
        let today = self.now.date();
        match value {
            Val::Dates(a, b) => {
                self.extra
                    .insert("first", crate::script::when::spoken_day(*a, today));
                self.extra
                    .insert("second", crate::script::when::spoken_day(*b, today));
                self.say_text("which_day");
            }
            Val::Part(part) => {
                self.extra.insert("part", part.name().to_owned());
                self.say_text("which_time");
                self.pending = Pending::Slot(slot);
                return;
            }
            _ => self.say_text("which_half"),
        }
        self.pending = Pending::Which(slot);
    }

    /// The question that is open, in other words where there are any.
    pub(super) fn ask_again(&mut self, variant: usize) {
        let script = self.script;
        match self.pending.clone() {
            Pending::Slot(slot) => {
                if let Some(Val::Part(part)) = self.values[slot] {
                    self.ask_which(slot, &Val::Part(part));
                } else if let Some(text) = self.pick(&script.slots[slot].ask, variant) {
                    self.said.push(text);
                }
            }
            Pending::Offer(slot) => {
                if let Some(text) = self.pick(&script.slots[slot].offer, variant) {
                    self.said.push(text);
                }
            }
            Pending::Which(slot) => {
                if let Some(value) = self.values[slot].clone() {
                    self.ask_which(slot, &value);
                }
            }
            Pending::Confirm(step) => {
                let text = self.confirm_text(step);
                self.said.push(text);
            }
            Pending::Change => self.say_text("change"),
            Pending::Listen => {
                if let Some(Step::Listen(says)) = script.states[self.state].steps.last()
                    && self.turn > 0
                    && let Some(text) = self.pick(says, variant)
                {
                    self.said.push(text);
                }
            }
            Pending::Call(..) | Pending::Ended => {}
        }
    }

    pub(super) fn repair(&mut self) {
        let script = self.script;
        self.misses += 1;
        let state = &script.states[self.state];
        let start = &script.states[script.start];
        match self.misses {
            1 => {
                self.say_text("repair");
                match self.pending {
                    Pending::Slot(slot) if !script.slots[slot].hint.is_empty() => {
                        let hint = self.render(&script.slots[slot].hint);
                        self.said.push(hint);
                        self.ask_again(1);
                    }
                    Pending::Listen => self.say_hints(if state.hints.is_empty() {
                        &start.hints
                    } else {
                        &state.hints
                    }),
                    _ => self.ask_again(1),
                }
            }
            2 | 3 => {
                self.say_text("repair_again");
                if self.pending == Pending::Listen {
                    self.say_hints(if state.hints.is_empty() {
                        &start.hints
                    } else {
                        &state.hints
                    });
                } else {
                    if let Pending::Slot(slot) = self.pending {
                        let hint = self.render(&script.slots[slot].hint);
                        self.said.push(hint);
                    }
                    self.ask_again(2);
                    self.say_hints(&state.hints);
                }
            }
            _ => {
                self.say_text("give_up");
                self.finish();
            }
        }
    }

    pub(super) fn say_hints(&mut self, hints: &[String]) {
        if hints.is_empty() {
            return;
        }
        let hints: Vec<String> = hints.iter().map(|h| self.render(h)).collect();
        let listed = match hints.as_slice() {
            [one] => one.clone(),
            [most @ .., last] => format!("{}, or {last}", most.join(", ")),
            [] => return,
        };
        self.extra.insert("hints", listed);
        self.say_text("hints");
    }

    pub(super) fn say(&mut self, texts: &[String]) {
        if let Some(text) = self.pick(texts, 0)
            && !text.is_empty()
        {
            self.said.push(text);
        }
    }

    pub(super) fn say_text(&mut self, name: &str) {
        let script = self.script;
        if let Some(texts) = script.texts.get(name) {
            self.say(texts);
        }
    }

    pub(super) fn confirm_text(&self, step: usize) -> String {
        match self.script.states[self.state].steps.get(step) {
            // One wording: what was confirmed is compared with it.
            Some(Step::Confirm { says, .. }) => {
                says.first().map(|t| self.render(t)).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// One of the variants, by the conversation's seed and the turn.
    pub(super) fn pick(&self, texts: &[String], shift: usize) -> Option<String> {
        let count = texts.len();
        if count == 0 {
            return None;
        }
        let at = (self.request.seed as usize % count + self.turn + shift) % count;
        Some(self.render(&texts[at]))
    }

    /// A text with its variables filled in.
    pub(super) fn render(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            out.push_str(&rest[..open]);
            let Some(close) = rest[open..].find("}}").map(|i| i + open) else {
                break;
            };
            out.push_str(&self.variable(rest[open + 2..close].trim()));
            rest = &rest[close + 2..];
        }
        out.push_str(rest);
        out
    }

    pub(super) fn variable(&self, name: &str) -> String {
        if let Some(text) = self.extra.get(name) {
            return text.clone();
        }
        if let Some(path) = name.strip_prefix("result.") {
            let held = path
                .split('.')
                .try_fold(&self.result, |at, part| at.get(part));
            return held.map(plain).unwrap_or_default();
        }
        if let Some(value) = self
            .script
            .slots
            .iter()
            .position(|s| s.name == name)
            .and_then(|i| self.values[i].as_ref())
        {
            return value.spoken(self.now.date());
        }
        self.request
            .variables
            .get(name)
            .or_else(|| self.script.variables.get(name))
            .map(plain)
            .unwrap_or_default()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(n) => n
            .as_f64()
            .map_or_else(|| n.to_string(), crate::script::numbers::spoken),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
