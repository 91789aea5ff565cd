//! Partial texts that people can look at: only words that have stayed what they are for a while.

use std::{collections::VecDeque, time::Duration};

/// A word is shown after it has survived this much further sound. Longer is calmer, shorter is quicker.
const SETTLED: Duration = Duration::from_millis(300);

/// Follows the changing text of one utterance.
#[derive(Clone, Debug, Default)]
pub(super) struct Stable {
    /// What was heard at which moment of the utterance, the last [`SETTLED`] of it.
    heard: VecDeque<(Duration, Vec<String>)>,
    shown: String,
}

impl Stable {
    /// The text at `moment` of the utterance. Gives the settled words when they are others than before.
    pub(super) fn follow(&mut self, moment: Duration, text: &str) -> Option<&str> {
        let words = text.split_whitespace().map(str::to_owned).collect();
        self.heard.push_back((moment, words));
        while self
            .heard
            .get(1)
            .is_some_and(|(then, _)| moment.saturating_sub(*then) >= SETTLED)
        {
            self.heard.pop_front();
        }
        let (oldest, words) = self.heard.front()?;
        if moment.saturating_sub(*oldest) < SETTLED {
            return None;
        }
        let settled = self
            .heard
            .iter()
            .map(|(_, later)| {
                words
                    .iter()
                    .zip(later)
                    .take_while(|(one, other)| one == other)
                    .count()
            })
            .min()
            .unwrap_or(0);
        let text = words[..settled].join(" ");
        if text.is_empty() || self.shown.starts_with(&text) {
            return None;
        }
        self.shown = text;
        Some(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_comes_and_goes_is_never_shown() {
        let mut stable = Stable::default();
        let mut shown = Vec::new();
        for (at, text) in [
            (100, "a"),
            (200, "a dam"),
            (300, "a doctor"),
            (400, "a doctor"),
            (500, "a doctor"),
            (600, "a doctor is"),
            (700, "a doctor's"),
        ] {
            if let Some(text) = stable.follow(Duration::from_millis(at), text) {
                shown.push(text.to_owned());
            }
        }
        assert_eq!(shown, ["a", "a doctor"]);
    }
}
