//! One attempt of the agent to say something.

use audio::Moment;

use crate::{ids::ReplyId, input::Expected, output::Origin, pieces::Pieces, tools::Call};

/// Where the text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Going,
    Complete,
    Failed,
}

/// Where the voice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// It was given nothing yet.
    Waiting,
    /// It was given text; more may come.
    Speaking,
    /// It was given all of the text.
    Flushed,
    Done,
    Failed,
}

/// No reply is longer than this, in bytes: an llm that writes on is cut off.
const LONGEST: usize = 64 * 1024;
/// A voice without alignment is believed to speak this many characters a second.
const CHARACTERS_A_SECOND: u128 = 15;

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "marks that do not depend on each other"
)]
pub(crate) struct Reply {
    pub(crate) id: ReplyId,
    pub(crate) origin: Origin,
    pub(crate) interruptible: bool,
    pub(crate) writing: Writing,
    /// All that was written.
    pub(crate) text: String,
    pub(crate) pieces: Pieces,
    pub(crate) voice: Voice,
    /// Whether a chunk of it was sent.
    pub(crate) sent: bool,
    /// Text given to the voice that no alignment has placed yet.
    unplaced: String,
    /// The voice says itself what sounds when. Then a chunk without alignment has no word of its own: it lies within one.
    pub(crate) aligned: bool,
    pub(crate) calls: Vec<Call>,
    /// The reply that goes on with its tools' results was asked for.
    pub(crate) continued: bool,
    /// When llm or voice last did something.
    pub(crate) progress: Moment,
    pub(crate) skipped: bool,
    /// The agent wants to end the conversation after it.
    pub(crate) parting: bool,
    pub(crate) expects: Option<Expected>,
}

impl Reply {
    pub(crate) fn new(id: ReplyId, origin: Origin, interruptible: bool, now: Moment) -> Self {
        Self {
            id,
            origin,
            interruptible,
            writing: Writing::Going,
            text: String::new(),
            pieces: Pieces::default(),
            voice: Voice::Waiting,
            sent: false,
            unplaced: String::new(),
            aligned: false,
            calls: Vec::new(),
            continued: false,
            progress: now,
            skipped: false,
            parting: false,
            expects: None,
        }
    }

    /// Text from the llm. Gives false when the reply takes no more.
    pub(crate) fn write(&mut self, text: &str, now: Moment) -> bool {
        if self.writing != Writing::Going || self.skipped {
            return false;
        }
        self.progress = now;
        self.text.push_str(text);
        self.pieces.push(text);
        if self.text.len() > LONGEST {
            self.complete(Writing::Complete);
        }
        true
    }

    /// The llm is done, one way or the other.
    pub(crate) fn complete(&mut self, how: Writing) {
        if self.writing == Writing::Going {
            self.writing = how;
            self.pieces.complete();
        }
    }

    /// A piece that goes to the voice now.
    pub(crate) fn speak(&mut self, now: Moment) -> Option<String> {
        let piece = self.pieces.next()?;
        self.voice = Voice::Speaking;
        self.progress = now;
        self.unplaced.push_str(&piece);
        Some(piece)
    }

    /// Whether its voice has nothing more to give.
    pub(crate) fn is_spoken(&self) -> bool {
        matches!(self.voice, Voice::Done | Voice::Failed)
    }

    pub(crate) fn is_written(&self) -> bool {
        self.writing != Writing::Going
    }

    pub(crate) fn has_running_calls(&self) -> bool {
        self.calls.iter().any(Call::is_running)
    }

    /// Whether llm or voice still work on it.
    pub(crate) fn is_worked_on(&self) -> bool {
        !self.is_written() || matches!(self.voice, Voice::Speaking | Voice::Flushed)
    }

    pub(crate) fn failed(&self) -> bool {
        self.writing == Writing::Failed || self.voice == Voice::Failed
    }

    /// The text that a chunk of `millis` without alignment probably holds.
    pub(crate) fn guess_text(&mut self, millis: u128) -> String {
        let count = (millis * CHARACTERS_A_SECOND / 1_000) as usize;
        let end = self
            .unplaced
            .char_indices()
            .nth(count)
            .map_or(self.unplaced.len(), |(index, _)| index);
        let rest = self.unplaced.split_off(end);
        std::mem::replace(&mut self.unplaced, rest)
    }
}
