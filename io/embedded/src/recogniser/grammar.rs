//! From what the agent expects to a grammar in JSGF, each of whose words has a pronunciation.

use std::{collections::BTreeMap, fmt::Write as _};

use providers::asr::Expected;

use super::lexicon::Lexicon;

/// Stands before a spelled letter's name in the grammar, so that "a" the letter is not "a" the article.
const LETTER: &str = "qq";
/// More words than this make a grammar slow; what goes beyond is left to free recognition.
const MOST_WORDS: usize = 3_000;
/// What may stand before and after every phrase.
const BEFORE: &str = "um | uh | well | yes | yeah | okay | please | hi | hello";
const AFTER: &str = "please | thanks | thank you";

const DIGITS: &str = "zero | oh | one | two | three | four | five | six | seven | eight | nine";
const TEENS: &str = "ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen";
const TENS: &str = "twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety";

/// A grammar and how its words sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Grammar {
    pub(super) jsgf: String,
    pub(super) words: BTreeMap<String, Vec<String>>,
}

/// The grammar for `expected`; none when it says nothing.
pub(super) fn grammar(expected: &Expected, lexicon: &Lexicon) -> Option<Grammar> {
    let mut rules = String::new();
    let mut total = 0;
    let mut slots: Vec<&str> = Vec::new();
    for (name, fillers) in &expected.slots {
        let mut alternatives: Vec<String> = Vec::new();
        for filler in fillers {
            let words = plain(filler);
            total += words.len();
            if !words.is_empty() && total < MOST_WORDS {
                alternatives.push(words.join(" "));
            }
        }
        if !alternatives.is_empty() {
            let _ = writeln!(rules, "<s{}> = {};", slots.len(), alternatives.join(" | "));
            slots.push(name);
        }
    }
    // What is spelled or counted has no fillers around it: "uh" would take the place of "oh".
    let mut starts: Vec<String> = Vec::new();
    let mut alternatives: Vec<String> = Vec::new();
    for phrase in &expected.phrases {
        if let Some(words) = phrase_words(phrase, &slots) {
            total += words.len();
            if !words.is_empty() && total < MOST_WORDS {
                alternatives.push(words.join(" "));
            }
        }
    }
    if let Some(kind) = expected.kind.as_deref().and_then(kind) {
        let _ = writeln!(rules, "{}", kind.rules);
        starts.push(format!("/8/ {}", kind.start));
    }
    if !alternatives.is_empty() {
        starts.push("/8/ <phrase> | /1/ <before> <phrase> | /1/ <phrase> <after> | /0.1/ <before> <phrase> <after>".to_owned());
        let _ = writeln!(
            rules,
            "<before> = {BEFORE};\n<after> = {AFTER};\n<phrase> = {};",
            alternatives.join(" | ")
        );
    }
    if starts.is_empty() {
        return None;
    }
    let jsgf = format!(
        "#JSGF V1.0;\ngrammar expected;\npublic <u> = {};\n{rules}",
        starts.join(" | ")
    );
    let mut words = BTreeMap::new();
    for word in terminals(&jsgf) {
        let sounds = match word.strip_prefix(LETTER).and_then(letter) {
            Some(sound) => vec![sound.to_owned()],
            None => lexicon.pronunciations(&word),
        };
        if sounds.is_empty() {
            // Nobody knows how it sounds: rather no grammar than one that cannot be compiled.
            return None;
        }
        words.insert(word, sounds);
    }
    Some(Grammar { jsgf, words })
}

/// The words as the agent knows them.
pub(super) fn readable(text: &str) -> String {
    text.split_whitespace()
        .filter(|word| !matches!(*word, "um" | "uh"))
        .map(|word| match word.strip_prefix(LETTER) {
            Some(name) if letter(name).is_some() => name,
            _ => word,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

impl Grammar {
    /// The usual sounds of a text made of this grammar's words.
    pub(super) fn sounds(&self, text: &str) -> Vec<String> {
        text.split_whitespace()
            .filter_map(|word| self.words.get(word)?.first())
            .flat_map(|phones| phones.split(' ').map(str::to_owned))
            .collect()
    }
}

struct Kind {
    start: &'static str,
    rules: String,
}

fn kind(kind: &str) -> Option<Kind> {
    let letters = || {
        (b'a'..=b'z')
            .map(|c| format!("{LETTER}{}", char::from(c)))
            .collect::<Vec<_>>()
            .join(" | ")
    };
    let digits = format!(
        "<digit> = {DIGITS};\n<teen> = {TEENS};\n<tens> = {TENS};\n<ones> = one | two | three | four | five | six | seven | eight | nine;"
    );
    Some(match kind {
        "email" => Kind {
            start: "<email>",
            rules: format!(
                "{digits}\n<letter> = {};\n<sign> = <letter> | double <letter> | <digit> | <tens> [<ones>] | <teen> | dot | dash | underscore | plus;\n<email> = <sign>+ at <host>;\n<host> = (<sign>+ | gmail | yahoo | hotmail | outlook | example) dot <end>;\n<end> = com | org | net | io | dev | co dot {LETTER}u {LETTER}k | {LETTER}d {LETTER}e | example;",
                letters()
            ),
        },
        "name" => Kind {
            start: "<spelled>",
            rules: format!(
                "<letter> = {};\n<sign> = <letter> | double <letter> | dash;\n<spelled> = <sign> <sign>+;",
                letters()
            ),
        },
        "phone" => Kind {
            start: "<phone>",
            rules: format!(
                "{digits}\n<part> = <digit> | double <digit> | triple <digit> | <teen> | <tens> [<ones>] | hundred;\n<phone> = /1/ <part> <part>+ | /0.01/ plus <part> <part>+;"
            ),
        },
        "number" => Kind {
            start: "<number>",
            rules: format!(
                "{digits}\n<small> = <ones> | <teen> | <tens> [<ones>];\n<below> = <small> | (a | <ones>) hundred [[and] <small>];\n<number> = zero | <below> | (a | <below>) thousand [[and] <below>] | <number0> point <digit>+ | <digit> <digit>+;\n<number0> = zero | <below>;"
            ),
        },
        _ => return None,
    })
}

/// The words of a phrase, slots as rules. None when a slot has no fillers.
fn phrase_words(phrase: &str, slots: &[&str]) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = phrase;
    while let Some(open) = rest.find('{') {
        words.extend(plain(&rest[..open]));
        let (name, after) = rest[open + 1..].split_once('}')?;
        let slot = slots.iter().position(|slot| *slot == name.trim())?;
        words.push(format!("<s{slot}>"));
        rest = after;
    }
    words.extend(plain(rest));
    Some(words)
}

/// Words of letters and apostrophes only, small.
fn plain(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphabetic() || c == '\'' || c == '’'))
        .map(|word| word.replace('’', "'").trim_matches('\'').to_lowercase())
        .filter(|word| !word.is_empty() && word.is_ascii())
        .collect()
}

/// The words of a grammar that are not names of rules.
fn terminals(jsgf: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in jsgf.lines().skip(2) {
        let Some((_, body)) = line.split_once('=') else {
            continue;
        };
        let mut inside = false;
        let mut word = String::new();
        for c in body.chars().chain([' ']) {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if inside => {
                    let _ = c;
                }
                c if c.is_ascii_alphabetic() || c == '\'' => word.push(c),
                _ => {
                    if !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                }
            }
        }
    }
    words.sort();
    words.dedup();
    words
}

/// How the name of a letter sounds.
fn letter(name: &str) -> Option<&'static str> {
    const SOUNDS: [&str; 26] = [
        "EY",
        "B IY",
        "S IY",
        "D IY",
        "IY",
        "EH F",
        "JH IY",
        "EY CH",
        "AY",
        "JH EY",
        "K EY",
        "EH L",
        "EH M",
        "EH N",
        "OW",
        "P IY",
        "K Y UW",
        "AA R",
        "EH S",
        "T IY",
        "Y UW",
        "V IY",
        "D AH B AH L Y UW",
        "EH K S",
        "W AY",
        "Z IY",
    ];
    match name.as_bytes() {
        [c @ b'a'..=b'z'] => Some(SOUNDS[usize::from(c - b'a')]),
        _ => None,
    }
}
