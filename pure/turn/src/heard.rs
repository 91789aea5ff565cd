//! What the user heard of the agent.

use std::time::Duration;

use audio::Moment;

use crate::{conversation::Conversation, floor::Floor, ids::ReplyId, reply::Reply, words::words};

impl Conversation {
    /// Whether sound of the agent is on its way out, or paused.
    pub(crate) fn is_audible(&self) -> bool {
        matches!(self.floor, Floor::Agent(_)) && !self.playout.queued(self.now).is_zero()
    }

    /// The reply that sounds now or next.
    pub(crate) fn sounding_reply(&self) -> Option<ReplyId> {
        self.playout.sounding(self.now).map(|s| ReplyId(s.reply))
    }

    /// What was heard of a reply, in whole words.
    pub(crate) fn heard_text(&self, reply: &Reply) -> String {
        if self.settings.text_only {
            return reply.text.trim().to_owned();
        }
        self.playout
            .heard_text(self.now, reply.id.0)
            .trim()
            .to_owned()
    }

    /// The words of the reply under way, and how many of them have sounded.
    pub(crate) fn front_words(&self) -> (Vec<String>, usize) {
        let Floor::Agent(turn) = &self.floor else {
            return (Vec::new(), 0);
        };
        let Some(front) = turn.replies.iter().find(|r| r.sent) else {
            return (Vec::new(), 0);
        };
        let heard = words(&self.playout.heard_text(self.now, front.id.0)).len();
        (words(&front.text), heard)
    }

    /// How many of the agent's words have sounded since the conversation began, if it is or was just audible.
    pub(crate) fn agent_words(&self) -> Option<usize> {
        /// Rooms and loudspeakers answer a little later.
        const LINGERS: Duration = Duration::from_millis(300);
        let audible = self.is_audible();
        (audible || (self.echo.total() > 0 && self.now <= self.audible_until + LINGERS))
            .then(|| self.echo.total() + self.front_words().1)
    }

    /// Whether nothing but playout keeps a reply from being over.
    pub(crate) fn only_needs_hearing(&self, reply: &Reply) -> bool {
        reply.is_written()
            && !reply.has_running_calls()
            && (self.settings.text_only || reply.skipped || reply.is_spoken())
    }

    /// Whether all that was sent of a reply has been heard.
    pub(crate) fn is_heard(&self, id: ReplyId) -> bool {
        let heard = self.playout.heard(self.now, id.0);
        heard.duration == heard.sent
            || (self.edge.reports
                && !self.playout.is_paused()
                && self.heard_at(id).is_some_and(|at| at <= self.now))
    }

    /// When a reply should have been heard: by the clock, or when reports about it are given up.
    pub(crate) fn heard_at(&self, id: ReplyId) -> Option<Moment> {
        if self.playout.is_paused() {
            return None;
        }
        if self.edge.reports {
            return self
                .playout
                .ends_at(self.now)
                .map(|at| at + self.settings.playout_grace);
        }
        let heard = self.playout.heard(self.now, id.0);
        Some(self.now + heard.sent.saturating_sub(heard.duration))
    }

    /// The clock says that a reply was heard; reports are missing.
    pub(crate) fn believe_heard(&mut self) {
        self.settle_agent();
    }
}
