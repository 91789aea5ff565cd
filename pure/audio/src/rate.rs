//! Samples per second, as a type.

use std::{fmt, time::Duration};

/// Samples per second of one channel, between 8,000 and 192,000 Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

/// A rate that no speech travels at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} Hz is not a supported sample rate (8,000 to 192,000)")]
pub struct UnsupportedRate(pub u32);

impl SampleRate {
    /// 8 kHz: telephony.
    pub const HZ_8000: Self = Self(8_000);
    /// 16 kHz: what recognisers and the embedded voice use.
    pub const HZ_16000: Self = Self(16_000);
    /// 22.05 kHz.
    pub const HZ_22050: Self = Self(22_050);
    /// 24 kHz.
    pub const HZ_24000: Self = Self(24_000);
    /// 44.1 kHz.
    pub const HZ_44100: Self = Self(44_100);
    /// 48 kHz: most devices.
    pub const HZ_48000: Self = Self(48_000);

    /// A rate of `hz` samples per second.
    pub const fn new(hz: u32) -> Result<Self, UnsupportedRate> {
        if hz < 8_000 || hz > 192_000 {
            Err(UnsupportedRate(hz))
        } else {
            Ok(Self(hz))
        }
    }

    /// Samples per second.
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// How many whole samples fit into `duration`.
    pub fn samples_in(self, duration: Duration) -> usize {
        (duration.as_nanos() * u128::from(self.0) / 1_000_000_000) as usize
    }

    /// How long `samples` samples last, to the nanosecond, rounded down.
    pub fn duration_of(self, samples: usize) -> Duration {
        let nanos = samples as u128 * 1_000_000_000 / u128::from(self.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_milliseconds_at_16_khz_are_320_samples() {
        assert_eq!(
            SampleRate::HZ_16000.samples_in(Duration::from_millis(20)),
            320
        );
    }

    #[test]
    fn rates_outside_speech_are_refused() {
        assert_eq!(SampleRate::new(0), Err(UnsupportedRate(0)));
        assert_eq!(SampleRate::new(192_001), Err(UnsupportedRate(192_001)));
    }
}
