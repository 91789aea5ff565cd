//! MP3.

use audio::SampleRate;
use oxideav_mp3::{ChannelMode, stream_encoder::Mp3Encoder};

use crate::Problem;

/// The encoder moves all that waits at every frame, so it is given little at a time.
const PIECE: usize = 16 * 1_152;

/// Whole frames of MP3. Samples of two channels come in turns.
pub(crate) fn encode(
    samples: &[i16],
    rate: SampleRate,
    channels: ChannelMode,
    kbps: u32,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    if samples.is_empty() {
        return Ok(bytes);
    }
    let mut encoder = Mp3Encoder::new(kbps, rate.hz(), channels).map_err(|error| broken(&error))?;
    for piece in samples.chunks(PIECE) {
        encoder
            .push_samples(piece)
            .map_err(|error| broken(&error))?;
    }
    encoder.finish(&mut bytes).map_err(|error| broken(&error))?;
    Ok(bytes)
}

pub(crate) fn broken(error: &impl std::fmt::Debug) -> Problem {
    Problem::storage(format!("The sound could not be coded as MP3: {error:?}."))
}
