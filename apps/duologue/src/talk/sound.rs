//! Samples to and from the wire's formats.

use audio::{Format, Resampler};
use protocol::agents::AudioFormat;

use crate::{
    files::RATE,
    problem::{Outcome, Problem},
};

/// How a format is coded.
fn known(name: &AudioFormat) -> Outcome<Format> {
    name.format().ok_or_else(|| {
        Problem::failure(format!("the agent wants sound as {name}"))
            .because("that format is not known here")
            .fix("use pcm_16000 in the agent's configuration")
    })
}

/// Codes what the agent hears.
pub(crate) struct Coder {
    format: Format,
    resampler: Resampler,
}

impl Coder {
    pub(crate) fn new(name: &AudioFormat) -> Outcome<Self> {
        let format = known(name)?;
        Ok(Self {
            format,
            resampler: Resampler::new(RATE, format.rate()),
        })
    }

    /// A piece at [`RATE`] as bytes.
    pub(crate) fn code(&mut self, samples: &[i16]) -> Vec<u8> {
        self.format.encode(&self.resampler.push(samples))
    }
}

/// Decodes what the agent says, chunk by chunk.
pub(crate) struct Decoder {
    format: Format,
}

impl Decoder {
    pub(crate) fn new(name: &AudioFormat) -> Outcome<Self> {
        Ok(Self {
            format: known(name)?,
        })
    }

    /// A chunk as samples at [`RATE`].
    pub(crate) fn decode(&self, bytes: &[u8]) -> Vec<i16> {
        // Each chunk for itself, so that positions within it stay exact.
        audio::resample(&self.format.decode(bytes), self.format.rate(), RATE)
    }
}
