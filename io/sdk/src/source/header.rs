//! What the beginning of a file says about the rest.

use std::{
    io::{self, Read},
    time::Duration,
};

use audio::{SampleRate, convert, g711};

use super::{Channel, SourceError};

/// The most that is read before the sound must begin, in bytes: pictures and tags may stand before it.
const LONGEST_HEADER: u64 = 16 << 20;

/// How samples are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Unsigned8,
    /// Signed little-endian integers of so many bytes, 2 to 4.
    Signed(usize),
    Float32,
    Float64,
    Alaw,
    Ulaw,
}

/// How sound is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    coding: Coding,
    pub(super) channels: u16,
    pub(super) rate: SampleRate,
}

/// What comes after the header.
pub(super) struct Layout {
    pub(super) format: Format,
    /// Bytes of sound, where they are known.
    pub(super) length: Option<u64>,
    /// Bytes of sound that were read to look at them.
    pub(super) read_ahead: Vec<u8>,
}

impl Format {
    fn width(self) -> usize {
        match self.coding {
            Coding::Unsigned8 | Coding::Alaw | Coding::Ulaw => 1,
            Coding::Signed(bytes) => bytes,
            Coding::Float32 => 4,
            Coding::Float64 => 8,
        }
    }

    /// Bytes of one sample of every channel.
    pub(super) fn block(self) -> usize {
        self.width() * usize::from(self.channels)
    }

    /// How long so many bytes last.
    pub(super) fn duration(self, bytes: u64) -> Duration {
        let frames = bytes / self.block() as u64;
        self.rate
            .duration_of(usize::try_from(frames).unwrap_or(usize::MAX))
    }

    /// One sample out of one block.
    pub(super) fn sample(self, block: &[u8], channel: Channel) -> i16 {
        let mut samples = block.chunks_exact(self.width()).map(|s| self.decode(s));
        match channel {
            Channel::Only(wanted) => samples.nth(usize::from(wanted)).unwrap_or_default(),
            Channel::Mix => {
                let sum: i32 = samples.map(i32::from).sum();
                (sum / i32::from(self.channels)) as i16
            }
        }
    }

    fn decode(self, bytes: &[u8]) -> i16 {
        match (self.coding, bytes) {
            (Coding::Unsigned8, [byte]) => convert::from_u8(*byte),
            (Coding::Signed(_), [.., low, high]) => i16::from_le_bytes([*low, *high]),
            (Coding::Float32, &[a, b, c, d]) => convert::from_f32(f32::from_le_bytes([a, b, c, d])),
            (Coding::Float64, bytes) => bytes.try_into().map_or(0, |bytes| {
                convert::from_f32(f64::from_le_bytes(bytes) as f32)
            }),
            (Coding::Alaw, [byte]) => g711::decode_alaw(*byte),
            (Coding::Ulaw, [byte]) => g711::decode_ulaw(*byte),
            _ => 0,
        }
    }
}

/// Reads up to the first sample.
pub(super) fn read(
    reader: &mut impl Read,
    rate: SampleRate,
    raw: bool,
) -> Result<Layout, SourceError> {
    let mut start = Vec::with_capacity(12);
    reader.by_ref().take(12).read_to_end(&mut start)?;
    if start.is_empty() {
        return Err(SourceError::Empty);
    }
    if !start.starts_with(b"RIFF") {
        if let Some(found) = other(&start) {
            return Err(SourceError::NotWav { found });
        }
        if !raw {
            return Err(SourceError::NotWav {
                found: "something else",
            });
        }
        return Ok(Layout {
            format: Format {
                coding: Coding::Signed(2),
                channels: 1,
                rate,
            },
            length: None,
            read_ahead: start,
        });
    }
    if start.len() < 12 {
        return Err(SourceError::Damaged("it ends in the middle"));
    }
    if !start.ends_with(b"WAVE") {
        return Err(SourceError::NotWav {
            found: "a RIFF file of another kind",
        });
    }
    chunks(reader)
}

/// Walks the chunks up to the sound.
fn chunks(reader: &mut impl Read) -> Result<Layout, SourceError> {
    let mut format = None;
    let mut read = 12_u64;
    loop {
        let mut head = [0; 8];
        let end = "it ends before the sound";
        fill(reader, &mut head, end)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if head.starts_with(b"data") {
            let format = format.ok_or(SourceError::Damaged("it does not say how it is coded"))?;
            return Ok(Layout {
                format,
                // Programs that write to a pipe cannot know it and say the most there is, or near it.
                length: (length < 0x7fff_0000).then_some(u64::from(length)),
                read_ahead: Vec::new(),
            });
        }
        // Chunks are padded to an even length.
        let padded = u64::from(length) + u64::from(length & 1);
        read += 8 + padded;
        if read > LONGEST_HEADER {
            return Err(SourceError::Damaged("no sound follows"));
        }
        if head.starts_with(b"fmt ") {
            let mut body = vec![0; padded as usize];
            fill(reader, &mut body, end)?;
            format = Some(parse(&body)?);
        } else {
            io::copy(&mut reader.by_ref().take(padded), &mut io::sink())?;
        }
    }
}

fn parse(body: &[u8]) -> Result<Format, SourceError> {
    let damaged = SourceError::Damaged("its description of the coding is too short");
    let Some(head) = body.get(..16) else {
        return Err(damaged);
    };
    let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let (mut tag, channels, bits) = (word(0), word(2), word(14));
    let hz = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    // The extensible form keeps the tag in its own id.
    if tag == 0xfffe {
        let Some(id) = body.get(24..26) else {
            return Err(damaged);
        };
        tag = u16::from_le_bytes([id[0], id[1]]);
    }
    let coding = match (tag, bits) {
        (1, 8) => Coding::Unsigned8,
        (1, 9..=32) => Coding::Signed(usize::from(bits.div_ceil(8))),
        (3, 32) => Coding::Float32,
        (3, 64) => Coding::Float64,
        (6, 8) => Coding::Alaw,
        (7, 8) => Coding::Ulaw,
        _ => {
            return Err(SourceError::Coding(match tag {
                0x55 => "MP3".to_owned(),
                0x02 | 0x11 => format!("{bits}-bit ADPCM"),
                _ => format!("type {tag:#06x} with {bits} bits"),
            }));
        }
    };
    if channels == 0 || channels > 64 {
        return Err(SourceError::Damaged(
            "it has no sensible number of channels",
        ));
    }
    let rate = SampleRate::new(hz)
        .map_err(|_| SourceError::Damaged("its sample rate is outside 8,000 to 192,000 Hz"))?;
    Ok(Format {
        coding,
        channels,
        rate,
    })
}

fn fill(reader: &mut impl Read, bytes: &mut [u8], why: &'static str) -> Result<(), SourceError> {
    reader.read_exact(bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            SourceError::Damaged(why)
        } else {
            SourceError::Io(error)
        }
    })
}

/// What else a file may be, by its first bytes.
fn other(start: &[u8]) -> Option<&'static str> {
    let at =
        |offset: usize, magic: &[u8]| start.get(offset..).is_some_and(|s| s.starts_with(magic));
    // An MPEG frame: eleven set bits, then a layer that exists.
    let mpeg = matches!(start, [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 && *second != 0xff);
    match () {
        () if at(0, b"ID3") || mpeg => Some("MP3"),
        () if at(0, b"OggS") => Some("Ogg"),
        () if at(0, b"fLaC") => Some("FLAC"),
        () if at(4, b"ftyp") => Some("MPEG-4 (m4a or mp4)"),
        () if at(0, b"FORM") => Some("AIFF"),
        () if at(0, b".snd") => Some("AU"),
        () if at(0, b"RIFX") || at(0, b"RF64") => Some("a rare kind of WAV (RIFX or RF64)"),
        () if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) => Some("WebM or Matroska"),
        () => None,
    }
}
