//! An audio interface of files and pipes.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use audio::SampleRate;
use protocol::agents::EventId;

use super::{AudioInput, AudioInterface};
use crate::{
    Speaker,
    source::{Channel, Source, SourceError},
    wav,
};

/// What every interface speaks.
const RATE: SampleRate = SampleRate::HZ_16000;
/// Samples read and written at once: 20 ms.
const FRAME: usize = 320;
/// The most of the agent's sound that waits to be written: five minutes.
const MOST: usize = 16_000 * 300;

/// How fast sound is read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it sounds. The output is a faithful recording, silences and interruptions included.
    #[default]
    Realtime,
    /// As fast as can be: for recordings nobody waits for. The output holds the agent's words without gaps, and what
    /// an interruption would have cut off stays in it.
    Fast,
}

/// An audio interface that reads a WAV (or raw samples) and writes one.
///
/// After the end of the input it listens to silence, as a person who has finished does, until the conversation ends.
pub struct Streams {
    input: Option<Source>,
    output: Option<Sink>,
    pace: Pace,
    speaker: Arc<Mutex<Speaker>>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

enum Sink {
    Wav(wav::Writer),
    Raw(Box<dyn Write + Send>),
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams")
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

impl Sink {
    fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        match self {
            Self::Wav(writer) => writer.write(samples),
            Self::Raw(target) => {
                let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
                target.write_all(&bytes)?;
                target.flush()
            }
        }
    }
}

impl Streams {
    /// Listens to silence and plays to nobody, until told otherwise.
    pub fn new(pace: Pace) -> Self {
        Self {
            input: None,
            output: None,
            pace,
            speaker: Arc::default(),
            stopping: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// Listens to a file: any WAV, whatever its rate and channels.
    pub fn listen_to(self, path: impl AsRef<Path>) -> Result<Self, SourceError> {
        self.listen_to_reader(fs::File::open(path)?)
    }

    /// Listens to a pipe: WAV, or raw 16-bit little-endian mono samples at 16 kHz.
    pub fn listen_to_reader(
        mut self,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, SourceError> {
        self.input = Some(Source::open(reader, RATE, Channel::Mix, true)?);
        Ok(self)
    }

    /// Plays into a WAV file, which is playable at any moment.
    pub fn play_to(mut self, path: impl AsRef<Path>) -> io::Result<Self> {
        let file = wav::File(fs::File::create(path)?);
        self.output = Some(Sink::Wav(wav::Writer::new(Box::new(file), RATE.hz(), 1)?));
        Ok(self)
    }

    /// Plays into a pipe, as raw 16-bit little-endian mono samples at 16 kHz.
    #[must_use]
    pub fn play_to_writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.output = Some(Sink::Raw(Box::new(writer)));
        self
    }
}

impl AudioInterface for Streams {
    fn start(&mut self, input: AudioInput) -> io::Result<()> {
        let pace = self.pace;
        if let Some(source) = self.input.take() {
            let stopping = Arc::clone(&self.stopping);
            let listen = move || listen(source, &input, pace, &stopping);
            self.threads.push(
                thread::Builder::new()
                    .name("listen".to_owned())
                    .spawn(listen)?,
            );
        }
        if let Some(sink) = self.output.take() {
            let stopping = Arc::clone(&self.stopping);
            let speaker = Arc::clone(&self.speaker);
            let play = move || play(sink, &speaker, pace, &stopping);
            self.threads
                .push(thread::Builder::new().name("play".to_owned()).spawn(play)?);
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // The writing thread mends the file's header. A reading thread may hang in a pipe, and is left to it.
        for thread in self.threads.drain(..) {
            if thread.thread().name() == Some("play") {
                let _ = thread.join();
            }
        }
    }

    fn output(&mut self, samples: &[i16]) {
        let mut speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
        if speaker.queued() < MOST {
            speaker.push(EventId(1), samples.to_vec());
        }
    }

    fn interrupt(&mut self) {
        if self.pace == Pace::Realtime {
            let mut speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
            *speaker = Speaker::new();
        }
    }

    fn pause(&mut self) {
        let mut speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
        speaker.pause();
    }

    fn resume(&mut self) {
        let mut speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
        speaker.resume();
    }

    fn can_pause(&self) -> bool {
        true
    }
}

fn listen(mut source: Source, input: &AudioInput, pace: Pace, stopping: &AtomicBool) {
    let mut clock = Clock::new(pace);
    let mut frame = [0; FRAME];
    let mut ended = false;
    while !stopping.load(Ordering::Acquire) && !input.is_closed() {
        if ended {
            frame.fill(0);
        } else {
            match source.read(&mut frame) {
                Ok(FRAME) => {}
                Ok(count) => {
                    frame[count..].fill(0);
                    ended = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "the input ended early");
                    frame.fill(0);
                    ended = true;
                }
            }
        }
        if !input.push_blocking(&frame) {
            return;
        }
        // Silence need not be hurried.
        clock.tick(ended);
    }
}

fn play(mut sink: Sink, speaker: &Mutex<Speaker>, pace: Pace, stopping: &AtomicBool) {
    let mut clock = Clock::new(Pace::Realtime);
    let mut frame = [0; FRAME];
    loop {
        // Asked before the last look, so that nothing of what came before the end is missed.
        let last = stopping.load(Ordering::Acquire);
        loop {
            let count = {
                let mut speaker = speaker.lock().unwrap_or_else(PoisonError::into_inner);
                speaker.pull(&mut frame)
            };
            let wanted = if pace == Pace::Realtime && !last {
                FRAME
            } else {
                count
            };
            if let Err(error) = sink.write(&frame[..wanted]) {
                tracing::warn!(%error, "the output can no longer be written");
                return;
            }
            if pace == Pace::Realtime || count < FRAME {
                break;
            }
        }
        if last {
            break;
        }
        clock.tick(true);
    }
    if let Sink::Wav(writer) = sink
        && let Err(error) = writer.finish()
    {
        tracing::warn!(%error, "the output could not be finished");
    }
}

/// Sleeps from one frame to the next without drifting.
struct Clock {
    pace: Pace,
    next: Instant,
}

impl Clock {
    fn new(pace: Pace) -> Self {
        Self {
            pace,
            next: Instant::now(),
        }
    }

    fn tick(&mut self, always: bool) {
        let now = Instant::now();
        if self.pace == Pace::Fast && !always {
            self.next = now;
            return;
        }
        self.next += RATE.duration_of(FRAME);
        if self.next + Duration::from_secs(1) < now {
            // Somebody held this thread up; running after lost time would be noise.
            self.next = now;
        }
        thread::sleep(self.next.saturating_duration_since(now));
    }
}
