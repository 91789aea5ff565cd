//! Who has the floor.

use std::{collections::VecDeque, time::Duration};

use audio::Moment;

use crate::{ids::ReplyId, output::CloseReason, reply::Reply, user_turn::UserTurn};

#[derive(Clone, Debug)]
pub(crate) enum Floor {
    /// Nobody: the agent listens.
    Open(Open),
    /// The user speaks, or has paused and may go on.
    User(UserTurn),
    /// The agent thinks, runs tools or speaks.
    Agent(AgentTurn),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) since: Moment,
    /// The agent chose silence: it does not speak up again by itself.
    pub(crate) waits: bool,
}

/// After a pause for nothing it takes a whole onset to pause the agent again for so long, and twice as long each time.
const CALM: Duration = Duration::from_millis(500);
const MOST_DOUBLINGS: u32 = 6;

/// The agent's hold of the floor: one or more replies, in the order in which they are heard.
#[derive(Clone, Debug)]
pub(crate) struct AgentTurn {
    pub(crate) replies: VecDeque<Reply>,
    /// What the user says meanwhile.
    pub(crate) overlap: UserTurn,
    /// Since when playout is paused to find out what the user wants.
    pub(crate) ducked: Option<Ducked>,
    /// How often it was paused for a sound that was no speech, and when last.
    pub(crate) startled: (u32, Moment),
    pub(crate) filler_said: bool,
    /// How often tools were called in it.
    pub(crate) rounds: u32,
    pub(crate) parting: Option<CloseReason>,
    /// Since when nothing was heard.
    pub(crate) quiet_since: Moment,
    /// A reply of it was skipped.
    pub(crate) skipped: bool,
    /// Whether it answers the user rather than speaking up by itself.
    pub(crate) answers: bool,
}

impl AgentTurn {
    pub(crate) fn new(reply: Reply, overlap: UserTurn, now: Moment, answers: bool) -> Self {
        Self {
            replies: VecDeque::from([reply]),
            overlap,
            ducked: None,
            startled: (0, now),
            filler_said: false,
            rounds: 0,
            parting: None,
            quiet_since: now,
            skipped: false,
            answers,
        }
    }

    /// Whether the user's words may stop it now.
    pub(crate) fn is_interruptible(&self) -> bool {
        self.replies
            .iter()
            .all(|r| r.interruptible && !r.calls.iter().any(crate::tools::Call::holds_the_floor))
    }

    /// Whether a first sound may pause it, before it is known to be speech.
    pub(crate) fn may_be_startled(&self, now: Moment) -> bool {
        let (times, last) = self.startled;
        match times.checked_sub(1) {
            None => true,
            Some(doublings) => now >= last + CALM * (1 << doublings.min(MOST_DOUBLINGS)),
        }
    }

    /// Whether it is saying goodbye.
    pub(crate) fn is_parting(&self) -> bool {
        self.parting.is_some() || self.replies.iter().any(|r| r.parting)
    }
}

/// Playout is paused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ducked {
    pub(crate) since: Moment,
    pub(crate) reply: ReplyId,
    /// For the first sound of what may become an utterance.
    pub(crate) hasty: bool,
}

/// Who has the floor, for shells and displays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FloorKind {
    /// The conversation has not begun.
    NotStarted,
    /// Nobody.
    Open,
    /// The user.
    User,
    /// The agent, of which nothing is to be heard yet: it writes or runs tools.
    Thinking,
    /// The agent, audibly.
    Agent,
    /// Nobody ever again.
    Ended,
}
