//! The script at work: the history is played through it, and what it says last is the reply.
//!
//! Nothing is kept between replies. A step is done when what it asks for is there (a slot filled, a call made with the
//! same arguments, the same text confirmed), so a correction of an earlier slot undoes by itself what hangs on it.

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
                Message::User(text) => {
                    // What the caller says in pieces, without a word between, is one utterance.
                    if !unheard.is_empty() {
                        unheard.push(' ');
                    }
                    unheard.push_str(text);
                    silent = false;
                }
                Message::Agent { text, calls } => {
                    if !unheard.is_empty() && !(text.trim().is_empty() && calls.is_empty()) {
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

    // ---- what comes in ------------------------------------------------------------------------------------------

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

    // ---- understanding ------------------------------------------------------------------------------------------

    fn understood(&mut self, heard: &Utterance) -> bool {
        let script = self.script;
        if self.wants_repeat(heard) {
            return true;
        }
        let (mut go, aside) = self.intents(heard, false);
        let (pending, answer) = (self.pending.clone(), heard.answer);
        // To a question for yes or no, "that's it" and "move it to Thursday" are answers.
        if let Some((intent, found)) = &go {
            match pending {
                Pending::Confirm(_) if answer == Some(true) || self.fills(heard, found) => {
                    go = None
                }
                Pending::Offer(_) if answer.is_some() => go = None,
                Pending::Offer(slot) if self.ends(&intent.effect) => {
                    self.refused[slot] = true;
                    self.walk();
                    return true;
                }
                _ => {}
            }
        }
        // A free text takes nearly everything; only what is clearly something else is not part of it.
        if let Pending::Slot(slot) = pending
            && matches!(script.slots[slot].kind, Kind::Text)
            && !go
                .iter()
                .chain(aside.iter())
                .any(|(_, m)| m.score > 0.9 && share(heard, m) > 0.75)
        {
            self.set(slot, Val::Text(heard.text.trim().to_owned()));
            self.walk();
            return true;
        }
        let answered = aside.is_some();
        if let Some((intent, found)) = &aside {
            self.capture(heard, found);
            let alone = go
                .as_ref()
                .is_none_or(|(_, other)| other.mask & found.mask & strong(heard) != 0);
            if alone && !self.fills(heard, found) {
                // What was heard only to take a value has nothing else to do.
                if found.captures.is_empty() || !silent(&intent.effect) {
                    self.aside(intent);
                } else {
                    self.walk();
                }
                return true;
            }
            self.say(&intent.effect.says);
        }
        if let Some((intent, found)) = &go {
            self.change_task(intent, heard, found);
            return true;
        }
        let filled = self.fill(heard, aside.as_ref().map(|(_, found)| found));
        match pending {
            Pending::Confirm(step) => {
                if filled {
                    self.walk();
                } else if answer == Some(true) {
                    self.done.insert(step, self.confirm_text(step));
                    self.walk();
                } else if answer == Some(false) && self.repeats(heard) {
                    // "No, at ten", and ten it was: it is read back again.
                    self.walk();
                } else if answer == Some(false) {
                    self.declined(step);
                } else {
                    return answered && {
                        self.ask_again(0);
                        true
                    };
                }
                return true;
            }
            Pending::Offer(slot) => {
                if self.values[slot].is_none() {
                    match answer {
                        Some(true) => {
                            let says = &script.slots[slot].ask;
                            self.say(says);
                            self.pending = Pending::Slot(slot);
                            return true;
                        }
                        Some(false) => self.refused[slot] = true,
                        None if filled => {}
                        None => {
                            return answered && {
                                self.ask_again(0);
                                true
                            };
                        }
                    }
                }
                self.walk();
                return true;
            }
            Pending::Change if !filled && (answer == Some(true) || self.repeats(heard)) => {
                self.walk();
                return true;
            }
            Pending::Which(slot) => {
                if self.settle(slot, heard) || filled {
                    self.walk();
                    return true;
                }
            }
            Pending::Slot(slot) => {
                if !filled && self.values[slot].is_none() {
                    if let Some(value) = self.bare(slot, heard) {
                        self.set(slot, value);
                        self.walk();
                        return true;
                    }
                    // "No" to a question that may stay unanswered.
                    let optional = script.states[self.state]
                        .steps
                        .iter()
                        .any(|s| matches!(s, Step::Ask { slot: s, offer: true, .. } if *s == slot));
                    if optional && answer == Some(false) {
                        self.refused[slot] = true;
                        self.walk();
                        return true;
                    }
                }
            }
            _ => {}
        }
        if filled || answered {
            self.walk();
            return true;
        }
        let (go, aside) = self.intents(heard, true);
        if let Some((intent, found)) = go {
            self.change_task(intent, heard, &found);
            return true;
        }
        if let Some((intent, found)) = aside {
            self.capture(heard, &found);
            self.aside(intent);
            return true;
        }
        if script.states[self.state].knowledge
            && let Some(passage) = self.knowledge.answer(&heard.text)
        {
            self.said.push(passage);
            self.ask_again(0);
            return true;
        }
        false
    }

    /// The best way to another task and the best digression, each with how it matched.
    fn intents(
        &self,
        heard: &Utterance,
        last: bool,
    ) -> (Option<(&'a Intent, Match)>, Option<(&'a Intent, Match)>) {
        let script = self.script;
        let found = heard.found(&script.slots);
        let (mut go, mut aside): (Option<(&Intent, Match)>, Option<(&Intent, Match)>) =
            (None, None);
        let here = &script.states[self.state].hears;
        let busy = self.pending != Pending::Listen;
        for (local, intent) in here
            .iter()
            .map(|i| (true, i))
            .chain(script.anywhere.iter().map(|i| (false, i)))
        {
            if intent.last != last {
                continue;
            }
            let moves = intent.effect.go.is_some() || intent.effect.end;
            // In the middle of a task its own opening words are no reason to begin again.
            if busy && intent.effect.go == Some(self.state) && !local {
                continue;
            }
            if busy && intent.effect.visit == Some(self.state) {
                continue;
            }
            let Some(mut best) = intent
                .said
                .iter()
                .map(|p| p.find(&heard.tokens, &found, &heard.ear))
                .max_by(|a, b| a.score.total_cmp(&b.score))
            else {
                continue;
            };
            // "Price" is a surname when a name was asked for.
            if self.is_in_name(heard, best.mask) {
                continue;
            }
            // A goodbye is an utterance of its own, but for courtesies.
            if !local
                && self.ends(&intent.effect)
                && !heard.ends_with(best.mask)
                && heard.beside(best.mask) > 0.8 + 0.8 * heard.weight(best.mask)
            {
                continue;
            }
            // What the state itself listens for comes first.
            best.score += if local && !last { 0.04 } else { 0.0 };
            let needed = if busy && moves && !local {
                GOOD + 0.06
            } else {
                GOOD
            };
            if best.score < needed {
                continue;
            }
            let place = if moves { &mut go } else { &mut aside };
            if place.as_ref().is_none_or(|(_, old)| best.score > old.score) {
                *place = Some((intent, best));
            }
        }
        // Of two readings of the same words the better one is meant.
        if let (Some((_, a)), Some((_, b))) = (&go, &aside)
            && a.mask & b.mask & strong(heard) != 0
        {
            if a.score >= b.score {
                aside = None
            } else {
                go = None
            }
        }
        (go, aside)
    }

    /// Whether an utterance that holds a digression also answers what was asked.
    fn fills(&self, heard: &Utterance, found: &Match) -> bool {
        let free = |start: usize, end: usize| (start..end).any(|i| found.mask & (1 << i) == 0);
        let scope = self.scope();
        heard.said.iter().any(|said| {
            free(said.start, said.end)
                && scope.iter().any(|&s| {
                    heard.fits(said, &self.script.slots[s])
                        && !self.values[s]
                            .as_ref()
                            .is_some_and(|held| held.is_meant_by(&said.value))
                })
        }) || (matches!(self.pending, Pending::Confirm(_) | Pending::Offer(_))
            && heard.answer == Some(true)
            && heard
                .tokens
                .first()
                .is_some_and(|t| matches!(t.text.as_str(), "yes" | "yeah" | "yep" | "sure")))
    }

    /// Whether an effect leads to the end of the call.
    fn ends(&self, effect: &Effect) -> bool {
        effect.end
            || effect.go.is_some_and(|state| {
                let steps = &self.script.states[state].steps;
                steps.iter().any(|s| matches!(s, Step::End))
            })
    }

    /// Whether all that matched is part of the name that was asked for.
    fn is_in_name(&self, heard: &Utterance, mask: u64) -> bool {
        let Pending::Slot(slot) = self.pending else {
            return false;
        };
        let slot = &self.script.slots[slot];
        slot.kind == Kind::Name
            && heard.said.iter().filter(|s| heard.fits(s, slot)).any(|s| {
                let name = (s.start..s.end).fold(0_u64, |mask, i| mask | (1 << i));
                mask & strong(heard) & !name == 0
            })
    }

    /// Whether an utterance names what is known already.
    fn repeats(&self, heard: &Utterance) -> bool {
        let scope = self.scope();
        heard.said.iter().any(|said| {
            scope.iter().any(|&s| {
                heard.fits(said, &self.script.slots[s])
                    && self.values[s]
                        .as_ref()
                        .is_some_and(|held| held.is_meant_by(&said.value))
            })
        })
    }

    fn wants_repeat(&mut self, heard: &Utterance) -> bool {
        let text: Vec<&str> = heard.tokens.iter().map(|t| t.text.as_str()).collect();
        let has = |phrase: &[&str]| text.windows(phrase.len()).any(|w| w == phrase);
        let short = text.len() <= 9;
        let again = short
            && (has(&["say", "that", "again"])
                || has(&["repeat", "that"])
                || has(&["repeat", "it"])
                || has(&["pardon"])
                || has(&["come", "again"])
                || has(&["say", "it", "again"])
                || has(&["could", "you", "repeat"])
                || has(&["can", "you", "repeat"])
                || has(&["please", "repeat"])
                || has(&["did", "not", "hear"])
                || has(&["did", "not", "catch"])
                || has(&["what", "did", "you", "say"])
                || has(&["one", "more", "time"])
                || text == ["sorry"]
                || text == ["what"]
                || text == ["repeat"]
                || (matches!(text.first(), Some(&"what" | &"which" | &"sorry"))
                    && (has(&["was", "that"])
                        || has(&["is", "that", "again"])
                        || has(&["did", "you", "say"])
                        || has(&["was", "it"]))));
        if again {
            self.stuck = 0;
            let last = self.last.clone();
            self.said.push(last);
            return true;
        }
        let wait = short
            && heard.said.is_empty()
            && (has(&["hold", "on"])
                || has(&["one", "moment"])
                || has(&["just", "a", "second"])
                || has(&["wait", "a"])
                || has(&["let", "me", "think"])
                || has(&["give", "me", "a", "moment"])
                || has(&["hang", "on"])
                || has(&["just", "a", "moment"])
                || has(&["let", "me", "check"])
                || has(&["let", "me", "see"]));
        if wait {
            self.say_text("wait");
        }
        wait
    }

    fn aside(&mut self, intent: &Intent) {
        let effect = &intent.effect;
        if effect.visit.is_some()
            || effect.asks.is_some()
            || !effect.forget.is_empty()
            || !effect.set.is_empty()
        {
            self.perform(effect);
        } else {
            self.say(&effect.says);
            self.ask_again(0);
        }
    }

    fn change_task(&mut self, intent: &Intent, heard: &Utterance, found: &Match) {
        self.back = None;
        let effect = &intent.effect;
        if let Some(state) = effect.go {
            self.enter(state);
        }
        self.capture(heard, found);
        self.fill(heard, Some(found));
        let mut rest = effect.clone();
        rest.go = None;
        self.perform(&rest);
    }

    fn capture(&mut self, heard: &Utterance, found: &Match) {
        for &(slot, from, to) in &found.captures {
            let value = heard
                .said
                .iter()
                .find(|s| s.start == from && s.end == to && heard.fits(s, &self.script.slots[slot]))
                .map_or_else(|| Val::Text(heard.phrase(from, to)), |s| s.value.clone());
            self.set(slot, value);
        }
    }

    /// The slots that the state asks for.
    fn scope(&self) -> Vec<usize> {
        let mut scope: Vec<usize> = self.script.states[self.state]
            .steps
            .iter()
            .filter_map(|s| {
                if let Step::Ask { slot, .. } = s {
                    Some(*slot)
                } else {
                    None
                }
            })
            .collect();
        // What was asked for gets its answer first.
        if let Pending::Slot(asked) | Pending::Which(asked) | Pending::Offer(asked) = self.pending
            && let Some(place) = scope.iter().position(|s| *s == asked)
        {
            scope.remove(place);
            scope.insert(0, asked);
        }
        scope
    }

    /// Puts what was said into the slots of the state. Whether anything changed.
    fn fill(&mut self, heard: &Utterance, taken: Option<&Match>) -> bool {
        let script = self.script;
        let used: Vec<(usize, usize)> = taken
            .map(|m| m.captures.iter().map(|c| (c.1, c.2)).collect())
            .unwrap_or_default();
        let mut changed = false;
        let mut left: Vec<&understand::Said> = heard
            .said
            .iter()
            .filter(|s| !used.contains(&(s.start, s.end)))
            .collect();
        changed |= self.cued(heard, &mut left);
        // "Tuesday, no, Wednesday": the last one counts.
        if heard.corrects() {
            let mut i = 0;
            while i < left.len() {
                let same = |b: &&understand::Said| {
                    script.slots.iter().any(|slot| {
                        heard.fits(left[i], slot)
                            && heard.fits(b, slot)
                            && !matches!(
                                (&left[i].value, &b.value),
                                (Val::Part(_), _) | (_, Val::Part(_))
                            )
                    })
                };
                if left[i + 1..].iter().any(same) {
                    left.remove(i);
                } else {
                    i += 1;
                }
            }
        }
        for slot in self.scope() {
            let taken = taken.is_some_and(|m| m.captures.iter().any(|c| c.0 == slot));
            if taken {
                continue;
            }
            if let Kind::Choice(choices) = &script.slots[slot].kind {
                if let Some(value) = heard.choice(choices)
                    && self.values[slot].as_ref() != Some(&value)
                {
                    self.set(slot, value);
                    changed = true;
                }
                continue;
            }
            let fitting: Vec<usize> = (0..left.len())
                .filter(|&i| heard.fits(left[i], &script.slots[slot]))
                .collect();
            // A time of day beats a part of the day.
            let Some(&at) = fitting
                .iter()
                .find(|&&i| !matches!(left[i].value, Val::Part(_)))
                .or(fitting.first())
            else {
                continue;
            };
            let value = left.remove(at).value.clone();
            if self.values[slot]
                .as_ref()
                .is_some_and(|held| held.is_meant_by(&value))
            {
                changed |= matches!(self.pending, Pending::Slot(s) if s == slot);
                continue;
            }
            // "The morning" says nothing new about a time that lies in it.
            if let (Val::Part(_), Some(Val::Time(_))) = (&value, &self.values[slot])
                && self.pending != Pending::Change
            {
                continue;
            }
            self.set(slot, value);
            changed = true;
        }
        changed
    }

    /// Values that the words around them give to a slot: "from Monday", "my ten o'clock appointment".
    fn cued(&mut self, heard: &Utterance, left: &mut Vec<&understand::Said>) -> bool {
        let script = self.script;
        let mut owned = self.scope();
        owned.extend(
            script.states[self.state]
                .fresh
                .iter()
                .filter(|s| !matches!(self.pending, Pending::Slot(p) if p == **s)),
        );
        let mut changed = false;
        let mut placed: Vec<(usize, usize, usize)> = Vec::new();
        for &slot in &owned {
            let wanted = &script.slots[slot];
            if wanted.cues.is_empty() && wanted.tails.is_empty() {
                continue;
            }
            let hit = left
                .iter()
                .position(|s| heard.fits(s, wanted) && heard.is_cued(s, wanted));
            if let Some(at) = hit {
                let said = left.remove(at);
                placed.push((slot, said.start, said.end));
                changed |= self.values[slot].as_ref() != Some(&said.value);
                self.set(slot, said.value.clone());
            }
        }
        for &slot in &owned {
            let Some(neighbour) = script.slots[slot].beside else {
                continue;
            };
            let Some(&(_, start, end)) = placed.iter().find(|p| p.0 == neighbour) else {
                continue;
            };
            let near =
                |s: &understand::Said| s.start.abs_diff(end) <= 1 || start.abs_diff(s.end) <= 1;
            if let Some(at) = left
                .iter()
                .position(|s| heard.fits(s, &script.slots[slot]) && near(s))
            {
                let said = left.remove(at);
                changed |= self.values[slot].as_ref() != Some(&said.value);
                self.set(slot, said.value.clone());
            }
        }
        changed
    }

    fn set(&mut self, slot: usize, value: Val) {
        let value = match (value, &self.script.slots[slot].between, &self.values[slot]) {
            (Val::Times(a, b), _, Some(Val::Part(part))) => when_part(a, b, *part),
            (Val::Times(a, b), Some((from, until)), _) => {
                let within = |t: jiff::civil::Time| t >= *from && t < *until;
                match (within(a), within(b)) {
                    (true, false) => Val::Time(a),
                    (false, _) => Val::Time(b),
                    (true, true) => Val::Times(a, b),
                }
            }
            (value, ..) => value,
        };
        // Asked twice which day is meant, the caller has said "next Friday" twice: take the later one.
        let value = match (value, &self.values[slot]) {
            (Val::Dates(a, b), Some(Val::Dates(c, d))) if (a, b) == (*c, *d) => Val::Date(b),
            (value, _) => value,
        };
        self.refused[slot] = false;
        self.values[slot] = Some(value);
    }

    /// A bare answer to the question for a slot.
    fn bare(&self, slot: usize, heard: &Utterance) -> Option<Val> {
        let slot = &self.script.slots[slot];
        match &slot.kind {
            Kind::YesNo => heard.answer.map(Val::Bool),
            Kind::Choice(choices) => heard.choice(choices),
            _ => heard
                .said
                .iter()
                .find(|s| heard.fits(s, slot))
                .map(|s| s.value.clone()),
        }
    }

    /// "This one", "the later", "the 27th", "in the morning".
    fn settle(&mut self, slot: usize, heard: &Utterance) -> bool {
        let has = |words: &[&str]| {
            heard
                .tokens
                .iter()
                .any(|t| words.contains(&t.text.as_str()))
        };
        let settled = match self.values[slot] {
            Some(Val::Dates(a, b)) => {
                let named = heard.said.iter().find_map(|s| match s.value {
                    Val::Date(d) if d == a || d == b => Some(d),
                    _ => None,
                });
                let number = heard.tokens.iter().enumerate().find_map(|(i, _)| {
                    let words: Vec<&str> =
                        heard.tokens[i..].iter().map(|t| t.text.as_str()).collect();
                    let (n, _) = super::numbers::ordinal(&words)?;
                    [a, b].into_iter().find(|d| d.day() as u64 == n)
                });
                named
                    .or_else(|| number.filter(|_| !has(&["first", "second"]) || a.day() > 2))
                    .or_else(|| {
                        has(&[
                            "this", "first", "sooner", "earlier", "coming", "nearest", "former",
                            "today",
                        ])
                        .then_some(a)
                    })
                    .or_else(|| {
                        has(&[
                            "next",
                            "second",
                            "later",
                            "after",
                            "following",
                            "latter",
                            "week",
                            "other",
                        ])
                        .then_some(b)
                    })
                    .or_else(|| {
                        heard
                            .said
                            .iter()
                            .any(|s| matches!(s.value, Val::Dates(..)))
                            .then_some(a)
                    })
                    .map(Val::Date)
            }
            Some(Val::Times(a, b)) => {
                if has(&["morning", "am", "first"]) {
                    Some(Val::Time(a))
                } else if has(&["afternoon", "evening", "pm", "second", "tonight"]) {
                    Some(Val::Time(b))
                } else {
                    None
                }
            }
            _ => None,
        };
        settled
            .map(|value| self.values[slot] = Some(value))
            .is_some()
    }

    // ---- acting -------------------------------------------------------------------------------------------------

    fn perform(&mut self, effect: &Effect) {
        self.assign(effect);
        // Said before it is forgotten: "Tuesday at ten is taken."
        self.say(&effect.says);
        for &slot in &effect.forget {
            self.values[slot] = None;
            self.refused[slot] = false;
        }
        self.follow(effect);
    }

    fn assign(&mut self, effect: &Effect) {
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

    fn follow(&mut self, effect: &Effect) {
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
    fn enter(&mut self, state: usize) {
        self.state = state;
        self.done.clear();
        for &slot in &self.script.states[state].fresh {
            self.values[slot] = None;
            self.refused[slot] = false;
        }
    }

    /// The conversation begins, after the first message: wait as the first state does.
    fn arrive(&mut self) {
        let start = &self.script.states[self.state];
        self.pending = match start.steps.first() {
            Some(Step::Ask {
                slot, offer: false, ..
            }) => Pending::Slot(*slot),
            _ => Pending::Listen,
        };
    }

    /// Does the first step that is not done, and on until something has to be waited for.
    fn walk(&mut self) {
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
    fn leave(&mut self) {
        self.back = None;
        self.enter(self.script.start);
        let script = self.script;
        if let Some(Step::Listen(says)) = script.states[self.state].steps.first() {
            self.say(says);
        }
        self.arrive();
    }

    fn finish(&mut self) {
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

    fn declined(&mut self, step: usize) {
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

    fn arguments(&self, with: &[(String, Value)]) -> Value {
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

    // ---- asking again -------------------------------------------------------------------------------------------

    fn ask_which(&mut self, slot: usize, value: &Val) {
        let today = self.now.date();
        match value {
            Val::Dates(a, b) => {
                self.extra
                    .insert("first", super::when::spoken_day(*a, today));
                self.extra
                    .insert("second", super::when::spoken_day(*b, today));
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
    fn ask_again(&mut self, variant: usize) {
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

    fn repair(&mut self) {
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
                match self.pending {
                    Pending::Listen => {
                        self.say_hints(if state.hints.is_empty() {
                            &start.hints
                        } else {
                            &state.hints
                        });
                    }
                    _ => {
                        if let Pending::Slot(slot) = self.pending {
                            let hint = self.render(&script.slots[slot].hint);
                            self.said.push(hint);
                        }
                        self.ask_again(2);
                        self.say_hints(&state.hints);
                    }
                }
            }
            _ => {
                self.say_text("give_up");
                self.finish();
            }
        }
    }

    fn say_hints(&mut self, hints: &[String]) {
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

    // ---- words --------------------------------------------------------------------------------------------------

    fn say(&mut self, texts: &[String]) {
        if let Some(text) = self.pick(texts, 0)
            && !text.is_empty()
        {
            self.said.push(text);
        }
    }

    fn say_text(&mut self, name: &str) {
        let script = self.script;
        if let Some(texts) = script.texts.get(name) {
            self.say(texts);
        }
    }

    fn confirm_text(&self, step: usize) -> String {
        match self.script.states[self.state].steps.get(step) {
            // One wording: what was confirmed is compared with it.
            Some(Step::Confirm { says, .. }) => {
                says.first().map(|t| self.render(t)).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// One of the variants, by the conversation's seed and the turn.
    fn pick(&self, texts: &[String], shift: usize) -> Option<String> {
        let count = texts.len();
        if count == 0 {
            return None;
        }
        let at = (self.request.seed as usize % count + self.turn + shift) % count;
        Some(self.render(&texts[at]))
    }

    /// A text with its variables filled in.
    fn render(&self, text: &str) -> String {
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

    fn variable(&self, name: &str) -> String {
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

/// Whether an answer begins with a yes.
fn agrees(text: &str) -> bool {
    words::tokens(text).first().is_some_and(|t| {
        matches!(
            t.text.as_str(),
            "yes" | "yeah" | "yep" | "yup" | "sure" | "correct" | "right" | "okay"
        )
    })
}

/// Whether an effect says and does nothing.
fn silent(effect: &Effect) -> bool {
    effect.says.iter().all(String::is_empty)
        && effect.visit.is_none()
        && effect.forget.is_empty()
        && effect.set.is_empty()
        && effect.asks.is_none()
}

fn when_part(a: jiff::civil::Time, b: jiff::civil::Time, part: super::when::DayPart) -> Val {
    let clock = super::when::Clock::Either(a, b).settled_by(&super::when::Clock::Part(part));
    match clock {
        Some(super::when::Clock::One(time)) => Val::Time(time),
        _ => Val::Times(a, b),
    }
}

/// The tokens that mean something, by bit.
fn strong(heard: &Utterance) -> u64 {
    heard
        .tokens
        .iter()
        .enumerate()
        .filter(|(_, t)| words::weight(&t.text) >= 0.6)
        .fold(0, |mask, (i, _)| mask | (1 << i))
}

/// How much of what was said a match explains, by weight.
fn share(heard: &Utterance, found: &Match) -> f32 {
    let (mut all, mut explained) = (0.0, 0.0);
    for (i, token) in heard.tokens.iter().enumerate() {
        let weight = words::weight(&token.text);
        all += weight;
        if found.mask & (1 << i) != 0 {
            explained += weight;
        }
    }
    if all > 0.0 { explained / all } else { 0.0 }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(n) => n
            .as_f64()
            .map_or_else(|| n.to_string(), super::numbers::spoken),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
