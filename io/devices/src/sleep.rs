//! Noticing that time passed in which nobody looked.

use std::time::{Duration, Instant, SystemTime};

/// A gap longer than this between two looks means that the machine slept, or that this program was stopped. A busy machine
/// may keep a thread waiting for a good part of a second.
const SLEPT: Duration = Duration::from_secs(2);

/// Tells whether the machine slept: the wall clock goes on in sleep, the monotonic one may not.
#[derive(Debug)]
pub(crate) struct SleepClock {
    monotonic: Instant,
    wall: SystemTime,
}

impl SleepClock {
    pub(crate) fn start() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// How long nobody looked since the last call, if that was no ordinary wait. To be asked every few milliseconds.
    pub(crate) fn slept(&mut self) -> Option<Duration> {
        let now = Self::start();
        let awake = now.monotonic - self.monotonic;
        // A wall clock that was set back tells nothing.
        let passed = now.wall.duration_since(self.wall).unwrap_or(awake);
        *self = now;
        Some(passed.max(awake)).filter(|gap| *gap > SLEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_on_either_clock_is_a_sleep_and_a_clock_set_back_is_none() {
        let minute = Duration::from_mins(1);
        let mut clock = SleepClock::start();
        clock.wall -= minute;
        assert!(clock.slept().is_some_and(|gap| gap >= minute), "suspended");
        assert_eq!(clock.slept(), None);
        clock.wall += minute;
        assert_eq!(clock.slept(), None, "set back");
        if let Some(before) = clock.monotonic.checked_sub(minute) {
            clock.monotonic = before;
            assert!(clock.slept().is_some_and(|gap| gap >= minute), "stopped");
        }
    }
}
