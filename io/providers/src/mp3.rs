//! Sound into MP3.

use audio::SampleRate;

use crate::ProviderError;

/// Codes sound as MP3.
pub trait Mp3: Send + Sync {
    /// The name shown to users, such as `LAME`.
    fn name(&self) -> &str;
    /// The least bit rate, in kbit/s for one channel, at which words stay intelligible at this rate of samples. What asks for
    /// less gets this much.
    fn least(&self, rate: SampleRate) -> u32;
    /// Whole frames of a constant bit rate of `kbps` kbit/s, without tags, that can be put behind others. Samples of two
    /// channels come in turns. It computes, so it should be called where it holds nobody up.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] for a rate or bit rate that MP3 does not have.
    fn encode(
        &self,
        samples: &[i16],
        rate: SampleRate,
        channels: Channels,
        kbps: u32,
    ) -> Result<Vec<u8>, ProviderError>;
}

/// How many channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// One.
    Mono,
    /// Two, left first, each coded for itself: what they hold has nothing in common.
    Two,
}

impl Channels {
    /// The number.
    pub const fn count(self) -> u32 {
        match self {
            Self::Mono => 1,
            Self::Two => 2,
        }
    }
}
