//! Sound as it is read: any WAV, or raw samples, from a file or a pipe, as mono at one rate.

mod header;

use std::{
    io::{self, BufReader, Read},
    time::Duration,
};

use audio::{Resampler, SampleRate};
use header::{Format, Layout};

/// Frames that are decoded at a time.
const BATCH: usize = 1_024;

/// Which sound of several channels is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// All of them, mixed.
    #[default]
    Mix,
    /// One, counted from 0.
    Only(u16),
}

/// Why something cannot be read as sound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is something else.
    #[error("it is {found}, not WAV")]
    NotWav {
        /// What it looks like.
        found: &'static str,
    },
    /// It says it is WAV and is not readable as such.
    #[error("its WAV header is damaged: {0}")]
    Damaged(&'static str),
    /// WAV holds many codings; this one is not read.
    #[error(
        "its samples are coded as {0}; read are 8- to 32-bit integers, 32- and 64-bit floats, A-law and µ-law"
    )]
    Coding(String),
    /// There is no such channel.
    #[error("it has {has} channel(s)")]
    NoSuchChannel {
        /// How many there are.
        has: u16,
    },
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Sound on its way in. Reads as it goes, whatever the length.
pub struct Source {
    reader: Box<dyn Read + Send>,
    format: Format,
    /// Bytes of sound still promised by the header; none where the length is not known.
    left: Option<u64>,
    channel: Channel,
    resampler: Resampler,
    bytes: Vec<u8>,
    ready: Vec<i16>,
    ended: bool,
    missing: Option<Duration>,
}

impl Source {
    /// Reads the header. `raw` says that what is not WAV may be raw 16-bit little-endian mono samples at `rate`, as
    /// pipes carry them. Sound is given at `rate`.
    pub fn open(
        reader: impl Read + Send + 'static,
        rate: SampleRate,
        channel: Channel,
        raw: bool,
    ) -> Result<Self, SourceError> {
        let mut reader = BufReader::new(reader);
        let Layout {
            format,
            length,
            read_ahead,
        } = header::read(&mut reader, rate, raw)?;
        if let Channel::Only(wanted) = channel
            && wanted >= format.channels
        {
            return Err(SourceError::NoSuchChannel {
                has: format.channels,
            });
        }
        if length == Some(0) {
            return Err(SourceError::Empty);
        }
        Ok(Self {
            reader: Box::new(io::Cursor::new(read_ahead).chain(reader)),
            resampler: Resampler::new(format.rate, rate),
            format,
            left: length,
            channel,
            bytes: Vec::new(),
            ready: Vec::new(),
            ended: false,
            missing: None,
        })
    }

    /// How long the whole is, where the header says so and before anything was read.
    pub fn length(&self) -> Option<Duration> {
        self.left.map(|bytes| self.format.duration(bytes))
    }

    /// How much the header promised that never came; known once everything was read.
    pub const fn missing(&self) -> Option<Duration> {
        self.missing
    }

    /// Fills `frame` with the next samples and says how many there were; fewer than asked for only at the end.
    pub fn read(&mut self, frame: &mut [i16]) -> io::Result<usize> {
        while self.ready.len() < frame.len() && !self.ended {
            self.decode()?;
        }
        let count = self.ready.len().min(frame.len());
        frame[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        Ok(count)
    }

    /// Reads a batch from the file and adds it, resampled, to what is ready.
    fn decode(&mut self) -> io::Result<()> {
        let block = self.format.block();
        let wanted = self.left.map_or(block * BATCH, |left| {
            usize::try_from(left).map_or(block * BATCH, |left| left.min(block * BATCH))
        });
        self.bytes.resize(wanted, 0);
        let mut got = 0;
        while got < wanted {
            match self.reader.read(&mut self.bytes[got..]) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // What a pipe has is passed on at once; only whole blocks can be.
            if self.left.is_none() && got % block == 0 {
                break;
            }
        }
        if let Some(left) = &mut self.left {
            *left -= got as u64;
            if got < wanted {
                self.missing = Some(self.format.duration(*left));
            }
        }
        let whole = got - got % block;
        let mono: Vec<i16> = self.bytes[..whole]
            .chunks_exact(block)
            .map(|frame| self.format.sample(frame, self.channel))
            .collect();
        self.resampler.push_into(&mono, &mut self.ready);
        if got < wanted && (self.left.is_some() || got == 0) || self.left == Some(0) {
            self.ended = true;
            self.ready.extend(self.resampler.flush());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
