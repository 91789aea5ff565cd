//! The agent's own words, coming back through the microphone.

use std::collections::VecDeque;

use crate::words::is_little;

/// So many words of the past are remembered.
const MEMORY: usize = 64;
/// An echo may have begun this many words before the vad noticed.
const BEFORE: usize = 6;
/// Playout reports lag; words that are just being said count.
const AHEAD: usize = 4;

/// The last words the agent said, numbered from the start of the conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Echo {
    words: VecDeque<String>,
    total: usize,
}

impl Echo {
    /// These words have been heard, and their reply is over.
    pub(crate) fn remember(&mut self, heard: Vec<String>) {
        self.total += heard.len();
        self.words.extend(heard);
        let surplus = self.words.len().saturating_sub(MEMORY);
        self.words.drain(..surplus);
    }

    /// How many words are over.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Whether `said` is what sounded from word `onset` on. `current` are the words of the reply under way, of which
    /// `heard` have sounded.
    pub(crate) fn explains(
        &self,
        said: &[String],
        onset: usize,
        current: &[String],
        heard: usize,
    ) -> bool {
        if said.is_empty() {
            return false;
        }
        let oldest = self.total - self.words.len();
        let from = onset.saturating_sub(BEFORE);
        let past = self.words.iter().skip(from.saturating_sub(oldest));
        let present = current
            .iter()
            .take(heard + AHEAD)
            .skip(from.saturating_sub(self.total));
        let sounded: Vec<&String> = past.chain(present).collect();
        let common = |said: &[&String]| common_in_order(said, &sounded);
        let all: Vec<&String> = said.iter().collect();
        // Three of four: recognisers mishear echoes. Of one to three words all must match.
        if common(&all) * 4 >= all.len() * 3 {
            return true;
        }
        // Little words are what recognisers make of sound they do not understand. The others tell whose words these are.
        let telling: Vec<&String> = said.iter().filter(|word| !is_little(word)).collect();
        !telling.is_empty() && common(&telling) == telling.len()
    }
}

/// The length of the longest common subsequence.
fn common_in_order(said: &[&String], sounded: &[&String]) -> usize {
    let mut row = vec![0usize; sounded.len() + 1];
    for word in said {
        let mut diagonal = 0;
        for (index, other) in sounded.iter().enumerate() {
            let above = row[index + 1];
            row[index + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(row[index])
            };
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn own_words_just_heard_are_an_echo_and_others_are_not() {
        let mut echo = Echo::default();
        echo.remember(words("we are open from nine to five"));
        let current = words("would you like thursday or friday");
        let explains = |said: &str, heard| echo.explains(&words(said), 5, &current, heard);
        assert!(explains("to five would you like", 3));
        assert!(explains("nine to fine would you", 2), "one word misheard");
        assert!(explains("then would", 3), "a little word misheard");
        assert!(!explains("then no", 3), "a word that is not the agent's");
        assert!(!explains("no thank you", 6));
        assert!(!explains("or friday", 0), "not said yet");
    }
}
