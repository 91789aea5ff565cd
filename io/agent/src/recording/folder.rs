//! Recordings of any number of conversations, written by one thread.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io,
    num::NonZeroU16,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use audio::{Moment, wav};

use super::{Mixer, RATE, finish};
use crate::record::{Fact, Recorder};

/// Sound of a side that is handed over together, in samples: a quarter of a second.
const BATCH: usize = 4_000;
/// How far the caller's side may be ahead before the agent's counts as silent, in samples: a second and a quarter. The
/// agent's sound is told when it has sounded, in pieces of half a second at most, and then waits here for a quarter of a
/// second at most. Every conversation keeps so much sound, so it is no longer than that.
const PATIENCE: usize = 20_000;
/// Batches that may wait for the disk, of all conversations.
const WAITING: usize = 4_096;
/// The writer gathers for so long before it writes. Woken for every batch, it would take the processor from the
/// conversations thousands of times a second.
const GATHER: Duration = Duration::from_millis(20);

/// Writes every conversation as a stereo WAV, `<conversation>.wav`, into a folder. Cheap to clone.
///
/// One thread writes for all conversations, a quarter of a second at a time, so that a recorded conversation costs its own task a
/// copy of the sound and nothing else. Files are whole up to the last seconds at any time; after a crash
/// [`mend`](super::mend) sets a header right. When the disk cannot keep up or is full, parts are missing and the log says
/// so; conversations go on.
#[derive(Clone, Debug)]
pub struct Recordings {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    open: Mutex<HashMap<String, Pending>>,
    pieces: Option<mpsc::SyncSender<Piece>>,
    writer: Option<JoinHandle<()>>,
}

/// Sound of a conversation that has not been handed over.
#[derive(Debug)]
struct Pending {
    id: Arc<str>,
    sides: [Stretch; 2],
    /// The disk was too slow for it once.
    lossy: bool,
}

/// Sound without a gap.
#[derive(Debug)]
struct Stretch {
    from: Moment,
    samples: Vec<i16>,
}

#[derive(Debug)]
struct Piece {
    conversation: Arc<str>,
    what: What,
}

#[derive(Debug)]
enum What {
    Sound {
        side: usize,
        from: Moment,
        samples: Vec<i16>,
    },
    Close,
}

impl Recordings {
    /// Into `folder`, which is made if it is not there.
    pub fn in_folder(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        let (pieces, waiting) = mpsc::sync_channel(WAITING);
        let writer = thread::Builder::new()
            .name("recordings".to_owned())
            .spawn(move || write_all(&folder, &waiting))?;
        Ok(Self {
            shared: Arc::new(Shared {
                open: Mutex::default(),
                pieces: Some(pieces),
                writer: Some(writer),
            }),
        })
    }
}

impl Recorder for Recordings {
    fn record(&self, conversation: &str, _at: Moment, fact: Fact<'_>) {
        let (side, from, samples) = match fact {
            Fact::CallerAudio { from, samples } => (0, from, samples),
            Fact::AgentAudio { from, samples } => (1, from, samples),
            Fact::Ended { .. } => return self.shared.close(conversation),
            _ => return,
        };
        let Some(pieces) = &self.shared.pieces else {
            return;
        };
        let mut open = self.shared.lock();
        let pending = match open.get_mut(conversation) {
            Some(pending) => pending,
            None => open
                .entry(conversation.to_owned())
                .or_insert_with(|| Pending {
                    id: conversation.into(),
                    sides: std::array::from_fn(|_| Stretch {
                        from: Moment::ZERO,
                        samples: Vec::new(),
                    }),
                    lossy: false,
                }),
        };
        pending.add(side, from, samples, pieces);
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Pending>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, conversation: &str) {
        let Some(mut pending) = self.lock().remove(conversation) else {
            return;
        };
        if let Some(pieces) = &self.pieces {
            for side in 0..pending.sides.len() {
                pending.hand_over(side, pieces);
            }
            // The end is worth waiting for: without it the file would stay open.
            let _ = pieces.send(Piece {
                conversation: pending.id,
                what: What::Close,
            });
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Conversations that have not ended lose nothing of what was said so far.
        let open = std::mem::take(self.open.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(pieces) = self.pieces.take() {
            for mut pending in open.into_values() {
                for side in 0..pending.sides.len() {
                    pending.hand_over(side, &pieces);
                }
            }
        }
        if let Some(writer) = self.writer.take() {
            // It has said what went wrong.
            let _ = writer.join();
        }
    }
}

impl Pending {
    fn add(
        &mut self,
        side: usize,
        from: Moment,
        samples: &[i16],
        pieces: &mpsc::SyncSender<Piece>,
    ) {
        let Some(stretch) = self.sides.get(side) else {
            return;
        };
        let expected = stretch.from + RATE.duration_of(stretch.samples.len());
        // A rounding step or two is no gap, and what comes early is put behind what is there.
        let gap = RATE.samples_in(from - expected) > 2;
        if gap && !stretch.samples.is_empty() {
            self.hand_over(side, pieces);
        }
        let Some(stretch) = self.sides.get_mut(side) else {
            return;
        };
        if stretch.samples.is_empty() {
            stretch.from = from;
            stretch.samples.reserve_exact(BATCH.max(samples.len()));
        }
        stretch.samples.extend_from_slice(samples);
        if stretch.samples.len() >= BATCH {
            // Both, so that neither side is written off as silent while its sound waits here.
            for side in 0..self.sides.len() {
                self.hand_over(side, pieces);
            }
        }
    }

    fn hand_over(&mut self, side: usize, pieces: &mpsc::SyncSender<Piece>) {
        let Some(stretch) = self.sides.get_mut(side) else {
            return;
        };
        if stretch.samples.is_empty() {
            return;
        }
        let piece = Piece {
            conversation: Arc::clone(&self.id),
            what: What::Sound {
                side,
                from: stretch.from,
                samples: std::mem::take(&mut stretch.samples),
            },
        };
        if let Err(TrySendError::Full(_)) = pieces.try_send(piece)
            && !std::mem::replace(&mut self.lossy, true)
        {
            tracing::warn!(
                conversation = &*self.id,
                "the disk is too slow for the recordings; parts of this one are missing"
            );
        }
    }
}

struct Open {
    writer: wav::Writer<File>,
    mixer: Mixer,
}

impl Open {
    fn write_certain(&mut self) -> io::Result<()> {
        // The writer keeps a buffer as large as the largest piece it was given.
        self.mixer
            .take(PATIENCE)
            .chunks(BATCH)
            .try_for_each(|frames| self.writer.write(frames))
    }
}

fn write_all(folder: &Path, pieces: &mpsc::Receiver<Piece>) {
    let mut open: HashMap<Arc<str>, Option<Open>> = HashMap::new();
    while let Ok(Piece { conversation, what }) = next(pieces) {
        match what {
            What::Sound {
                side,
                from,
                samples,
            } => {
                let entry = open
                    .entry(Arc::clone(&conversation))
                    .or_insert_with(|| told(&conversation, create(folder, &conversation)));
                if let Some(recording) = entry {
                    recording.mixer.add(side, from, &samples);
                    if told(&conversation, recording.write_certain()).is_none() {
                        *entry = None;
                    }
                }
            }
            What::Close => {
                if let Some(Some(mut recording)) = open.remove(&conversation) {
                    told(
                        &conversation,
                        finish(recording.writer, &mut recording.mixer),
                    );
                }
            }
        }
    }
    for (conversation, mut recording) in open.into_iter().filter_map(|(id, r)| Some((id, r?))) {
        told(
            &conversation,
            finish(recording.writer, &mut recording.mixer),
        );
    }
}

/// The next piece; where none is there yet, after a pause in which more can come.
fn next(pieces: &mpsc::Receiver<Piece>) -> Result<Piece, mpsc::RecvError> {
    if let Ok(piece) = pieces.try_recv() {
        return Ok(piece);
    }
    let piece = pieces.recv()?;
    thread::sleep(GATHER);
    Ok(piece)
}

fn create(folder: &Path, conversation: &str) -> io::Result<Open> {
    // Ids come from this program or its server, but a name that could leave the folder is refused all the same.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if conversation.is_empty() || !conversation.bytes().all(plain) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the conversation's id is no file name",
        ));
    }
    let file = File::create(folder.join(format!("{conversation}.wav")))?;
    Ok(Open {
        writer: wav::Writer::new(file, RATE, NonZeroU16::MIN.saturating_add(1))?,
        mixer: Mixer {
            sides: std::array::from_fn(|_| VecDeque::with_capacity(PATIENCE + BATCH)),
            written: 0,
        },
    })
}

/// Says once what went wrong with a recording, which stops there.
fn told<T>(conversation: &str, result: io::Result<T>) -> Option<T> {
    result
        .inspect_err(|error| {
            tracing::warn!(
                conversation,
                "the recording cannot be written and stops here: {error}"
            );
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::agents::CloseCode;

    use super::*;

    fn read(path: &Path) -> wav::Reader<File> {
        wav::Reader::new(File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn conversations_at_the_same_time_have_a_file_each() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::in_folder(folder.path().join("new")).unwrap();
        for step in 0..60 {
            for id in ["conv_a", "conv_b"] {
                recordings.record(
                    id,
                    Moment::ZERO,
                    Fact::CallerAudio {
                        from: Moment::from_millis(step * 20),
                        samples: &[7; 320],
                    },
                );
            }
        }
        let ended = Fact::Ended {
            reason: "user_ended",
            code: CloseCode::Normal,
        };
        recordings.record("conv_a", Moment::ZERO, ended);
        drop(recordings);
        for id in ["conv_a", "conv_b"] {
            let reader = read(&folder.path().join(format!("new/{id}.wav")));
            assert_eq!(reader.duration(), Some(Duration::from_millis(1_200)));
        }
    }

    #[test]
    fn a_gap_in_the_sound_is_silence_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::in_folder(folder.path()).unwrap();
        for from in [0, 500] {
            recordings.record(
                "conv_a",
                Moment::ZERO,
                Fact::AgentAudio {
                    from: Moment::from_millis(from),
                    samples: &[7; 1_600],
                },
            );
        }
        drop(recordings);
        let reader = read(&folder.path().join("conv_a.wav"));
        assert_eq!(reader.duration(), Some(Duration::from_millis(600)));
    }

    #[test]
    fn an_id_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let recordings = Recordings::in_folder(&inner).unwrap();
        recordings.record(
            "../out",
            Moment::ZERO,
            Fact::CallerAudio {
                from: Moment::ZERO,
                samples: &vec![7; 16_000],
            },
        );
        drop(recordings);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(inner).unwrap().count(), 0);
    }
}
