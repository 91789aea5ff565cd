//! A microphone that keeps time, whatever happens to the device.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use audio::{Resampler, SampleRate};
use rtrb::{Consumer, RingBuffer};
use tokio::sync::{mpsc, oneshot};

use crate::{
    DeviceError, Direction,
    attempts::{self, Attempts},
    channels::Downmix,
    echo::Echo,
    list::{self, id, name},
    sleep::SleepClock,
    stream::{self, Running},
    watch::Watch,
};

/// How often the supervisor looks. Adds at most this to the way of a sample.
const TICK: Duration = Duration::from_millis(5);

/// No callback for this long means that the device is gone, whatever the sound system says. A busy machine may be silent
/// for a good part of a second.
const SILENT_DEVICE: Duration = Duration::from_secs(2);

/// Frames that wait for a slow listener: two seconds. Older ones are dropped and counted.
const WAITING_FRAMES: usize = 100;

/// How to listen.
#[derive(Clone, Debug)]
pub struct MicrophoneSettings {
    /// The device, by id or any part of its name. None: the system's default, followed when it changes.
    pub device: Option<String>,
    /// The rate of the frames. Default 16 kHz.
    pub rate: SampleRate,
    /// How long a frame is. Default 20 ms.
    pub frame: Duration,
}

impl Default for MicrophoneSettings {
    fn default() -> Self {
        Self {
            device: None,
            rate: SampleRate::HZ_16000,
            frame: Duration::from_millis(20),
        }
    }
}

/// What a microphone says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MicrophoneEvent {
    /// The next frame. They follow each other without gaps: while no device is there, frames are silent.
    Frame(Frame),
    /// The device is gone or fell silent. Silent frames keep the time until it, or another default, is there.
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
    /// The machine slept, or this program was stopped, for this long. No frames stand for that time, and what the sound
    /// system recorded meanwhile is not heard.
    Slept(Duration),
}

/// A slice of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Mono samples at the asked rate, echo cancelled where a speaker was given.
    pub samples: Vec<i16>,
    /// How much of what was heard was taken out as the speaker's echo, 0 to 1. Zero without echo cancellation.
    pub echo: f32,
}

/// An open microphone. Dropping it closes the device.
#[derive(Debug)]
pub struct Microphone {
    events: mpsc::Receiver<MicrophoneEvent>,
    open: Arc<AtomicBool>,
    device: String,
}

impl Microphone {
    /// Opens a device and waits until its first sound is there, for a second at most.
    ///
    /// # Errors
    /// Any [`DeviceError`]: only the first opening may fail. Later losses are events.
    pub async fn open(
        settings: MicrophoneSettings,
        echo: Option<Echo>,
    ) -> Result<Self, DeviceError> {
        let (sender, events) = mpsc::channel(WAITING_FRAMES);
        let (opened, device) = oneshot::channel();
        let open = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&open);
        thread::Builder::new()
            .name("microphone".to_owned())
            .spawn(move || {
                let supervisor = Supervisor {
                    events: sender,
                    open: asked,
                    settings,
                    echo,
                };
                supervisor.run(opened);
            })
            .map_err(|error| DeviceError::Failed {
                device: "the microphone".to_owned(),
                reason: error.to_string(),
            })?;
        let device = tokio::time::timeout(attempts::FIRST, device)
            .await
            .map_err(|_| DeviceError::Busy {
                device: "the microphone".to_owned(),
            })?
            .map_err(|_| DeviceError::Failed {
                device: "the microphone".to_owned(),
                reason: "its thread ended".to_owned(),
            })??;
        Ok(Self {
            events,
            open,
            device,
        })
    }

    /// The name of the device that was opened.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// What comes next; none after the microphone was closed.
    pub async fn next(&mut self) -> Option<MicrophoneEvent> {
        self.events.recv().await
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Release);
    }
}

struct Supervisor {
    events: mpsc::Sender<MicrophoneEvent>,
    open: Arc<AtomicBool>,
    settings: MicrophoneSettings,
    echo: Option<Echo>,
}

/// Why sound no longer comes.
enum Left {
    /// For so long nobody listened.
    Slept(Duration),
    Lost(String),
}

/// A device in use.
struct Device {
    running: Running,
    ring: Consumer<i16>,
    watch: Watch,
    name: String,
    downmix: Downmix,
    resampler: Resampler,
}

impl Supervisor {
    fn run(mut self, opened: oneshot::Sender<Result<String, DeviceError>>) {
        let mut device = match open_device(&self.settings) {
            Ok(device) => {
                gives_sound(&device);
                let _ = opened.send(Ok(device.name.clone()));
                device
            }
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        while self.is_wanted() {
            let left = self.pump(&mut device);
            if !self.is_wanted() {
                return;
            }
            let name = device.name.clone();
            // Closes the old stream before a new one is opened: some devices serve only one.
            drop(device);
            self.tell(match left {
                Left::Slept(time) => MicrophoneEvent::Slept(time),
                Left::Lost(reason) => MicrophoneEvent::Lost {
                    device: name,
                    reason,
                },
            });
            let Some(returned) = self.wait_for_device() else {
                return;
            };
            self.tell(MicrophoneEvent::Returned {
                device: returned.name.clone(),
            });
            device = returned;
        }
    }

    fn is_wanted(&self) -> bool {
        self.open.load(Ordering::Acquire) && !self.events.is_closed()
    }

    /// Moves sound until the device fails or the machine sleeps.
    fn pump(&mut self, device: &mut Device) -> Left {
        let frame_len = self.settings.rate.samples_in(self.settings.frame).max(1);
        let mut interleaved = Vec::new();
        let mut mono = Vec::new();
        let mut pending: Vec<i16> = Vec::new();
        let mut last_sound = Instant::now();
        let mut clock = SleepClock::start();
        while self.is_wanted() {
            if let Some(slept) = clock.slept() {
                // A sound server that was awake meanwhile has all of it recorded, and would now give it at once. Only a
                // new stream begins in the present.
                return Left::Slept(slept);
            }
            interleaved.clear();
            while let Ok(sample) = device.ring.pop() {
                interleaved.push(sample);
            }
            if interleaved.is_empty() {
                if device.running.shared.failed.load(Ordering::Acquire) {
                    return Left::Lost("the sound system reported an error".to_owned());
                }
                if last_sound.elapsed() > SILENT_DEVICE {
                    return Left::Lost("it stopped giving sound".to_owned());
                }
            } else {
                last_sound = Instant::now();
                mono.clear();
                device.downmix.mix(&interleaved, &mut mono);
                pending.extend(device.resampler.push(&mono));
                let whole = pending.len() / frame_len * frame_len;
                for samples in pending.drain(..whole).collect::<Vec<_>>().chunks(frame_len) {
                    self.frame(samples.to_vec());
                }
            }
            if let Some(reason) = device.watch.moved() {
                return Left::Lost(reason);
            }
            thread::sleep(TICK);
        }
        Left::Lost(String::new())
    }

    /// Silent frames by the wall clock until a device is there.
    fn wait_for_device(&mut self) -> Option<Device> {
        let frame_len = self.settings.rate.samples_in(self.settings.frame).max(1);
        let mut due = Instant::now();
        let settings = self.settings.clone();
        let mut attempts = Attempts::new("microphone", move || {
            let device = open_device(&settings)?;
            if gives_sound(&device) {
                Ok(device)
            } else {
                Err(DeviceError::Busy {
                    device: device.name,
                })
            }
        });
        let mut clock = SleepClock::start();
        while self.is_wanted() {
            if let Some(slept) = clock.slept() {
                self.tell(MicrophoneEvent::Slept(slept));
                due = Instant::now();
            }
            while due <= Instant::now() {
                due += self.settings.frame;
                self.frame(vec![0; frame_len]);
            }
            if let Some(device) = attempts.opened() {
                return Some(device);
            }
            thread::sleep(TICK);
        }
        None
    }

    fn frame(&mut self, mut samples: Vec<i16>) {
        let echo = match &mut self.echo {
            Some(echo) => echo.cancel(&mut samples),
            None => 0.0,
        };
        self.tell(MicrophoneEvent::Frame(Frame { samples, echo }));
    }

    fn tell(&self, event: MicrophoneEvent) {
        // Sound waits for nobody: a listener two seconds behind loses frames, never memory.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::warn!("the microphone's listener is too slow: a frame was dropped");
        }
    }
}

fn open_device(settings: &MicrophoneSettings) -> Result<Device, DeviceError> {
    // A fresh connection: the sound server may have been started anew.
    let host = list::host()?;
    let wanted = settings.device.as_deref();
    list::open_free(&host, Direction::Microphone, wanted, |device, chosen| {
        open_this(settings, device, chosen)
    })
}

/// Opens one device, to be watched as the one that was `chosen`.
fn open_this(
    settings: &MicrophoneSettings,
    device: &cpal::Device,
    chosen: Option<String>,
) -> Result<Device, DeviceError> {
    let config = stream::usable(device, Direction::Microphone)?;
    let hardware_rate =
        SampleRate::new(config.sample_rate()).map_err(|error| DeviceError::Unsupported {
            device: name(device),
            reason: error.to_string(),
        })?;
    let channels = usize::from(config.channels()).max(1);
    // One second: a supervisor that is held up for longer has lost the sound anyway.
    let (producer, ring) = RingBuffer::new(config.sample_rate() as usize * channels);
    let running = stream::capture(device, producer)?;
    Ok(Device {
        ring,
        watch: Watch::start(Direction::Microphone, chosen, id(device)),
        name: name(device),
        downmix: Downmix::new(running.channels),
        resampler: Resampler::new(hardware_rate, settings.rate),
        running,
    })
}

/// Devices take up to half a second to wake; sound spoken meanwhile would be lost without a word.
/// Waits for it, for a second at most, and tells whether it came.
fn gives_sound(device: &Device) -> bool {
    stream::wakes(&device.running.shared)
}
