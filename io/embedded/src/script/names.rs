//! People's names: how callers give them, and common given names for the recogniser.

mod lists;

pub(crate) use lists::GIVEN;
use lists::NO_NAME;

use super::{
    spell,
    words::{self, Token},
};

/// Whether a word is a common given name, and hardly anything else.
fn given(word: &str) -> bool {
    GIVEN.binary_search(&word).is_ok()
}

/// Given names that are everyday words too; they need a lead-in or the question for the name.
const ALSO_WORDS: &[&str] = &[
    "mark", "may", "dawn", "grace", "grant", "bill", "dean", "rose", "ray", "june", "frank", "max",
    "will", "jay", "sue", "kay", "holly", "ivy", "hazel", "ruby", "iris", "violet", "amber",
    "daisy", "lily",
];

/// What leads in to a name.
const LEADS: &[&[&str]] = &[
    &["my", "name", "is"],
    &["the", "name", "is"],
    &["name", "is"],
    &["name", "of"],
    &["i", "am", "called"],
    &["call", "me"],
    &["this", "is"],
    &["i", "am"],
    &["it", "is"],
    &["it", "is", "for"],
    &["under"],
    &["name"],
    &["that", "is"],
    &["that", "would", "be"],
    &["put", "it", "under"],
    &["for"],
    &["here", "is"],
    &["put"],
    &["down", "as"],
    &["say"],
    &["book", "me", "in", "as"],
    &["make", "it"],
];

fn no_name(word: &str) -> bool {
    NO_NAME.binary_search(&word).is_ok()
}

/// A name in an utterance. `asked` says that the agent asked for it, so that bare words are one.
pub(crate) fn find(tokens: &[Token], text: &str, asked: bool) -> Option<(String, usize, usize)> {
    let words: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
    let mut best: Option<(usize, usize)> = None;
    for lead in LEADS {
        for at in 0..words.len() {
            if words[at..].starts_with(lead) {
                let from = at + lead.len();
                let to = run(&words, from, 3);
                let sure = matches!(lead.last(), Some(&"called" | &"under" | &"me"))
                    || lead.contains(&"name");
                // "It is Friday", "I am calling": only a known name without a clear lead-in.
                if to > from && (asked || (sure && lead.contains(&"name")) || given(words[from])) {
                    let longer = best.is_none_or(|(f, _)| from > f || lead.contains(&"name"));
                    if longer {
                        best = Some((from, to));
                    }
                }
            }
        }
    }
    // "Rose here", "Tom speaking".
    if best.is_none() {
        best = words.iter().enumerate().skip(1).find_map(|(i, w)| {
            (matches!(*w, "speaking" | "here") && given(words[i - 1])).then(|| (i - 1, i))
        });
    }
    if asked && best.is_none() {
        if let Some((name, from, to)) = spell::letters(tokens) {
            return Some((titled(&name), from, to));
        }
        let first = (0..words.len()).find(|&i| given(words[i]) || !no_name(words[i]));
        let from = first.unwrap_or(words.len());
        let to = run(&words, from, 4);
        let others = words
            .iter()
            .enumerate()
            .filter(|(i, w)| (*i < from || *i >= to) && !no_name(w))
            .count();
        if to > from && (given(words[from]) || others <= 1) {
            best = Some((from, to));
        }
    }
    // "Nine" to the question for a name: a recogniser heard a word that sounds like one.
    if asked && best.is_none() && words.len() <= 5 {
        let alike = |word: &str| {
            let near = |given: &&&str| words::likeness(word, given) >= 0.7;
            GIVEN
                .iter()
                .filter(near)
                .min_by_key(|given| words::distance(word, given))
                .copied()
        };
        let skip = [
            "name", "please", "that", "this", "sorry", "know", "what", "thanks", "thank", "here",
        ];
        let heard = words.iter().enumerate().find_map(|(i, w)| {
            (!skip.contains(w))
                .then(|| alike(w).map(|given| (i, given)))
                .flatten()
        });
        if let Some((i, given)) = heard {
            return Some((titled(given), i, i + 1));
        }
    }
    if best.is_none() {
        // A name that can be nothing else.
        best = words
            .iter()
            .position(|w| given(w) && !ALSO_WORDS.contains(w))
            .map(|i| (i, run(&words, i, 2)));
    }
    let (from, to) = best?;
    let name = text.get(tokens[from].start..tokens[to - 1].end)?;
    let name = name.trim_end_matches("'s").trim_end_matches("’s");
    Some((titled(name), from, to))
}

/// Whether one name may have been heard for the other.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    let edits = words::distance(a, b);
    a == b
        || words::likeness(a, b) >= 0.7
        || (edits <= 2 && words::sound(a) == words::sound(b))
        || (edits == 1 && a.len().min(b.len()) >= 3)
}

/// How far a name goes from `from`: words that may be part of one, at most `most`.
fn run(words: &[&str], from: usize, most: usize) -> usize {
    let mut to = from;
    while to < words.len()
        && to - from < most
        && (!no_name(words[to]) || (to == from && given(words[to])))
        && words[to].chars().all(|c| c.is_alphabetic() || c == '-')
    {
        to += 1;
    }
    to
}

/// Each word with a capital, as names are written; what has capitals already stays.
fn titled(name: &str) -> String {
    if name.chars().any(char::is_uppercase) && !name.chars().all(|c| !c.is_lowercase()) {
        return name.to_owned();
    }
    name.split_whitespace()
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |c| {
                c.to_uppercase()
                    .chain(chars.flat_map(char::to_lowercase))
                    .collect()
            })
        })
        .collect::<Vec<String>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::words::tokens;

    fn name(text: &str, asked: bool) -> Option<String> {
        find(&tokens(text), text, asked).map(|n| n.0)
    }

    #[test]
    fn the_list_can_be_searched() {
        assert!(GIVEN.is_sorted());
        assert!(NO_NAME.is_sorted());
    }

    #[test]
    fn every_listed_name_is_heard_as_an_answer() {
        for given in GIVEN {
            for text in [
                given.to_string(),
                format!("it's {given}"),
                format!("my name is {given}"),
                format!("um {given} please"),
                format!("under {given}"),
            ] {
                let heard = name(&text, true).unwrap_or_default().to_lowercase();
                assert_eq!(heard, *given, "{text}");
            }
        }
    }

    #[test]
    fn names_are_found_behind_their_lead_in() {
        assert_eq!(
            name("hi my name is tom hill and i need a visit", false).as_deref(),
            Some("Tom Hill")
        );
        assert_eq!(
            name("could you book laura in for friday", false).as_deref(),
            Some("Laura")
        );
        assert_eq!(name("i am calling about prices", false), None);
    }

    #[test]
    fn a_bare_answer_is_the_name_when_it_was_asked_for() {
        assert_eq!(
            name("zsofia kovacs", true).as_deref(),
            Some("Zsofia Kovacs")
        );
        assert_eq!(name("um it's john please", true).as_deref(), Some("John"));
        assert_eq!(name("j o a n", true).as_deref(), Some("Joan"));
        assert_eq!(
            name("Anne-Marie O'Neil", true).as_deref(),
            Some("Anne-Marie O'Neil")
        );
        assert_eq!(name("i do not know", true), None);
        assert_eq!(name("nine", true).as_deref(), Some("Nina"));
        assert_eq!(name("what was that", true), None);
    }
}
