//! What an utterance holds besides words: names, days, times, addresses, numbers, yes and no.

use jiff::{
    Zoned,
    civil::{Date, Time},
};
use serde_json::Value;

use super::{
    model::{Kind, Slot},
    names, numbers,
    pattern::{Ear, Found, GOOD},
    spell, sums,
    when::{self, Clock, Day, DayPart},
    words::{Token, tokens},
};

/// A value that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val {
    /// Names, addresses, free words, choices, sums.
    Text(String),
    Date(Date),
    /// One of two days; to be asked.
    Dates(Date, Date),
    Time(Time),
    /// Before noon or after; to be asked, or settled by the slot.
    Times(Time, Time),
    /// A part of the day only.
    Part(DayPart),
    Number(f64),
    Bool(bool),
}

impl Val {
    /// Whether nothing has to be asked about it.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self, Self::Dates(..) | Self::Times(..) | Self::Part(_))
    }

    /// Whether `said` names this value again, perhaps loosely.
    pub(crate) fn is_meant_by(&self, said: &Self) -> bool {
        match (self, said) {
            (Self::Date(held), Self::Dates(a, b)) => held == a || held == b,
            (Self::Time(held), Self::Times(a, b)) => held == a || held == b,
            _ => self == said,
        }
    }

    /// As tools get it.
    pub(crate) fn raw(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Date(day) | Self::Dates(day, _) => Value::from(day.to_string()),
            Self::Time(time) | Self::Times(time, _) => {
                Value::from(time.strftime("%H:%M").to_string())
            }
            Self::Part(part) => Value::from(part.name()),
            Self::Number(n) => {
                if n.fract() == 0.0 {
                    Value::from(*n as i64)
                } else {
                    Value::from(*n)
                }
            }
            Self::Bool(b) => Value::from(*b),
        }
    }

    /// As the agent says it.
    pub(crate) fn spoken(&self, today: Date) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Date(day) | Self::Dates(day, _) => when::spoken_day(*day, today),
            Self::Time(time) | Self::Times(time, _) => when::spoken_time(*time),
            Self::Part(part) => part.name().to_owned(),
            Self::Number(n) => numbers::spoken(*n),
            Self::Bool(b) => if *b { "yes" } else { "no" }.to_owned(),
        }
    }
}

/// A value and the words that said it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) value: Val,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// An utterance, read once.
pub(crate) struct Utterance {
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) said: Vec<Said>,
    pub(crate) answer: Option<bool>,
    pub(crate) ear: Ear,
}

/// Reads an utterance. `asked` is the slot that the agent asked for; `mending` says that it has read values back, so that
/// bare ones put them right.
#[expect(
    clippy::too_many_lines,
    reason = "one kind of value after the other, each from the words the last left"
)]
pub(crate) fn read(
    text: &str,
    slots: &[Slot],
    asked: Option<&Slot>,
    mending: bool,
    now: &Zoned,
) -> Utterance {
    let tokens = tokens(text);
    let mut said: Vec<Said> = Vec::new();
    let mut left: Vec<Token> = tokens.clone();
    let asked_kind = asked.map(|s| &s.kind);
    let has = |kind: &Kind| slots.iter().any(|s| s.kind == *kind);

    if has(&Kind::Email) {
        let written = spell::written_email(text).map(|(address, from, to)| {
            let start = tokens.iter().position(|t| t.end > from).unwrap_or(0);
            let end = tokens
                .iter()
                .rposition(|t| t.start < to)
                .map_or(start, |i| i + 1);
            (address, start, end)
        });
        if let Some((address, start, end)) = written.or_else(|| spell::email(&tokens)) {
            take(&mut left, start, end);
            said.push(Said {
                value: Val::Text(address),
                start,
                end,
            });
        }
    }
    if asked_kind == Some(&Kind::Phone)
        && let Some((number, start, end)) = spell::phone(&left)
    {
        take(&mut left, start, end);
        said.push(Said {
            value: Val::Text(number),
            start,
            end,
        });
    }
    if has(&Kind::Sum)
        && let Some((sum, start, end)) = sums::find(&words(&left))
    {
        take(&mut left, start, end);
        said.push(Said {
            value: Val::Text(sum),
            start,
            end,
        });
    }
    if has(&Kind::Date) || has(&Kind::Time) {
        for found in when::find(
            &words(&left),
            now,
            asked_kind == Some(&Kind::Time) || mending,
        ) {
            // "Not Tuesday, Thursday": the first is what is not meant.
            let before = |n: usize| found.start.checked_sub(n).map(|i| tokens[i].text.as_str());
            let refused = matches!(
                (before(1), before(2)),
                (Some("not"), _) | (Some("on" | "at" | "for"), Some("not"))
            );
            let day = found.day.map(|day| match day {
                Day::One(day) => Val::Date(day),
                Day::Either(a, b) => Val::Dates(a, b),
            });
            let clock = found.clock.map(|clock| match clock {
                Clock::One(time) => Val::Time(time),
                Clock::Either(a, b) => Val::Times(a, b),
                Clock::Part(part) => Val::Part(part),
            });
            if !refused {
                said.extend([day, clock].into_iter().flatten().map(|value| Said {
                    value,
                    start: found.start,
                    end: found.end,
                }));
            }
        }
        for said in &said {
            take(&mut left, said.start, said.end);
        }
    }
    if matches!(asked_kind, Some(Kind::Number)) || has(&Kind::Number) {
        let words = words(&left);
        if let Some((i, (n, used))) =
            (0..words.len()).find_map(|i| numbers::number(&words[i..]).map(|n| (i, n)))
        {
            take(&mut left, i, i + used);
            said.push(Said {
                value: Val::Number(n),
                start: i,
                end: i + used,
            });
        }
    }
    // "No, it's Ann": the name that was read back is wrong.
    let refuses = tokens.len() > 1
        && tokens.first().is_some_and(|t| {
            matches!(
                t.text.as_str(),
                "no" | "nope" | "not" | "sorry" | "actually"
            )
        });
    if has(&Kind::Name)
        && let Some((name, start, end)) = names::find(
            &left,
            text,
            asked_kind == Some(&Kind::Name) || (mending && said.is_empty() && refuses),
        )
    {
        said.push(Said {
            value: Val::Text(name),
            start,
            end,
        });
    }
    said.sort_by_key(|s| s.start);
    let answer = answer(&words(&tokens));
    Utterance {
        text: text.to_owned(),
        tokens,
        said,
        answer,
        ear: Ear::default(),
    }
}

/// Words that are used up are gone for whoever looks next, without moving the others.
fn take(tokens: &mut [Token], start: usize, end: usize) {
    for token in &mut tokens[start..end] {
        "·".clone_into(&mut token.text);
    }
}

fn words(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().map(|t| t.text.as_str()).collect()
}

impl Utterance {
    /// Whether a value could stand for a slot, by kind.
    #[expect(clippy::unused_self, reason = "it is asked of an utterance")]
    pub(crate) fn fits(&self, said: &Said, slot: &Slot) -> bool {
        match (&slot.kind, &said.value) {
            (Kind::Date, Val::Date(_) | Val::Dates(..))
            | (Kind::Time, Val::Time(_) | Val::Times(..) | Val::Part(_))
            | (Kind::Number, Val::Number(_)) => true,
            (Kind::Email, Val::Text(text)) => text.contains('@'),
            (Kind::Sum, Val::Text(text)) => {
                text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | 's' | '('))
                    && text.contains(['+', '-', '*', '/', '^', '('])
                    && !text.contains('@')
            }
            (Kind::Phone, Val::Text(text)) => {
                text.chars().all(|c| c.is_ascii_digit() || c == '+') && text.len() >= 7
            }
            (Kind::Name, Val::Text(text)) => {
                text.starts_with(|c: char| c.is_alphabetic()) && !text.contains(['@', '('])
            }
            _ => false,
        }
    }

    /// For patterns: which words may stand for which slots.
    pub(crate) fn found(&self, slots: &[Slot]) -> Vec<Found> {
        self.said
            .iter()
            .map(|said| Found {
                slots: (0..slots.len())
                    .filter(|&i| self.fits(said, &slots[i]))
                    .collect(),
                start: said.start,
                end: said.end,
            })
            .collect()
    }

    /// The words from one token to another, as they were written.
    pub(crate) fn words(&self, from: usize, to: usize) -> String {
        match (self.tokens.get(from), self.tokens.get(to.wrapping_sub(1))) {
            (Some(a), Some(b)) => self
                .text
                .get(a.start..b.end)
                .unwrap_or_default()
                .trim()
                .to_owned(),
            _ => String::new(),
        }
    }

    /// The words from one token to another without the courtesies around them.
    pub(crate) fn phrase(&self, mut from: usize, mut to: usize) -> String {
        let word = |i: usize| self.tokens[i].text.as_str();
        while from + 1 < to
            && matches!(
                word(from),
                "please" | "that" | "and" | "also" | "this" | "saying"
            )
        {
            from += 1;
        }
        while to > from + 1
            && matches!(
                word(to - 1),
                "please" | "thanks" | "thank" | "you" | "can" | "could" | "would" | "and"
            )
        {
            to -= 1;
        }
        self.words(from, to)
    }

    /// Whether the last word said is one of some: a goodbye comes last.
    pub(crate) fn ends_with(&self, mask: u64) -> bool {
        self.tokens.len().checked_sub(1).is_some_and(|last| {
            mask & (1 << last) != 0 && super::words::weight(&self.tokens[last].text) >= 1.0
        })
    }

    /// A choice of a list, by its pattern.
    pub(crate) fn choice(&self, choices: &[(String, super::pattern::Pattern)]) -> Option<Val> {
        choices
            .iter()
            .map(|(value, pattern)| (pattern.find(&self.tokens, &[], &self.ear).score, value))
            .filter(|(score, _)| *score >= GOOD)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, value)| Val::Text(value.clone()))
    }

    /// Whether the words around a value give it to a slot.
    pub(crate) fn is_cued(&self, said: &Said, slot: &Slot) -> bool {
        let words = words(&self.tokens);
        let small = |w: &str| {
            matches!(
                w,
                "at" | "around"
                    | "about"
                    | "by"
                    | "for"
                    | "from"
                    | "to"
                    | "until"
                    | "than"
                    | "on"
                    | "the"
            )
        };
        let mut start = said.start;
        while start < said.end && small(words[start]) {
            start += 1;
        }
        let ends = |head: &[&str], cue: &[String]| {
            head.len() >= cue.len()
                && head[head.len() - cue.len()..]
                    .iter()
                    .zip(cue)
                    .all(|(a, b)| *a == b.as_str())
        };
        // "From Monday", "from the Monday", "on my Monday".
        let mut heads = vec![&words[..start]];
        while let Some((last, head)) = heads[heads.len() - 1].split_last() {
            if heads.len() > 2 || !matches!(*last, "the" | "on" | "at" | "for") {
                break;
            }
            heads.push(head);
        }
        let tail = &words[said.end..];
        slot.cues
            .iter()
            .any(|cue| heads.iter().any(|head| ends(head, cue)))
            || slot.tails.iter().any(|cue| {
                tail.len() >= cue.len() && tail.iter().zip(cue).all(|(a, b)| *a == b.as_str())
            })
    }

    /// How much some words say.
    pub(crate) fn weight(&self, mask: u64) -> f32 {
        self.tokens
            .iter()
            .enumerate()
            .filter(|(i, _)| mask & (1 << i) != 0)
            .map(|(_, t)| super::words::weight(&t.text))
            .sum()
    }

    /// How much is said besides some words, courtesies not counted.
    pub(crate) fn beside(&self, mask: u64) -> f32 {
        const COURTESY: &[&str] = &[
            "thanks",
            "thank",
            "okay",
            "no",
            "not",
            "yes",
            "great",
            "good",
            "lovely",
            "perfect",
            "much",
            "very",
            "help",
            "bye",
            "goodbye",
            "everything",
            "all",
            "nice",
            "day",
            "now",
            "nothing",
            "else",
            "more",
            "then",
            "cheers",
            "wonderful",
            "talking",
            "speaking",
            "time",
            "well",
            "right",
            "today",
            "think",
            "know",
            "wanted",
            "done",
            "alright",
            "brilliant",
            "sure",
            "fine",
            "cool",
            "see",
            "later",
            "soon",
            "needed",
            "answer",
            "question",
            "questions",
            "again",
            "that's",
            "what",
            "how",
            "anything",
        ];
        self.tokens
            .iter()
            .enumerate()
            .filter(|(i, t)| mask & (1 << i) == 0 && !COURTESY.contains(&t.text.as_str()))
            .map(|(_, t)| super::words::weight(&t.text))
            .sum()
    }

    /// Whether it puts right what was said before.
    pub(crate) fn corrects(&self) -> bool {
        let words = words(&self.tokens);
        words.iter().any(|w| {
            matches!(
                *w,
                "sorry" | "actually" | "instead" | "rather" | "meant" | "wait" | "correction"
            )
        }) || words
            .windows(2)
            .any(|w| matches!(w, ["i", "mean"] | ["make", "it" | "that"] | ["no", _]))
    }
}

/// Yes or no, if the words say either.
fn answer(words: &[&str]) -> Option<bool> {
    let has = |w: &str| words.contains(&w);
    let pair = |a: &str, b: &str| words.windows(2).any(|p| p == [a, b]);
    let denied = |w: &str| {
        words.windows(2).any(|p| p == ["not", w])
            || words.windows(3).any(|p| p[0] == "not" && p[2] == w)
    };
    let right = [
        "right",
        "correct",
        "perfect",
        "fine",
        "exactly",
        "great",
        "good",
        "lovely",
        "brilliant",
        "spot",
    ];
    let agrees = right.iter().any(|w| has(w) && !denied(w));
    let no = has("no")
        || has("nope")
        || has("nah")
        || has("wrong")
        || has("incorrect")
        || right.iter().any(|w| denied(w))
        || pair("do", "not")
        || pair("not", "really")
        || pair("not", "quite")
        || pair("never", "mind")
        || pair("not", "now")
        || pair("not", "necessary")
        || pair("not", "needed")
        || pair("no", "need")
        || pair("without", "that")
        || words == ["not"]
        || words.first() == Some(&"not");
    let first_no = words
        .iter()
        .position(|w| matches!(*w, "no" | "nope" | "nah" | "wrong"));
    let first_yes = words.iter().position(|w| {
        matches!(
            *w,
            "yes"
                | "yeah"
                | "yep"
                | "yup"
                | "sure"
                | "aye"
                | "yea"
                | "absolutely"
                | "definitely"
                | "certainly"
                | "okay"
        )
    });
    let yes = first_yes.is_some()
        || agrees
        || pair("go", "ahead")
        || pair("please", "do")
        || pair("do", "it")
        || pair("of", "course")
        || pair("do", "that")
        || pair("that", "works")
        || pair("that", "suits")
        || pair("sounds", "good")
        || pair("why", "not")
        || words.ends_with(&["it", "is"])
        || words.ends_with(&["that", "is"])
        || words.ends_with(&["that", "is", "it"])
        || words == ["please"]
        || pair("yes", "please")
        || pair("would", "love")
        || pair("would", "like")
        || pair("i", "would")
        || pair("i", "do")
        || has("confirm")
        || has("confirmed")
        || has("indeed")
        || has("that'll")
        || pair("book", "it")
        || pair("will", "do")
        || pair("happy", "with");
    match (yes, no) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        (true, true) => {
            // "No, that's right", "yes, why not", "no problem, go ahead".
            if pair("why", "not") || pair("no", "problem") {
                return Some(true);
            }
            match (first_yes, first_no) {
                (Some(y), Some(n)) => Some(y < n),
                (Some(_), None) => Some(!right.iter().any(|w| denied(w)) && !pair("do", "not")),
                (None, Some(_)) => {
                    Some((has("right") || has("correct")) && agrees && !has("wrong"))
                }
                (None, None) => Some(false),
            }
        }
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<bool> {
        let tokens = tokens(text);
        answer(&words(&tokens))
    }

    #[test]
    fn yes_and_no_have_many_words() {
        for text in [
            "yes please",
            "yeah go ahead",
            "that's right",
            "sounds good to me",
            "sure why not",
            "perfect",
            "no problem go ahead",
        ] {
            assert_eq!(said(text), Some(true), "{text}");
        }
        for text in [
            "no",
            "nope that's wrong",
            "that's not right",
            "please don't",
            "no thanks that's fine",
            "not quite",
        ] {
            assert_eq!(said(text), Some(false), "{text}");
        }
        assert_eq!(said("on thursday"), None);
    }
}
