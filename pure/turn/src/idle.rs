//! Silence: speaking up again, and giving up.

use std::time::Duration;

use audio::Moment;

use crate::{
    conversation::Conversation,
    floor::{AgentTurn, Floor},
    output::Origin,
    settings::Settings,
    user_turn::UserTurn,
};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idle {
    /// How often the agent spoke up since the user last did.
    pub(crate) re_engaged: u32,
    /// When the user last did anything but speak.
    pub(crate) activity: Moment,
    /// Since when the user owes an answer.
    pub(crate) silent_since: Moment,
    /// Somebody has already had a turn.
    begun: bool,
}

impl Idle {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            re_engaged: 0,
            activity: now,
            silent_since: now,
            begun: false,
        }
    }

    pub(crate) fn active(&mut self, now: Moment) {
        self.activity = now;
        self.silent_since = now;
    }

    /// The user had a turn.
    pub(crate) fn spoke(&mut self, now: Moment) {
        *self = Self {
            begun: true,
            ..Self::new(now)
        };
    }

    /// The agent's turn is over.
    pub(crate) fn agent_done(&mut self, now: Moment, answered: bool) {
        self.begun = true;
        if answered {
            self.silent_since = now;
        }
    }

    /// How long to wait before speaking up.
    pub(crate) fn patience(&self, settings: &Settings) -> Option<Duration> {
        if self.begun {
            settings.turn_timeout
        } else {
            settings.initial_wait.or(settings.turn_timeout)
        }
    }
}

impl Conversation {
    pub(crate) fn re_engage(&mut self) {
        self.idle.re_engaged += 1;
        self.take_floor(Origin::ReEngage, UserTurn::default());
    }

    /// Whether silence should be filled while the answer is made.
    pub(crate) fn wants_filler(&self, turn: &AgentTurn) -> bool {
        let waiting = turn.replies.iter().any(|r| {
            matches!(r.origin, Origin::Turn | Origin::Tools { .. })
                && (!r.is_written() || r.has_running_calls())
        });
        waiting
            && !turn.filler_said
            && !self.settings.text_only
            && turn.parting.is_none()
            && turn.ducked.is_none()
            && turn.overlap.open().is_none()
            && turn.replies.iter().all(|r| {
                r.pieces.is_empty() && (r.is_spoken() || r.voice == crate::reply::Voice::Waiting)
            })
            && !self.is_audible()
    }

    pub(crate) fn say_filler(&mut self) {
        let reply = self.new_reply(Origin::Filler);
        self.out.push(crate::Output::Generate {
            reply: reply.id,
            origin: Origin::Filler,
            speculative: None,
        });
        if let Floor::Agent(turn) = &mut self.floor {
            turn.filler_said = true;
            let unspoken = turn.replies.iter().position(|r| !r.is_spoken() && !r.sent);
            turn.replies
                .insert(unspoken.unwrap_or(turn.replies.len()), reply);
        }
    }
}
