//! The agent's sound as it leaves the speaker, for recordings: as the edge reports it, or else by reckoning.

use std::{collections::VecDeque, time::Duration};

use audio::{Moment, SampleRate};

const RATE: SampleRate = SampleRate::HZ_16000;
/// Reports that are off by less than this only jitter: the sound went on without a gap.
const JITTER: Duration = Duration::from_millis(80);
/// An edge that promised reports and says nothing for so long after a piece should be over is not waited for.
const GRACE: Duration = Duration::from_secs(2);

/// Sound on its way to the speaker, 16 kHz.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// Pieces in order; each begins when the one before is over or later.
    pieces: VecDeque<Piece>,
    /// When the last piece is over.
    until: Moment,
    paused: Option<Moment>,
    /// The edge says what it played, and only that counts.
    reported: bool,
    /// What follows is cut off, unless the edge still says that it played it.
    cut: bool,
    /// Reported sound that nobody fetched yet.
    ready: VecDeque<(Moment, Vec<i16>)>,
    /// When the last reported sound was over.
    sounded_until: Moment,
}

#[derive(Debug)]
struct Piece {
    event: u64,
    /// By reckoning.
    from: Moment,
    samples: Vec<i16>,
    /// How many samples of its beginning were passed on already.
    passed: usize,
}

impl Piece {
    fn over(&self) -> Moment {
        self.from + RATE.duration_of(self.samples.len())
    }
}

impl Track {
    /// The edge will tell [`Track::report`].
    pub(crate) fn expect_reports(&mut self) {
        self.reported = true;
    }

    /// The piece `event`, which is sent at `now` and takes `delay` to the speaker.
    pub(crate) fn push(&mut self, event: u64, now: Moment, delay: Duration, samples: Vec<i16>) {
        if std::mem::take(&mut self.cut) {
            self.pieces.clear();
        }
        let from = self.until.max(now + delay);
        self.until = from + RATE.duration_of(samples.len());
        self.pieces.push_back(Piece {
            event,
            from,
            samples,
            passed: 0,
        });
    }

    /// The edge says that at `at` it had played `position` of piece `event`, and so all before it.
    pub(crate) fn report(&mut self, event: u64, position: Duration, at: Moment) {
        self.reported = true;
        let Some(index) = self.pieces.iter().position(|piece| piece.event == event) else {
            return;
        };
        let mut sound = Vec::new();
        for _ in 0..index {
            if let Some(piece) = self.pieces.pop_front() {
                sound.extend_from_slice(&piece.samples[piece.passed..]);
            }
        }
        if let Some(piece) = self.pieces.front_mut() {
            let until = RATE.samples_in(position).min(piece.samples.len());
            if until > piece.passed {
                sound.extend_from_slice(&piece.samples[piece.passed..until]);
                piece.passed = until;
            }
            if piece.passed == piece.samples.len() {
                self.pieces.pop_front();
            }
        }
        if sound.is_empty() {
            return;
        }
        let length = RATE.duration_of(sound.len());
        let from = at - length;
        let jitters = from < self.sounded_until + JITTER;
        let from = if jitters { self.sounded_until } else { from };
        self.sounded_until = from + length;
        self.ready.push_back((from, sound));
    }

    /// What has not sounded at `now` never will.
    pub(crate) fn stop(&mut self, now: Moment) {
        let now = self.paused.take().unwrap_or(now);
        self.until = now;
        if self.reported {
            // The last words are the edge's.
            self.cut = true;
            return;
        }
        for piece in &mut self.pieces {
            piece.samples.truncate(RATE.samples_in(now - piece.from));
        }
        self.pieces.retain(|piece| !piece.samples.is_empty());
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
        self.until += shift;
        if self.reported {
            for piece in &mut self.pieces {
                piece.from += shift;
            }
            return;
        }
        let mut later = VecDeque::with_capacity(self.pieces.len() + 1);
        for mut piece in self.pieces.drain(..) {
            let sounded = RATE.samples_in(since - piece.from).min(piece.samples.len());
            if sounded > 0 && sounded < piece.samples.len() {
                let rest = Piece {
                    event: piece.event,
                    from: now,
                    samples: piece.samples.split_off(sounded),
                    passed: 0,
                };
                later.push_back(piece);
                later.push_back(rest);
            } else if sounded == piece.samples.len() {
                later.push_back(piece);
            } else {
                piece.from += shift;
                later.push_back(piece);
            }
        }
        self.pieces = later;
    }

    /// The next sound that has left the speaker by `now`, and since when.
    pub(crate) fn due(&mut self, now: Moment) -> Option<(Moment, Vec<i16>)> {
        if let Some(sound) = self.ready.pop_front() {
            return Some(sound);
        }
        let limit = self.paused.map_or(now, |since| since.min(now));
        let piece = self.pieces.front()?;
        if self.cut {
            return None;
        }
        let patience = if self.reported { GRACE } else { Duration::ZERO };
        if piece.over() + patience > limit {
            return None;
        }
        let piece = self.pieces.pop_front()?;
        let from = piece.from + RATE.duration_of(piece.passed);
        let from = from.max(self.sounded_until);
        let samples = piece.samples.get(piece.passed..)?.to_vec();
        self.sounded_until = from + RATE.duration_of(samples.len());
        Some((from, samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rest(track: &mut Track, now: Moment) -> Vec<(u64, usize)> {
        std::iter::from_fn(|| track.due(now))
            .map(|(from, samples)| (from.as_millis(), samples.len()))
            .collect()
    }

    #[test]
    fn what_was_cut_off_was_not_heard() {
        let mut track = Track::default();
        track.push(1, Moment::ZERO, Duration::ZERO, vec![1; 16_000]);
        track.stop(Moment::from_millis(250));
        assert_eq!(rest(&mut track, Moment::from_millis(250)), [(0, 4_000)]);
        assert_eq!(track.due(Moment::from_millis(9_000)), None);
    }

    #[test]
    fn a_pause_moves_the_rest() {
        let mut track = Track::default();
        track.push(1, Moment::ZERO, Duration::ZERO, vec![1; 16_000]);
        track.pause(Moment::from_millis(500));
        assert_eq!(track.due(Moment::from_millis(1_500)), None);
        track.resume(Moment::from_millis(2_500));
        let pieces = rest(&mut track, Moment::ZERO + 4 * SECOND);
        assert_eq!(pieces, [(0, 8_000), (2_500, 8_000)]);
    }

    #[test]
    fn pieces_follow_each_other_without_gaps() {
        let mut track = Track::default();
        track.push(1, Moment::ZERO, Duration::ZERO, vec![1; 1_600]);
        track.push(2, Moment::ZERO, Duration::ZERO, vec![1; 1_600]);
        assert_eq!(track.due(Moment::from_millis(100)).unwrap().0, Moment::ZERO);
        assert_eq!(track.due(Moment::from_millis(199)), None);
        assert_eq!(
            track.due(Moment::from_millis(200)).unwrap().0,
            Moment::from_millis(100)
        );
    }

    #[test]
    fn an_edge_that_reports_says_when_its_sound_was_heard() {
        let mut track = Track::default();
        track.expect_reports();
        track.push(1, Moment::ZERO, Duration::ZERO, vec![1; 3_200]);
        track.push(2, Moment::ZERO, Duration::ZERO, vec![1; 3_200]);
        // By the clock all would be over by now; the edge began to play half a second late.
        assert_eq!(track.due(Moment::from_millis(400)), None);
        track.report(1, Duration::from_millis(100), Moment::from_millis(600));
        track.report(2, Duration::from_millis(50), Moment::from_millis(755));
        assert_eq!(
            rest(&mut track, Moment::from_millis(760)),
            [(500, 1_600), (600, 2_400)]
        );
    }

    #[test]
    fn after_a_stop_only_what_the_edge_still_reports_was_heard() {
        let mut track = Track::default();
        track.expect_reports();
        track.push(1, Moment::ZERO, Duration::ZERO, vec![1; 16_000]);
        track.report(1, Duration::from_millis(500), Moment::from_millis(500));
        track.stop(Moment::from_millis(600));
        track.report(1, Duration::from_millis(550), Moment::from_millis(620));
        assert_eq!(
            rest(&mut track, Moment::from_millis(9_000)),
            [(0, 8_000), (500, 800)]
        );
    }

    #[test]
    fn an_edge_that_forgets_to_report_is_not_waited_for() {
        let mut track = Track::default();
        track.expect_reports();
        track.push(1, Moment::ZERO, Duration::ZERO, vec![1; 16_000]);
        assert_eq!(track.due(Moment::from_millis(2_900)), None);
        assert_eq!(rest(&mut track, Moment::from_millis(3_000)), [(0, 16_000)]);
    }
}
