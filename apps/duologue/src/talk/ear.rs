//! When the agent was heard, on the edge's sample clock.

/// Stretches of the agent's speech as it left the speaker.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    /// Samples since the beginning.
    now: usize,
    /// The last sample of speech was just before this one; none before the first.
    last: Option<usize>,
    /// When the present stretch of speech began.
    began: usize,
    speaking: bool,
}

/// A pause that is shorter does not end a stretch of speech, in samples: sentences are spoken one after the other.
const BREATH: usize = 8_000;

impl Ear {
    /// A frame of `length` samples was played, of which the first `speech` were speech.
    pub(crate) fn heard(&mut self, speech: usize, length: usize) {
        self.speaking = speech > 0;
        if speech > 0 {
            if self.last.is_none_or(|last| self.now - last >= BREATH) {
                self.began = self.now;
            }
            self.last = Some(self.now + speech);
        }
        self.now += length;
    }

    /// Whether the agent was speaking in the last frame.
    pub(crate) const fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Whether it has spoken after `since`.
    pub(crate) fn spoke_since(&self, since: usize) -> bool {
        self.last.is_some_and(|last| last > since) && (self.began >= since || since == 0)
    }

    /// How long it has been silent.
    pub(crate) fn silent_for(&self, now: usize) -> usize {
        now.saturating_sub(self.last.unwrap_or(0))
    }

    /// How long it has been speaking, in a stretch that began after `since`.
    pub(crate) fn speech_so_far(&self, since: usize, now: usize) -> usize {
        if self.spoke_since(since) {
            now.saturating_sub(self.began)
        } else {
            0
        }
    }
}
