//! How long silence must last before the user's turn is over.

use std::time::Duration;

use crate::{completeness::Completeness, settings::Eagerness};

/// The wait after the last speech, in milliseconds: complete, neutral, incomplete, dictating.
///
/// These are the numbers to tune; `docs/turn-taking.md` shows them with what they cost.
const fn waits(eagerness: Eagerness) -> [u64; 4] {
    match eagerness {
        Eagerness::Eager => [280, 380, 900, 1_200],
        Eagerness::Normal => [320, 500, 1_700, 2_000],
        Eagerness::Patient => [600, 900, 2_000, 2_600],
    }
}

/// How long the user must have been silent, counted from the last speech, for the turn to be over.
///
/// `finality` is how final the melody sounded, 0 to 1: it shortens or lengthens the wait by a quarter at most.
pub fn wait(eagerness: Eagerness, completeness: Completeness, finality: f32) -> Duration {
    let [complete, neutral, incomplete, dictating] = waits(eagerness);
    let millis = match completeness {
        Completeness::Complete => complete,
        Completeness::Neutral => neutral,
        Completeness::Incomplete => incomplete,
        Completeness::Dictating => dictating,
    };
    let quarters = if finality.is_finite() {
        (finality.clamp(0.0, 1.0) * 100.0) as u64
    } else {
        50
    };
    Duration::from_micros(millis * (1_250 - 5 * quarters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_eagerness_waits_longer() {
        for completeness in [
            Completeness::Complete,
            Completeness::Neutral,
            Completeness::Incomplete,
            Completeness::Dictating,
        ] {
            let [eager, normal, patient] =
                [Eagerness::Eager, Eagerness::Normal, Eagerness::Patient]
                    .map(|e| wait(e, completeness, 0.5));
            assert!(eager < normal && normal < patient);
        }
    }

    #[test]
    fn a_final_melody_shortens_the_wait_by_a_quarter() {
        let wait = |finality| wait(Eagerness::Normal, Completeness::Neutral, finality).as_millis();
        assert_eq!(
            [wait(0.0), wait(0.5), wait(1.0), wait(f32::NAN)],
            [625, 500, 375, 500]
        );
    }
}
