//! What the recogniser should listen for, by what the agent waits for.

use providers::asr::Expected;

use super::{
    engine::{Pending, Run},
    model::{Kind, Slot, Step},
    names::GIVEN,
};

/// The most phrases that are handed on.
const MOST: usize = 320;

const YES: &[&str] = &[
    "yes",
    "yes please",
    "yeah",
    "yep",
    "sure",
    "that's right",
    "correct",
    "that's correct",
    "okay",
    "fine",
    "go ahead",
    "please do",
    "of course",
    "perfect",
    "sounds good",
    "that's fine",
    "yes that's right",
    "that works",
];
const NO: &[&str] = &[
    "no",
    "no thanks",
    "no thank you",
    "nope",
    "not really",
    "that's wrong",
    "no that's wrong",
    "that's not right",
    "no that's all",
    "that's all",
    "that's everything",
    "nothing else",
];
const ALWAYS: &[&str] = &[
    "goodbye",
    "bye",
    "thank you",
    "thanks",
    "sorry",
    "pardon",
    "could you repeat that",
    "say that again please",
    "hold on",
    "help",
    "hello",
];

/// What the caller will probably say next.
pub(crate) fn expected(run: &Run<'_>) -> Expected {
    let script = run.script();
    let state = &script.states[run.state()];
    let names: Vec<String> = script.slots.iter().map(|s| s.name.clone()).collect();
    let mut phrases: Vec<String> = Vec::new();
    let mut kind = None;
    let mut scope: Vec<usize> = state
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
    let yes_no =
        |phrases: &mut Vec<String>| phrases.extend(YES.iter().chain(NO).map(|p| (*p).to_owned()));
    match run.pending {
        Pending::Slot(slot) | Pending::Which(slot) => {
            kind = Some(script.slots[slot].kind.name().to_owned());
            if !scope.contains(&slot) {
                scope.push(slot);
            }
            if script.slots[slot].kind == Kind::YesNo {
                yes_no(&mut phrases);
            }
        }
        Pending::Confirm(_) | Pending::Offer(_) => {
            kind = Some("confirmation".to_owned());
            yes_no(&mut phrases);
        }
        Pending::Listen => yes_no(&mut phrases),
        _ => {}
    }
    phrases.extend(scope.iter().flat_map(|&s| carriers(&script.slots[s])));
    for intent in state.hears.iter().chain(&script.anywhere) {
        for pattern in &intent.said {
            phrases.extend(pattern.phrases(&names, 6));
        }
    }
    phrases.extend(ALWAYS.iter().map(|p| (*p).to_owned()));
    let mut seen = std::collections::BTreeSet::new();
    phrases.retain(|p| !p.is_empty() && seen.insert(p.clone()));
    phrases.truncate(MOST);
    // Every slot that a phrase names, and those that the state asks for.
    let slots = script
        .slots
        .iter()
        .enumerate()
        .filter(|(i, s)| {
            scope.contains(i)
                || phrases
                    .iter()
                    .any(|p| p.contains(&format!("{{{}}}", s.name)))
        })
        .map(|(_, s)| (s.name.clone(), fillers(s)))
        .filter(|(_, fillers)| !fillers.is_empty())
        .collect();
    Expected {
        phrases,
        slots,
        kind,
    }
}

/// How a value is given in a sentence.
fn carriers(slot: &Slot) -> Vec<String> {
    let lines: &[&str] = match slot.kind {
        Kind::Name => &[
            "{}",
            "my name is {}",
            "it's {}",
            "{} please",
            "this is {}",
            "the name is {}",
            "no {}",
        ],
        Kind::Date => &[
            "{}",
            "on {}",
            "{} please",
            "{} would be good",
            "{} if possible",
            "no {}",
            "i meant {}",
        ],
        Kind::Time => &[
            "{}",
            "at {}",
            "{} please",
            "{} would be good",
            "around {}",
            "no at {}",
            "i meant {}",
        ],
        Kind::Text => &[],
        _ => &["{}", "it's {}"],
    };
    lines
        .iter()
        .map(|l| l.replace("{}", &format!("{{{}}}", slot.name)))
        .collect()
}

/// What can stand for a slot, in plain words.
fn fillers(slot: &Slot) -> Vec<String> {
    match &slot.kind {
        Kind::Name => GIVEN.iter().map(|n| (*n).to_owned()).collect(),
        Kind::Date => days(),
        Kind::Time => times(slot.between.map_or((8, 18), |(a, b)| (a.hour(), b.hour()))),
        Kind::Number => (0..=20).map(word).collect(),
        Kind::YesNo => YES.iter().chain(NO).map(|p| (*p).to_owned()).collect(),
        Kind::Choice(choices) => choices
            .iter()
            .flat_map(|(_, p)| p.phrases(&[], 4))
            .collect(),
        Kind::Email | Kind::Phone | Kind::Sum | Kind::Text => Vec::new(),
    }
}

fn days() -> Vec<String> {
    let week = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let mut out: Vec<String> = [
        "today",
        "tomorrow",
        "the day after tomorrow",
        "this week",
        "next week",
        "in a week",
    ]
    .iter()
    .map(|d| (*d).to_owned())
    .collect();
    for day in week {
        out.push(day.to_owned());
        out.push(format!("next {day}"));
        out.push(format!("this {day}"));
        out.push(format!("{day} morning"));
        out.push(format!("{day} afternoon"));
    }
    out
}

fn times((from, until): (i8, i8)) -> Vec<String> {
    let mut out = vec![
        "noon".to_owned(),
        "midday".to_owned(),
        "in the morning".to_owned(),
        "in the afternoon".to_owned(),
    ];
    for hour in from..=until {
        let name = word(i64::from((hour + 11) % 12 + 1));
        let next = word(i64::from((hour + 12) % 12 + 1));
        let half = if hour < 12 {
            "in the morning"
        } else {
            "in the afternoon"
        };
        out.extend([
            name.clone(),
            format!("{name} o'clock"),
            format!("half past {name}"),
            format!("quarter past {name}"),
            format!("quarter to {next}"),
            format!("{name} thirty"),
            format!("{name} fifteen"),
            format!("{name} forty five"),
            format!("{name} {half}"),
            format!("half past {name} {half}"),
            format!("{name} {}", if hour < 12 { "a m" } else { "p m" }),
        ]);
    }
    out.sort();
    out.dedup();
    out
}

fn word(n: i64) -> String {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    WORDS[(n.clamp(0, 20)) as usize].to_owned()
}
