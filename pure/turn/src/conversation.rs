//! The machine: facts in, decisions out.

use std::time::Duration;

use audio::{Moment, playout::Ledger};

use crate::{
    backchannel::Ignored,
    ear::Ear,
    echo::Echo,
    floor::{AgentTurn, Floor, FloorKind, Open},
    idle::Idle,
    ids::{EventId, ReplyId, ToolCallId, UtteranceId},
    input::{Expected, Input},
    output::{CloseReason, Origin, Output},
    outputs::Outputs,
    reply::Reply,
    settings::{InterruptionMode, Settings},
    timers::Timer,
    user_turn::{UserTurn, Utterance},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Live,
    Over,
}

/// The longest permitted duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Ahead,
    /// Its words are being said.
    Reached {
        at: Moment,
    },
}

/// What the edge can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) can_pause: bool,
    pub(crate) reports: bool,
}

/// A conversation: told facts in the order in which they became true, it decides who may speak.
///
/// ```
/// use audio::Moment;
/// use turn::{Conversation, Input, Origin, Output, ReplyId, Settings};
///
/// let mut conversation = Conversation::new(Settings { greets: true, ..Settings::default() });
/// let outputs: Vec<Output> = conversation.handle(Moment::ZERO, Input::Start).collect();
/// assert_eq!(outputs, [Output::Generate { reply: ReplyId(1), origin: Origin::Greeting, speculative: None }]);
/// ```
#[derive(Clone, Debug)]
pub struct Conversation {
    pub(crate) settings: Settings,
    pub(crate) edge: Edge,
    pub(crate) ignored: Ignored,
    pub(crate) now: Moment,
    pub(crate) started: Moment,
    pub(crate) phase: Phase,
    pub(crate) limit: Limit,
    pub(crate) floor: Floor,
    pub(crate) ear: Ear,
    pub(crate) idle: Idle,
    pub(crate) expected: Expected,
    pub(crate) finality: f32,
    pub(crate) playout: Ledger,
    pub(crate) echo: Echo,
    /// When the agent was last to be heard.
    pub(crate) audible_until: Moment,
    /// An utterance whose text was given up, and when: the recogniser may only be slow.
    pub(crate) given_up: Option<(Utterance, Moment)>,
    next_utterance: UtteranceId,
    next_reply: ReplyId,
    pub(crate) last_event: Option<EventId>,
    pub(crate) latest_call: Option<ToolCallId>,
    pub(crate) out: Vec<Output>,
}

/// What is due at one moment is a handful of things. A loop beyond this would be a mistake in the machine, and a late
/// decision is better than a hung process.
const MOST_DUE: usize = 64;

impl Conversation {
    /// A conversation that has not begun: [`Input::Start`] begins it.
    pub fn new(settings: Settings) -> Self {
        Self {
            edge: Edge {
                can_pause: settings.edge_can_pause,
                reports: settings.edge_reports,
            },
            ignored: Ignored::new(&settings.ignore_terms),
            now: Moment::ZERO,
            started: Moment::ZERO,
            phase: Phase::Waiting,
            limit: Limit::Ahead,
            floor: Floor::Open(Open {
                since: Moment::ZERO,
                waits: false,
            }),
            ear: Ear::default(),
            idle: Idle::default(),
            expected: Expected::Anything,
            finality: 0.5,
            playout: ledger(settings.edge_reports),
            echo: Echo::default(),
            audible_until: Moment::ZERO,
            given_up: None,
            next_utterance: UtteranceId(1),
            next_reply: ReplyId(1),
            last_event: None,
            latest_call: None,
            out: Vec::new(),
            settings,
        }
    }

    /// Tells the machine that `input` became true at `now`; what follows from it comes back.
    ///
    /// A `now` before an earlier one counts as that earlier one. Before [`Input::Start`] and after
    /// [`Output::End`] nothing is answered. Costs a few microseconds and no allocation for a voice frame in silence.
    pub fn handle(&mut self, now: Moment, input: Input) -> Outputs<'_> {
        self.now = self.now.max(now);
        self.out.clear();
        match self.phase {
            Phase::Waiting => {
                if matches!(
                    input,
                    Input::Start | Input::Edge { .. } | Input::Delay { .. }
                ) {
                    self.tell(input);
                    self.follow();
                }
            }
            Phase::Live => {
                self.tell(input);
                self.follow();
            }
            Phase::Over => {}
        }
        Outputs(self.out.drain(..))
    }

    /// When to say [`Input::Tick`] if nothing else happens before. After every answer this lies ahead. None: the
    /// conversation waits for nothing, because it has not begun or is over.
    pub fn deadline(&self) -> Option<Moment> {
        self.timer().map(|(at, _)| at)
    }

    /// How likely the user's turn is over, 0 to 1, judged from its words, what the agent asked for and the melody, without the
    /// silence so far. None: no turn is under way, or its words are not known yet.
    pub fn turn_probability(&self) -> Option<f32> {
        match &self.floor {
            Floor::User(turn) if turn.open().is_none() && turn.unanswered().is_none() => {
                Some(1.0 / (1.0 + (-self.evidence(turn).log_odds()).exp()))
            }
            _ => None,
        }
    }

    /// Who has the floor.
    pub fn floor(&self) -> FloorKind {
        match (self.phase, &self.floor) {
            (Phase::Waiting, _) => FloorKind::NotStarted,
            (Phase::Over, _) => FloorKind::Ended,
            (_, Floor::Open(_)) => FloorKind::Open,
            (_, Floor::User(_)) => FloorKind::User,
            (_, Floor::Agent(_)) if self.is_audible() => FloorKind::Agent,
            (_, Floor::Agent(_)) => FloorKind::Thinking,
        }
    }

    fn tell(&mut self, input: Input) {
        match input {
            Input::Start => self.start(),
            Input::Voice { probability, frame } => self.on_voice(probability, frame),
            Input::Partial { utterance, text } => self.on_partial(utterance, text),
            Input::Final { utterance, text } => self.on_final(utterance, &text),
            Input::Unheard { utterance } => self.on_unheard(utterance),
            Input::UserText { text } => self.on_user_text(&text),
            Input::UserActivity => self.idle.active(self.now),
            Input::ContextUpdated => self.forget_speculation(),
            Input::ReplyText { reply, text } => self.on_reply_text(reply, &text),
            Input::ToolRequested {
                reply,
                call,
                interruptible,
                timeout,
            } => self.on_tool_requested(reply, call, interruptible, timeout),
            Input::ToolFinished { call, outcome } => self.on_tool_finished(call, outcome),
            Input::ReplyComplete { reply } => {
                self.on_written(reply, crate::reply::Writing::Complete);
            }
            Input::ReplyFailed { reply } => self.on_written(reply, crate::reply::Writing::Failed),
            Input::Chunk {
                reply,
                duration,
                alignment,
            } => self.on_chunk(reply, duration, alignment),
            Input::SpeechComplete { reply } => self.on_spoken(reply, crate::reply::Voice::Done),
            Input::SpeechFailed { reply } => self.on_spoken(reply, crate::reply::Voice::Failed),
            Input::Played { event, position } => {
                if self.playout.report(self.now, event.0, position) {
                    self.edge.reports = true;
                }
            }
            Input::Expect { reply, expected } => self.on_expect(reply, expected),
            Input::Prosody { finality } => self.finality = finality,
            Input::Edge {
                can_pause,
                reports_played,
            } => self.on_edge(can_pause, reports_played),
            Input::Delay { one_way } => self
                .playout
                .set_latency(self.now, one_way.min(Duration::from_secs(5))),
            Input::AgentEnds { reply } => self.on_agent_ends(reply),
            Input::SkipTurn { reply } => self.on_skip(reply),
            Input::UserEnds => self.end(CloseReason::UserEnded),
            Input::Tick => {}
        }
    }

    /// What follows from the state at this moment: replies that are over, timers that are due.
    fn follow(&mut self) {
        for _ in 0..MOST_DUE {
            self.settle_agent();
            match self.timer() {
                Some((at, timer)) if at <= self.now => self.due(timer),
                _ => return,
            }
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Pause | Timer::LongUtterance => self.close_utterance(),
            Timer::Final => self.take_partial(),
            Timer::EndOfTurn => self.end_turn(),
            Timer::Duck => self.duck_ended(),
            Timer::Tool => self.time_out_tools(),
            Timer::Reply => self.time_out_replies(),
            Timer::Heard => self.believe_heard(),
            Timer::SoftTimeout => self.say_filler(),
            Timer::TurnTimeout => self.re_engage(),
            Timer::Silence => self.end(CloseReason::Silence),
            Timer::MaxDuration => self.reach_limit(),
            Timer::HardLimit => self.end(CloseReason::MaxDuration),
        }
    }

    fn start(&mut self) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.phase = Phase::Live;
        self.started = self.now;
        self.idle = Idle::new(self.now);
        if self.settings.greets {
            self.take_floor(Origin::Greeting, UserTurn::default());
        } else {
            self.open_floor(false);
        }
    }

    fn on_edge(&mut self, can_pause: bool, reports: bool) {
        if !can_pause {
            self.resume();
        }
        // What was promised cannot be taken back: what was not reported until now counts as not heard.
        let reports = reports || self.edge.reports;
        self.edge = Edge { can_pause, reports };
        if reports {
            self.playout.expect_reports();
        }
    }

    /// The open floor, from now on.
    pub(crate) fn open(&self, waits: bool) -> Floor {
        Floor::Open(Open {
            since: self.now,
            waits,
        })
    }

    /// Takes the user's turn from the floor, which is open then.
    pub(crate) fn take_user_turn(&mut self) -> Option<UserTurn> {
        let open = self.open(false);
        match std::mem::replace(&mut self.floor, open) {
            Floor::User(turn) => Some(turn),
            other => {
                self.floor = other;
                None
            }
        }
    }

    /// Takes the agent's turn from the floor, which is open then.
    pub(crate) fn take_agent_turn(&mut self) -> Option<AgentTurn> {
        let open = self.open(false);
        match std::mem::replace(&mut self.floor, open) {
            Floor::Agent(turn) => Some(turn),
            other => {
                self.floor = other;
                None
            }
        }
    }

    pub(crate) fn open_floor(&mut self, waits: bool) {
        self.floor = self.open(waits);
        self.out.push(Output::Listen);
    }

    pub(crate) fn new_utterance(&mut self) -> UtteranceId {
        let id = self.next_utterance;
        self.next_utterance = id.next();
        id
    }

    pub(crate) fn new_event(&mut self) -> EventId {
        let id = self.last_event.map_or(EventId(1), EventId::next);
        self.last_event = Some(id);
        id
    }

    pub(crate) fn new_reply(&mut self, origin: Origin) -> Reply {
        let id = self.next_reply;
        self.next_reply = id.next();
        let interruptible = match origin {
            Origin::Greeting => {
                self.settings.greeting_interruptible
                    && self.settings.interruption == InterruptionMode::Allowed
            }
            Origin::MaxDuration => false,
            _ => self.settings.interruption == InterruptionMode::Allowed,
        };
        Reply::new(id, origin, interruptible, self.now)
    }

    /// The agent begins a turn with a new reply.
    pub(crate) fn take_floor(&mut self, origin: Origin, overlap: UserTurn) {
        let answers = origin != Origin::ReEngage;
        let reply = self.new_reply(origin.clone());
        self.out.push(Output::Generate {
            reply: reply.id,
            origin,
            speculative: None,
        });
        self.floor = Floor::Agent(AgentTurn::new(reply, overlap, self.now, answers));
    }

    /// The longest permitted duration: everything stops for a last word.
    fn reach_limit(&mut self) {
        self.limit = Limit::Reached { at: self.now };
        self.wind_up();
        self.take_floor(Origin::MaxDuration, UserTurn::default());
        if let Floor::Agent(turn) = &mut self.floor {
            turn.parting = Some(CloseReason::MaxDuration);
        }
    }

    pub(crate) fn end(&mut self, reason: CloseReason) {
        self.wind_up();
        self.phase = Phase::Over;
        self.out.push(Output::End { reason });
    }

    /// Stops whatever goes on. What the user had said goes into the transcript.
    fn wind_up(&mut self) {
        self.forget_speculation_for_good();
        let turn = match self.stop_agent() {
            Some((overlap, _)) => overlap,
            None => self.take_user_turn().unwrap_or_default(),
        };
        for utterance in turn.utterances.iter().filter(|u| !u.is_final()) {
            self.out.push(Output::DropUtterance {
                utterance: utterance.id,
                because: "the conversation ended",
            });
        }
        let text = turn.text();
        if !text.is_empty() {
            let utterance = turn.utterances.last().map(|u| u.id).or(turn.last);
            self.out.push(Output::Commit { text, utterance });
        }
    }
}

fn ledger(reports: bool) -> Ledger {
    let mut ledger = Ledger::default();
    if reports {
        ledger.expect_reports();
    }
    ledger
}
