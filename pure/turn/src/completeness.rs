//! Does the text sound finished? Cues from words alone; rules, no model.

use crate::{
    grammar::{Sentence, sentence},
    input::Expected,
    settings::Patience,
    words::words,
};

/// What the words so far say about whether more will follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// It ends like something finished: a question, a courtesy, yes or no, a whole number or address.
    Complete,
    /// It ends in what was asked for, to which more may be added: a day (`in the morning`), a time, a name.
    Answer,
    /// The words say nothing either way.
    Neutral,
    /// It ends in the middle: `and`, `my name is`, `um`.
    Incomplete,
    /// Letters, digits or an address are being dictated and are not whole yet.
    Dictating,
}

const HESITATIONS: &[&str] = &["um", "uh", "er", "erm", "hmm", "uhm", "ehm", "well"];

/// Words that something always follows at the end of English speech.
const OPENERS: &[&str] = &[
    "and",
    "but",
    "or",
    "because",
    "cause",
    "if",
    "when",
    "while",
    "although",
    "unless",
    "until",
    "whether",
    "than",
    "the",
    "a",
    "an",
    "my",
    "your",
    "his",
    "our",
    "their",
    "its",
    "some",
    "every",
    "to",
    "of",
    "for",
    "from",
    "with",
    "at",
    "in",
    "on",
    "by",
    "about",
    "into",
    "between",
    "is",
    "are",
    "was",
    "were",
    "im",
    "ill",
    "id",
    "ive",
    "youre",
    "hes",
    "shes",
    "theyre",
    "were",
    "lets",
    "would",
    "could",
    "should",
    "will",
    "can",
    "have",
    "has",
    "had",
    "does",
    "did",
    "do",
    "am",
    "be",
    "like",
    "want",
    "need",
    "very",
    "so",
    "that",
    "which",
    "who",
    "where",
    "i",
    "we",
    "called",
    "please can",
];

/// Verbs and pronouns that end a short answer: `yes I do`.
const SHORT_ANSWER_ENDS: &[&str] = &[
    "do", "does", "did", "am", "is", "are", "was", "were", "will", "would", "can", "could",
    "should", "have", "has", "had",
];

const SUBJECTS: &[&str] = &["i", "it", "we", "they", "you", "he", "she", "that"];

/// Prepositions that may end a question: `what is it for`.
const STRANDABLE: &[&str] = &[
    "to", "of", "for", "from", "with", "at", "in", "on", "by", "about", "like",
];

const QUESTION_WORDS: &[&str] = &[
    "what", "whats", "who", "whos", "where", "wheres", "which", "how",
];

const CLOSERS: &[&str] = &[
    "hello", "hi", "please", "thanks", "bye", "goodbye", "yes", "no", "yeah", "nope", "yep",
    "okay", "ok", "correct", "exactly",
];

/// How short statements end that nobody goes on after.
const CLOSING_WORDS: &[&[&str]] = &[
    &["not", "really"],
    &["not", "yet"],
    &["sounds", "good"],
    &["that", "works"],
    &["thats", "it"],
    &["that", "is", "it"],
    &["thats", "all"],
    &["that", "is", "all"],
    &["nothing", "else"],
    &["never", "mind"],
    &["of", "course"],
    &["all", "right"],
    &["go", "ahead"],
    &["any", "more"],
];

/// Words that mostly end a sentence.
const ENDERS: &[&str] = &[
    "again",
    "too",
    "instead",
    "already",
    "yet",
    "anymore",
    "tonight",
    "now",
    "later",
    "soon",
    "though",
    "either",
    "together",
    "everything",
    "much",
    "alone",
    "there",
    "here",
    "away",
    "back",
];

const DAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "tomorrow",
    "weekend",
];

const DAY_TIMES: &[&str] = &[
    "am",
    "pm",
    "oclock",
    "noon",
    "midnight",
    "morning",
    "afternoon",
    "evening",
];

const HOURS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

const YES_OR_NO: &[&str] = &[
    "yes", "yeah", "yep", "no", "nope", "correct", "right", "sure",
];

const AGREEMENTS: &[&str] = &["right", "correct", "exactly", "true", "sure", "fine"];

const DIGITS: &[&str] = &[
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

const TOP_LEVEL: &[&str] = &[
    "com", "org", "net", "edu", "de", "fr", "uk", "io", "eu", "gov", "info",
];

/// How many digits make a telephone number whole.
const PHONE_DIGITS: usize = 10;

/// Judges `text`. With [`Patience::Off`] nothing counts as dictation.
pub fn completeness(text: &str, expected: Expected, patience: Patience) -> Completeness {
    let said = words(text);
    of_sentence(text, &said, sentence(&said), expected, patience)
}

/// Judges `text`, of which the words and what they are as a sentence are known.
pub(crate) fn of_sentence(
    text: &str,
    said: &[String],
    sentence: Sentence,
    expected: Expected,
    patience: Patience,
) -> Completeness {
    let Some(last) = said.last().map(String::as_str) else {
        return Completeness::Neutral;
    };
    let trimmed = text.trim_end();
    if trimmed.ends_with("...") || trimmed.ends_with(['…', ',', '-', '–', '—', ':']) {
        return Completeness::Incomplete;
    }
    if patience == Patience::Auto
        && let Some(judgement) = dictation(trimmed, said, expected)
    {
        return judgement;
    }
    if let Some(judgement) = answer(said, last, expected) {
        return judgement;
    }
    if trimmed.ends_with(['?', '？']) {
        return Completeness::Complete;
    }
    let before = said.len().checked_sub(2).map_or("", |i| said[i].as_str());
    // `can you please` asks for nothing yet.
    let begun = last == "please" && SUBJECTS.contains(&before) && !sentence.is_whole();
    // The grammar takes `write down that` for whole.
    let opens =
        OPENERS.contains(&last) && (last == "that" || !sentence.is_whole()) && opens(said, last);
    if HESITATIONS.contains(&last) || opens || begun {
        return Completeness::Incomplete;
    }
    if trimmed.ends_with(['.', '!', '。', '！'])
        || CLOSERS.contains(&last)
        || said.ends_with(&["thank".to_owned(), "you".to_owned()])
        || CLOSING_WORDS.iter().any(|end| ends_in(said, end))
    {
        return Completeness::Complete;
    }
    Completeness::Neutral
}

/// Verbs that commands begin with.
const COMMANDS: &[&str] = &[
    "add",
    "book",
    "bring",
    "call",
    "cancel",
    "change",
    "check",
    "close",
    "delete",
    "explain",
    "find",
    "give",
    "help",
    "let",
    "make",
    "move",
    "open",
    "order",
    "pause",
    "play",
    "put",
    "read",
    "remind",
    "repeat",
    "say",
    "search",
    "send",
    "set",
    "show",
    "spell",
    "start",
    "stop",
    "switch",
    "take",
    "tell",
    "translate",
    "turn",
    "wake",
    "write",
];

/// Whether it is a command: few hesitate within one.
pub(crate) fn is_command(said: &[String]) -> bool {
    const BEFORE: [&str; 6] = ["please", "just", "and", "then", "now", "okay"];
    said.iter()
        .map(String::as_str)
        .find(|word| !BEFORE.contains(word))
        .is_some_and(|first| COMMANDS.contains(&first))
        && said.len() > 1
}

fn ends_in(said: &[String], end: &[&str]) -> bool {
    said.len() >= end.len() && said[said.len() - end.len()..].iter().eq(end)
}

/// Whether the last word is one that mostly ends a sentence.
pub(crate) fn ends_well(said: &[String]) -> bool {
    said.last()
        .is_some_and(|last| ENDERS.contains(&last.as_str()))
}

/// Whether `last`, one of [`OPENERS`], needs something after it.
fn opens(said: &[String], last: &str) -> bool {
    let first = said[0].as_str();
    let before = said.len().checked_sub(2).map_or("", |i| said[i].as_str());
    // `yes I do`, but not `maybe we could`.
    let short_answer = (said.len() == 2 || CLOSERS.contains(&first) || first == "so")
        && said.len() <= 4
        && SHORT_ANSWER_ENDS.contains(&last)
        && ["i", "it", "we", "they", "you", "he", "she", "that"].contains(&before);
    // `what can you do`, but not `what I want`.
    let asked = said.len() >= 4
        && QUESTION_WORDS.contains(&first)
        && !SUBJECTS.contains(&said[1].as_str())
        && SUBJECTS.contains(&before)
        && (SHORT_ANSWER_ENDS.contains(&last) || ["want", "need", "like", "be"].contains(&last));
    let stranded = said.len() >= 3 && QUESTION_WORDS.contains(&first) && STRANDABLE.contains(&last);
    let agreed = last == "so" && ["think", "hope", "guess", "believe", "suppose"].contains(&before);
    let pointed = last == "that"
        && said.len() >= 2
        && (STRANDABLE.contains(&before)
            || ["like", "do", "want", "take", "have", "know"].contains(&before));
    let liked = last == "like" && before == "you";
    !(short_answer || asked || stranded || agreed || pointed || liked)
}

/// The very thing that was asked for.
fn answer(said: &[String], last: &str, expected: Expected) -> Option<Completeness> {
    let before = |steps: usize| {
        let index = said.len().checked_sub(1 + steps)?;
        said.get(index).map(String::as_str)
    };
    match expected {
        Expected::Confirmation => {
            let yes_or_no = YES_OR_NO.contains(&said[0].as_str()) && said.len() <= 3;
            let agreed = AGREEMENTS.contains(&last) && said.len() <= 4;
            (yes_or_no || agreed).then_some(Completeness::Complete)
        }
        Expected::Day => DAYS.contains(&last).then_some(Completeness::Answer),
        Expected::Time => {
            let meridian = last == "m" && before(1).is_some_and(|w| ["a", "p"].contains(&w));
            let clock = HOURS.contains(&last) || last.chars().all(|c| c.is_ascii_digit());
            (DAY_TIMES.contains(&last) || meridian || clock).then_some(Completeness::Answer)
        }
        // `Olivia`, `my name is Olivia`, `it's Olivia Brown`; not `my name is`.
        Expected::Name => {
            let named = said.len() <= 2
                || [1, 2].into_iter().any(|steps| {
                    before(steps).is_some_and(|w| ["is", "im", "its", "am", "called"].contains(&w))
                });
            (named
                && last.chars().count() > 1
                && !HESITATIONS.contains(&last)
                && !OPENERS.contains(&last))
            .then_some(Completeness::Answer)
        }
        _ => None,
    }
}

fn dictation(text: &str, said: &[String], expected: Expected) -> Option<Completeness> {
    let last = said.last()?.as_str();
    let digits = trailing_digits(said);
    let letters = said
        .iter()
        .rev()
        .take_while(|w| w.chars().count() == 1 && w.chars().all(char::is_alphabetic))
        .count();
    if ["double", "triple", "dot", "underscore", "dash", "hyphen"].contains(&last) {
        return Some(Completeness::Dictating);
    }
    match expected {
        Expected::Email => {
            return Some(if whole_address(text, said) {
                Completeness::Complete
            } else {
                Completeness::Dictating
            });
        }
        Expected::Phone => {
            return Some(if digits >= PHONE_DIGITS {
                Completeness::Complete
            } else {
                Completeness::Dictating
            });
        }
        Expected::Number if digits >= 2 => return Some(Completeness::Dictating),
        Expected::Spelling if letters >= 1 || last == "spelled" || last == "spelt" => {
            return Some(Completeness::Dictating);
        }
        _ => {}
    }
    if letters >= 2 || (letters == 1 && last == "at") {
        return Some(Completeness::Dictating);
    }
    // A year, a time or a price has up to four digits; a longer run is a number being read out.
    (3..PHONE_DIGITS)
        .contains(&digits)
        .then_some(if spoken_singly(said, digits) {
            Completeness::Dictating
        } else {
            Completeness::Neutral
        })
}

/// How many digits the trailing number words and figures have.
fn trailing_digits(said: &[String]) -> usize {
    said.iter()
        .rev()
        .map_while(|word| {
            if DIGITS.contains(&word.as_str()) || ["double", "triple"].contains(&word.as_str()) {
                Some(1)
            } else if word.chars().all(|c| c.is_ascii_digit()) {
                Some(word.len())
            } else {
                None
            }
        })
        .sum()
}

/// Whether the digits came one by one (or in groups) and not as one figure such as `2026`.
fn spoken_singly(said: &[String], digits: usize) -> bool {
    said.last()
        .is_some_and(|last| last.len() < digits || !last.chars().all(|c| c.is_ascii_digit()))
}

fn whole_address(text: &str, said: &[String]) -> bool {
    let spoken = said.len() >= 3
        && said[said.len() - 2] == "dot"
        && said.last().is_some_and(|w| TOP_LEVEL.contains(&w.as_str()));
    let written = text.split_whitespace().last().is_some_and(|word| {
        word.split_once('@')
            .and_then(|(_, host)| host.trim_end_matches(['.', '!', '?']).rsplit_once('.'))
            .is_some_and(|(name, top)| !name.is_empty() && top.len() >= 2)
    });
    spoken || written
}

#[cfg(test)]
mod tests {
    use super::{Completeness::*, *};

    fn judge(text: &str, expected: Expected) -> Completeness {
        completeness(text, expected, Patience::Auto)
    }

    #[test]
    fn a_trailing_opener_is_unfinished() {
        for text in [
            "I would like to",
            "my name is",
            "on Tuesday and",
            "it's for my",
            "I was thinking um",
            "maybe,",
            "so I...",
            "can you tell me if",
            "maybe we could",
            "what I want",
            "can you please",
        ] {
            assert_eq!(judge(text, Expected::Anything), Incomplete, "{text}");
        }
    }

    #[test]
    fn questions_courtesies_and_short_answers_are_finished() {
        for text in [
            "What time is it?",
            "a table for two please",
            "no thank you",
            "yes",
            "That's all.",
        ] {
            assert_eq!(judge(text, Expected::Anything), Complete, "{text}");
        }
        for text in [
            "what is it for",
            "what can you do",
            "what time do you have",
            "yes I do",
            "I think so",
            "yes it is",
            "tell me about that",
        ] {
            assert_eq!(judge(text, Expected::Anything), Neutral, "{text}");
        }
    }

    #[test]
    fn letters_and_digits_one_by_one_are_dictation() {
        for text in [
            "j o",
            "my number is zero one seven",
            "it's 0 1 7",
            "mia dot",
            "four double",
        ] {
            assert_eq!(judge(text, Expected::Anything), Dictating, "{text}");
        }
        assert_eq!(judge("it is spelled", Expected::Spelling), Dictating);
        for text in ["we met in 2026", "a table for two"] {
            assert_eq!(judge(text, Expected::Anything), Neutral, "{text}");
        }
    }

    #[test]
    fn what_was_asked_for_decides() {
        assert_eq!(judge("five five five", Expected::Phone), Dictating);
        assert_eq!(
            judge(
                "five five five one two three four five six seven",
                Expected::Phone
            ),
            Complete
        );
        assert_eq!(judge("mia at example", Expected::Email), Dictating);
        assert_eq!(judge("mia at example dot com", Expected::Email), Complete);
        assert_eq!(judge("mia@example.com", Expected::Email), Complete);
        assert_eq!(judge("on thursday", Expected::Day), Answer);
        for text in ["half past two pm", "at nine", "half past three", "at 10"] {
            assert_eq!(judge(text, Expected::Time), Answer, "{text}");
        }
        for text in ["Olivia", "my name is Olivia", "it's Olivia Brown"] {
            assert_eq!(judge(text, Expected::Name), Answer, "{text}");
        }
        assert_eq!(judge("my name is", Expected::Name), Incomplete);
        for text in ["yes", "yes that's right", "that is right"] {
            assert_eq!(judge(text, Expected::Confirmation), Complete, "{text}");
        }
    }

    #[test]
    fn ways_to_end_are_known() {
        let judge = |text| completeness(text, Expected::Anything, Patience::Auto);
        assert_eq!(judge("that sounds good"), Completeness::Complete);
        assert_eq!(judge("no not really"), Completeness::Complete);
        assert_eq!(judge("that sounds"), Completeness::Neutral);
        assert!(ends_well(&words("I forgot my password again")));
        assert!(!ends_well(&words("again I")) && !ends_well(&[]));
        assert!(is_command(&words("please turn the volume down")));
        assert!(!is_command(&words("I turn")) && !is_command(&words("please")));
    }

    #[test]
    fn patience_can_be_switched_off() {
        assert_eq!(
            completeness("five five five", Expected::Phone, Patience::Off),
            Neutral
        );
    }
}
