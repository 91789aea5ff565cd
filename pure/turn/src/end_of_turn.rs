//! How long silence must last before the user's turn is over.
//!
//! What is known in a pause (the words, how the melody ended) gives the odds that it is the end. Pauses inside turns
//! become rarer the longer they last, so silence itself raises those odds. The turn is over once waiting on costs more
//! than it saves: see [`wait`].

use std::time::Duration;

use audio::Contour;

use crate::{
    completeness::{self, Completeness, ends_well, is_command},
    grammar::{Sentence, sentence},
    input::Expected,
    settings::{Eagerness, Patience},
    words::words,
};

/// How long a pause inside a turn lasts on average, in seconds. Somebody who goes on does so with the same probability in
/// every moment of it.
///
/// Chosen, with the costs, by what texts that taught nothing came to. Smaller makes all waits more alike.
const PAUSE: f32 = 1.2;

/// How much the words say: logarithms of the odds that the turn is over, by their completeness.
///
/// Fitted by `xtask turns --fit` on the tuning half of the corpus, and rounded.
const COMPLETE: f32 = 4.8;
const ANSWER: f32 = 1.3;
const NEUTRAL: f32 = -0.9;
const INCOMPLETE: f32 = -1.4;
const DICTATING: f32 = -0.4;
/// With neutral words, for each doubling of their number from three on, up to [`MANY_WORDS`]; fitted.
const LENGTH: f32 = 2.6;
const MANY_WORDS: usize = 8;
/// For neutral words of which the last mostly ends a sentence; fitted.
const ENDS_WELL: f32 = 2.5;
/// For neutral words that are a command; fitted.
const COMMAND: f32 = 1.3;
/// What neutral words are as a sentence. Fitted on top of the weights above, then chosen by hand near the fit for few
/// cut-ins, because few texts hesitate where a sentence may end. The length of an open question does not count.
const OPEN_QUESTION: f32 = 3.5;
const YES_NO_QUESTION: f32 = 0.5;
const WHOLE_COMMAND: f32 = 0.3;
const UNFINISHED: f32 = -1.1;
/// For a last syllable at the bottom of the speaker's range instead of the top; fitted like the words.
const FALL: f32 = 2.9;
/// For ten decibels less than usual; fitted.
const SOFTER: f32 = 0.25;
/// The height that says nothing either way. Most pauses, ends or not, lie in the lower part of the range: words whose
/// melody is not known are then weighed as if it said nothing.
const MIDDLE: f32 = 0.1;
/// What melody says at most, against the end and for it: whatever it does, words of each sort stay apart.
const LEAST_MELODY: f32 = -1.8;
const MOST_MELODY: f32 = 1.2;
/// What it says at most against the end of a whole question, for questions may end high.
const LEAST_MELODY_OF_A_QUESTION: f32 = -0.3;

/// What is known in a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// How finished the words sound.
    pub completeness: Completeness,
    /// What they are as a sentence.
    pub sentence: Sentence,
    /// How many words the turn has so far.
    pub words: usize,
    /// Whether the last of them is one that mostly ends a sentence, such as `again`.
    pub ends_well: bool,
    /// Whether they are a command, such as `turn the volume down`.
    pub command: bool,
    /// How final the melody sounded, 0 to 1; 0.5 says nothing. See [`finality`].
    pub finality: f32,
}

impl Evidence {
    /// Weighs the words of a turn.
    pub fn of(text: &str, expected: Expected, patience: Patience, finality: f32) -> Self {
        let sentence = sentence(&words(text));
        Self::weigh(text, sentence, expected, patience, finality)
    }

    /// As [`Evidence::of`], where it is known what the words are as a sentence.
    pub(crate) fn weigh(
        text: &str,
        sentence: Sentence,
        expected: Expected,
        patience: Patience,
        finality: f32,
    ) -> Self {
        let said = words(text);
        Self {
            completeness: completeness::of_sentence(text, &said, sentence, expected, patience),
            sentence,
            words: said.len(),
            ends_well: ends_well(&said),
            command: is_command(&said),
            finality,
        }
    }

    /// How often three neutral words had to be doubled to become so many, from -1.6 to 1.4. Zero for other words, and
    /// for whole open questions: they speak for themselves.
    pub fn doublings(&self) -> f32 {
        if self.completeness == Completeness::Neutral && self.sentence != Sentence::OpenQuestion {
            (self.words.clamp(1, MANY_WORDS) as f32 / 3.0).log2()
        } else {
            0.0
        }
    }

    /// The logarithm of the odds that the turn is over. Zero: as likely as not.
    pub fn log_odds(&self) -> f32 {
        let words = match self.completeness {
            Completeness::Complete => COMPLETE,
            Completeness::Answer => ANSWER,
            Completeness::Neutral => NEUTRAL,
            Completeness::Incomplete => INCOMPLETE,
            Completeness::Dictating => DICTATING,
        };
        let finality = if self.finality.is_nan() {
            0.5
        } else {
            self.finality.clamp(0.01, 0.99)
        };
        let melody = (finality / (1.0 - finality)).ln();
        let neutral = self.completeness == Completeness::Neutral;
        let weight = |holds: bool, weight| if neutral && holds { weight } else { 0.0 };
        let form = weight(self.ends_well, ENDS_WELL) + weight(self.command, COMMAND);
        let sentence = match self.sentence {
            Sentence::OpenQuestion => OPEN_QUESTION,
            Sentence::YesNoQuestion => YES_NO_QUESTION,
            Sentence::Command => WHOLE_COMMAND,
            Sentence::Unfinished => UNFINISHED,
            Sentence::Statement | Sentence::Phrase | Sentence::Unknown => 0.0,
        };
        let least = match self.sentence {
            Sentence::OpenQuestion | Sentence::YesNoQuestion if neutral => {
                LEAST_MELODY_OF_A_QUESTION
            }
            _ => LEAST_MELODY,
        };
        words
            + form
            + weight(true, sentence)
            + LENGTH * self.doublings()
            + melody.clamp(least, MOST_MELODY)
    }
}

/// How final a melody sounds, 0 to 1, for [`Input::Prosody`](crate::Input::Prosody): low and soft endings are final, high
/// and loud ones are not.
pub fn finality(contour: Contour) -> f32 {
    let [height, softness] = melody(contour);
    let log_odds = FALL * height + SOFTER * softness;
    1.0 / (1.0 + (-log_odds.clamp(LEAST_MELODY, MOST_MELODY)).exp())
}

/// What of a melody counts, as numbers that are larger the more final it is: how low it ended and how softly.
pub fn melody(contour: Contour) -> [f32; 2] {
    [MIDDLE - contour.height, -contour.loudness / 10.0]
}

/// What an interruption costs, in seconds of needless waiting; and the least and longest wait in milliseconds.
///
/// These are the numbers to tune; `docs/turn-taking.md` shows what they come to.
const fn costs(eagerness: Eagerness) -> (f32, f32, f32) {
    match eagerness {
        Eagerness::Eager => (8.0, 220.0, 1_200.0),
        Eagerness::Normal => (16.0, 250.0, 1_600.0),
        Eagerness::Patient => (40.0, 400.0, 2_200.0),
    }
}

/// How long the user must have been silent, counted from the last speech, for the turn to be over.
///
/// Waiting one moment more costs that moment if the turn is over, and saves an interruption if the user goes on within
/// it. The first grows more likely with every moment of silence. Both are equal when the odds of the end, which grow by
/// a factor *e* in each mean pause, reach the cost of an interruption in mean pauses. Hence the wait is a straight line in
/// the logarithm of the odds, cut off at both ends.
pub fn wait(eagerness: Eagerness, evidence: Evidence) -> Duration {
    let (interruption, least, longest) = costs(eagerness);
    let seconds = PAUSE * ((interruption / PAUSE).ln() - evidence.log_odds());
    Duration::from_millis((1_000.0 * seconds).clamp(least, longest) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Completeness; 5] = [
        Completeness::Complete,
        Completeness::Answer,
        Completeness::Neutral,
        Completeness::Incomplete,
        Completeness::Dictating,
    ];

    fn evidence(completeness: Completeness, words: usize, finality: f32) -> Evidence {
        Evidence {
            completeness,
            sentence: Sentence::Unknown,
            words,
            ends_well: false,
            command: false,
            finality,
        }
    }

    #[test]
    fn each_step_of_eagerness_waits_longer() {
        for completeness in ALL {
            let [eager, normal, patient] =
                [Eagerness::Eager, Eagerness::Normal, Eagerness::Patient]
                    .map(|e| wait(e, evidence(completeness, 8, 0.5)));
            assert!(eager < normal && normal < patient, "{completeness:?}");
        }
    }

    #[test]
    fn the_less_finished_the_words_the_longer_the_wait() {
        let waits = ALL.map(|c| wait(Eagerness::Normal, evidence(c, 3, 0.5)));
        let [complete, answer, neutral, incomplete, dictating] = waits;
        assert!(complete < neutral && complete < answer, "{waits:?}");
        assert!(answer <= incomplete && neutral <= dictating, "{waits:?}");
        assert!(dictating <= incomplete, "{waits:?}");
    }

    #[test]
    fn more_words_and_a_falling_melody_shorten_the_wait() {
        let wait = |words, finality| {
            wait(
                Eagerness::Normal,
                evidence(Completeness::Neutral, words, finality),
            )
        };
        assert!(wait(8, 0.5) < wait(6, 0.5) && wait(6, 0.5) < wait(3, 0.5));
        assert!(wait(6, 0.6) < wait(6, 0.5) && wait(6, 0.5) < wait(6, 0.4));
        assert_eq!(wait(6, f32::NAN), wait(6, 0.5));
        assert_eq!(wait(80, 0.5), wait(8, 0.5), "a long story has pauses too");
    }

    #[test]
    fn a_whole_question_waits_less_and_half_of_one_more() {
        let wait = |text| {
            let evidence = Evidence::of(text, Expected::Anything, Patience::Auto, 0.5);
            wait(Eagerness::Normal, evidence)
        };
        let short = Duration::from_millis(700);
        for question in ["what can you do", "where are you", "when do you open"] {
            assert!(wait(question) < short, "{question}");
        }
        for half in [
            "what can you",
            "when do you",
            "how much is the",
            "can you tell me",
        ] {
            assert!(wait(half) > short * 2, "{half}");
        }
        assert!(
            wait("could you tell me when the bridge") > wait("the bridge is open again this week")
        );
    }

    #[test]
    fn low_and_soft_is_final_high_and_loud_is_not() {
        let finality = |height, loudness| finality(Contour { height, loudness });
        assert!(finality(0.0, -4.0) > finality(0.0, 0.0));
        assert!(finality(0.0, 0.0) > 0.55 && finality(1.0, 0.0) < 0.3);
        assert!((finality(MIDDLE, 0.0) - 0.5).abs() < 1e-6);
        assert!((0.0..=1.0).contains(&finality(2.0, 20.0)));
    }
}
