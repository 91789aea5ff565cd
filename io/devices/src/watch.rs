//! Noticing that a device was unplugged, or that another one became the default.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use cpal::traits::HostTrait;

use crate::{
    DeviceError, Direction,
    list::{self, id, name},
};

/// How often the sound system is asked.
const LOOK: Duration = Duration::from_secs(1);

/// How often the thread sees whether it is still wanted.
const STEP: Duration = Duration::from_millis(100);

/// Watches one device from a thread of its own: a sound system that is slow to answer must not hold up the sound.
#[derive(Debug)]
pub(crate) struct Watch {
    moved: Arc<Mutex<Option<String>>>,
    wanted: Arc<AtomicBool>,
}

impl Watch {
    /// Watches the device `current`, which was chosen by `chosen`.
    pub(crate) fn start(direction: Direction, chosen: Option<String>, current: String) -> Self {
        let watch = Self {
            moved: Arc::default(),
            wanted: Arc::new(AtomicBool::new(true)),
        };
        let moved = Arc::clone(&watch.moved);
        let wanted = Arc::clone(&watch.wanted);
        // Without the thread nothing is noticed but silence, which is noticed elsewhere.
        let started = thread::Builder::new()
            .name(format!("{direction} watch"))
            .spawn(move || {
                let host = cpal::default_host();
                let mut waited = Duration::ZERO;
                while wanted.load(Ordering::Acquire) {
                    thread::sleep(STEP);
                    waited += STEP;
                    if waited < LOOK {
                        continue;
                    }
                    waited = Duration::ZERO;
                    if let Some(reason) = look(&host, direction, chosen.as_deref(), &current) {
                        *moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                        return;
                    }
                }
            });
        if let Err(error) = started {
            tracing::warn!(%error, "the {direction} is not watched");
        }
        watch
    }

    /// Why the device is no longer the right one, if so.
    pub(crate) fn moved(&self) -> Option<String> {
        self.moved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Release);
    }
}

fn look(
    host: &cpal::Host,
    direction: Direction,
    chosen: Option<&str>,
    current: &str,
) -> Option<String> {
    match list::find(host, direction, chosen) {
        Ok(device) if id(&device) == current => return None,
        Ok(device) if chosen.is_none() => {
            return Some(format!("the default {direction} is now {}", name(&device)));
        }
        // The sound system is restarting, or gone: the stream will tell.
        Err(DeviceError::NoSoundSystem { .. }) => return None,
        _ => {}
    }
    let devices = match direction {
        Direction::Microphone => host.input_devices().map(Iterator::collect::<Vec<_>>),
        Direction::Speaker => host.output_devices().map(Iterator::collect::<Vec<_>>),
    };
    // A sound system that no longer answers has unplugged nothing: the stream will tell.
    let devices = devices.ok()?;
    let there = devices.iter().any(|device| id(device) == current);
    (!there).then(|| "it was unplugged".to_owned())
}
