//! A caller in a call: hears what the agent says, and answers what it asks for.

use std::collections::BTreeMap;

use crate::file::Caller;

/// What an agent's words ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Intent,
    Name,
    Day,
    Time,
    Confirm,
    EmailOffer,
    Email,
    Details,
    AnythingElse,
    /// Nothing: it has answered.
    Nothing,
}

impl Asked {
    fn key(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Name => "name",
            Self::Day => "day",
            Self::Time => "time",
            Self::Confirm => "confirm",
            Self::EmailOffer => "email_offer",
            Self::Email => "email",
            Self::Details => "details",
            Self::AnythingElse | Self::Nothing => "anything_else",
        }
    }
}

/// Whether the agent says that it did not understand.
pub(crate) fn is_repair(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "didn't catch",
        "didn't quite catch",
        "missed that",
        "didn't understand",
        "don't understand",
        "don't follow",
        "not sure what you mean",
        "can't follow",
        "did not catch",
        "did not understand",
    ]
    .iter()
    .any(|p| text.contains(p))
}

/// What the agent asks for, by the words of its first question that is not rhetorical; a plain request counts as one.
pub(crate) fn asked(text: &str) -> Asked {
    let lower = text.to_lowercase();
    let questions: Vec<&str> = lower
        .split_inclusive(['.', '!', '?'])
        .map(str::trim)
        .filter(|s| s.ends_with('?') || s.starts_with("please tell"))
        .collect();
    // Long replies end with what they want to know.
    let Some(question) = questions.first() else {
        return if is_repair(text) {
            Asked::Intent
        } else {
            Asked::Nothing
        };
    };
    let has = |words: &[&str]| words.iter().any(|w| question.contains(w));
    if has(&[
        "is that right",
        "is that correct",
        "shall i cancel",
        "shall i book",
        "shall i move",
        "shall i delete",
        "correct?",
        "is that okay",
        "shall i go ahead",
    ]) {
        Asked::Confirm
    } else if has(&["anything else", "something else", "what else"]) {
        if is_repair(text) {
            Asked::Intent
        } else {
            Asked::AnythingElse
        }
    } else if has(&["e-mail", "email"]) {
        if has(&["would you like", "shall i", "do you want"]) {
            Asked::EmailOffer
        } else {
            Asked::Email
        }
    } else if has(&["name"]) {
        Asked::Name
    } else if has(&["do you mean", "day"]) {
        Asked::Day
    } else if has(&["time", "morning or in the afternoon"]) {
        Asked::Time
    } else if has(&["sum", "note", "write down", "reckon"]) {
        Asked::Details
    } else if has(&[
        "what can i do for you",
        "how can i help",
        "what would you like",
    ]) {
        Asked::Intent
    } else if has(&["what should be different"]) {
        Asked::Confirm
    } else {
        Asked::Intent
    }
}

/// The caller's side of a call.
pub(crate) struct Person<'a> {
    caller: &'a Caller,
    /// Which wish is being dealt with.
    wish: usize,
    /// Whether this wish was said in other words already.
    reworded: bool,
    used: BTreeMap<&'static str, usize>,
    /// Whether the caller has said that there is nothing more.
    pub(crate) done: bool,
}

impl<'a> Person<'a> {
    pub(crate) fn new(caller: &'a Caller) -> Self {
        Self {
            caller,
            wish: 0,
            reworded: false,
            used: BTreeMap::new(),
            done: false,
        }
    }

    /// What the caller says to the agent's words.
    pub(crate) fn answer(&mut self, agent: &str) -> String {
        let wanted = asked(agent);
        match wanted {
            // The agent is at the end of a wish, or waits for one.
            Asked::AnythingElse | Asked::Nothing => self.next_wish(),
            Asked::Intent if !is_repair(agent) && self.wish < self.caller.then.len() => {
                self.next_wish()
            }
            Asked::Intent => {
                let last = self.wish >= self.caller.then.len();
                if self.reworded && !last {
                    return self.next_wish();
                }
                self.reworded = true;
                self.caller
                    .answers
                    .get("intent")
                    .and_then(|a| a.at(self.wish))
                    .unwrap_or(&self.caller.opening)
                    .to_owned()
            }
            other => self.say(other),
        }
    }

    fn next_wish(&mut self) -> String {
        if let Some(wish) = self.caller.then.get(self.wish) {
            self.wish += 1;
            self.reworded = false;
            return wish.clone();
        }
        self.done = true;
        self.say(Asked::AnythingElse)
    }

    fn say(&mut self, asked: Asked) -> String {
        let turn = self.used.entry(asked.key()).or_default();
        let text = self
            .caller
            .answers
            .get(asked.key())
            .and_then(|a| a.at(*turn));
        *turn += 1;
        text.unwrap_or("sorry, i don't know").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_heard_in_the_words() {
        assert_eq!(
            asked("That is Friday at 10 am, for Kit. Is that right?"),
            Asked::Confirm
        );
        assert_eq!(asked("Of course. Which day would you like?"), Asked::Day);
        assert_eq!(asked("It is 8 am. Anything else?"), Asked::AnythingElse);
        assert_eq!(
            asked("Would you like a confirmation by e-mail?"),
            Asked::EmailOffer
        );
        assert_eq!(
            asked("Sorry, I missed that. You can book an appointment."),
            Asked::Intent
        );
        assert_eq!(asked("Goodbye."), Asked::Nothing);
    }
}
