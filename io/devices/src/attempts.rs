//! Getting a device back, again and again, without anybody waiting for it.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::DeviceError;

/// The wait before the first and the longest wait between attempts.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// Sound systems may not answer at all, for one that sleeps. An attempt that has taken so long is no longer waited for.
const LONGEST: Duration = Duration::from_secs(10);

/// So many attempts may hang before no more are made: each has a thread.
const MOST_HANGING: usize = 4;

/// How long the first opening of a device may take.
pub(crate) const FIRST: Duration = Duration::from_secs(15);

type Open<T> = dyn Fn() -> Result<T, DeviceError> + Send + Sync;

/// Attempts to open something, each on a thread of its own.
pub(crate) struct Attempts<T> {
    what: &'static str,
    open: Arc<Open<T>>,
    under_way: Vec<(mpsc::Receiver<Result<T, DeviceError>>, Instant)>,
    next: Instant,
    patience: Duration,
}

impl<T: Send + 'static> Attempts<T> {
    /// Nothing tried yet; the first attempt is due at once.
    pub(crate) fn new(
        what: &'static str,
        open: impl Fn() -> Result<T, DeviceError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            what,
            open: Arc::new(open),
            under_way: Vec::new(),
            next: Instant::now(),
            patience: RETRY.0,
        }
    }

    /// What was opened, if an attempt has succeeded. Never waits; begins an attempt when its time has come.
    pub(crate) fn opened(&mut self) -> Option<T> {
        let mut opened = None;
        self.under_way
            .retain(|(answer, _)| match answer.try_recv() {
                Ok(Ok(device)) if opened.is_none() => {
                    opened = Some(device);
                    false
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "no {} yet", self.what);
                    false
                }
                Ok(Ok(_)) | Err(mpsc::TryRecvError::Disconnected) => false,
                Err(mpsc::TryRecvError::Empty) => true,
            });
        let now = Instant::now();
        let waits = |(_, since): &(_, Instant)| now.duration_since(*since) < LONGEST;
        if opened.is_none()
            && now >= self.next
            && self.under_way.len() < MOST_HANGING
            && !self.under_way.iter().any(waits)
        {
            self.begin(now);
        }
        opened
    }

    fn begin(&mut self, now: Instant) {
        let (sender, answer) = mpsc::channel();
        let open = Arc::clone(&self.open);
        let begun = thread::Builder::new()
            .name(format!("{} again", self.what))
            .spawn(move || {
                // Nobody waits for it any more: then it is closed again.
                let _ = sender.send(open());
            });
        match begun {
            Ok(_) => self.under_way.push((answer, now)),
            Err(error) => tracing::warn!(%error, "the {} is not looked for", self.what),
        }
        self.next = now + self.patience;
        self.patience = (self.patience * 2).min(RETRY.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn it_is_tried_again_until_it_opens_and_an_attempt_that_hangs_holds_nobody_up() {
        let tried = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&tried);
        let (release, hang) = mpsc::channel::<()>();
        let hang = std::sync::Mutex::new(hang);
        let mut attempts = Attempts::new("microphone", move || {
            match counter.fetch_add(1, Ordering::AcqRel) {
                0 => Err(DeviceError::Busy {
                    device: "dock".to_owned(),
                }),
                _ => {
                    let _ = hang.lock().map(|hang| hang.recv());
                    Ok("dock")
                }
            }
        });
        while tried.load(Ordering::Acquire) < 2 {
            assert_eq!(attempts.opened(), None);
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(attempts.opened(), None, "it hangs");
        drop(release);
        let opened = loop {
            if let Some(opened) = attempts.opened() {
                break opened;
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(opened, "dock");
    }
}
