//! What a caller may say, written in words.
//!
//! `(book|make) [me] an appointment` · `cancel & <appointment>` · `from {old_day} to {day}`
//!
//! Alternatives stand in `( | )`, what may be missing in `[ ]`, a word class of the script in `< >`, a slot in `{ }`.
//! Parts joined by `&` may come in any order. Other words of the caller may stand between; a missing or misheard word
//! costs by its weight.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use super::words::{self, Token};

/// One way to say something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    /// In any order; each in its own.
    parts: Vec<Vec<Item>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Word(String),
    /// Alternatives, and whether none will do.
    Any(Vec<Vec<Item>>, bool),
    /// Which, and whether any words will do.
    Slot(usize, bool),
}

/// How alike the words of one utterance are to those of patterns, reckoned once for each word.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    known: RefCell<HashMap<String, Rc<[Alike]>>>,
}

/// A token that is like a word: alone, or joined with the one after it.
#[derive(Clone, Copy, Debug)]
struct Alike {
    from: usize,
    to: usize,
    likeness: f32,
}

/// An ear, and the tokens that another part of the pattern has used up.
struct Hearing<'a> {
    ear: &'a Ear,
    taken: u64,
    /// How much words count: what may be missing says little where it is there.
    scale: f32,
}

impl Hearing<'_> {
    fn uses(&self, alike: &Alike) -> bool {
        (alike.from..alike.to).any(|i| self.taken & (1 << i) != 0)
    }
}

impl Ear {
    fn alike(&self, word: &str, tokens: &[Token]) -> Rc<[Alike]> {
        if let Some(known) = self.known.borrow().get(word) {
            return Rc::clone(known);
        }
        let mut alike = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let likeness = words::likeness(word, &token.text);
            if likeness > 0.6 {
                alike.push(Alike {
                    from: at,
                    to: at + 1,
                    likeness,
                });
            } else if word.len() >= 6
                && token.text.len() < word.len()
                && let Some(next) = tokens.get(at + 1)
            {
                // A recogniser may hear one long word as two.
                let joined = format!("{}{}", token.text, next.text);
                let likeness = words::likeness(word, &joined) * 0.95;
                if likeness > 0.6 {
                    alike.push(Alike {
                        from: at,
                        to: at + 2,
                        likeness,
                    });
                }
            }
        }
        let alike: Rc<[Alike]> = alike.into();
        self.known
            .borrow_mut()
            .insert(word.to_owned(), Rc::clone(&alike));
        alike
    }
}

/// What a pattern needs to know of its script.
pub(crate) struct Names<'a> {
    /// Slots by name.
    pub(crate) slots: &'a BTreeMap<String, usize>,
    /// Word classes by name: alternatives, written like patterns.
    pub(crate) words: &'a BTreeMap<String, String>,
    /// The slots that any words can fill.
    pub(crate) free: &'a BTreeSet<usize>,
}

/// How well an utterance matches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    /// 0 to 1.
    pub(crate) score: f32,
    /// The tokens it explains, by bit.
    pub(crate) mask: u64,
    /// What it says for slots: slot, first token, one past the last.
    pub(crate) captures: Vec<(usize, usize, usize)>,
}

/// Something in the utterance that may stand for slots.
pub(crate) struct Found {
    /// The slots it may stand for.
    pub(crate) slots: Vec<usize>,
    /// First token.
    pub(crate) start: usize,
    /// One past the last.
    pub(crate) end: usize,
}

/// A score from which on an utterance is taken to mean the pattern.
pub(crate) const GOOD: f32 = 0.72;

impl Pattern {
    /// Reads a pattern. The error is an offset in `text`, what is wrong, and what to do.
    pub(crate) fn parse(text: &str, names: &Names<'_>) -> Result<Self, (usize, String, String)> {
        let mut reader = Reader {
            text,
            at: 0,
            names,
            depth: 0,
        };
        let mut parts = Vec::new();
        loop {
            let part = reader.sequence()?;
            if part.is_empty() {
                return Err((
                    reader.at.min(text.len()),
                    "a pattern without words".to_owned(),
                    "write what the caller may say".to_owned(),
                ));
            }
            parts.push(part);
            match reader.peek() {
                Some('&') => reader.at += 1,
                None => return Ok(Self { parts }),
                Some(c) => {
                    return Err((
                        reader.at,
                        format!("`{c}` closes nothing"),
                        "remove it, or open it before".to_owned(),
                    ));
                }
            }
        }
    }

    /// The best match of the pattern in an utterance.
    pub(crate) fn find(&self, tokens: &[Token], found: &[Found], ear: &Ear) -> Match {
        let mut all = State::default();
        let mut captures = Vec::new();
        for part in &self.parts {
            let mut states = vec![State::default(); tokens.len() + 1];
            for (i, state) in states.iter_mut().enumerate() {
                state.fresh = true;
                state.at = i;
            }
            let end = run(
                part,
                states.into_iter().map(Some).collect(),
                tokens,
                found,
                &Hearing {
                    ear,
                    taken: all.mask,
                    scale: 1.0,
                },
                true,
            );
            let Some(best) = end.into_iter().flatten().max_by(|a, b| a.better(b)) else {
                continue;
            };
            all.gain += best.gain;
            all.total += best.total;
            all.mask |= best.mask;
            captures.extend(
                best.captures
                    .iter()
                    .flatten()
                    .map(|&(s, a, b)| (usize::from(s), usize::from(a), usize::from(b))),
            );
        }
        let recall = if all.total > 0.0 {
            (all.gain / all.total).clamp(0.0, 1.0)
        } else {
            0.0
        };
        // Words that the pattern does not explain speak a little for another one.
        let (mut said, mut explained) = (0.0, 0.0);
        for (i, token) in tokens.iter().enumerate() {
            let weight = words::weight(&token.text);
            said += weight;
            if all.mask & (1 << i) != 0 {
                explained += weight;
            }
        }
        let share = if said > 0.0 { explained / said } else { 0.0 };
        let mut score = recall * (0.9 + 0.1 * share);
        if denied(tokens, all.mask, self) {
            score *= 0.55;
        }
        Match {
            score,
            mask: all.mask,
            captures,
        }
    }

    /// Some of the ways to say it, for the recogniser: at most `most`. Slots stand as `{name}`.
    pub(crate) fn phrases(&self, slots: &[String], most: usize) -> Vec<String> {
        let mut out = vec![String::new()];
        for part in &self.parts {
            out = extend(&out, part, slots, most);
        }
        out.into_iter()
            .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }
}

/// "I don't want to cancel": the words are there, the wish is not.
fn denied(tokens: &[Token], mask: u64, pattern: &Pattern) -> bool {
    if pattern.parts.iter().any(|p| mentions_not(p)) {
        return false;
    }
    let Some(first) =
        (0..tokens.len()).find(|&i| mask & (1 << i) != 0 && words::weight(&tokens[i].text) >= 1.0)
    else {
        return false;
    };
    let from = first.saturating_sub(4);
    tokens[from..first].windows(2).any(|pair| {
        matches!(
            (pair[0].text.as_str(), pair[1].text.as_str()),
            ("do" | "not", "not" | "want" | "need" | "to") | ("instead" | "rather", "of" | "than")
        ) && (pair[0].text == "not"
            || pair[1].text == "not"
            || pair[0].text == "instead"
            || pair[0].text == "rather")
    }) && tokens[from..first].iter().any(|t| {
        matches!(
            t.text.as_str(),
            "want" | "need" | "of" | "than" | "wish" | "to"
        )
    })
}

fn mentions_not(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Word(w) => w == "not",
        Item::Any(options, _) => options.iter().any(|o| mentions_not(o)),
        Item::Slot(..) => false,
    })
}

fn extend(heads: &[String], items: &[Item], slots: &[String], most: usize) -> Vec<String> {
    let mut out = heads.to_vec();
    for item in items {
        out = match item {
            Item::Word(word) => out.iter().map(|h| format!("{h} {word}")).collect(),
            Item::Slot(slot, _) => out
                .iter()
                .map(|h| format!("{h} {{{}}}", slots[*slot]))
                .collect(),
            Item::Any(options, optional) => {
                let mut next = Vec::new();
                if *optional {
                    next.clone_from(&out);
                }
                for option in options {
                    next.extend(extend(&out, option, slots, most));
                }
                next
            }
        };
        if out.len() > most {
            // Every so many, so that later alternatives are not lost.
            let step = out.len().div_ceil(most);
            out = out.into_iter().step_by(step).collect();
        }
    }
    out
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    gain: f32,
    total: f32,
    mask: u64,
    /// The next token that may be taken.
    at: usize,
    /// Nothing matched yet: the words before cost nothing.
    fresh: bool,
    captures: [Option<(u8, u8, u8)>; 3],
}

impl State {
    fn better(&self, other: &Self) -> std::cmp::Ordering {
        let value = |s: &Self| if s.total > 0.0 { s.gain / s.total } else { 1.0 };
        value(self)
            .total_cmp(&value(other))
            .then(self.gain.total_cmp(&other.gain))
    }

    fn missed(mut self, weight: f32) -> Self {
        self.total += weight;
        self
    }

    fn took(
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
fn run(
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
fn says_something(tokens: &[Token]) -> bool {
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

fn captured(mut state: State, slot: usize, from: usize, to: usize) -> State {
    if let Some(free) = state.captures.iter_mut().find(|c| c.is_none()) {
        *free = Some((slot as u8, from as u8, to as u8));
    }
    state
}

fn keep(states: &mut [Option<State>], state: State) {
    let place = &mut states[state.at];
    if place.is_none_or(|old| state.better(&old).is_gt()) {
        *place = Some(state);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    names: &'a Names<'a>,
    depth: usize,
}

type ReadError = (usize, String, String);

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn sequence(&mut self) -> Result<Vec<Item>, ReadError> {
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            let start = self.at;
            match c {
                '(' | '[' => {
                    self.at += 1;
                    self.depth += 1;
                    if self.depth > 8 {
                        return Err((
                            start,
                            "brackets more than eight deep".to_owned(),
                            "split the pattern in two".to_owned(),
                        ));
                    }
                    let close = if c == '(' { ')' } else { ']' };
                    let mut options = vec![self.sequence()?];
                    while self.peek() == Some('|') {
                        self.at += 1;
                        options.push(self.sequence()?);
                    }
                    if self.peek() != Some(close) {
                        return Err((
                            start,
                            format!("`{c}` is never closed"),
                            format!("add `{close}`"),
                        ));
                    }
                    self.at += 1;
                    self.depth -= 1;
                    if options.iter().any(Vec::is_empty) {
                        return Err((
                            start,
                            "an empty alternative".to_owned(),
                            "use [ ] for what may be missing".to_owned(),
                        ));
                    }
                    items.push(Item::Any(options, c == '['));
                }
                '<' | '{' => {
                    let close = if c == '<' { '>' } else { '}' };
                    let Some(len) = self.text[start..].find(close) else {
                        return Err((
                            start,
                            format!("`{c}` is never closed"),
                            format!("add `{close}`"),
                        ));
                    };
                    let name = &self.text[start + 1..start + len];
                    self.at = start + len + 1;
                    items.push(if c == '{' {
                        let slot = self.names.slots.get(name).ok_or_else(|| {
                            (
                                start,
                                format!("unknown slot `{name}`"),
                                one_of(self.names.slots.keys(), "slot"),
                            )
                        })?;
                        Item::Slot(*slot, self.names.free.contains(slot))
                    } else {
                        let class = self.names.words.get(name).ok_or_else(|| {
                            (
                                start,
                                format!("unknown word class `{name}`"),
                                one_of(self.names.words.keys(), "word class"),
                            )
                        })?;
                        let none = BTreeMap::new();
                        let names = Names {
                            slots: self.names.slots,
                            words: &none,
                            free: self.names.free,
                        };
                        let written = format!("({class})");
                        let mut inner = Reader {
                            text: &written,
                            at: 0,
                            names: &names,
                            depth: self.depth,
                        };
                        let mut class = inner.sequence().map_err(|(_, what, remedy)| {
                            (start, format!("in the word class `{name}`: {what}"), remedy)
                        })?;
                        match class.pop() {
                            Some(item) if class.is_empty() => item,
                            _ => {
                                return Err((
                                    start,
                                    format!(
                                        "the word class `{name}` is not a list of alternatives"
                                    ),
                                    "write it as `one|two`".to_owned(),
                                ));
                            }
                        }
                    });
                }
                '&' if self.depth == 0 => break,
                ')' | ']' | '|' => break,
                c if c.is_alphanumeric() || c == '\'' => {
                    let rest = &self.text[start..];
                    let len = rest
                        .find(|c: char| !(c.is_alphanumeric() || c == '\''))
                        .unwrap_or(rest.len());
                    self.at += len;
                    items.extend(
                        words::tokens(&rest[..len])
                            .into_iter()
                            .map(|t| Item::Word(t.text)),
                    );
                }
                ',' | '.' | '?' | '!' | '-' => self.at += 1,
                c => {
                    return Err((
                        start,
                        format!("`{c}` has no meaning in a pattern"),
                        "write plain words, ( | ), [ ], < >, { } and &".to_owned(),
                    ));
                }
            }
        }
        Ok(items)
    }
}

/// "the slots are a, b and c": a remedy for a name that is not there.
pub(crate) fn one_of<'a>(names: impl Iterator<Item = &'a String>, what: &str) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        format!("define a {what} of that name first")
    } else {
        format!("define it, or use one of: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(pattern: &str, text: &str) -> f32 {
        let slots = BTreeMap::from([("note".to_owned(), 0)]);
        let classes =
            BTreeMap::from([("visit".to_owned(), "appointment|visit|check up".to_owned())]);
        let names = Names {
            slots: &slots,
            words: &classes,
            free: &BTreeSet::new(),
        };
        Pattern::parse(pattern, &names)
            .expect("a pattern")
            .find(&words::tokens(text), &[], &Ear::default())
            .score
    }

    #[test]
    fn politeness_and_fillers_do_not_matter() {
        assert!(
            score(
                "(book|make) a <visit>",
                "um hello could I please book uh a visit if that's alright"
            ) > GOOD
        );
    }

    #[test]
    fn misheard_words_cost_but_do_not_break() {
        assert!(score("(book|make) an <visit>", "i'd like to book an apointment") > GOOD);
        assert!(score("cancel & <visit>", "my appoint ment please cancel it") > GOOD);
    }

    #[test]
    fn other_talk_does_not_match() {
        assert!(score("(book|make) a <visit>", "what is the weather like") < 0.5);
        assert!(score("cancel & <visit>", "i want to make an appointment") < GOOD);
        assert!(score("cancel & <visit>", "i don't want to cancel my appointment") < GOOD);
    }

    #[test]
    fn a_slot_of_free_words_takes_the_rest() {
        let slots = BTreeMap::from([("note".to_owned(), 0)]);
        let names = Names {
            slots: &slots,
            words: &BTreeMap::new(),
            free: &BTreeSet::from([0]),
        };
        let pattern = Pattern::parse("note [that] {note}", &names).expect("a pattern");
        let found = pattern.find(
            &words::tokens("please note that the bins go out"),
            &[],
            &Ear::default(),
        );
        assert_eq!(found.captures, [(0, 3, 7)]);
    }

    #[test]
    fn a_bad_pattern_says_where_and_what_to_do() {
        let slots = BTreeMap::new();
        let names = Names {
            slots: &slots,
            words: &BTreeMap::new(),
            free: &BTreeSet::from([0]),
        };
        let (at, what, _) = Pattern::parse("call me (now|later", &names).expect_err("unclosed");
        assert_eq!((at, what.as_str()), (8, "`(` is never closed"));
        let (at, what, _) = Pattern::parse("on {day}", &names).expect_err("unknown");
        assert_eq!((at, what.as_str()), (3, "unknown slot `day`"));
    }
}
