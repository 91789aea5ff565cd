//! WAV, read and written as a stream.
//!
//! The [`Reader`] takes files as they really come: sizes left at zero or at their maximum because the writer
//! was a pipe or died, trailing chunks, G.711 inside, recordings cut short. The [`Writer`] puts a header first
//! that every reader understands as "until the end", and corrects it when the recording is finished;
//! [`mend`] does so for a writer that never got there.

mod header;
mod read;
mod sniff;
mod write;

use std::{io, num::NonZeroU16};

use crate::{SampleRate, UnsupportedRate};

pub use read::{Ending, Reader, Sound, read_mono};
pub use write::{Mended, Writer, mend};

/// What a WAV contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Samples per second of each channel.
    pub rate: SampleRate,
    /// How many channels are interleaved.
    pub channels: NonZeroU16,
    /// How each sample is stored.
    pub encoding: Encoding,
}

/// How a sample is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 8-bit unsigned.
    U8,
    /// 16-bit.
    I16,
    /// 24-bit in three bytes.
    I24,
    /// 32-bit, or fewer bits at the top of four bytes.
    I32,
    /// 32-bit float.
    F32,
    /// G.711 µ-law.
    Ulaw,
    /// G.711 A-law.
    Alaw,
}

impl Encoding {
    /// Bytes per sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::Ulaw | Self::Alaw => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
        }
    }
}

/// Why a WAV could not be read or mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// Not one byte.
    #[error("the file is empty")]
    Empty,
    /// Something else.
    #[error(
        "not a WAV file but {found}; convert it first: ffmpeg -i {example} -ar 16000 -ac 1 out.wav"
    )]
    NotWav {
        /// What it seems to be, with its article: "an MP3".
        found: &'static str,
        /// A file name for the example in the message.
        example: &'static str,
    },
    /// A WAV whose sound is compressed in a way that is not supported.
    #[error(
        "the WAV file contains {codec} (format {tag:#06x}), which is not supported; convert it first: ffmpeg -i in.wav -c:a pcm_s16le -ar 16000 -ac 1 out.wav"
    )]
    Codec {
        /// The name of the codec.
        codec: &'static str,
        /// Its number in the header.
        tag: u16,
    },
    /// A sample rate that is not between 8,000 and 192,000 Hz.
    #[error(
        "the WAV file has an unusable rate; convert it first: ffmpeg -i in.wav -ar 16000 -ac 1 out.wav"
    )]
    Rate(#[from] UnsupportedRate),
    /// The header contradicts itself or the format.
    #[error("the WAV header is damaged: {0}")]
    Damaged(&'static str),
    /// The file ended before its header did, or before the sound that the header promised.
    ///
    /// All sound before the break has been delivered when a reader says this.
    #[error("the WAV file is cut short: {missing} bytes are missing")]
    Truncated {
        /// How many bytes are missing, at least.
        missing: u64,
    },
    /// Reading or writing failed.
    #[error("reading or writing the WAV file failed")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests;
