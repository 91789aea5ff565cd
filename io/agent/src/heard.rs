//! The agent's sound as it leaves the speaker, by reckoning, for recordings.

use std::{collections::VecDeque, time::Duration};

use audio::{Moment, SampleRate};

const RATE: SampleRate = SampleRate::HZ_16000;

/// Sound on its way to the speaker, 16 kHz.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// Pieces in order; each begins when the one before is over or later.
    pieces: VecDeque<(Moment, Vec<i16>)>,
    /// When the last piece is over.
    until: Moment,
    paused: Option<Moment>,
}

impl Track {
    /// A piece that is sent at `now` and takes `delay` to the speaker.
    pub(crate) fn push(&mut self, now: Moment, delay: Duration, samples: Vec<i16>) {
        let from = self.until.max(now + delay);
        self.until = from + RATE.duration_of(samples.len());
        self.pieces.push_back((from, samples));
    }

    /// What has not sounded at `now` never will.
    pub(crate) fn stop(&mut self, now: Moment) {
        let now = self.paused.take().unwrap_or(now);
        for (from, samples) in &mut self.pieces {
            samples.truncate(RATE.samples_in(now - *from));
        }
        self.pieces.retain(|(_, samples)| !samples.is_empty());
        self.until = now;
    }

    /// The speaker pauses.
    pub(crate) fn pause(&mut self, now: Moment) {
        self.paused.get_or_insert(now);
    }

    /// The speaker goes on from the exact sample.
    pub(crate) fn resume(&mut self, now: Moment) {
        let Some(since) = self.paused.take() else {
            return;
        };
        let shift = now - since;
        let mut later = VecDeque::with_capacity(self.pieces.len() + 1);
        for (from, mut samples) in self.pieces.drain(..) {
            let sounded = RATE.samples_in(since - from).min(samples.len());
            if sounded > 0 && sounded < samples.len() {
                let rest = samples.split_off(sounded);
                later.push_back((from, samples));
                later.push_back((now, rest));
            } else if sounded == samples.len() {
                later.push_back((from, samples));
            } else {
                later.push_back((from + shift, samples));
            }
        }
        self.pieces = later;
        self.until += shift;
    }

    /// The next piece that has sounded to its end by `now`.
    pub(crate) fn due(&mut self, now: Moment) -> Option<(Moment, Vec<i16>)> {
        let limit = self.paused.map_or(now, |since| since.min(now));
        let (from, samples) = self.pieces.front()?;
        (*from + RATE.duration_of(samples.len()) <= limit).then(|| self.pieces.pop_front())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_cut_off_was_not_heard() {
        let mut track = Track::default();
        track.push(Moment::ZERO, Duration::ZERO, vec![1; 16_000]);
        track.stop(Moment::from_millis(250));
        let (from, samples) = track.due(Moment::from_millis(250)).unwrap();
        assert_eq!((from, samples.len()), (Moment::ZERO, 4_000));
        assert_eq!(track.due(Moment::from_millis(9_000)), None);
    }

    #[test]
    fn a_pause_moves_the_rest() {
        let mut track = Track::default();
        track.push(Moment::ZERO, Duration::ZERO, vec![1; 16_000]);
        track.pause(Moment::from_millis(500));
        assert_eq!(track.due(Moment::from_millis(1_500)), None);
        track.resume(Moment::from_millis(2_500));
        let late = Moment::ZERO + 4 * SECOND;
        let pieces: Vec<_> = std::iter::from_fn(|| track.due(late))
            .map(|(from, s)| (from.as_millis(), s.len()))
            .collect();
        assert_eq!(pieces, [(0, 8_000), (2_500, 8_000)]);
    }

    #[test]
    fn pieces_follow_each_other_without_gaps() {
        let mut track = Track::default();
        track.push(Moment::ZERO, Duration::ZERO, vec![1; 1_600]);
        track.push(Moment::ZERO, Duration::ZERO, vec![1; 1_600]);
        assert_eq!(track.due(Moment::from_millis(100)).unwrap().0, Moment::ZERO);
        assert_eq!(track.due(Moment::from_millis(199)), None);
        assert_eq!(
            track.due(Moment::from_millis(200)).unwrap().0,
            Moment::from_millis(100)
        );
    }
}
