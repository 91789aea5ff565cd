//! Writing and mending.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    num::NonZeroU16,
    time::Duration,
};

use super::{
    WavError,
    header::{Header, is_placeholder},
    read::frame_bytes,
};
use crate::SampleRate;

/// The length of the header that [`Writer`] writes.
const HEADER: u32 = 44;

/// Writes 16-bit samples as they come.
///
/// The header says "until the end" at first, so even an unfinished file can be read. Call
/// [`finish`](Self::finish) where the output can seek; on a pipe, [`close`](Self::close) is all there is.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    channels: NonZeroU16,
    samples: u64,
    bytes: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header at the current position, which must be the beginning of the file.
    ///
    /// Every call to [`write`](Self::write) writes once: put a `BufWriter` around a file if pieces are small.
    pub fn new(mut output: W, rate: SampleRate, channels: NonZeroU16) -> io::Result<Self> {
        let block = u32::from(channels.get()) * 2;
        let mut header = Vec::with_capacity(HEADER as usize);
        header.extend(b"RIFF\xff\xff\xff\xffWAVEfmt ");
        header.extend(16u32.to_le_bytes());
        header.extend(1u16.to_le_bytes());
        header.extend(channels.get().to_le_bytes());
        header.extend(rate.hz().to_le_bytes());
        header.extend(rate.hz().saturating_mul(block).to_le_bytes());
        header.extend((block as u16).to_le_bytes());
        header.extend(16u16.to_le_bytes());
        header.extend(b"data\xff\xff\xff\xff");
        output.write_all(&header)?;
        Ok(Self {
            output,
            channels,
            samples: 0,
            bytes: Vec::new(),
        })
    }

    /// Appends samples, channels interleaved. A piece may end in the middle of a frame.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes
            .extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        self.output.write_all(&self.bytes)?;
        self.samples += samples.len() as u64;
        Ok(())
    }

    /// How many frames have been begun.
    pub fn frames(&self) -> u64 {
        self.samples.div_ceil(u64::from(self.channels.get()))
    }

    /// Hands over to the output what is buffered, so that a crash loses nothing that was written before.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Ends a stream that cannot go back: the header keeps saying "until the end". Fills up an unfinished
    /// frame with silence.
    pub fn close(mut self) -> io::Result<W> {
        let missing = self.frames() * u64::from(self.channels.get()) - self.samples;
        self.write(&vec![0; missing as usize])?;
        self.output.flush()?;
        Ok(self.output)
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Ends the file and puts the true sizes into its header.
    ///
    /// Beyond 4 GiB, which the format cannot count, the header keeps saying "until the end".
    pub fn finish(self) -> io::Result<W> {
        let samples = self.frames() * u64::from(self.channels.get());
        let mut output = self.close()?;
        put_sizes(&mut output, u64::from(HEADER), samples * 2)?;
        output.seek(SeekFrom::End(0))?;
        output.flush()?;
        Ok(output)
    }
}

/// What [`mend`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// The header was right.
    WasRight,
    /// The header said something else, and now says how long the sound really is.
    Now(Duration),
}

/// Puts the true sizes into the header of a file whose writer died. The sound itself is not touched.
///
/// Half a frame at the end is not counted. Running it again does nothing.
pub fn mend(file: &mut (impl Read + Write + Seek)) -> Result<Mended, WavError> {
    file.seek(SeekFrom::Start(0))?;
    let header = Header::read(file)?;
    let end = file.seek(SeekFrom::End(0))?;
    let there = end.saturating_sub(header.start);
    if header.long {
        return match header.length {
            Some(length) if length <= there => Ok(Mended::WasRight),
            _ => Err(WavError::Damaged("64-bit sizes cannot be mended")),
        };
    }
    let frame = frame_bytes(header.spec) as u64;
    let (right, length) = match header.length {
        Some(length) if length <= there => (true, length),
        _ => (false, there / frame * frame),
    };
    let riff_right = !is_placeholder(header.riff)
        && u64::from(header.riff) + 8 >= header.start + length
        && u64::from(header.riff) + 8 <= end + 1;
    if right && riff_right {
        return Ok(Mended::WasRight);
    }
    if right {
        put(file, 4, (end - 8).min(u64::from(u32::MAX)))?;
    } else {
        put_sizes(file, header.start, length)?;
    }
    file.flush()?;
    let frames = usize::try_from(length / frame).unwrap_or(usize::MAX);
    Ok(Mended::Now(header.spec.rate.duration_of(frames)))
}

/// The sizes for `length` bytes of sound that begin at `start`. What is too large to count stays open.
fn put_sizes(file: &mut (impl Write + Seek), start: u64, length: u64) -> io::Result<()> {
    // The sound's size first: with it the file is readable, whatever the other one says.
    let open = u64::from(u32::MAX);
    put(file, start - 4, length.min(open))?;
    put(file, 4, (start - 8 + length).min(open))
}

fn put(file: &mut (impl Write + Seek), at: u64, size: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&(size as u32).to_le_bytes())
}
