//! What a caller may say, written in words.
//!
//! `(book|make) [me] an appointment` · `cancel & <appointment>` · `from {old_day} to {day}`
//!
//! Alternatives stand in `( | )`, what may be missing in `[ ]`, a word class of the script in `< >`, a slot in `{ }`.
//! Parts joined by `&` may come in any order. Other words of the caller may stand between; a missing or misheard word
//! costs by its weight.

mod matching;
mod reading;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use super::words::{self, Token};
use matching::{State, run};
use reading::Reader;

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
        // Most patterns have nothing to do with what was said: seen at once, without laying them over it.
        let hope: f32 = self
            .parts
            .iter()
            .map(|part| hope(part, tokens, found, ear))
            .sum();
        if hope < 0.0 {
            return Match {
                score: 0.0,
                mask: 0,
                captures: Vec::new(),
            };
        }
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
            let Some(best) = end.into_iter().flatten().max_by(matching::State::better) else {
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

/// What a sequence can gain at most above half of what it weighs: below nothing it cannot come near a match.
fn hope(items: &[Item], tokens: &[Token], found: &[Found], ear: &Ear) -> f32 {
    const HALF: f32 = GOOD - 0.2;
    items
        .iter()
        .map(|item| match item {
            Item::Word(word) => {
                let best = ear
                    .alike(word, tokens)
                    .iter()
                    .map(|a| a.likeness)
                    .fold(0.0, f32::max);
                words::weight(word) * (best - HALF)
            }
            Item::Any(_, true) => 0.0,
            Item::Any(options, false) => options
                .iter()
                .map(|option| hope(option, tokens, found, ear))
                .fold(f32::MIN, f32::max),
            Item::Slot(_, true) => 0.5 * (1.0 - HALF),
            Item::Slot(slot, false) if found.iter().any(|f| f.slots.contains(slot)) => 1.0 - HALF,
            Item::Slot(..) => -HALF,
        })
        .sum()
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
