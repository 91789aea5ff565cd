//! How loud sound is.

use std::{fmt, time::Duration};

use crate::SampleRate;

/// A level in decibels below full scale: 0 is the loudest a sample can be, silence is minus infinity.
///
/// A sine that just does not clip has a peak of 0 dBFS and an RMS of -3 dBFS.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Dbfs(f32);

impl Dbfs {
    /// Nothing at all.
    pub const SILENCE: Self = Self(f32::NEG_INFINITY);
    /// As loud as it gets.
    pub const FULL_SCALE: Self = Self(0.0);

    /// `decibels` relative to full scale; usually negative. What is no number is silence.
    pub const fn new(decibels: f32) -> Self {
        if decibels.is_nan() {
            Self::SILENCE
        } else {
            Self(decibels)
        }
    }

    /// The level of an amplitude, where 1.0 is full scale.
    pub fn of_amplitude(amplitude: f32) -> Self {
        Self::new(20.0 * amplitude.abs().log10())
    }

    /// Decibels; minus infinity for silence.
    pub const fn decibels(self) -> f32 {
        self.0
    }

    /// The amplitude, where 1.0 is full scale.
    pub fn amplitude(self) -> f32 {
        10f32.powf(self.0 / 20.0)
    }

    /// How far the level has come from `floor` to full scale, between 0 and 1: for drawing a bar.
    pub fn fraction_above(self, floor: Self) -> f32 {
        (1.0 - self.0 / floor.0.min(-1.0)).clamp(0.0, 1.0)
    }
}

impl fmt::Display for Dbfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == f32::NEG_INFINITY {
            f.write_str("silence")
        } else {
            write!(f, "{:.1} dBFS", self.0)
        }
    }
}

/// Loudness and peak of a stretch of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Root mean square: how loud it is as a whole.
    pub rms: Dbfs,
    /// The largest sample.
    pub peak: Dbfs,
}

impl Level {
    /// Of no sound.
    pub const SILENCE: Self = Self {
        rms: Dbfs::SILENCE,
        peak: Dbfs::SILENCE,
    };

    /// Of `samples`; silence when there are none.
    pub fn of(samples: &[i16]) -> Self {
        let (mean_square, peak) = measure(samples);
        Self {
            rms: Dbfs::of_amplitude(mean_square.sqrt() as f32),
            peak: Dbfs::of_amplitude(peak),
        }
    }
}

/// A level that moves smoothly, as a person can follow it. Independent of how sound is cut into pieces,
/// within the smoothing time.
#[derive(Clone, Debug)]
pub struct Meter {
    rate: SampleRate,
    smoothing: Duration,
    mean_square: f64,
    peak: f32,
}

impl Meter {
    /// Decibels per second by which the peak falls.
    const PEAK_FALL: f64 = 20.0;

    /// A meter for sound at `rate` that follows within about `smoothing` (100 ms looks alive; zero follows
    /// at once).
    pub const fn new(rate: SampleRate, smoothing: Duration) -> Self {
        Self {
            rate,
            smoothing,
            mean_square: 0.0,
            peak: 0.0,
        }
    }

    /// Takes in the next piece and says where the needle is now.
    pub fn push(&mut self, samples: &[i16]) -> Level {
        if !samples.is_empty() {
            let (mean_square, peak) = measure(samples);
            let seconds = samples.len() as f64 / f64::from(self.rate.hz());
            let kept = if self.smoothing.is_zero() {
                0.0
            } else {
                (-seconds / self.smoothing.as_secs_f64()).exp()
            };
            self.mean_square = mean_square + (self.mean_square - mean_square) * kept;
            let fallen = 10f64.powf(-Self::PEAK_FALL * seconds / 20.0) as f32;
            self.peak = peak.max(self.peak * fallen);
        }
        self.level()
    }

    /// Where the needle is.
    pub fn level(&self) -> Level {
        Level {
            rms: Dbfs::of_amplitude(self.mean_square.sqrt() as f32),
            peak: Dbfs::of_amplitude(self.peak),
        }
    }
}

/// Mean square and peak, where 1.0 is full scale.
fn measure(samples: &[i16]) -> (f64, f32) {
    let sum: u64 = samples
        .iter()
        .map(|&s| u64::from(s.unsigned_abs()).pow(2))
        .sum();
    let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    let mean = sum as f64 / samples.len().max(1) as f64;
    (mean / f64::from(1u32 << 30), f32::from(peak) / 32_768.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_silence() {
        assert_eq!(Level::of(&[]), Level::SILENCE);
        assert_eq!(Level::of(&[0; 10]), Level::SILENCE);
        assert_eq!(Dbfs::SILENCE.to_string(), "silence");
        assert!(Dbfs::SILENCE.fraction_above(Dbfs::new(-60.0)) <= 0.0);
    }

    #[test]
    fn full_scale_is_zero_decibels() {
        assert_eq!(Level::of(&[i16::MIN; 4]).rms, Dbfs::FULL_SCALE);
        let half = Level::of(&[16_384, -16_384]);
        assert!((half.rms.decibels() + 6.02).abs() < 0.01);
        assert_eq!(half.peak.to_string(), "-6.0 dBFS");
        assert!((Dbfs::new(-30.0).fraction_above(Dbfs::new(-60.0)) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_meter_rises_to_a_steady_sound_and_falls_back() {
        let mut meter = Meter::new(SampleRate::HZ_16000, Duration::from_millis(100));
        let first = meter.push(&[8_192; 320]).rms;
        for _ in 0..50 {
            meter.push(&[8_192; 320]);
        }
        let settled = meter.level().rms;
        assert!(first < settled);
        assert!((settled.decibels() + 12.04).abs() < 0.05);
        let quiet = meter.push(&vec![0; 16_000]);
        assert!(quiet.rms.decibels() < -50.0);
        assert!(
            (quiet.peak.decibels() + 32.04).abs() < 0.05,
            "20 dB in a second"
        );
    }

    #[test]
    fn the_meter_does_not_care_how_sound_is_cut() {
        let (mut whole, mut cut) = (
            Meter::new(SampleRate::HZ_8000, Duration::from_millis(50)),
            Meter::new(SampleRate::HZ_8000, Duration::from_millis(50)),
        );
        whole.push(&[1_000; 800]);
        for _ in 0..100 {
            cut.push(&[1_000; 8]);
        }
        let difference = whole.level().rms.decibels() - cut.level().rms.decibels();
        assert!(difference.abs() < 0.01);
    }
}
