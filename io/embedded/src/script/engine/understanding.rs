//! What an utterance asks for: an answer, another task, a digression.

use super::{Effect, GOOD, Intent, Kind, Match, Pending, Run, Step, Utterance, Val, words};

/// What was heard, and how well.
type Hit<'a> = (&'a Intent, Match);

impl<'a> Run<'a> {
    #[expect(
        clippy::too_many_lines,
        clippy::collapsible_match,
        reason = "one decision after the other, in the order in which they weigh"
    )]
    pub(super) fn understood(&mut self, heard: &Utterance) -> bool {
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
                    go = None;
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
    pub(super) fn intents(
        &self,
        heard: &Utterance,
        last: bool,
    ) -> (Option<Hit<'a>>, Option<Hit<'a>>) {
        let script = self.script;
        let found = heard.found(&script.slots);
        let (mut go, mut aside): (Option<Hit<'a>>, Option<Hit<'a>>) = (None, None);
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
            if self.ends(&intent.effect)
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
                aside = None;
            } else {
                go = None;
            }
        }
        (go, aside)
    }

    /// Whether an utterance that holds a digression also answers what was asked.
    pub(super) fn fills(&self, heard: &Utterance, found: &Match) -> bool {
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
    pub(super) fn ends(&self, effect: &Effect) -> bool {
        effect.end
            || effect.go.is_some_and(|state| {
                let steps = &self.script.states[state].steps;
                steps.iter().any(|s| matches!(s, Step::End))
            })
    }

    /// Whether all that matched is part of the name that was asked for.
    pub(super) fn is_in_name(&self, heard: &Utterance, mask: u64) -> bool {
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
    pub(super) fn repeats(&self, heard: &Utterance) -> bool {
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

    pub(super) fn wants_repeat(&mut self, heard: &Utterance) -> bool {
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

    pub(super) fn aside(&mut self, intent: &Intent) {
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

    pub(super) fn change_task(&mut self, intent: &Intent, heard: &Utterance, found: &Match) {
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
}

/// Whether an effect says and does nothing.
fn silent(effect: &Effect) -> bool {
    effect.says.iter().all(String::is_empty)
        && effect.visit.is_none()
        && effect.forget.is_empty()
        && effect.set.is_empty()
        && effect.asks.is_none()
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
