//! Two clocks, one time: what the speaker played, at the pace at which the microphone listens.

use std::{collections::VecDeque, fmt, sync::OnceLock};

use audio::SampleRate;

/// How often the level is judged.
const WINDOW_SECONDS: usize = 1;
/// What should be left at the lowest moment of a window: enough that nothing runs dry, little enough that the sound does
/// not come later than its echo.
const RESERVE_MILLIS: usize = 3;
/// A surplus is worked off in so many seconds.
const PATIENCE_SECONDS: f64 = 4.0;
/// Clocks differ by less; a correction beyond would be heard by the canceller as another room.
const MOST: f64 = 500e-6;
/// A surplus of a fifth of a second means that one device stood still: it is dropped at once.
const STALE_PER_SECOND: usize = 5;

/// Taps of the interpolation, and steps between two samples.
const TAPS: usize = 16;
const PHASES: usize = 256;

/// Keeps what was played in step with what is heard, although the two devices deliver in bursts and their clocks differ
/// by some hundred parts in a million.
///
/// Without it the reference would slip against the microphone, and every now and then a piece would be missing or be
/// there twice. The canceller would have to find the echo again each time.
pub struct Aligner {
    waiting: VecDeque<i16>,
    /// Where the next sample lies after the sample [`TAPS`] / 2 - 1 of `waiting`, in samples, below one.
    phase: f64,
    /// Played samples per sample heard.
    pace: f64,
    rate: usize,
    lowest: usize,
    taken: usize,
    begun: bool,
}

impl Aligner {
    /// For sound at `rate` on both sides.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            waiting: VecDeque::from(vec![0; TAPS]),
            phase: 0.0,
            pace: 1.0,
            rate: rate.hz() as usize,
            lowest: usize::MAX,
            taken: 0,
            begun: false,
        }
    }

    /// This was played.
    pub fn push(&mut self, played: &[i16]) {
        self.begun |= !played.is_empty();
        self.waiting.extend(played);
    }

    /// Forgets everything: another speaker.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.waiting.resize(TAPS, 0);
        (self.phase, self.pace) = (0.0, 1.0);
        (self.lowest, self.taken, self.begun) = (usize::MAX, 0, false);
    }

    /// The played sound that belongs to the next `length` samples heard. Silence where nothing is known.
    pub fn take(&mut self, length: usize) -> Vec<i16> {
        let most = TAPS + length + self.rate / STALE_PER_SECOND;
        if self.waiting.len() > most {
            let excess = self.waiting.len() - TAPS - length;
            self.waiting.drain(..excess);
            self.lowest = usize::MAX;
        }
        let mut out = Vec::with_capacity(length);
        for _ in 0..length {
            if self.waiting.len() < TAPS + 1 {
                // Nothing was played in time: what comes will come this much later.
                self.waiting.push_back(0);
            }
            out.push(self.interpolated());
            self.phase += self.pace;
            while self.phase >= 1.0 {
                self.phase -= 1.0;
                self.waiting.pop_front();
            }
        }
        self.lowest = self.lowest.min(self.waiting.len().saturating_sub(TAPS));
        self.taken += length;
        if self.taken >= self.rate * WINDOW_SECONDS {
            self.taken = 0;
            let reserve = self.rate * RESERVE_MILLIS / 1_000;
            let surplus = self.lowest as f64 - reserve as f64;
            if self.begun {
                self.pace =
                    1.0 + (surplus / (PATIENCE_SECONDS * self.rate as f64)).clamp(-MOST, MOST);
            }
            self.lowest = usize::MAX;
        }
        out
    }

    fn interpolated(&self) -> i16 {
        let filter = &filters()[((self.phase * PHASES as f64) as usize).min(PHASES - 1)];
        let sum: f32 = filter
            .iter()
            .zip(&self.waiting)
            .map(|(a, b)| a * f32::from(*b))
            .sum();
        sum.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
    }
}

/// Windowed sines for each step between two samples.
fn filters() -> &'static [[f32; TAPS]; PHASES] {
    static FILTERS: OnceLock<Box<[[f32; TAPS]; PHASES]>> = OnceLock::new();
    FILTERS.get_or_init(|| {
        let mut filters = Box::new([[0.0; TAPS]; PHASES]);
        for (phase, filter) in filters.iter_mut().enumerate() {
            let centre = (TAPS / 2 - 1) as f64 + phase as f64 / PHASES as f64;
            for (tap, value) in filter.iter_mut().enumerate() {
                let x = tap as f64 - centre;
                let sine = if x.abs() < 1e-9 {
                    1.0
                } else {
                    (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
                };
                let window = 0.5 + 0.5 * (std::f64::consts::PI * x / (TAPS / 2) as f64).cos();
                *value = (sine * window) as f32;
            }
        }
        filters
    })
}

impl fmt::Debug for Aligner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Aligner({} samples, pace {:.6})",
            self.waiting.len(),
            self.pace
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pace found after two minutes, in parts per million off the nominal.
    fn pace(played_per_frame: impl Fn(usize) -> usize) -> f64 {
        let mut aligner = Aligner::new(SampleRate::HZ_16000);
        for frame in 0..12_000 {
            aligner.push(&vec![1; played_per_frame(frame)]);
            assert_eq!(aligner.take(160).len(), 160);
        }
        (aligner.pace - 1.0) * 1e6
    }

    #[test]
    fn clocks_that_differ_stay_together() {
        // 30 frames of 160 and one of 161 are 202 parts in a million.
        assert!((pace(|frame| 160 + usize::from(frame % 31 == 0)) - 202.0).abs() < 100.0);
        assert!((pace(|frame| 160 - usize::from(frame % 31 == 0)) + 202.0).abs() < 100.0);
    }

    #[test]
    fn equal_clocks_and_bursts_are_left_alone() {
        assert!(pace(|_| 160).abs() < 50.0);
        assert!(pace(|frame| if frame % 2 == 0 { 320 } else { 0 }).abs() < 50.0);
    }

    #[test]
    fn a_speaker_that_stood_still_is_caught_up_with() {
        let mut aligner = Aligner::new(SampleRate::HZ_16000);
        aligner.push(&vec![5; 16_000]);
        aligner.take(160);
        assert!(aligner.waiting.len() < 500);
    }
}
