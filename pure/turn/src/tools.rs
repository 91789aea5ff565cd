//! Tool calls: each ends exactly once.

use std::time::Duration;

use audio::Moment;

use crate::{
    conversation::Conversation,
    floor::Floor,
    ids::{ReplyId, ToolCallId},
    input::ToolOutcome,
    output::{Origin, Output},
    reply::Writing,
};

/// So many times in a row a reply may call tools instead of finishing; then the agent is going in circles.
const MOST_ROUNDS: u32 = 16;
/// So many tools may be called within one reply.
const MOST_CALLS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Asked for within a speculative reply: runs once that is adopted.
    Asked,
    Running {
        until: Moment,
    },
    Ended,
}

/// A call of a tool within a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    id: ToolCallId,
    interruptible: bool,
    timeout: Duration,
    progress: Progress,
}

impl Call {
    pub(crate) fn is_running(&self) -> bool {
        self.progress != Progress::Ended
    }

    /// Whether it forbids interrupting the agent now.
    pub(crate) fn holds_the_floor(&self) -> bool {
        self.is_running() && !self.interruptible
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        match self.progress {
            Progress::Running { until } => Some(until),
            Progress::Asked | Progress::Ended => None,
        }
    }

    fn run(&mut self, now: Moment, out: &mut Vec<Output>) {
        if self.progress == Progress::Asked {
            self.progress = Progress::Running {
                until: now + self.timeout,
            };
            out.push(Output::RunTool { call: self.id });
        }
    }

    /// Ends it, if it runs.
    pub(crate) fn end(&mut self, outcome: ToolOutcome, out: &mut Vec<Output>) {
        if let Progress::Running { .. } = self.progress {
            self.progress = Progress::Ended;
            out.push(Output::ToolEnded {
                call: self.id,
                outcome,
            });
        }
    }
}

impl Conversation {
    pub(crate) fn on_tool_requested(
        &mut self,
        reply: ReplyId,
        id: ToolCallId,
        interruptible: bool,
        timeout: Duration,
    ) {
        if self.latest_call.is_some_and(|latest| id <= latest) {
            return;
        }
        let now = self.now;
        let speculative = matches!(&self.floor, Floor::User(_));
        let Some(found) = self
            .reply_mut(reply)
            .filter(|r| !r.is_written() && !r.skipped)
        else {
            return;
        };
        if found.calls.len() >= MOST_CALLS {
            return;
        }
        found.progress = now;
        let mut call = Call {
            id,
            interruptible,
            timeout,
            progress: Progress::Asked,
        };
        let mut started = Vec::new();
        if !speculative {
            call.run(now, &mut started);
        }
        found.calls.push(call);
        self.latest_call = Some(id);
        self.out.append(&mut started);
    }

    pub(crate) fn on_tool_finished(&mut self, id: ToolCallId, outcome: ToolOutcome) {
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        let mut calls = turn.replies.iter_mut().flat_map(|r| &mut r.calls);
        if let Some(call) = calls.find(|call| call.id == id) {
            call.end(outcome, &mut self.out);
        }
        self.continue_after_tools();
    }

    /// Runs what a speculative reply asked for, now that it is adopted.
    pub(crate) fn run_asked_tools(&mut self) {
        let now = self.now;
        if let Floor::Agent(turn) = &mut self.floor {
            for call in turn.replies.iter_mut().flat_map(|r| &mut r.calls) {
                call.run(now, &mut self.out);
            }
        }
    }

    pub(crate) fn time_out_tools(&mut self) {
        let now = self.now;
        if let Floor::Agent(turn) = &mut self.floor {
            for call in turn.replies.iter_mut().flat_map(|r| &mut r.calls) {
                if call.deadline().is_some_and(|at| at <= now) {
                    call.end(ToolOutcome::TimedOut, &mut self.out);
                }
            }
        }
        self.continue_after_tools();
    }

    /// Asks for the reply that uses the results, once all tools of a reply have ended.
    pub(crate) fn continue_after_tools(&mut self) {
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        let Some(done) = turn.replies.iter_mut().find(|r| {
            !r.continued
                && r.writing == Writing::Complete
                && !r.calls.is_empty()
                && !r.has_running_calls()
                && !r.skipped
                && !r.parting
        }) else {
            return;
        };
        done.continued = true;
        turn.rounds += 1;
        if turn.rounds <= MOST_ROUNDS {
            let origin = Origin::Tools { reply: done.id };
            self.add_reply(origin);
        }
    }
}
