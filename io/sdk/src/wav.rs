//! WAV as it is written: 16-bit, to a file or a pipe, playable at any moment.

use std::io::{self, Seek, SeekFrom, Write};

/// What a length field says when the length is not known (a pipe): readers go on to the end.
const UNKNOWN: u32 = u32::MAX;
/// From `RIFF` to the first sample.
const HEADER: u32 = 44;
/// The header is mended about this often, so that a crash leaves a playable file. In frames: 2 s at 16 kHz.
const MEND_EVERY: u64 = 32_000;

/// Where a WAV goes.
pub trait Target: Write + Send {
    /// Writes the header again, for the length that is known now. Does nothing on a pipe.
    fn mend(&mut self, header: &[u8]) -> io::Result<()>;
    /// Whether [`Target::mend`] does anything.
    fn can_mend(&self) -> bool;
}

/// A target that can seek.
#[derive(Debug)]
pub struct File<W>(pub W);

/// A target that cannot.
#[derive(Debug)]
pub struct Pipe<W>(pub W);

impl<W: Write> Write for File<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Seek + Send> Target for File<W> {
    fn mend(&mut self, header: &[u8]) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(header)?;
        self.0.seek(SeekFrom::End(0))?;
        self.0.flush()
    }

    fn can_mend(&self) -> bool {
        true
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Send> Target for Pipe<W> {
    fn mend(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn can_mend(&self) -> bool {
        false
    }
}

/// Writes 16-bit WAV as the samples come.
///
/// The header is mended every two seconds and at the end; what was written before a failure stays playable. Dropping
/// a writer finishes the file as well, but an error is then not seen: call [`Writer::finish`].
pub struct Writer {
    target: Box<dyn Target>,
    rate: u32,
    channels: u16,
    /// Frames written: one sample of each channel.
    frames: u64,
    mended: u64,
    finished: bool,
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a WAV of `channels` channels at `rate` Hz.
    pub fn new(mut target: Box<dyn Target>, rate: u32, channels: u16) -> io::Result<Self> {
        let length = if target.can_mend() { 0 } else { UNKNOWN };
        target.write_all(&header(rate, channels, length))?;
        Ok(Self {
            target,
            rate,
            channels,
            frames: 0,
            mended: 0,
            finished: false,
            bytes: Vec::new(),
        })
    }

    /// Writes samples of one channel, or of several, interleaved.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes
            .extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        self.target.write_all(&self.bytes)?;
        self.frames += (samples.len() / usize::from(self.channels.max(1))) as u64;
        if !self.target.can_mend() {
            // Whoever reads the pipe hears it now, not when a buffer is full.
            self.target.flush()?;
        } else if self.frames - self.mended >= MEND_EVERY {
            self.mend()?;
        }
        Ok(())
    }

    /// How many samples of each channel were written.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes the final length.
    pub fn finish(mut self) -> io::Result<()> {
        self.finished = true;
        self.mend()
    }

    fn mend(&mut self) -> io::Result<()> {
        self.mended = self.frames;
        let length = self.frames * 2 * u64::from(self.channels);
        let length = u32::try_from(length).unwrap_or(UNKNOWN);
        self.target
            .mend(&header(self.rate, self.channels, length))?;
        self.target.flush()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // There is nobody left to tell; `finish` is where errors are seen.
            let _ = self.mend();
        }
    }
}

fn header(rate: u32, channels: u16, length: u32) -> [u8; HEADER as usize] {
    let block = channels * 2;
    let mut out = [0; HEADER as usize];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&length.saturating_add(HEADER - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&rate.to_le_bytes());
    put(&(rate * u32::from(block)).to_le_bytes());
    put(&block.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&length.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use std::{
        io::Cursor,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// A disk that a test can look at, and that may be full.
    #[derive(Clone, Default)]
    struct Disk {
        content: Arc<Mutex<Cursor<Vec<u8>>>>,
        room: Option<usize>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut content = self.content.lock().unwrap();
            let end = content.position() as usize + bytes.len();
            if self.room.is_some_and(|room| end > room) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            content.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.content.lock().unwrap().seek(to)
        }
    }

    fn length_field(disk: &Disk) -> u32 {
        let content = disk.content.lock().unwrap();
        u32::from_le_bytes(content.get_ref()[40..44].try_into().unwrap())
    }

    #[test]
    fn a_finished_file_says_how_long_it_is() {
        let disk = Disk::default();
        let mut wav = Writer::new(Box::new(File(disk.clone())), 16_000, 1).unwrap();
        wav.write(&[1, 2, 3]).unwrap();
        wav.finish().unwrap();
        assert_eq!(length_field(&disk), 6);
    }

    #[test]
    fn a_file_is_playable_before_it_is_finished() {
        let disk = Disk::default();
        let mut wav = Writer::new(Box::new(File(disk.clone())), 16_000, 1).unwrap();
        wav.write(&vec![0; 40_000]).unwrap();
        assert_eq!(length_field(&disk), 80_000);
        drop(wav);
    }

    #[test]
    fn what_was_written_before_the_disk_was_full_stays_valid() {
        let disk = Disk {
            room: Some(1_044),
            ..Disk::default()
        };
        let mut wav = Writer::new(Box::new(File(disk.clone())), 16_000, 1).unwrap();
        wav.write(&[0; 500]).unwrap();
        assert_eq!(
            wav.write(&[0; 500]).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        drop(wav);
        assert_eq!(length_field(&disk), 1_000);
    }

    #[test]
    fn a_pipe_says_that_the_length_is_unknown() {
        let disk = Disk::default();
        let wav = Writer::new(Box::new(Pipe(disk.clone())), 16_000, 2).unwrap();
        assert_eq!(length_field(&disk), UNKNOWN);
        drop(wav);
    }
}
