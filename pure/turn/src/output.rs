//! What the machine decides.

use std::time::Duration;

use crate::{
    ids::{EventId, ReplyId, ToolCallId, UtteranceId},
    input::ToolOutcome,
};

/// A decision for the shell to carry out, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// The floor is open: the agent listens.
    Listen,
    /// Speech began: give the recogniser sound from `since` ago on (so that first syllables are kept).
    OpenUtterance {
        /// Its name from now on.
        utterance: UtteranceId,
        /// How far back it began.
        since: Duration,
    },
    /// Speech paused: ask the recogniser for its final text.
    CloseUtterance {
        /// Which.
        utterance: UtteranceId,
    },
    /// The utterance was noise, a cough, a backchannel or an echo: forget it.
    DropUtterance {
        /// Which.
        utterance: UtteranceId,
        /// What it turned out to be, for the log.
        because: &'static str,
    },
    /// The user has finished: this is the turn. Goes into the transcript and the context.
    Commit {
        /// The whole turn: its utterances joined.
        text: String,
        /// The last utterance of it; none for typed text.
        utterance: Option<UtteranceId>,
    },
    /// Have a reply written. The shell answers with [`Input::ReplyText`](crate::Input::ReplyText)… and
    /// [`Input::ReplyComplete`](crate::Input::ReplyComplete), also where it has the text itself (greeting, filler, rest,
    /// goodbye). When speculative, it stays unheard and leaves no trace unless
    /// [`Output::Commit`] is followed by [`Output::Adopt`] with the same reply.
    Generate {
        /// Its name.
        reply: ReplyId,
        /// Why.
        origin: Origin,
        /// The text of the user's turn as assumed, when the turn is not committed yet.
        speculative: Option<String>,
    },
    /// The speculation was right: the reply becomes the answer to the turn just committed.
    Adopt {
        /// Which.
        reply: ReplyId,
    },
    /// Hand this text to the voice.
    Speak {
        /// Of which reply.
        reply: ReplyId,
        /// A piece that can be spoken: a clause or more.
        text: String,
    },
    /// No more text follows for this reply: the voice may flush.
    SpeakEnd {
        /// Which.
        reply: ReplyId,
    },
    /// Send the chunk just told by [`Input::Chunk`](crate::Input::Chunk) to the edge, under this id.
    Play {
        /// Which reply.
        reply: ReplyId,
        /// Its id on the wire.
        event: EventId,
    },
    /// Lower or pause playout: the user may want the floor. Only where the edge can pause.
    Duck {
        /// Which.
        reply: ReplyId,
    },
    /// It was nothing: go on from the exact sample.
    Resume {
        /// Which.
        reply: ReplyId,
    },
    /// Stop playout at once and forget what is queued. Nothing with an id up to `last` is sent after this.
    Stop {
        /// Which.
        reply: ReplyId,
        /// The highest id already sent.
        last: EventId,
    },
    /// Stop the work on a reply (llm and voice). Follows when nobody will hear it.
    Cancel {
        /// Which.
        reply: ReplyId,
    },
    /// The transcript of an interrupted reply: what was said against what was heard.
    Correct {
        /// Which.
        reply: ReplyId,
        /// What had been announced.
        original: String,
        /// What the user heard of it.
        heard: String,
    },
    /// A reply is over, exactly once for each that was begun and not speculative-and-discarded.
    ReplyEnded {
        /// Which.
        reply: ReplyId,
        /// How.
        end: ReplyEnd,
    },
    /// Run the tool that the llm asked for.
    RunTool {
        /// Which.
        call: ToolCallId,
    },
    /// A tool call is over, exactly once; tell the llm, and stop the tool where it still runs.
    ToolEnded {
        /// Which.
        call: ToolCallId,
        /// How.
        outcome: ToolOutcome,
    },
    /// The conversation is over. Nothing follows.
    End {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a reply is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The agent's first message; the shell has its text.
    Greeting,
    /// The answer to the user's turn.
    Turn,
    /// Tools that were called in `reply` have all ended: go on with their results.
    Tools {
        /// The reply that called them.
        reply: ReplyId,
    },
    /// The user has been silent: ask whether they are there.
    ReEngage,
    /// What the user said was lost ([`Input::Unheard`](crate::Input::Unheard)): say so. The shell has the words.
    Unheard,
    /// The answer takes long: say a short filler first (its text is in the settings).
    Filler,
    /// The longest permitted duration is reached; the shell has the words for it, or none.
    MaxDuration,
    /// What had stopped the agent turned out to be nothing: say the rest of `reply`, which is `text`.
    Rest {
        /// The reply that was stopped.
        reply: ReplyId,
        /// What the user had not heard of it.
        text: String,
    },
}

/// How a reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyEnd {
    /// The user heard all of it.
    Finished,
    /// The user interrupted; this much was heard.
    Interrupted {
        /// The part that was heard.
        heard: String,
    },
    /// It was stopped before anything of it was heard.
    Cancelled,
    /// The llm or the voice failed; this much was heard.
    Failed {
        /// The part that was heard.
        heard: String,
    },
    /// The agent chose to say nothing.
    Skipped,
}

/// Why a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The user hung up.
    UserEnded,
    /// The agent ended it, and its goodbye was heard.
    AgentEnded,
    /// The user said nothing for the agent's `silence_end_call_timeout`.
    Silence,
    /// The longest permitted duration was reached.
    MaxDuration,
}
