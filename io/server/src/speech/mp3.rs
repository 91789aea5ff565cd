//! MP3 where the machine has no better encoder.

use audio::SampleRate;
use oxideav_mp3::{ChannelMode, stream_encoder::Mp3Encoder};
use providers::{
    ProviderError,
    mp3::{Channels, Mp3},
};

use crate::Problem;

/// The encoder moves all that waits at every frame, so it is given little at a time.
const PIECE: usize = 16 * 1_152;

/// The encoder that is built in.
pub(crate) struct BuiltIn;

impl Mp3 for BuiltIn {
    fn name(&self) -> &'static str {
        "built in"
    }

    /// It was found with the recogniser, which understands 94 % of the words at these rates and a fifth of them at the next
    /// lower ones.
    fn least(&self, rate: SampleRate) -> u32 {
        if rate.hz() < 32_000 { 160 } else { 128 }
    }

    fn encode(
        &self,
        samples: &[i16],
        rate: SampleRate,
        channels: Channels,
        kbps: u32,
    ) -> Result<Vec<u8>, ProviderError> {
        let mut bytes = Vec::new();
        if samples.is_empty() {
            return Ok(bytes);
        }
        let mode = match channels {
            Channels::Mono => ChannelMode::SingleChannel,
            Channels::Two => ChannelMode::Stereo,
        };
        let failed = |error: &dyn std::fmt::Debug| ProviderError::Failed {
            provider: "the MP3 encoder".to_owned(),
            reason: format!("{error:?}"),
        };
        let mut encoder = Mp3Encoder::new(kbps, rate.hz(), mode).map_err(|error| failed(&error))?;
        for piece in samples.chunks(PIECE) {
            encoder
                .push_samples(piece)
                .map_err(|error| failed(&error))?;
        }
        encoder.finish(&mut bytes).map_err(|error| failed(&error))?;
        Ok(bytes)
    }
}

pub(crate) fn broken(error: &impl std::fmt::Display) -> Problem {
    Problem::storage(format!("The sound could not be coded as MP3: {error}."))
}
