//! When a request is made again.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// The longest wait before another try.
const LONGEST: Duration = Duration::from_mins(1);

/// Whether a status is worth another try: 408, 409, 429 and every 5xx, as the official SDK has it.
pub(crate) const fn is_worth_another_try(status: u16) -> bool {
    matches!(status, 408 | 409 | 429) || status >= 500
}

/// How long to wait before try `next` (the second is 1): what the platform asks for, else 1 s, doubled each time. At
/// most a minute. `now` in seconds since 1970.
pub(crate) fn delay(headers: &HeaderMap, next: u32, now: u64) -> Duration {
    asked_for(headers, now)
        .unwrap_or_else(|| backoff(next))
        .min(LONGEST)
}

/// Waiting without being asked to.
pub(crate) fn backoff(next: u32) -> Duration {
    Duration::from_secs(1 << next.saturating_sub(1).min(6)).min(LONGEST)
}

/// What the platform asks for, if it asks for anything.
pub(crate) fn asked_for(headers: &HeaderMap, now: u64) -> Option<Duration> {
    let number = |name: &str| -> Option<f64> {
        let text = headers.get(name)?.to_str().ok()?;
        let number: f64 = text.trim().parse().ok()?;
        (number.is_finite() && (0.0..1e12).contains(&number)).then_some(number)
    };
    number("retry-after-ms")
        .map(|ms| Duration::from_secs_f64(ms / 1_000.0))
        .or_else(|| number("retry-after").map(Duration::from_secs_f64))
        .or_else(|| {
            number("x-ratelimit-reset")
                .map(|at| Duration::from_secs((at as u64).saturating_sub(now)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn what_the_platform_asks_for_is_done_within_a_minute() {
        let asked = |name, value| delay(&headers(name, value), 1, 1_000);
        assert_eq!(
            asked("retry-after-ms", "1500"),
            Duration::from_millis(1_500)
        );
        assert_eq!(asked("retry-after", "3"), Duration::from_secs(3));
        assert_eq!(asked("retry-after", "86400"), LONGEST);
        assert_eq!(asked("x-ratelimit-reset", "1007"), Duration::from_secs(7));
        assert_eq!(asked("x-ratelimit-reset", "900"), Duration::ZERO);
        assert_eq!(asked("retry-after", "soon"), Duration::from_secs(1));
        assert_eq!(asked("retry-after", "NaN"), Duration::from_secs(1));
        assert_eq!(asked("retry-after", "-5"), Duration::from_secs(1));
    }

    #[test]
    fn otherwise_each_wait_is_twice_as_long() {
        assert_eq!(backoff(1), Duration::from_secs(1));
        assert_eq!(backoff(2), Duration::from_secs(2));
        assert_eq!(backoff(40), LONGEST);
    }
}
