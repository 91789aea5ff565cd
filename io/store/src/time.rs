//! The wall clock, as the tables have it.

use std::time::{Duration, SystemTime};

/// Microseconds since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, micros)
}

/// A duration in microseconds; the longest there is when it does not fit.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
