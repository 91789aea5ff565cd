//! A speaker that knows what was heard.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use audio::{Resampler, SampleRate};
use rtrb::{Producer, RingBuffer};
use tokio::sync::{mpsc, oneshot};

use crate::{
    DeviceError, Direction,
    attempts::{self, Attempts},
    echo::{Echo, Reference},
    list::{self, id, name},
    queue::{Played, Queue},
    sleep::SleepClock,
    stream::{self, Running},
    watch::Watch,
};

/// How often the supervisor looks.
const TICK: Duration = Duration::from_millis(5);

/// How much sound waits in the device's ring, at the least, beyond what the device itself holds. Less leaves gaps on a busy
/// machine, where a thread waits a tenth of a second for its turn; a stop empties the ring, so more delays nothing.
const RING_FILL: Duration = Duration::from_millis(160);

/// How much the ring holds: sound servers under load ask for a large part of a second at once.
const RING: Duration = Duration::from_secs(2);

/// No callback for this long means that the device is gone. Sound servers may ask for seconds of sound at once.
const SILENT_DEVICE: Duration = Duration::from_secs(3);

/// What waited while no speaker was there is stale after this long.
const STALE: Duration = Duration::from_secs(3);

/// Chunks that may wait for the supervisor.
const WAITING_CHUNKS: usize = 256;

/// How to speak.
#[derive(Clone, Debug, Default)]
pub struct SpeakerSettings {
    /// The device, by id or any part of its name. None: the system's default, followed when it changes.
    pub device: Option<String>,
}

/// What a speaker says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SpeakerEvent {
    /// So much of a chunk has left the speaker, the device's own delay counted as far as the system knows it.
    Played(Played),
    /// The device is gone. What waits is held, for three seconds at most.
    Lost {
        /// Its name.
        device: String,
        /// What is known of the reason.
        reason: String,
    },
    /// A device is there again.
    Returned {
        /// Its name; not always the same one.
        device: String,
    },
}

/// An open speaker. Dropping it closes the device at once.
#[derive(Debug)]
pub struct Speaker {
    chunks: mpsc::Sender<Chunk>,
    events: mpsc::Receiver<SpeakerEvent>,
    references: Option<mpsc::Receiver<Reference>>,
    control: Arc<Control>,
    device: String,
}

#[derive(Debug)]
struct Chunk {
    generation: u64,
    id: u64,
    rate: SampleRate,
    samples: Vec<i16>,
}

/// What the handle tells the supervisor past the queue.
#[derive(Debug, Default)]
struct Control {
    /// Raised by every stop; chunks of an older generation are never played.
    generation: AtomicU64,
    paused: AtomicBool,
    closed: AtomicBool,
    /// In microseconds.
    lead: AtomicU64,
}

impl Speaker {
    /// Opens a device.
    ///
    /// # Errors
    /// Any [`DeviceError`]: only the first opening may fail. Later losses are events.
    pub async fn open(settings: SpeakerSettings) -> Result<Self, DeviceError> {
        let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS);
        let (sender, events) = mpsc::channel(WAITING_CHUNKS);
        let (reference_sender, references) = mpsc::channel(4);
        let (opened, device) = oneshot::channel();
        let control = Arc::new(Control::default());
        let shared = Arc::clone(&control);
        thread::Builder::new()
            .name("speaker".to_owned())
            .spawn(move || {
                let supervisor = Supervisor {
                    settings,
                    chunks: waiting,
                    events: sender,
                    references: reference_sender,
                    control: shared,
                    generation: 0,
                };
                supervisor.run(opened);
            })
            .map_err(|error| DeviceError::Failed {
                device: "the speaker".to_owned(),
                reason: error.to_string(),
            })?;
        let device = tokio::time::timeout(attempts::FIRST, device)
            .await
            .map_err(|_| {
                // If it opens yet, nobody is there to speak through it.
                control.closed.store(true, Ordering::Release);
                DeviceError::Busy {
                    device: "the speaker".to_owned(),
                }
            })?
            .map_err(|_| DeviceError::Failed {
                device: "the speaker".to_owned(),
                reason: "its thread ended".to_owned(),
            })??;
        Ok(Self {
            chunks,
            events,
            references: Some(references),
            control,
            device,
        })
    }

    /// The name of the device that was opened.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The canceller for the microphone that hears this speaker, giving frames at `rate`. Once only.
    pub fn echo(&mut self, rate: SampleRate) -> Option<Echo> {
        Some(Echo::new(self.references.take()?, rate))
    }

    /// How much sound should be under way at any time for the device not to run dry: at least 160 ms, more where the sound
    /// system asks for more at once.
    pub fn lead(&self) -> Duration {
        RING_FILL.max(Duration::from_micros(
            self.control.lead.load(Ordering::Relaxed),
        ))
    }

    /// Plays mono samples, one chunk, after what already waits. Ids must differ. Waits while 256 chunks wait.
    /// False when the speaker is closed.
    pub async fn play(&self, id: u64, rate: SampleRate, samples: Vec<i16>) -> bool {
        let chunk = Chunk {
            generation: self.control.generation.load(Ordering::Acquire),
            id,
            rate,
            samples,
        };
        self.chunks.send(chunk).await.is_ok()
    }

    /// As [`Speaker::play`], without waiting: false also when 256 chunks wait.
    pub fn try_play(&self, id: u64, rate: SampleRate, samples: Vec<i16>) -> bool {
        let chunk = Chunk {
            generation: self.control.generation.load(Ordering::Acquire),
            id,
            rate,
            samples,
        };
        self.chunks.try_send(chunk).is_ok()
    }

    /// Stops at once (by a fade of 5 ms) and forgets everything that waits.
    pub fn stop(&self) {
        self.control.generation.fetch_add(1, Ordering::AcqRel);
        self.control.paused.store(false, Ordering::Release);
    }

    /// Holds playback; nothing is lost.
    pub fn pause(&self) {
        self.control.paused.store(true, Ordering::Release);
    }

    /// Goes on from the exact sample.
    pub fn resume(&self) {
        self.control.paused.store(false, Ordering::Release);
    }

    /// What has happened already, without waiting.
    pub fn try_next(&mut self) -> Option<SpeakerEvent> {
        self.events.try_recv().ok()
    }

    /// What happens next; none after the speaker was closed.
    pub async fn next(&mut self) -> Option<SpeakerEvent> {
        self.events.recv().await
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.control.closed.store(true, Ordering::Release);
    }
}

struct Supervisor {
    settings: SpeakerSettings,
    chunks: mpsc::Receiver<Chunk>,
    events: mpsc::Sender<SpeakerEvent>,
    references: mpsc::Sender<Reference>,
    control: Arc<Control>,
    generation: u64,
}

struct Device {
    running: Running,
    ring: Producer<i16>,
    rate: SampleRate,
    watch: Watch,
    name: String,
}

/// Sound on its way: chunks are brought to the device's rate and lined up.
struct Line {
    queue: Queue,
    resampler: Option<(SampleRate, Resampler)>,
    /// Chunks whose samples have gone into the resampler, and how many are still to come out of it for each. A resampler
    /// holds some milliseconds back; they belong to the chunk they came from, not to the next.
    owed: VecDeque<(u64, u64)>,
    taken: u64,
    given: u64,
    rate: SampleRate,
}

impl Line {
    fn new(rate: SampleRate) -> Self {
        Self {
            queue: Queue::new(rate.hz()),
            resampler: None,
            owed: VecDeque::new(),
            taken: 0,
            given: 0,
            rate,
        }
    }

    fn push(&mut self, chunk: &Chunk) {
        let (rate, mut resampler) = match self.resampler.take() {
            Some((rate, resampler)) if rate == chunk.rate => (rate, resampler),
            other => {
                self.resampler = other;
                self.finish();
                (chunk.rate, Resampler::new(chunk.rate, self.rate))
            }
        };
        self.taken += chunk.samples.len() as u64;
        let due = self.taken * u64::from(self.rate.hz()) / u64::from(rate.hz());
        self.owed.push_back((chunk.id, due - self.given));
        self.given = due;
        let samples = resampler.push(&chunk.samples);
        self.attribute(&samples);
        self.resampler = Some((rate, resampler));
    }

    /// Brings out what the resampler still holds.
    fn finish(&mut self) {
        if let Some((_, mut resampler)) = self.resampler.take() {
            let rest = resampler.flush();
            self.attribute(&rest);
        }
        // Rounding may leave a sample owed that never comes.
        self.owed.clear();
        self.queue.close();
        (self.taken, self.given) = (0, 0);
    }

    fn attribute(&mut self, mut samples: &[i16]) {
        while let Some((id, left)) = self.owed.front_mut() {
            let (now, later) = samples.split_at(samples.len().min(*left as usize));
            self.queue.push(*id, now);
            *left -= now.len() as u64;
            samples = later;
            if *left > 0 {
                break;
            }
            self.owed.pop_front();
            self.queue.close();
        }
    }

    fn clear(&mut self, heard: u64) -> Vec<Played> {
        self.resampler = None;
        self.owed.clear();
        (self.taken, self.given) = (0, 0);
        self.queue.clear(heard)
    }
}

impl Supervisor {
    fn run(mut self, opened: oneshot::Sender<Result<String, DeviceError>>) {
        let mut device = match open_device(&self.settings, &self.references) {
            Ok(device) => {
                let _ = opened.send(Ok(device.name.clone()));
                device
            }
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        let mut line = Line::new(device.rate);
        while self.is_wanted() {
            let reason = self.pump(&mut device, &mut line);
            if !self.is_wanted() {
                return;
            }
            let heard = device.running.shared.consumed.load(Ordering::Acquire);
            for played in line.queue.played(heard) {
                self.tell(SpeakerEvent::Played(played));
            }
            self.tell(SpeakerEvent::Lost {
                device: device.name.clone(),
                reason,
            });
            drop(device);
            let lost = Instant::now();
            let Some(returned) = self.wait_for_device(lost) else {
                return;
            };
            device = returned;
            // The device may have another rate, and its counters begin anew. What was queued is only kept when it is
            // recent and can be played as it stands.
            if lost.elapsed() > STALE || line.rate != device.rate {
                line = Line::new(device.rate);
            } else {
                line.queue.restart();
            }
            self.tell(SpeakerEvent::Returned {
                device: device.name.clone(),
            });
        }
    }

    fn is_wanted(&self) -> bool {
        !self.control.closed.load(Ordering::Acquire)
    }

    /// Moves sound until the device fails; gives the reason.
    fn pump(&mut self, device: &mut Device, line: &mut Line) -> String {
        let least = device.rate.samples_in(RING_FILL);
        let most = device.ring.buffer().capacity();
        let shared = Arc::clone(&device.running.shared);
        let mut last_callback = (shared.callbacks.load(Ordering::Relaxed), Instant::now());
        let mut last_consumed = (0, Instant::now());
        let mut clock = SleepClock::start();
        while self.is_wanted() {
            if clock.slept().is_some() {
                // The device could not have asked for sound meanwhile.
                last_callback.1 = Instant::now();
            }
            shared.paused.store(
                self.control.paused.load(Ordering::Acquire),
                Ordering::Release,
            );
            let consumed = shared.consumed.load(Ordering::Acquire);

            let generation = self.control.generation.load(Ordering::Acquire);
            if generation != self.generation {
                self.generation = generation;
                shared.flush.fetch_add(1, Ordering::AcqRel);
                self.obey_stop(device, line);
            }
            while let Ok(chunk) = self.chunks.try_recv() {
                if chunk.generation == self.generation {
                    line.push(&chunk);
                }
            }

            // A callback and a half: the next one may come while we sleep.
            let block = shared.block.load(Ordering::Relaxed) as usize;
            let fill = least.max(block + block / 2).min(most);
            let lead = device.rate.duration_of(fill + block);
            self.control
                .lead
                .store(lead.as_micros() as u64, Ordering::Relaxed);
            while most - device.ring.slots() < fill {
                match line.queue.pop() {
                    Some(sample) => {
                        let _ = device.ring.push(sample);
                    }
                    None if line.resampler.is_some() && self.chunks.is_empty() => line.finish(),
                    None => break,
                }
            }
            if consumed != last_consumed.0 {
                last_consumed = (consumed, Instant::now());
            }
            // What the device was given but has not sounded yet was not heard; it sounds while we wait.
            let ahead = shared.ahead.load(Ordering::Relaxed);
            let sounded = device.rate.samples_in(last_consumed.1.elapsed()) as u64;
            let heard = consumed.saturating_sub(ahead.saturating_sub(sounded));
            for played in line.queue.played(heard) {
                self.tell(SpeakerEvent::Played(played));
            }

            let callbacks = shared.callbacks.load(Ordering::Relaxed);
            if callbacks != last_callback.0 {
                last_callback = (callbacks, Instant::now());
            } else if last_callback.1.elapsed() > SILENT_DEVICE {
                return "it stopped taking sound".to_owned();
            }
            if shared.failed.load(Ordering::Acquire) {
                return "the sound system reported an error".to_owned();
            }
            if let Some(reason) = device.watch.moved() {
                return reason;
            }
            thread::sleep(TICK);
        }
        String::new()
    }

    /// Waits until the callback has emptied the ring, a tenth of a second at most, and forgets what was queued.
    fn obey_stop(&self, device: &mut Device, line: &mut Line) {
        let shared = &device.running.shared;
        let wanted = shared.flush.load(Ordering::Acquire);
        let deadline = Instant::now() + Duration::from_millis(100);
        while shared.flushed.load(Ordering::Acquire) != wanted && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let heard = shared.consumed.load(Ordering::Acquire);
        for played in line.clear(heard) {
            self.tell(SpeakerEvent::Played(played));
        }
    }

    fn wait_for_device(&mut self, lost: Instant) -> Option<Device> {
        let (settings, references) = (self.settings.clone(), self.references.clone());
        let mut attempts = Attempts::new("speaker", move || {
            let device = open_device(&settings, &references)?;
            if stream::goes_on(&device.running.shared) {
                Ok(device)
            } else {
                Err(DeviceError::Busy {
                    device: device.name,
                })
            }
        });
        while self.is_wanted() {
            if let Some(device) = attempts.opened() {
                return Some(device);
            }
            // Nobody will hear what comes in after this long: take it, so that no caller waits.
            if lost.elapsed() > STALE {
                while self.chunks.try_recv().is_ok() {}
            }
            thread::sleep(TICK);
        }
        None
    }

    fn tell(&self, event: SpeakerEvent) {
        // Reports are cumulative: a listener that is behind loses only those in between.
        if self.events.try_send(event).is_err() && !self.events.is_closed() {
            tracing::warn!("the speaker's listener is too slow: a report was dropped");
        }
    }
}

fn open_device(
    settings: &SpeakerSettings,
    references: &mpsc::Sender<Reference>,
) -> Result<Device, DeviceError> {
    // A fresh connection: the sound server may have been started anew.
    let host = list::host()?;
    let wanted = settings.device.as_deref();
    list::open_free(&host, Direction::Speaker, wanted, |device, chosen| {
        open_this(references, device, chosen)
    })
}

/// Opens one device, to be watched as the one that was `chosen`.
fn open_this(
    references: &mpsc::Sender<Reference>,
    device: &cpal::Device,
    chosen: Option<String>,
) -> Result<Device, DeviceError> {
    let config = stream::usable(device, Direction::Speaker)?;
    let rate = SampleRate::new(config.sample_rate()).map_err(|error| DeviceError::Unsupported {
        device: name(device),
        reason: error.to_string(),
    })?;
    let (ring, consumer) = RingBuffer::new(rate.samples_in(RING));
    let (reference, played) = RingBuffer::new(rate.hz() as usize);
    let running = stream::play(device, &config, consumer, reference)?;
    // Nobody may want the reference; then this fails, and that is fine.
    let _ = references.try_send(Reference { ring: played, rate });
    Ok(Device {
        running,
        ring,
        rate,
        watch: Watch::start(Direction::Speaker, chosen, id(device)),
        name: name(device),
    })
}
