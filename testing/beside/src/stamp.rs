//! The time, within sound.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many samples a stamp takes.
pub(crate) const SAMPLES: usize = 4;

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

/// The time now, as samples.
pub(crate) fn samples() -> [i16; SAMPLES] {
    let bytes = now().to_le_bytes();
    std::array::from_fn(|at| i16::from_le_bytes([bytes[at * 2], bytes[at * 2 + 1]]))
}

/// How long ago the stamp at the beginning of `bytes` was made; none where there is none.
pub(crate) fn age(bytes: &[u8]) -> Option<Duration> {
    let stamp = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let age = Duration::from_nanos(now().checked_sub(stamp)?);
    (age < Duration::from_mins(1)).then_some(age)
}

/// The median, the 99th of a hundred and the longest, in milliseconds.
pub(crate) fn summary(mut ages: Vec<Duration>) -> serde_json::Value {
    ages.sort();
    let at = |share: f64| {
        let index = ((ages.len() as f64 * share).ceil() as usize).max(1) - 1;
        ages.get(index).map(|age| age.as_secs_f64() * 1_000.0)
    };
    serde_json::json!({"count": ages.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)})
}
