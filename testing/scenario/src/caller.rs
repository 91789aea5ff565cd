//! A simulated mouth and room: what the microphone hears, and what a recogniser makes of it.

use std::time::Duration;

use audio::Moment;

use crate::{chance::Chance, script::Said};

/// What kind of sound it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Speech,
    Backchannel,
    Noise,
    Echo,
}

/// A stretch of sound without a pause.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    pub(crate) kind: Kind,
    pub(crate) from: Moment,
    pub(crate) to: Moment,
}

/// The microphone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Microphone {
    sounds: Vec<Sound>,
    /// Words with their ends.
    words: Vec<(Moment, Moment, String)>,
}

const SHORTEST_WORD: u64 = 120;

/// How long a word takes to say.
pub(crate) fn length_of(word: &str) -> Duration {
    Duration::from_millis(SHORTEST_WORD + 45 * word.chars().count() as u64)
}

impl Microphone {
    /// Somebody speaks from `at` on; gives when they finish.
    pub(crate) fn speak(&mut self, at: Moment, said: &[Said], kind: Kind) -> Moment {
        let mut now = at.max(self.busy_until());
        let mut from = now;
        for part in said {
            match part {
                Said::Word(word) => {
                    let end = now + length_of(word);
                    self.words.push((now, end, word.clone()));
                    now = end;
                }
                Said::Pause(length) => {
                    self.sound(kind, from, now);
                    now += *length;
                    from = now;
                }
            }
        }
        self.sound(kind, from, now);
        now
    }

    /// A sound without words.
    pub(crate) fn noise(&mut self, at: Moment, length: Duration, kind: Kind) {
        self.sound(kind, at, at + length);
    }

    pub(crate) fn echo_word(&mut self, at: Moment, word: &str) {
        self.words.push((at, at, word.to_owned()));
    }

    fn sound(&mut self, kind: Kind, from: Moment, to: Moment) {
        if from < to {
            self.sounds.push(Sound { kind, from, to });
        }
    }

    pub(crate) fn busy_until(&self) -> Moment {
        self.sounds.iter().map(|s| s.to).max().unwrap_or_default()
    }

    /// The vad's opinion about the frame that ends at `now`.
    pub(crate) fn probability(&self, now: Moment, errors: f64, chance: &mut Chance) -> f32 {
        let speech = self
            .sounds
            .iter()
            .rev()
            .take(4)
            .any(|s| s.from < now && now <= s.to);
        let wrong = errors > 0.0 && chance.happens(errors);
        if speech == wrong { 0.1 } else { 0.9 }
    }

    /// Whether real speech, which asks for the floor, sounded between two moments.
    pub(crate) fn spoke_between(&self, from: Moment, to: Moment) -> bool {
        self.sounds
            .iter()
            .rev()
            .take(8)
            .any(|s| s.kind == Kind::Speech && s.from <= to && s.to >= from)
    }

    /// When real speech last ended before `now`.
    pub(crate) fn speech_ended(&self, now: Moment) -> Option<Moment> {
        let mut ends = self
            .sounds
            .iter()
            .rev()
            .filter(|s| s.kind == Kind::Speech && s.from <= now);
        ends.next().map(|s| s.to.min(now))
    }

    /// What a recogniser hears of the words that end in a stretch of time.
    pub(crate) fn recognise(&self, from: Moment, to: Moment, errors: f64, seed: u64) -> String {
        const MISHEARD: &[&str] = &["the", "to", "four", "tree", "were", ""];
        let mut text = String::new();
        let mut words: Vec<_> = self
            .words
            .iter()
            .filter(|w| w.1 > from && w.1 <= to)
            .collect();
        words.sort_by_key(|w| w.1);
        for (start, _, word) in words {
            // The same word is misheard in the same way each time.
            let mut chance = Chance::new(seed ^ start.as_micros());
            let word = if errors > 0.0 && chance.happens(errors) {
                chance.pick(MISHEARD)
            } else {
                word.as_str()
            };
            if !word.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(word);
            }
        }
        text
    }
}
