//! Matching: the best way to lay a pattern over an utterance.

use super::{Found, Hearing, Item, Token, words};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) gain: f32,
    pub(super) total: f32,
    pub(super) mask: u64,
    /// The next token that may be taken.
    pub(super) at: usize,
    /// Nothing matched yet: the words before cost nothing.
    pub(super) fresh: bool,
    pub(super) captures: [Option<(u8, u8, u8)>; 3],
}

impl State {
    pub(super) fn better(&self, other: &Self) -> std::cmp::Ordering {
        let value = |s: &Self| if s.total > 0.0 { s.gain / s.total } else { 1.0 };
        value(self)
            .total_cmp(&value(other))
            .then(self.gain.total_cmp(&other.gain))
    }

    pub(super) fn missed(mut self, weight: f32) -> Self {
        self.total += weight;
        self
    }

    pub(super) fn took(
        mut self,
        tokens: &[Token],
        (from, to): (usize, usize),
        weight: f32,
        likeness: f32,
    ) -> Self {
        // Words in between make it less likely that those around them belong together.
        let gap: f32 = if self.fresh {
            0.0
        } else {
            tokens[self.at..from]
                .iter()
                .map(|t| words::weight(&t.text))
                .sum()
        };
        self.fresh = false;
        self.total += weight;
        self.gain += weight * likeness - ((gap - 0.5).max(0.0) * 0.09).min(0.4);
        for i in from..to {
            self.mask |= 1 << i;
        }
        self.at = to;
        self
    }
}

/// Runs a sequence from every place at once; answers with the best state by the token that comes next.
pub(super) fn run(
    items: &[Item],
    mut states: Vec<Option<State>>,
    tokens: &[Token],
    found: &[Found],
    hearing: &Hearing<'_>,
    whole: bool,
) -> Vec<Option<State>> {
    for (i, item) in items.iter().enumerate() {
        let last = whole && i + 1 == items.len();
        let mut next: Vec<Option<State>> = vec![None; states.len()];
        match item {
            Item::Word(word) => {
                let weight = words::weight(word) * hearing.scale;
                let alike = hearing.ear.alike(word, tokens);
                for state in states.iter().flatten() {
                    keep(&mut next, state.missed(weight));
                    for a in alike
                        .iter()
                        .filter(|a| a.from >= state.at && !hearing.uses(a))
                    {
                        keep(
                            &mut next,
                            state.took(tokens, (a.from, a.to), weight, a.likeness),
                        );
                    }
                }
            }
            Item::Any(options, optional) => {
                if *optional {
                    for state in states.iter().flatten() {
                        keep(&mut next, *state);
                    }
                }
                let inner = Hearing {
                    ear: hearing.ear,
                    taken: hearing.taken,
                    scale: if *optional {
                        hearing.scale * 0.2
                    } else {
                        hearing.scale
                    },
                };
                for option in options {
                    for state in run(option, states.clone(), tokens, found, &inner, false)
                        .into_iter()
                        .flatten()
                    {
                        keep(&mut next, state);
                    }
                }
            }
            Item::Slot(slot, free) => {
                for state in states.iter().flatten() {
                    keep(&mut next, state.missed(1.0));
                    for f in found
                        .iter()
                        .filter(|f| f.slots.contains(slot) && f.start >= state.at)
                    {
                        keep(
                            &mut next,
                            captured(
                                state.took(tokens, (f.start, f.end), 1.0, 1.0),
                                *slot,
                                f.start,
                                f.end,
                            ),
                        );
                    }
                    // A slot of free words takes what is left, or what stands before the next words of the pattern.
                    let none = found.iter().all(|f| !f.slots.contains(slot));
                    if *free && none && state.at < tokens.len() {
                        let from = state.at;
                        let ends = if last { tokens.len() } else { from + 1 };
                        if !(last && state.fresh) {
                            for to in ends..=tokens.len() {
                                if says_something(&tokens[from..to]) {
                                    keep(
                                        &mut next,
                                        captured(
                                            state.took(tokens, (from, to), 0.5, 1.0),
                                            *slot,
                                            from,
                                            to,
                                        ),
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
        states = next;
    }
    states
}

/// Whether words hold more than courtesies: "take a note for me please" says nothing to note.
pub(super) fn says_something(tokens: &[Token]) -> bool {
    // "Before I forget": a reason, not the thing.
    if tokens.first().is_some_and(|t| {
        matches!(
            t.text.as_str(),
            "before" | "if" | "when" | "because" | "while" | "until"
        )
    }) {
        return false;
    }
    // "Write down a number for me": what is announced is not said yet.
    let announced = |w: &str| {
        matches!(
            w,
            "number"
                | "address"
                | "idea"
                | "name"
                | "list"
                | "message"
                | "line"
                | "couple"
                | "few"
                | "detail"
                | "details"
                | "errand"
                | "task"
                | "information"
                | "thought"
                | "thing"
                | "things"
                | "something"
                | "reminder"
                | "note"
        )
    };
    if let [first, rest @ ..] = tokens
        && matches!(
            first.text.as_str(),
            "a" | "an" | "some" | "something" | "one" | "my"
        )
        && tokens.len() <= 9
        && (rest.iter().take(3).any(|t| announced(&t.text)) || announced(&first.text))
        && !rest
            .iter()
            .any(|t| matches!(t.text.as_str(), "is" | "to" | "about"))
    {
        return false;
    }
    tokens.iter().any(|t| {
        words::weight(&t.text) >= 1.0
            && !matches!(
                t.text.as_str(),
                "before"
                    | "forget"
                    | "ready"
                    | "minute"
                    | "second"
                    | "sec"
                    | "able"
                    | "important"
                    | "short"
                    | "little"
                    | "jot"
                    | "note"
                    | "memo"
                    | "reminder"
                    | "write"
                    | "remember"
                    | "thing"
                    | "things"
                    | "later"
                    | "thanks"
                    | "thank"
                    | "something"
                    | "quick"
                    | "quickly"
                    | "now"
                    | "down"
                    | "real"
                    | "help"
                    | "favour"
                    | "moment"
                    | "then"
                    | "maybe"
                    | "possible"
                    | "too"
                    | "also"
                    | "kind"
                    | "mind"
            )
    })
}

pub(super) fn captured(mut state: State, slot: usize, from: usize, to: usize) -> State {
    if let Some(free) = state.captures.iter_mut().find(|c| c.is_none()) {
        *free = Some((slot as u8, from as u8, to as u8));
    }
    state
}

pub(super) fn keep(states: &mut [Option<State>], state: State) {
    let place = &mut states[state.at];
    if place.is_none_or(|old| state.better(&old).is_gt()) {
        *place = Some(state);
    }
}
