//! Recordings: stereo WAV at 16 kHz, left the caller, right what was heard of the agent, both on the sample clock.

mod folder;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Seek, Write},
    num::NonZeroU16,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use audio::{Moment, SampleRate, wav};
use tokio::sync::{mpsc, oneshot};

use crate::record::{Fact, Recorder};

pub use audio::wav::mend;
pub use folder::Recordings;

const RATE: SampleRate = SampleRate::HZ_16000;
/// Pieces that may wait for the disk: some ten seconds of both sides.
const WAITING: usize = 2048;
/// How far one side may be ahead before the other counts as silent. The agent's side comes only once it has sounded.
const PATIENCE: usize = 16_000 * 3;

/// Writes one conversation as a stereo WAV, from a thread of its own. Cheap to clone.
///
/// The file is whole up to the last seconds at any time; after a crash [`mend`] sets its header right. A full disk ends the
/// recording, never the conversation: see [`Recording::close`].
#[derive(Clone, Debug)]
pub struct Recording {
    pieces: mpsc::Sender<Piece>,
    lost: Arc<Mutex<Option<String>>>,
}

#[derive(Debug)]
enum Piece {
    Sound {
        side: usize,
        from: Moment,
        samples: Vec<i16>,
    },
    Close(oneshot::Sender<io::Result<()>>),
}

impl Recording {
    /// A recording in a new file.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(File::create(path)?)
    }

    /// A recording into `output`.
    pub fn new(output: impl Write + Seek + Send + 'static) -> io::Result<Self> {
        let mut writer = Some(wav::Writer::new(
            output,
            RATE,
            NonZeroU16::MIN.saturating_add(1),
        )?);
        let (pieces, mut waiting) = mpsc::channel(WAITING);
        thread::spawn(move || {
            let mut mixer = Mixer::default();
            let mut outcome = Ok(());
            while let Some(piece) = waiting.blocking_recv() {
                match piece {
                    Piece::Sound {
                        side,
                        from,
                        samples,
                    } => {
                        mixer.add(side, from, &samples);
                        if let Some(open) = &mut writer
                            && let Err(error) = open.write(&mixer.take(PATIENCE))
                        {
                            tracing::warn!(
                                "the recording cannot be written and stops here: {error}"
                            );
                            outcome = Err(error);
                            writer = None;
                        }
                    }
                    Piece::Close(done) => {
                        let result = match writer.take() {
                            Some(open) => finish(open, &mut mixer),
                            None => std::mem::replace(&mut outcome, Ok(())),
                        };
                        let _ = done.send(result);
                        return;
                    }
                }
            }
            if let Some(open) = writer.take()
                && let Err(error) = finish(open, &mut mixer)
            {
                tracing::warn!("the recording could not be finished: {error}");
            }
        });
        Ok(Self {
            pieces,
            lost: Arc::default(),
        })
    }

    /// Finishes the file and says how it went.
    pub async fn close(self) -> io::Result<()> {
        let (done, closed) = oneshot::channel();
        if self.pieces.send(Piece::Close(done)).await.is_ok()
            && let Ok(result) = closed.await
        {
            result?;
        }
        match self
            .lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(reason) => Err(io::Error::other(reason)),
            None => Ok(()),
        }
    }
}

impl Recorder for Recording {
    fn record(&self, _conversation: &str, _at: Moment, fact: Fact<'_>) {
        let (side, from, samples) = match fact {
            Fact::CallerAudio { from, samples } => (0, from, samples),
            Fact::AgentAudio { from, samples } => (1, from, samples),
            _ => return,
        };
        let piece = Piece::Sound {
            side,
            from,
            samples: samples.to_vec(),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.pieces.try_send(piece) {
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) =
                Some("the disk was too slow for the recording; parts of it are missing".to_owned());
        }
    }
}

fn finish<W: Write + Seek>(mut writer: wav::Writer<W>, mixer: &mut Mixer) -> io::Result<()> {
    writer.write(&mixer.take(0))?;
    writer.finish().map(drop)
}

/// Puts both sides onto one time line.
#[derive(Debug, Default)]
struct Mixer {
    sides: [VecDeque<i16>; 2],
    /// Frames that were written.
    written: usize,
}

impl Mixer {
    /// Sound of one side. What belongs before the part already written, or over sound that is there, comes after it.
    fn add(&mut self, side: usize, from: Moment, samples: &[i16]) {
        let Some(queue) = self.sides.get_mut(side) else {
            return;
        };
        let at = RATE.samples_in(from.since_start());
        let gap = at.saturating_sub(self.written + queue.len());
        // A rounding step or two is no gap.
        if gap > 1 {
            queue.resize(queue.len() + gap, 0);
        }
        queue.extend(samples);
    }

    /// Interleaved frames that are certain: both sides are there, or one is more than `patience` behind.
    fn take(&mut self, patience: usize) -> Vec<i16> {
        let [left, right] = &mut self.sides;
        let ahead = left.len().max(right.len());
        let count = left
            .len()
            .min(right.len())
            .max(ahead.saturating_sub(patience));
        let of_both = count.min(left.len()).min(right.len());
        let mut frames = Vec::with_capacity(count * 2);
        frames.extend(
            left.drain(..of_both)
                .zip(right.drain(..of_both))
                .flat_map(|(left, right)| [left, right]),
        );
        for _ in of_both..count {
            frames.push(left.pop_front().unwrap_or(0));
            frames.push(right.pop_front().unwrap_or(0));
        }
        self.written += count;
        frames
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn both_sides_stand_where_they_sounded() {
        let mut mixer = Mixer::default();
        mixer.add(0, Moment::ZERO, &[1; 320]);
        mixer.add(1, Moment::from_millis(10), &[2; 160]);
        let frames = mixer.take(0);
        assert_eq!(frames.len(), 640);
        assert_eq!(frames[..4], [1, 0, 1, 0]);
        assert_eq!(frames[636..], [1, 2, 1, 2]);
    }

    #[test]
    fn a_silent_side_does_not_hold_up_the_file() {
        let mut mixer = Mixer::default();
        mixer.add(0, Moment::ZERO, &[1; 1_000]);
        assert!(mixer.take(1_000).is_empty());
        mixer.add(0, Moment::ZERO + RATE.duration_of(1_000), &[1; 500]);
        assert_eq!(mixer.take(1_000).len(), 1_000);
    }

    #[tokio::test]
    async fn a_recording_is_a_stereo_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let recording = Recording::create(file.path()).unwrap();
        recording.record(
            "c",
            Moment::ZERO,
            Fact::CallerAudio {
                from: Moment::ZERO,
                samples: &[7; 1_600],
            },
        );
        recording.close().await.unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let reader = wav::Reader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(reader.spec().channels.get(), 2);
        assert_eq!(
            reader.duration(),
            Some(std::time::Duration::from_millis(100))
        );
    }

    /// An output that holds so many bytes and says when it was written to.
    struct Small {
        file: Arc<Mutex<Cursor<Vec<u8>>>>,
        room: usize,
        written: std::sync::mpsc::Sender<usize>,
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut file = self.file.lock().unwrap();
            if file.get_ref().len() + bytes.len() > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = file.write(bytes)?;
            let _ = self.written.send(file.get_ref().len());
            Ok(count)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Small {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.file.lock().unwrap().seek(to)
        }
    }

    fn ten_seconds(recording: &Recording) {
        for step in 0..10 {
            for fact in [
                Fact::CallerAudio {
                    from: Moment::from_millis(step * 1_000),
                    samples: &vec![7; 16_000],
                },
                Fact::AgentAudio {
                    from: Moment::from_millis(step * 1_000),
                    samples: &vec![9; 16_000],
                },
            ] {
                recording.record("c", Moment::ZERO, fact);
            }
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_told_at_the_end_and_what_fitted_is_kept() {
        let file = Arc::default();
        let (written, _events) = std::sync::mpsc::channel();
        let recording = Recording::new(Small {
            file: Arc::clone(&file),
            room: 400_000,
            written,
        })
        .unwrap();
        ten_seconds(&recording);
        let error = recording.close().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let bytes = file.lock().unwrap().get_ref().clone();
        assert!(bytes.len() > 300_000, "{}", bytes.len());
        assert!(wav::Reader::new(&bytes[..]).is_ok());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_disk_without_any_room_is_told() {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let outcome = match Recording::new(full) {
            Ok(recording) => {
                ten_seconds(&recording);
                recording.close().await
            }
            Err(error) => Err(error),
        };
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn what_was_recorded_before_a_crash_is_mended() {
        let file: Arc<Mutex<Cursor<Vec<u8>>>> = Arc::default();
        let (written, events) = std::sync::mpsc::channel();
        let recording = Recording::new(Small {
            file: Arc::clone(&file),
            room: usize::MAX,
            written,
        })
        .unwrap();
        ten_seconds(&recording);
        // Ten seconds of both sides; then the program dies, and the file stays as it is.
        let all = 44 + 10 * 16_000 * 4;
        assert!(events.iter().any(|length| length >= all));
        let mut left = Cursor::new(file.lock().unwrap().get_ref().clone());
        let length = std::time::Duration::from_secs(10);
        assert_eq!(mend(&mut left).unwrap(), wav::Mended::Now(length));
        left.set_position(0);
        assert_eq!(wav::Reader::new(left).unwrap().duration(), Some(length));
    }
}
