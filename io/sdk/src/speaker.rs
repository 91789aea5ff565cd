//! What an edge plays from.

use std::collections::VecDeque;

use protocol::agents::EventId;

/// How far playout of a chunk has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The chunk.
    pub event: EventId,
    /// Samples of it that have sounded, at the speaker's rate.
    pub samples: usize,
}

#[derive(Debug)]
struct Queued {
    event: EventId,
    samples: Vec<i16>,
    played: usize,
}

/// Sound on its way to a loudspeaker, a file or a pipe, at one rate, counted in samples.
///
/// [`Speaker::pull`] is called once per frame by whatever keeps the time: a device, a clock, or a fast-forwarded file.
/// Nothing here knows what time it is.
#[derive(Debug, Default)]
pub struct Speaker {
    queue: VecDeque<Queued>,
    paused: bool,
    heard: Option<Heard>,
    /// Everything up to this id is stale.
    stale: Option<EventId>,
}

impl Speaker {
    /// A silent speaker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues a chunk. Stale chunks (after an interruption) are dropped.
    pub fn push(&mut self, event: EventId, samples: Vec<i16>) {
        if self.stale.is_none_or(|stale| event > stale) {
            self.queue.push_back(Queued {
                event,
                samples,
                played: 0,
            });
        }
    }

    /// Fills `frame` with what sounds now, silence where nothing does. Returns how many samples of it were speech.
    pub fn pull(&mut self, frame: &mut [i16]) -> usize {
        let mut filled = 0;
        while !self.paused
            && filled < frame.len()
            && let Some(chunk) = self.queue.front_mut()
        {
            let count = (chunk.samples.len() - chunk.played).min(frame.len() - filled);
            frame[filled..filled + count]
                .copy_from_slice(&chunk.samples[chunk.played..chunk.played + count]);
            filled += count;
            chunk.played += count;
            self.heard = Some(Heard {
                event: chunk.event,
                samples: chunk.played,
            });
            if chunk.played == chunk.samples.len() {
                self.queue.pop_front();
            }
        }
        frame[filled..].fill(0);
        filled
    }

    /// Pauses before the next sample.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Goes on with the sample that would have been next.
    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// Forgets everything up to chunk `last`, played or not, and whatever of it may still come. Ends a pause.
    pub fn stop(&mut self, last: EventId) {
        self.stale = self.stale.max(Some(last));
        self.queue.retain(|chunk| chunk.event > last);
        self.paused = false;
    }

    /// How far playout has got: the last chunk of which anything has sounded.
    pub const fn heard(&self) -> Option<Heard> {
        self.heard
    }

    /// Whether it is paused.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether nothing is left to play.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Samples left to play.
    pub fn queued(&self) -> usize {
        self.queue
            .iter()
            .map(|chunk| chunk.samples.len() - chunk.played)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(speaker: &mut Speaker, count: usize) -> Vec<i16> {
        let mut frame = vec![-1; count];
        speaker.pull(&mut frame);
        frame
    }

    #[test]
    fn chunks_follow_each_other_without_a_gap() {
        let mut speaker = Speaker::new();
        speaker.push(EventId(1), vec![1, 2]);
        speaker.push(EventId(2), vec![3, 4]);
        assert_eq!(pulled(&mut speaker, 3), [1, 2, 3]);
        assert_eq!(
            speaker.heard(),
            Some(Heard {
                event: EventId(2),
                samples: 1
            })
        );
        assert_eq!(pulled(&mut speaker, 3), [4, 0, 0]);
        assert!(speaker.is_empty());
    }

    #[test]
    fn a_pause_resumes_from_the_exact_sample() {
        let mut speaker = Speaker::new();
        speaker.push(EventId(1), vec![1, 2, 3]);
        assert_eq!(pulled(&mut speaker, 1), [1]);
        speaker.pause();
        assert_eq!(pulled(&mut speaker, 2), [0, 0]);
        speaker.resume();
        assert_eq!(pulled(&mut speaker, 2), [2, 3]);
    }

    #[test]
    fn a_stop_silences_what_is_queued_and_what_is_late() {
        let mut speaker = Speaker::new();
        speaker.push(EventId(3), vec![1, 2]);
        speaker.pause();
        speaker.stop(EventId(3));
        speaker.push(EventId(2), vec![5]);
        speaker.push(EventId(4), vec![7]);
        assert_eq!(pulled(&mut speaker, 2), [7, 0]);
    }
}
