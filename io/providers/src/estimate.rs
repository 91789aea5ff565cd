//! When words sound, for voices that do not say.

use std::{collections::VecDeque, time::Duration};

use crate::tts::Aligned;

/// How long a letter sounds at normal speed: about 15 letters a second.
const LETTER: Duration = Duration::from_millis(66);

/// Reckons words over sound by their length.
#[derive(Debug)]
pub(crate) struct Estimate {
    words: VecDeque<String>,
    letter: Duration,
    /// When the next word begins.
    next: Duration,
    /// How much sound there was.
    sounded: Duration,
}

impl Estimate {
    pub(crate) fn new(speed: f32) -> Self {
        Self {
            words: VecDeque::new(),
            letter: LETTER.div_f32(speed.clamp(0.25, 4.0)),
            next: Duration::ZERO,
            sounded: Duration::ZERO,
        }
    }

    /// This is going to be said.
    pub(crate) fn say(&mut self, text: &str) {
        // What follows cannot sound before what was said so far.
        self.next = self.next.max(self.sounded);
        self.words.extend(words(text));
    }

    /// The words that begin within the next piece of sound.
    pub(crate) fn sound(&mut self, lasts: Duration) -> Vec<Aligned> {
        let end = self.sounded + lasts;
        let mut aligned = Vec::new();
        while self.next < end {
            let Some(text) = self.words.pop_front() else {
                break;
            };
            let duration = self.letter * u32::try_from(text.chars().count()).unwrap_or(1);
            aligned.push(Aligned {
                text,
                start: self.next.saturating_sub(self.sounded),
                duration,
            });
            self.next += duration;
        }
        self.sounded = end;
        aligned
    }

    /// All has been said: the words that were reckoned to come later, at the end of the last sound.
    pub(crate) fn rest(&mut self) -> Vec<Aligned> {
        self.words
            .drain(..)
            .map(|text| Aligned {
                text,
                start: Duration::ZERO,
                duration: Duration::ZERO,
            })
            .collect()
    }
}

/// Words, each with the spaces that follow it.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after_space = true;
    for letter in text.chars() {
        if let Some(word) = words.last_mut()
            && (letter.is_whitespace() || !after_space)
        {
            word.push(letter);
        } else {
            words.push(letter.to_string());
        }
        after_space = letter.is_whitespace();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_the_spaces_behind_them() {
        assert_eq!(words("Hi, you  there."), ["Hi, ", "you  ", "there."]);
        assert_eq!(words(""), Vec::<String>::new());
    }

    #[test]
    fn words_are_spread_over_the_sound_and_none_is_lost() {
        let mut estimate = Estimate::new(1.0);
        estimate.say("one two three four");
        let first = estimate.sound(Duration::from_millis(500));
        assert_eq!(first.len(), 2);
        assert!(first[1].start > first[0].start);
        assert_eq!(estimate.rest().len(), 2);
    }
}
