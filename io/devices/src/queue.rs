//! What waits to be played, and which part of it has been.

use std::{collections::VecDeque, time::Duration};

/// How much of a chunk has left the speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// The id given with the chunk.
    pub id: u64,
    /// How much of it.
    pub position: Duration,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Samples on their way to the device, in order, at the device's rate.
#[derive(Debug)]
pub(crate) struct Queue {
    rate: u32,
    waiting: VecDeque<Waiting>,
    /// Samples handed to the device's ring so far.
    handed: u64,
    /// Chunks handed over, wholly or partly, and not yet reported as whole.
    spans: VecDeque<Span>,
}

/// Samples of one chunk that are still here.
#[derive(Debug)]
struct Waiting {
    id: u64,
    samples: VecDeque<i16>,
    /// No more of this chunk will come.
    closed: bool,
}

#[derive(Debug)]
struct Span {
    id: u64,
    start: u64,
    len: u64,
    /// Nothing of this chunk waits any more.
    complete: bool,
    reported: u64,
}

impl Queue {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            waiting: VecDeque::new(),
            handed: 0,
            spans: VecDeque::new(),
        }
    }

    /// Adds samples to the chunk `id`; a new id begins a new chunk.
    pub(crate) fn push(&mut self, id: u64, samples: &[i16]) {
        match self.waiting.back_mut() {
            Some(last) if last.id == id && !last.closed => last.samples.extend(samples),
            _ => self.waiting.push_back(Waiting {
                id,
                samples: samples.iter().copied().collect(),
                closed: false,
            }),
        }
    }

    /// The last chunk is complete.
    pub(crate) fn close(&mut self) {
        if let Some(last) = self.waiting.back_mut() {
            last.closed = true;
        }
    }

    /// The next sample for the device's ring.
    pub(crate) fn pop(&mut self) -> Option<i16> {
        loop {
            let first = self.waiting.front_mut()?;
            let id = first.id;
            let sample = first.samples.pop_front();
            if sample.is_some() {
                match self.spans.back_mut() {
                    Some(span) if span.id == id && !span.complete => span.len += 1,
                    _ => self.spans.push_back(Span {
                        id,
                        start: self.handed,
                        len: 1,
                        complete: false,
                        reported: 0,
                    }),
                }
                self.handed += 1;
            }
            if first.samples.is_empty() && first.closed {
                self.waiting.pop_front();
                if let Some(span) = self.spans.back_mut().filter(|span| span.id == id) {
                    span.complete = true;
                }
            } else if sample.is_none() {
                return None;
            }
            if sample.is_some() {
                return sample;
            }
        }
    }

    /// What is new since the last call, when `heard` samples have reached the ear.
    pub(crate) fn played(&mut self, heard: u64) -> Vec<Played> {
        let mut reports = Vec::new();
        while let Some(span) = self.spans.front_mut() {
            let part = heard.saturating_sub(span.start).min(span.len);
            let whole = span.complete && part == span.len;
            if part > span.reported || whole {
                span.reported = part;
                reports.push(Played {
                    id: span.id,
                    position: Duration::from_micros(part * 1_000_000 / u64::from(self.rate.max(1))),
                    whole,
                });
            }
            if !whole {
                break;
            }
            self.spans.pop_front();
        }
        reports
    }

    /// The device's counters begin anew: what was handed to the old one is gone, what waits stays.
    pub(crate) fn restart(&mut self) {
        self.spans.clear();
        self.handed = 0;
    }

    /// Forgets what waits and what was handed over but will never be heard. `heard` samples were.
    pub(crate) fn clear(&mut self, heard: u64) -> Vec<Played> {
        let reports = self.played(heard);
        self.waiting.clear();
        self.spans.clear();
        self.handed = heard;
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand_over(queue: &mut Queue, samples: usize) -> usize {
        (0..samples).map_while(|_| queue.pop()).count()
    }

    #[test]
    fn a_chunk_is_reported_as_far_as_it_was_heard() {
        let mut queue = Queue::new(1_000);
        for (id, samples) in [(7, 100), (8, 50)] {
            queue.push(id, &vec![0; samples]);
            queue.close();
        }
        assert_eq!(hand_over(&mut queue, 120), 120);
        let half = Played {
            id: 7,
            position: Duration::from_millis(40),
            whole: false,
        };
        assert_eq!(queue.played(40), [half]);
        assert_eq!(queue.played(40), []);
        let reports = queue.played(110);
        assert_eq!(reports[0].id, 7);
        assert!(reports[0].whole);
        assert_eq!(reports[1].position, Duration::from_millis(10));
        assert!(!reports[1].whole, "20 more were handed over and 30 wait");
    }

    #[test]
    fn what_is_cleared_is_never_reported() {
        let mut queue = Queue::new(1_000);
        queue.push(1, &[0; 100]);
        hand_over(&mut queue, 60);
        assert_eq!(queue.clear(30).len(), 1);
        queue.push(2, &[0; 10]);
        queue.close();
        assert_eq!(hand_over(&mut queue, 100), 10);
        let reports = queue.played(40);
        assert_eq!(reports.len(), 1);
        assert_eq!((reports[0].id, reports[0].whole), (2, true));
    }

    #[test]
    fn a_chunk_is_whole_only_when_its_last_piece_was_heard() {
        let mut queue = Queue::new(1_000);
        queue.push(1, &[0; 10]);
        assert_eq!(hand_over(&mut queue, 20), 10);
        assert!(queue.played(10).iter().all(|played| !played.whole));
        queue.push(1, &[0; 10]);
        queue.close();
        hand_over(&mut queue, 20);
        let reports = queue.played(20);
        assert_eq!(reports.len(), 1);
        assert!(reports[0].whole);
        assert_eq!(reports[0].position, Duration::from_millis(20));
    }
}
