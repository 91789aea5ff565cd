//! What stands before the sound.

use std::{
    io::{self, ErrorKind, Read},
    num::NonZeroU16,
};

use super::{Encoding, Spec, WavError, sniff};
use crate::SampleRate;

/// How much may stand before the sound. Pictures and notes are skipped; an endless chunk must not be.
const MOST: u64 = 64 << 20;

#[derive(Debug)]
pub(super) struct Header {
    pub(super) spec: Spec,
    /// Where the sound begins.
    pub(super) start: u64,
    /// How many bytes of sound there are; `None` means until the end.
    pub(super) length: Option<u64>,
    /// What the header says about the size of the whole, as it stands there.
    pub(super) riff: u32,
    /// Sizes are 64-bit ones in a chunk of their own.
    pub(super) long: bool,
}

impl Header {
    /// Reads up to the first byte of sound.
    pub(super) fn read(input: &mut impl Read) -> Result<Self, WavError> {
        let mut head = [0; 12];
        let got = fill(input, &mut head)?;
        let long = matches!(&head[..4], b"RF64" | b"BW64");
        if got == 0 {
            return Err(WavError::Empty);
        }
        let known = got.min(4);
        if !long && head[..known] != b"RIFF"[..known] {
            return Err(sniff::not_wav(&head[..got]));
        }
        if got < 12 {
            return Err(truncated(12 - got));
        }
        if &head[8..] != b"WAVE" {
            return Err(sniff::not_wav(&head));
        }
        let riff = u32_at(&head, 4);
        let mut chunks = Chunks { input, at: 12 };
        let mut spec = None;
        let mut long_length = None;
        loop {
            let (id, size) = chunks.next()?;
            match &id {
                b"fmt " => spec = Some(chunks.format(size)?),
                b"ds64" if long && size >= 16 => {
                    let mut body = [0; 16];
                    chunks.take(&mut body)?;
                    let [low, high] = [8, 12].map(|at| u64::from(u32_at(&body, at)));
                    long_length = Some(high << 32 | low);
                    chunks.skip(u64::from(size) + u64::from(size & 1) - 16)?;
                }
                b"data" => {
                    let spec =
                        spec.ok_or(WavError::Damaged("the sound comes before its format"))?;
                    let length = match (long_length, size) {
                        (Some(length), u32::MAX) => Some(length),
                        _ => length(size, riff, chunks.at),
                    };
                    return Ok(Self {
                        spec,
                        start: chunks.at,
                        length,
                        riff,
                        long,
                    });
                }
                _ => chunks.skip(u64::from(size) + u64::from(size & 1))?,
            }
        }
    }
}

/// Whether a size is what writers put down who cannot go back: nothing, everything, or just below 2 GiB.
pub(super) const fn is_placeholder(size: u32) -> bool {
    matches!(size, 0 | u32::MAX | 0x7fff_f000..=0x7fff_ffff)
}

fn length(size: u32, riff: u32, start: u64) -> Option<u64> {
    // No sound at all is believed only when the header counts something that comes after it.
    let counted_after = u64::from(riff) + 8 > start && !is_placeholder(riff);
    if is_placeholder(size) && !(size == 0 && counted_after) {
        None
    } else {
        Some(u64::from(size))
    }
}

struct Chunks<'a, R> {
    input: &'a mut R,
    at: u64,
}

impl<R: Read> Chunks<'_, R> {
    fn next(&mut self) -> Result<([u8; 4], u32), WavError> {
        let mut head = [0; 8];
        self.take(&mut head)?;
        let [a, b, c, d, ..] = head;
        Ok(([a, b, c, d], u32_at(&head, 4)))
    }

    fn take(&mut self, into: &mut [u8]) -> Result<(), WavError> {
        let got = fill(self.input, into)?;
        self.at += got as u64;
        if got < into.len() {
            return Err(truncated(into.len() - got));
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), WavError> {
        if self.at + bytes > MOST {
            return Err(WavError::Damaged("there is no sound in the first 64 MiB"));
        }
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        self.at += skipped;
        if skipped < bytes {
            return Err(WavError::Truncated {
                missing: bytes - skipped,
            });
        }
        Ok(())
    }

    fn format(&mut self, size: u32) -> Result<Spec, WavError> {
        if size < 16 {
            return Err(WavError::Damaged("the format is too short"));
        }
        let mut body = [0; 40];
        let known = (size as usize).min(body.len());
        self.take(&mut body[..known])?;
        self.skip(u64::from(size) + u64::from(size & 1) - known as u64)?;

        let mut tag = u16_at(&body, 0);
        if tag == 0xfffe {
            // The true format is the beginning of a GUID.
            if known < 26 {
                return Err(WavError::Damaged("the extended format is too short"));
            }
            tag = u16_at(&body, 24);
        }
        let channels =
            NonZeroU16::new(u16_at(&body, 2)).ok_or(WavError::Damaged("it has no channels"))?;
        let bits = u16_at(&body, 14);
        // Some bits may be unused: what counts is the room a sample takes.
        let block = u16_at(&body, 12);
        let bytes = if block != 0 && block % channels == 0 {
            block / channels
        } else {
            bits.div_ceil(8)
        };
        let encoding = match (tag, bytes) {
            (1, 1) => Encoding::U8,
            (1, 2) => Encoding::I16,
            (1, 3) => Encoding::I24,
            (1, 4) => Encoding::I32,
            (3, 4) => Encoding::F32,
            (6, 1) => Encoding::Alaw,
            (7, 1) => Encoding::Ulaw,
            _ => {
                return Err(WavError::Codec {
                    codec: sniff::codec(tag),
                    tag,
                });
            }
        };
        Ok(Spec {
            rate: SampleRate::new(u32_at(&body, 4))?,
            channels,
            encoding,
        })
    }
}

/// Fills `into` as far as the input goes.
fn fill(input: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match input.read(&mut into[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

const fn truncated(missing: usize) -> WavError {
    WavError::Truncated {
        missing: missing as u64,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}
