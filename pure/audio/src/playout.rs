//! The playout ledger: which part of which reply has been heard.
//!
//! A reply is *spoken* when it has been synthesised and sent, and *heard* as far as playout got. The agent's
//! memory of a reply is what was heard, so somebody must keep count. The [`Ledger`] is told what was sent
//! ([`Ledger::push`]), what the edge says it has played ([`Ledger::report`]), and when playout was paused,
//! resumed or cut off. It answers how much of a reply was heard, in time and in words.
//!
//! An edge that reports is believed ([`Evidence::Reported`]). For one that never does, the position is
//! reckoned from the time of sending, the durations and the latency on the way ([`Evidence::Reckoned`]).

mod words;

use std::time::Duration;

use crate::{Moment, SampleRate};
use words::Timeline;

/// A chunk of sound as it was sent to an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The reply it belongs to.
    pub reply: u64,
    /// Its own id. Ids grow strictly from chunk to chunk.
    pub event: u64,
    /// How long it lasts.
    pub duration: Duration,
    /// The text whose alignment came with this chunk; may be empty.
    pub pieces: Vec<Piece>,
}

impl Chunk {
    /// A chunk that lasts `duration`, without text.
    pub const fn new(reply: u64, event: u64, duration: Duration) -> Self {
        Self {
            reply,
            event,
            duration,
            pieces: Vec::new(),
        }
    }

    /// A chunk of `samples` samples at `rate`, without text.
    pub fn of_samples(reply: u64, event: u64, samples: usize, rate: SampleRate) -> Self {
        Self::new(reply, event, rate.duration_of(samples))
    }

    /// The same chunk with `text` spread evenly over all of it, for voices that align nothing.
    #[must_use]
    pub fn saying(self, text: impl Into<String>) -> Self {
        let duration = self.duration;
        self.with(Piece::new(text, Duration::ZERO, duration))
    }

    /// The same chunk with one more piece of text.
    #[must_use]
    pub fn with(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }
}

/// A piece of text and when it sounds: a character, a word or a sentence, whatever the voice aligns.
///
/// Pieces are joined as they are, so each brings its own spaces. Inside a piece, time is spread evenly over
/// the characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// When it begins, counted from the start of the chunk it came with. It may lie beyond that chunk's end,
    /// when a voice sends the alignment of a sentence with its first sound.
    pub start: Duration,
    /// How long it sounds.
    pub duration: Duration,
}

impl Piece {
    /// `text`, from `start` after the beginning of its chunk, for `duration`.
    pub fn new(text: impl Into<String>, start: Duration, duration: Duration) -> Self {
        Self {
            text: text.into(),
            start,
            duration,
        }
    }
}

/// How it is known what was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Worked out from send times, durations and latency. Good to the jitter of the network.
    Reckoned,
    /// The edge said so.
    Reported,
}

/// How much of a reply was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// How much has sounded.
    pub duration: Duration,
    /// How much was sent so far.
    pub sent: Duration,
    /// Whether the reply was finished ([`Ledger::finish`]) and all of it has sounded.
    pub all: bool,
    /// How this is known.
    pub evidence: Evidence,
}

/// The chunk that sounds now, or will sound next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sounding {
    /// The reply it belongs to.
    pub reply: u64,
    /// Its id.
    pub event: u64,
    /// How much of it has sounded.
    pub position: Duration,
}

#[derive(Clone, Debug)]
struct Entry {
    chunk: Chunk,
    sent: Moment,
    /// Where the chunk begins on its reply's own time line.
    offset: Duration,
    /// How many cuts came before it.
    epoch: u32,
    /// How far the edge says it got.
    reported: Duration,
    /// How far it got by reckoning when it was cut off.
    cut: Option<Duration>,
}

impl Entry {
    fn left(&self, sounded: Duration) -> Duration {
        self.chunk.duration.saturating_sub(sounded)
    }
}

/// Where reckoned playout stands. Times are send times: what happens at the edge happens one latency later.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    index: usize,
    offset: Duration,
    at: Moment,
}

/// Keeps count of what was sent, what was heard and what is still to sound.
///
/// Chunks sound in the order they were pushed, each when it has arrived and the one before it is over.
/// `now` must not go backwards from call to call.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    finished: Vec<u64>,
    latency: Duration,
    head: Head,
    paused: bool,
    epoch: u32,
    /// The first epoch for which the edge is believed instead of the clock.
    reports_from: Option<u32>,
}

impl Ledger {
    /// An empty ledger for an edge that hears what is sent after `latency` (half a round trip, and whatever
    /// the edge buffers).
    pub fn new(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::default()
        }
    }

    /// A new measurement of the latency. What was reckoned as heard until now stays heard.
    pub fn set_latency(&mut self, now: Moment, latency: Duration) {
        self.head = self.head_at(now);
        self.latency = latency;
    }

    /// The edge has promised to report what it plays: what it does not report counts as not heard.
    ///
    /// Without this call the first report has the same effect.
    pub fn expect_reports(&mut self) {
        self.reports_from.get_or_insert(self.epoch);
    }

    /// Records a chunk that is sent at `now`.
    pub fn push(&mut self, now: Moment, chunk: Chunk) {
        let offset = self.sent(chunk.reply);
        self.entries.push(Entry {
            chunk,
            sent: now,
            offset,
            epoch: self.epoch,
            reported: Duration::ZERO,
            cut: None,
        });
    }

    /// No more chunks of `reply` will come.
    pub fn finish(&mut self, reply: u64) {
        if !self.finished.contains(&reply) {
            self.finished.push(reply);
        }
    }

    /// The edge says that `position` of chunk `event` has sounded, and so everything that was queued before it.
    ///
    /// A report about a chunk that was cut off meanwhile still counts: the edge knows best. Reports never take
    /// back earlier ones, and a position beyond the end means the end. Returns false, and changes nothing, when
    /// the chunk is unknown.
    pub fn report(&mut self, now: Moment, event: u64, position: Duration) -> bool {
        let Some(index) = self.entries.iter().rposition(|e| e.chunk.event == event) else {
            return false;
        };
        let epoch = self.entries[index].epoch;
        self.reports_from = Some(self.reports_from.map_or(epoch, |from| from.min(epoch)));
        let entry = &mut self.entries[index];
        let position = position.min(entry.chunk.duration);
        let news = position >= entry.reported;
        entry.reported = entry.reported.max(position);
        // What was cut off before this chunk was sent did not sound because this one does.
        for earlier in self.entries[..index].iter_mut().rev() {
            if earlier.epoch != epoch {
                break;
            }
            earlier.reported = earlier.chunk.duration;
        }
        if news && epoch == self.epoch && !self.later_is_reported(index) {
            // The report was true one latency ago, of sound sent one latency before that.
            self.head = Head {
                index,
                offset: position,
                at: if self.paused {
                    self.head.at
                } else {
                    now - self.latency - self.latency
                },
            };
        }
        true
    }

    /// Playout is paused at `now` (the reply is ducked): the reckoned clock stops.
    ///
    /// What still sounds until the order arrives counts as heard at once.
    pub fn pause(&mut self, now: Moment) {
        if !self.paused {
            self.head = self.advance(now);
            self.paused = true;
        }
    }

    /// Playout goes on at `now`.
    pub fn resume(&mut self, now: Moment) {
        if self.paused {
            self.paused = false;
            self.head.at = self.head.at.max(now);
        }
    }

    /// Whether playout is paused.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Everything that has not sounded is thrown away at `now` (an interruption). Also ends a pause.
    ///
    /// By reckoning, what still sounds until the order arrives counts as heard. An edge that reports may still
    /// say afterwards how far it got.
    pub fn cut(&mut self, now: Moment) {
        let head = self.advance(now);
        for (index, entry) in self.entries.iter_mut().enumerate().skip(head.index) {
            entry.cut.get_or_insert(if index == head.index {
                head.offset
            } else {
                Duration::ZERO
            });
        }
        self.paused = false;
        self.epoch += 1;
        self.head = Head {
            index: self.entries.len(),
            offset: Duration::ZERO,
            at: now,
        };
    }

    /// How much of `reply` was heard by `now`. A reply nobody sent is zero of zero.
    pub fn heard(&self, now: Moment, reply: u64) -> Heard {
        let head = self.head_at(now);
        let mut heard = Heard {
            duration: Duration::ZERO,
            sent: Duration::ZERO,
            all: false,
            evidence: if self.reports_from.is_some() {
                Evidence::Reported
            } else {
                Evidence::Reckoned
            },
        };
        for (index, entry) in self.of(reply) {
            heard.duration += self.sounded(index, entry, head);
            heard.sent += entry.chunk.duration;
            if !self.is_reported(entry) {
                heard.evidence = Evidence::Reckoned;
            }
        }
        heard.all = self.finished.contains(&reply) && heard.duration == heard.sent;
        heard
    }

    /// The words of `reply` that were heard by `now`, as they were written, without spaces at the end.
    ///
    /// A word counts when at least half of it has sounded. In scripts that do not put spaces between words
    /// (Chinese, Japanese) each character counts as a word.
    pub fn heard_text(&self, now: Moment, reply: u64) -> String {
        let heard = self.heard(now, reply);
        let timeline = self.timeline(reply);
        if heard.duration.is_zero() {
            String::new()
        } else if heard.all {
            timeline.text().trim_end().to_owned()
        } else {
            timeline.until(heard.duration).to_owned()
        }
    }

    /// All text of `reply` that was sent so far, heard or not.
    pub fn text(&self, reply: u64) -> String {
        self.timeline(reply).text().to_owned()
    }

    /// How much sound has been sent, was not cut off and has not been heard by `now`.
    pub fn queued(&self, now: Moment) -> Duration {
        let head = self.head_at(now);
        self.current()
            .map(|(index, entry)| entry.left(self.sounded(index, entry, head)))
            .sum()
    }

    /// The chunk that sounds at `now`, or is next to. `None` when nothing is queued.
    pub fn sounding(&self, now: Moment) -> Option<Sounding> {
        let head = self.head_at(now);
        self.current().find_map(|(index, entry)| {
            let position = self.sounded(index, entry, head);
            (position < entry.chunk.duration).then_some(Sounding {
                reply: entry.chunk.reply,
                event: entry.chunk.event,
                position,
            })
        })
    }

    /// When the last queued chunk should be over, if nothing more is sent. `None` when nothing is queued or
    /// playout is paused.
    ///
    /// For an edge that reports this is an expectation, renewed by every report. When it has passed and the
    /// reports are still missing, the edge is late.
    pub fn ends_at(&self, now: Moment) -> Option<Moment> {
        if self.paused || self.queued(now).is_zero() {
            return None;
        }
        let mut at = self.head.at;
        for (index, entry) in self.entries.iter().enumerate().skip(self.head.index) {
            let begun = if index == self.head.index {
                self.head.offset
            } else {
                Duration::ZERO
            };
            let left = entry.left(begun);
            // A chunk without sound ends nothing later, whenever it was sent.
            if !left.is_zero() {
                at = at.max(entry.sent) + left;
            }
        }
        Some(at + self.latency)
    }

    /// Forgets everything about a reply that is over, so that a long conversation does not grow.
    ///
    /// Sound of it that is still queued is forgotten too, as if it had never been sent.
    pub fn forget(&mut self, reply: u64) {
        let before = self.entries[..self.head.index]
            .iter()
            .filter(|e| e.chunk.reply == reply)
            .count();
        if let Some(entry) = self.entries.get(self.head.index)
            && entry.chunk.reply == reply
        {
            self.head.offset = Duration::ZERO;
        }
        self.head.index -= before;
        self.entries.retain(|e| e.chunk.reply != reply);
        self.finished.retain(|&r| r != reply);
    }

    fn of(&self, reply: u64) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries
            .iter()
            .enumerate()
            .filter(move |(_, e)| e.chunk.reply == reply)
    }

    /// What was pushed since the last cut. Epochs only grow, so it is the tail.
    fn current(&self) -> impl Iterator<Item = (usize, &Entry)> {
        let first = self.entries.partition_point(|e| e.epoch < self.epoch);
        self.entries.iter().enumerate().skip(first)
    }

    fn sent(&self, reply: u64) -> Duration {
        self.entries
            .iter()
            .rev()
            .find(|e| e.chunk.reply == reply)
            .map_or(Duration::ZERO, |e| e.offset + e.chunk.duration)
    }

    fn timeline(&self, reply: u64) -> Timeline {
        let mut timeline = Timeline::default();
        for (_, entry) in self.of(reply) {
            for piece in &entry.chunk.pieces {
                timeline.push(piece, entry.offset);
            }
        }
        timeline
    }

    fn is_reported(&self, entry: &Entry) -> bool {
        self.reports_from.is_some_and(|from| entry.epoch >= from)
    }

    fn later_is_reported(&self, index: usize) -> bool {
        self.entries[index + 1..]
            .iter()
            .any(|e| !e.reported.is_zero())
    }

    fn sounded(&self, index: usize, entry: &Entry, head: Head) -> Duration {
        if self.is_reported(entry) {
            entry.reported
        } else if let Some(cut) = entry.cut {
            cut
        } else if index < head.index {
            entry.chunk.duration
        } else if index == head.index {
            head.offset
        } else {
            Duration::ZERO
        }
    }

    /// Where playout at the edge stands at `now`, by reckoning.
    fn head_at(&self, now: Moment) -> Head {
        self.advance(now - self.latency)
    }

    /// Where playout stands for an edge without latency.
    fn advance(&self, to: Moment) -> Head {
        let mut head = self.head;
        if self.paused {
            return head;
        }
        while let Some(entry) = self.entries.get(head.index) {
            let begin = head.at.max(entry.sent);
            if begin > to {
                break;
            }
            let left = entry.left(head.offset);
            if to - begin < left {
                head.offset += to - begin;
                head.at = to;
                break;
            }
            head = Head {
                index: head.index + 1,
                offset: Duration::ZERO,
                at: begin + left,
            };
        }
        head
    }
}

#[cfg(test)]
mod tests;
