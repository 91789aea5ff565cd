//! A simulated loudspeaker: plays, pauses, stops, and reports or not. It keeps its own account of what sounded.

use std::{collections::VecDeque, time::Duration};

use audio::Moment;
use turn::{AlignedText, EventId, ReplyId};

#[derive(Clone, Debug)]
struct Queued {
    reply: ReplyId,
    event: EventId,
    arrives: Moment,
    left: Duration,
    length: Duration,
    words: VecDeque<AlignedText>,
}

/// The loudspeaker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    queue: VecDeque<Queued>,
    at: Moment,
    paused: bool,
    /// Words that sounded, each with its end.
    pub(crate) sounded: Vec<(Moment, ReplyId, String)>,
    /// The chunk and position that sounded last.
    pub(crate) last: Option<(EventId, Duration)>,
    /// When the first sound of the latest reply came out.
    pub(crate) first_sound: Option<(ReplyId, Moment)>,
}

impl Edge {
    pub(crate) fn play(
        &mut self,
        arrives: Moment,
        reply: ReplyId,
        event: EventId,
        length: Duration,
        words: Vec<AlignedText>,
    ) {
        self.queue.push_back(Queued {
            reply,
            event,
            arrives,
            left: length,
            length,
            words: words.into(),
        });
    }

    /// Lets time pass up to `now`.
    pub(crate) fn advance(&mut self, now: Moment) {
        while let Some(front) = self.queue.front_mut().filter(|_| !self.paused) {
            let begin = self.at.max(front.arrives);
            if begin >= now {
                break;
            }
            if self
                .first_sound
                .is_none_or(|(reply, _)| reply != front.reply)
            {
                self.first_sound = Some((front.reply, begin));
            }
            let played = front.left.min(now - begin);
            front.left -= played;
            self.at = begin + played;
            let position = front.length.saturating_sub(front.left);
            while let Some(word) = front.words.front()
                && word.start + word.duration <= position
            {
                self.sounded.push((self.at, front.reply, word.text.clone()));
                front.words.pop_front();
            }
            self.last = Some((front.event, position));
            if front.left.is_zero() {
                self.queue.pop_front();
            } else {
                break;
            }
        }
        self.at = self.at.max(now);
    }

    pub(crate) fn is_sounding(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(crate) fn stop(&mut self) {
        self.queue.clear();
        self.paused = false;
    }

    /// The text of a reply that sounded.
    pub(crate) fn heard(&self, reply: ReplyId) -> String {
        let words = self.sounded.iter().filter(|(_, r, _)| *r == reply);
        words
            .map(|(_, _, word)| word.as_str())
            .collect::<String>()
            .trim()
            .to_owned()
    }
}
