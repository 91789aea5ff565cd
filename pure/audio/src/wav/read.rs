//! Reading.

use std::{
    io::{ErrorKind, Read},
    time::Duration,
};

use super::{Encoding, Spec, WavError, header::Header};
use crate::{Resampler, SampleRate, convert, frame, g711};

/// Reads a WAV as a stream of 16-bit samples.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    spec: Spec,
    /// Bytes of sound still to come; `None` means until the end.
    left: Option<u64>,
    duration: Option<Duration>,
    buffer: Vec<u8>,
    filled: usize,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header. Buffering is the reader's own: hand in the bare file.
    pub fn new(mut input: R) -> Result<Self, WavError> {
        let header = Header::read(&mut input)?;
        let spec = header.spec;
        let frame = frame_bytes(spec);
        Ok(Self {
            input,
            spec,
            left: header.length,
            duration: header
                .length
                .map(|bytes| spec.rate.duration_of(bytes as usize / frame)),
            buffer: vec![0; frame * (16_384 / frame).max(1)],
            filled: 0,
            ended: false,
        })
    }

    /// What the file contains.
    pub const fn spec(&self) -> Spec {
        self.spec
    }

    /// How long the header says it is; `None` when nobody knows before the end.
    pub const fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// Appends what is there, at least one and at most `frames` frames (one sample of every channel,
    /// interleaved), and returns how many. Zero is the end.
    ///
    /// A pipe is waited for only until one frame is complete. A file that is cut short yields all its whole
    /// frames, then [`WavError::Truncated`] once, then zero.
    pub fn read(&mut self, frames: usize, samples: &mut Vec<i16>) -> Result<usize, WavError> {
        let frame = frame_bytes(self.spec);
        if frames == 0 {
            return Ok(0);
        }
        let room = self.buffer.len().min(frames.saturating_mul(frame));
        while !self.ended && self.filled < frame {
            let room = self.left.map_or(room, |left| {
                room.min(self.filled + usize::try_from(left).unwrap_or(usize::MAX))
            });
            if room == self.filled {
                // The sound ends where the header said.
                self.ended = true;
                break;
            }
            match self.input.read(&mut self.buffer[self.filled..room]) {
                Ok(0) => {
                    self.ended = true;
                    self.filled = 0;
                    if let Some(missing) = self.left.filter(|&left| left > 0) {
                        return Err(WavError::Truncated { missing });
                    }
                }
                Ok(more) => {
                    self.filled += more;
                    self.left = self.left.map(|left| left - more as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let got = self.filled / frame;
        let bytes = got * frame;
        decode(self.spec.encoding, &self.buffer[..bytes], samples);
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        Ok(got)
    }

    /// As [`read`](Self::read), with all channels mixed into one.
    pub fn read_mono(&mut self, frames: usize, samples: &mut Vec<i16>) -> Result<usize, WavError> {
        if self.spec.channels.get() == 1 {
            return self.read(frames, samples);
        }
        let mut interleaved = Vec::new();
        let got = self.read(frames, &mut interleaved)?;
        frame::downmix_into(&interleaved, self.spec.channels, samples);
        Ok(got)
    }

    /// The input, wherever it stands.
    pub fn into_inner(self) -> R {
        self.input
    }
}

/// A whole file as one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its samples, at the rate that was asked for.
    pub samples: Vec<i16>,
    /// How it ended.
    pub ending: Ending,
}

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As its header said, or wherever it ended if the header did not say.
    Complete,
    /// Before it should have: the file is cut short.
    Truncated,
    /// It was longer than the limit; the rest was left unread.
    Limit,
}

/// Reads a whole file as one channel at `rate`, up to `limit` of it, so that an endless one ends.
pub fn read_mono(input: impl Read, rate: SampleRate, limit: Duration) -> Result<Sound, WavError> {
    let mut reader = Reader::new(input)?;
    let own = reader.spec().rate;
    let mut left = own.samples_in(limit);
    let mut resampler = Resampler::new(own, rate);
    let (mut samples, mut piece) = (Vec::new(), Vec::new());
    let ending = loop {
        piece.clear();
        match reader.read_mono(left.clamp(1, 4_096), &mut piece) {
            Ok(0) => break Ending::Complete,
            Ok(_) if left == 0 => break Ending::Limit,
            Ok(got) => left -= got,
            Err(WavError::Truncated { .. }) => break Ending::Truncated,
            Err(error) => return Err(error),
        }
        resampler.push_into(&piece, &mut samples);
    };
    samples.extend(resampler.flush());
    Ok(Sound { samples, ending })
}

pub(super) fn frame_bytes(spec: Spec) -> usize {
    usize::from(spec.channels.get()) * spec.encoding.bytes()
}

fn decode(encoding: Encoding, bytes: &[u8], samples: &mut Vec<i16>) {
    let words = bytes.as_chunks::<4>().0.iter();
    match encoding {
        Encoding::U8 => samples.extend(bytes.iter().map(|&b| convert::from_u8(b))),
        Encoding::Ulaw => samples.extend(bytes.iter().map(|&b| g711::decode_ulaw(b))),
        Encoding::Alaw => samples.extend(bytes.iter().map(|&b| g711::decode_alaw(b))),
        Encoding::I16 => {
            samples.extend(bytes.as_chunks().0.iter().map(|&b| i16::from_le_bytes(b)));
        }
        Encoding::I24 => samples.extend(
            (bytes.as_chunks::<3>().0.iter())
                .map(|&[a, b, c]| convert::from_i24(i32::from_le_bytes([0, a, b, c]) >> 8)),
        ),
        Encoding::I32 => samples.extend(words.map(|&b| convert::from_i32(i32::from_le_bytes(b)))),
        Encoding::F32 => samples.extend(words.map(|&b| convert::from_f32(f32::from_le_bytes(b)))),
    }
}
