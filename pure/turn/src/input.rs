//! What the machine is told.

use std::time::Duration;

use crate::ids::{EventId, ReplyId, ToolCallId, UtteranceId};

/// A fact, told to [`Conversation::handle`](crate::Conversation::handle) with the moment it became true.
///
/// Facts about a reply, utterance or tool call that is already over are ignored: providers may be late.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// The connection stands. The agent greets, if it has a greeting; otherwise it listens.
    Start,
    /// One frame of the caller's sound was judged by the vad. `now` is the end of the frame.
    Voice {
        /// How likely the frame is speech, 0 to 1.
        probability: f32,
        /// How long the frame is.
        frame: Duration,
    },
    /// The recogniser's text so far; may change.
    Partial {
        /// Which utterance.
        utterance: UtteranceId,
        /// All words of the utterance so far.
        text: String,
    },
    /// The recogniser's last word on an utterance, after [`Output::CloseUtterance`](crate::Output::CloseUtterance) or on
    /// its own. Empty when nothing was understood or recognition failed.
    Final {
        /// Which utterance.
        utterance: UtteranceId,
        /// Its text.
        text: String,
    },
    /// Recognition of an utterance failed. What was understood until then counts as its text; where that is nothing and the
    /// user is not heard otherwise, the agent says so ([`Origin::Unheard`](crate::Origin::Unheard)): silence would be no
    /// answer to somebody who spoke.
    Unheard {
        /// Which utterance.
        utterance: UtteranceId,
    },
    /// The user typed a message: a finished turn, which interrupts what is being said.
    UserText {
        /// What was typed.
        text: String,
    },
    /// The user does something (types, clicks): the turn timeout starts again.
    UserActivity,
    /// Something to know arrived (`contextual_update`). Interrupts nothing, starts nothing; a speculative reply that was
    /// made without it is thrown away.
    ContextUpdated,
    /// A piece of the reply's text, as the llm wrote it.
    ReplyText {
        /// Which reply.
        reply: ReplyId,
        /// The piece.
        text: String,
    },
    /// The llm asks for a tool within a reply.
    ToolRequested {
        /// Which reply.
        reply: ReplyId,
        /// The call; the shell counts them up.
        call: ToolCallId,
        /// Whether the user's speech may interrupt the agent while the tool runs.
        interruptible: bool,
        /// After this long without a result the call ends as [`ToolOutcome::TimedOut`].
        timeout: Duration,
    },
    /// A tool answered. The machine decides whether that result still counts.
    ToolFinished {
        /// Which call.
        call: ToolCallId,
        /// How it went.
        outcome: ToolOutcome,
    },
    /// The llm has nothing more to say in this reply.
    ReplyComplete {
        /// Which reply.
        reply: ReplyId,
    },
    /// The llm failed. What it already said stands; a reply without any text ends as failed.
    ReplyFailed {
        /// Which reply.
        reply: ReplyId,
    },
    /// The voice made a chunk of sound. Answered by [`Output::Play`](crate::Output::Play) when it is still wanted.
    Chunk {
        /// Which reply.
        reply: ReplyId,
        /// How long it sounds.
        duration: Duration,
        /// What is said in it and when.
        alignment: Vec<AlignedText>,
    },
    /// The voice has spoken all the text it was given, and the text is complete.
    SpeechComplete {
        /// Which reply.
        reply: ReplyId,
    },
    /// The voice failed. What was heard so far stands.
    SpeechFailed {
        /// Which reply.
        reply: ReplyId,
    },
    /// The edge reports how much of a chunk has left the speaker. Everything before that chunk has been heard.
    Played {
        /// Which chunk.
        event: EventId,
        /// How much of it.
        position: Duration,
    },
    /// What the agent has just asked for, as far as its llm says so. Lengthens or shortens the patience with the next turn
    /// of the user; forgotten once that turn is committed. Told of a speculative reply it counts from its adoption on.
    Expect {
        /// The reply that asks.
        reply: ReplyId,
        /// What it asks for.
        expected: Expected,
    },
    /// How much the user's last words sounded like the end of a turn (pitch and energy falling), as
    /// [`finality`](crate::finality) reckons it. To be told when an utterance is closed; counts until the user speaks
    /// again. Optional: without it silence and words decide.
    Prosody {
        /// 0: going on; 0.5: says nothing; 1: final.
        finality: f32,
    },
    /// What the edge can do, where it becomes known after the conversation was made. Replaces
    /// [`Settings::edge_can_pause`](crate::Settings) and [`Settings::edge_reports`](crate::Settings).
    Edge {
        /// It can pause and resume playout from the exact sample.
        can_pause: bool,
        /// It tells [`Input::Played`].
        reports_played: bool,
    },
    /// How long a chunk takes from here to the speaker, measured (half the ping, plus known buffers). Only used to reckon
    /// what was heard where the edge does not report. Zero until told.
    Delay {
        /// One way.
        one_way: Duration,
    },
    /// The agent wants to end the conversation (`end_call`), after what this reply still says was heard. An interruption of
    /// that goodbye keeps the conversation alive.
    AgentEnds {
        /// The reply in which it did.
        reply: ReplyId,
    },
    /// The agent chooses to say nothing this turn (`skip_turn`) and waits for the user.
    SkipTurn {
        /// The reply in which it did.
        reply: ReplyId,
    },
    /// The user hung up or the connection is gone.
    UserEnds,
    /// Time has passed; nothing else has.
    Tick,
}

/// A piece of text and where it sounds within its chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedText {
    /// One or more characters: a letter or a word, with the spaces that belong to it.
    pub text: String,
    /// From the start of the chunk.
    pub start: Duration,
    /// How long it sounds.
    pub duration: Duration,
}

/// How a tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolOutcome {
    /// It gave a result.
    Succeeded,
    /// It gave an error, which the llm is told.
    Failed,
    /// It did not answer in time.
    TimedOut,
    /// The reply it belonged to was interrupted or the conversation ended.
    Cancelled,
}

/// What the agent asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// Nothing in particular.
    #[default]
    Anything,
    /// A name, perhaps spelled.
    Name,
    /// A day or date.
    Day,
    /// A time of day.
    Time,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A number: an order number, an amount, how many.
    Number,
    /// Something spelled letter by letter.
    Spelling,
    /// Yes or no.
    Confirmation,
}
