//! The agent's turn: text to the voice, chunks to the edge, and when a reply is over.

use std::time::Duration;

use audio::playout::{Chunk, Piece};

use crate::{
    conversation::Conversation,
    floor::Floor,
    ids::ReplyId,
    input::{AlignedText, Expected, ToolOutcome},
    output::{CloseReason, Origin, Output, ReplyEnd},
    reply::{Reply, Voice, Writing},
    words::same_words,
};

/// No chunk is believed to be longer.
const LONGEST_CHUNK: Duration = Duration::from_mins(10);

impl Conversation {
    /// The reply of that name, if it is not over.
    pub(crate) fn reply_mut(&mut self, id: ReplyId) -> Option<&mut Reply> {
        match &mut self.floor {
            Floor::Agent(turn) => turn.replies.iter_mut().find(|r| r.id == id),
            Floor::User(turn) => turn
                .speculation
                .as_mut()
                .map(|s| &mut s.reply)
                .filter(|r| r.id == id),
            Floor::Open(_) => None,
        }
    }

    /// Another reply within the agent's turn.
    pub(crate) fn add_reply(&mut self, origin: Origin) {
        let reply = self.new_reply(origin.clone());
        self.out.push(Output::Generate {
            reply: reply.id,
            origin,
            speculative: None,
        });
        if let Floor::Agent(turn) = &mut self.floor {
            turn.replies.push_back(reply);
        }
    }

    pub(crate) fn on_reply_text(&mut self, id: ReplyId, text: &str) {
        let now = self.now;
        let Some(reply) = self.reply_mut(id) else {
            return;
        };
        if !reply.write(text, now) {
            return;
        }
        if reply.origin != Origin::Filler && !reply.pieces.is_empty() {
            self.drop_unheard_filler();
        }
        self.pump();
    }

    /// The answer is there before the filler was: no filler.
    fn drop_unheard_filler(&mut self) {
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        let unheard = turn
            .replies
            .iter()
            .position(|r| r.origin == Origin::Filler && !r.sent);
        if let Some(mut filler) = unheard.and_then(|index| turn.replies.remove(index)) {
            for call in &mut filler.calls {
                call.end(ToolOutcome::Cancelled, &mut self.out);
            }
            self.out.push(Output::Cancel { reply: filler.id });
            self.reply_over(filler.id, "", ReplyEnd::Cancelled);
        }
    }

    pub(crate) fn on_written(&mut self, id: ReplyId, how: Writing) {
        let now = self.now;
        if let Some(reply) = self.reply_mut(id) {
            reply.progress = now;
            reply.complete(how);
            if how == Writing::Failed
                && let Floor::User(turn) = &mut self.floor
            {
                // It was only a speculation: the turn's end asks anew.
                turn.speculation = None;
                self.out.push(Output::Cancel { reply: id });
            }
            self.pump();
            self.continue_after_tools();
        }
    }

    pub(crate) fn on_expect(&mut self, id: ReplyId, expected: Expected) {
        let adopted = matches!(self.floor, Floor::Agent(_));
        if let Some(reply) = self.reply_mut(id) {
            reply.expects = Some(expected);
            if adopted {
                self.expected = expected;
            }
        }
    }

    pub(crate) fn on_agent_ends(&mut self, id: ReplyId) {
        if let Some(reply) = self.reply_mut(id) {
            reply.parting = true;
        }
    }

    pub(crate) fn on_skip(&mut self, id: ReplyId) {
        let speculative = matches!(self.floor, Floor::User(_));
        let Some(reply) = self.reply_mut(id).filter(|r| r.voice == Voice::Waiting) else {
            return;
        };
        reply.skipped = true;
        let writing = !reply.is_written();
        reply.pieces = crate::pieces::Pieces::default();
        reply.complete(Writing::Complete);
        if writing && !speculative {
            self.out.push(Output::Cancel { reply: id });
        }
        self.pump();
    }

    /// Gives the voice what it may say now. One reply at a time, in order, so that chunks come in the order of their ids.
    pub(crate) fn pump(&mut self) {
        if self.settings.text_only {
            return;
        }
        let now = self.now;
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        // While the user speaks into the agent's thoughts nothing new begins: it may be about to be withdrawn.
        let waits = turn.overlap.open().is_some() && turn.is_interruptible();
        for reply in &mut turn.replies {
            if reply.is_spoken() {
                continue;
            }
            if waits && reply.voice == Voice::Waiting {
                return;
            }
            while let Some(text) = reply.speak(now) {
                self.out.push(Output::Speak {
                    reply: reply.id,
                    text,
                });
            }
            if !reply.is_written() {
                return;
            }
            match reply.voice {
                Voice::Waiting => reply.voice = Voice::Done,
                Voice::Speaking => {
                    reply.voice = Voice::Flushed;
                    self.out.push(Output::SpeakEnd { reply: reply.id });
                    return;
                }
                Voice::Flushed => return,
                Voice::Done | Voice::Failed => {}
            }
        }
    }

    pub(crate) fn on_chunk(
        &mut self,
        id: ReplyId,
        duration: Duration,
        alignment: Vec<AlignedText>,
    ) {
        let now = self.now;
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        let first = turn.overlap.open().is_some() && !turn.replies.iter().any(|r| r.sent);
        let speaking = |r: &&mut Reply| {
            r.id == id && matches!(r.voice, Voice::Speaking | Voice::Flushed) && !r.skipped
        };
        let Some(reply) = turn.replies.iter_mut().find(speaking) else {
            return;
        };
        reply.progress = now;
        reply.sent = true;
        let duration = duration.min(LONGEST_CHUNK);
        reply.aligned |= !alignment.is_empty();
        let guess = if reply.aligned {
            String::new()
        } else {
            reply.guess_text(duration.as_millis())
        };
        let event = self.new_event();
        let mut chunk = Chunk::new(id.0, event.0, duration);
        if !guess.is_empty() {
            chunk = chunk.saying(guess);
        }
        chunk.pieces.extend(
            alignment
                .into_iter()
                .map(|piece| Piece::new(piece.text, piece.start, piece.duration)),
        );
        self.playout.push(now, chunk);
        self.out.push(Output::Play { reply: id, event });
        if first {
            // The first sound of the turn, and the user is speaking: find out first what they say.
            self.challenge();
        }
    }

    pub(crate) fn on_spoken(&mut self, id: ReplyId, how: Voice) {
        let now = self.now;
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        let given =
            |r: &&mut Reply| r.id == id && matches!(r.voice, Voice::Speaking | Voice::Flushed);
        let Some(reply) = turn.replies.iter_mut().find(given) else {
            return;
        };
        // Text that has not all been given cannot all have been spoken: a voice that says so has failed.
        let how = match reply.voice {
            Voice::Flushed => how,
            _ => Voice::Failed,
        };
        reply.voice = how;
        reply.progress = now;
        if how == Voice::Failed && !reply.is_written() {
            reply.complete(Writing::Complete);
        }
        self.playout.finish(id.0);
        self.pump();
        self.continue_after_tools();
    }

    pub(crate) fn time_out_replies(&mut self) {
        let now = self.now;
        if let Floor::User(turn) = &mut self.floor
            && let Some(speculation) = turn.speculation.take()
        {
            self.out.push(Output::Cancel {
                reply: speculation.reply.id,
            });
            return;
        }
        let late: Vec<ReplyId> = match &self.floor {
            Floor::Agent(turn) => turn
                .replies
                .iter()
                .filter(|r| self.reply_deadline(turn, r).is_some_and(|at| at <= now))
                .map(|r| r.id)
                .collect(),
            _ => return,
        };
        for id in late {
            if let Some(reply) = self.reply_mut(id) {
                reply.progress = now;
                if reply.is_written() {
                    reply.voice = Voice::Failed;
                    self.playout.finish(id.0);
                } else {
                    reply.complete(Writing::Failed);
                }
            }
        }
        self.pump();
        self.continue_after_tools();
    }

    /// Ends replies that are over, and with the last one the turn.
    pub(crate) fn settle_agent(&mut self) {
        while let Floor::Agent(turn) = &self.floor {
            let Some(front) = turn.replies.front() else {
                self.agent_done();
                return;
            };
            if !(self.only_needs_hearing(front) && self.is_heard(front.id)) {
                return;
            }
            // A paused edge would stay so: it goes on before its reply is over.
            self.resume();
            self.pop_reply();
        }
    }

    fn pop_reply(&mut self) {
        let audible = self.playout.queued(self.now);
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        let Some(reply) = turn.replies.pop_front() else {
            return;
        };
        if reply.parting && turn.parting.is_none() {
            turn.parting = Some(CloseReason::AgentEnded);
        }
        turn.skipped |= reply.skipped;
        if reply.sent {
            turn.quiet_since = self.now;
            if audible.is_zero() || turn.replies.iter().all(|r| !r.sent) {
                self.audible_until = self.now;
            }
        }
        let heard = if reply.voice == Voice::Failed {
            self.heard_text(&reply)
        } else {
            reply.text.trim().to_owned()
        };
        if reply.failed() {
            self.out.push(Output::Cancel { reply: reply.id });
            if !same_words(&heard, &reply.text) {
                self.out.push(Output::Correct {
                    reply: reply.id,
                    original: reply.text.trim().to_owned(),
                    heard: heard.clone(),
                });
            }
        }
        let end = if reply.skipped {
            ReplyEnd::Skipped
        } else if reply.failed() {
            ReplyEnd::Failed {
                heard: heard.clone(),
            }
        } else {
            ReplyEnd::Finished
        };
        self.reply_over(reply.id, &heard, end);
    }

    /// Says that a reply has ended and remembers its words against echoes.
    pub(crate) fn reply_over(&mut self, id: ReplyId, heard: &str, end: ReplyEnd) {
        self.echo.remember(crate::words::words(heard));
        self.playout.forget(id.0);
        self.out.push(Output::ReplyEnded { reply: id, end });
    }

    /// The agent has nothing more to say: the floor goes to whoever spoke meanwhile, or is open.
    fn agent_done(&mut self) {
        self.resume();
        let Some(turn) = self.take_agent_turn() else {
            return;
        };
        // Everything has been heard, or is believed to be.
        self.playout.cut(self.now);
        self.idle.agent_done(self.now, turn.answers);
        if let Some(reason) = turn.parting {
            self.floor = Floor::User(turn.overlap);
            self.end(reason);
        } else if turn.overlap.is_empty() {
            self.open_floor(turn.skipped);
        } else {
            self.floor = Floor::User(turn.overlap);
            self.user_turn_changed();
        }
    }
}
