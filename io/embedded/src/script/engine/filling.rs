//! Values from an utterance into the slots they are for.

use super::{Kind, Match, Pending, Run, Step, Utterance, Val, understand};

impl Run<'_> {
    pub(super) fn capture(&mut self, heard: &Utterance, found: &Match) {
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
    pub(super) fn scope(&self) -> Vec<usize> {
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
    pub(super) fn fill(&mut self, heard: &Utterance, taken: Option<&Match>) -> bool {
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
    pub(super) fn cued(&mut self, heard: &Utterance, left: &mut Vec<&understand::Said>) -> bool {
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

    pub(super) fn set(&mut self, slot: usize, value: Val) {
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
    pub(super) fn bare(&self, slot: usize, heard: &Utterance) -> Option<Val> {
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
    pub(super) fn settle(&mut self, slot: usize, heard: &Utterance) -> bool {
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
                    let (n, _) = crate::script::numbers::ordinal(&words)?;
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
}

fn when_part(
    a: jiff::civil::Time,
    b: jiff::civil::Time,
    part: crate::script::when::DayPart,
) -> Val {
    let clock = crate::script::when::Clock::Either(a, b)
        .settled_by(&crate::script::when::Clock::Part(part));
    match clock {
        Some(crate::script::when::Clock::One(time)) => Val::Time(time),
        _ => Val::Times(a, b),
    }
}
