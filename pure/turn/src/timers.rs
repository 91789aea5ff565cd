//! What the machine waits for, and until when.
//!
//! Deadlines are not stored but follow from the state: a state that is left takes its timers along.

use std::{fmt, time::Duration};

use audio::Moment;

use crate::{
    barge_in::{DUCK_LIMIT, HASTY_LIMIT},
    conversation::{Conversation, Limit, Phase},
    end_of_turn::{self, Evidence},
    floor::{AgentTurn, Floor},
    reply::{Reply, Voice},
    user_turn::UserTurn,
};

/// A reason to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The user has paused: close the utterance.
    Pause,
    /// One utterance has lasted too long for a recogniser: cut it.
    LongUtterance,
    /// The recogniser owes its final text: take what there is.
    Final,
    /// The silence is long enough: the turn is over.
    EndOfTurn,
    /// The agent has been ducked long enough: go on.
    Duck,
    /// A tool does not answer.
    Tool,
    /// The llm or the voice does not go on.
    Reply,
    /// The reply should have been heard by now.
    Heard,
    /// The answer takes long: say a filler.
    SoftTimeout,
    /// The user says nothing: speak up.
    TurnTimeout,
    /// The user has said nothing for too long.
    Silence,
    /// The longest permitted duration.
    MaxDuration,
    /// The words about the longest permitted duration have taken too long themselves.
    HardLimit,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pause => "pause",
            Self::LongUtterance => "long utterance",
            Self::Final => "final",
            Self::EndOfTurn => "end of turn",
            Self::Duck => "duck",
            Self::Tool => "tool",
            Self::Reply => "reply",
            Self::Heard => "heard",
            Self::SoftTimeout => "soft timeout",
            Self::TurnTimeout => "turn timeout",
            Self::Silence => "silence",
            Self::MaxDuration => "max duration",
            Self::HardLimit => "hard limit",
        })
    }
}

/// Recognisers are not given longer utterances.
const LONGEST_UTTERANCE: Duration = Duration::from_secs(30);
/// A final text that decides whether a ducked reply goes on is waited for no longer.
const VERDICT: Duration = Duration::from_millis(800);
/// How long the words about the longest duration may take.
const LAST_WORDS: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Earliest(Option<(Moment, Timer)>);

impl Earliest {
    fn add(&mut self, at: Moment, timer: Timer) {
        if self.0.is_none_or(|(earliest, _)| at < earliest) {
            self.0 = Some((at, timer));
        }
    }
}

impl Conversation {
    /// When to say [`Input::Tick`](crate::Input::Tick) if nothing else happens before, and why. None: nothing is waited
    /// for.
    pub fn timer(&self) -> Option<(Moment, Timer)> {
        if self.phase != Phase::Live {
            return None;
        }
        let mut earliest = Earliest::default();
        match &self.floor {
            Floor::Open(open) => {
                if self.idle.re_engaged < self.settings.re_engagements
                    && !open.waits
                    && let Some(timeout) = self.idle.patience(&self.settings)
                {
                    earliest.add(
                        open.since.max(self.idle.activity) + timeout,
                        Timer::TurnTimeout,
                    );
                }
                if let Some(silence) = self.settings.silence_end {
                    earliest.add(self.idle.silent_since + silence, Timer::Silence);
                }
            }
            Floor::User(turn) => self.user_timers(turn, &mut earliest),
            Floor::Agent(turn) => self.agent_timers(turn, &mut earliest),
        }
        match self.limit {
            Limit::Ahead => earliest.add(
                self.started + self.settings.max_duration,
                Timer::MaxDuration,
            ),
            Limit::Reached { at } => earliest.add(at + LAST_WORDS, Timer::HardLimit),
        }
        earliest.0
    }

    fn ear_timers(&self, turn: &UserTurn, patience: Duration, earliest: &mut Earliest) {
        if let Some(utterance) = turn.open() {
            earliest.add(
                utterance.last_voice + self.settings.utterance_pause,
                Timer::Pause,
            );
            earliest.add(utterance.began + LONGEST_UTTERANCE, Timer::LongUtterance);
        }
        if let Some((_, closed)) = turn.unanswered() {
            earliest.add(closed + patience, Timer::Final);
        }
    }

    fn user_timers(&self, turn: &UserTurn, earliest: &mut Earliest) {
        self.ear_timers(turn, self.settings.final_timeout, earliest);
        if turn.open().is_none() && turn.unanswered().is_none() {
            earliest.add(self.end_of_turn(turn), Timer::EndOfTurn);
        }
        if let Some(speculation) = &turn.speculation
            && !speculation.reply.is_written()
        {
            earliest.add(
                speculation.reply.progress + self.settings.reply_timeout,
                Timer::Reply,
            );
        }
    }

    /// When the turn is over if the user says nothing more.
    pub(crate) fn end_of_turn(&self, turn: &UserTurn) -> Moment {
        turn.last_voice + end_of_turn::wait(self.settings.eagerness, self.evidence(turn))
    }

    /// What speaks for the end of the turn.
    pub(crate) fn evidence(&self, turn: &UserTurn) -> Evidence {
        Evidence::weigh(
            &turn.text(),
            turn.sentence(),
            self.expected,
            self.settings.spelling_patience,
            self.finality,
        )
    }

    fn agent_timers(&self, turn: &AgentTurn, earliest: &mut Earliest) {
        let patience = if turn.ducked.is_some() {
            self.settings.final_timeout.min(VERDICT)
        } else {
            self.settings.final_timeout
        };
        self.ear_timers(&turn.overlap, patience, earliest);
        if let Some(ducked) = turn.ducked {
            let limit = if ducked.hasty {
                HASTY_LIMIT
            } else {
                DUCK_LIMIT
            };
            earliest.add(ducked.since + limit, Timer::Duck);
        }
        for call in turn.replies.iter().flat_map(|r| &r.calls) {
            if let Some(at) = call.deadline() {
                earliest.add(at, Timer::Tool);
            }
        }
        for reply in &turn.replies {
            if let Some(at) = self.reply_deadline(turn, reply) {
                earliest.add(at, Timer::Reply);
            }
        }
        if let Some(front) = turn.replies.front()
            && self.only_needs_hearing(front)
            && let Some(at) = self.heard_at(front.id)
        {
            earliest.add(at, Timer::Heard);
        }
        if let Some(timeout) = self.settings.soft_timeout
            && self.wants_filler(turn)
        {
            earliest.add(turn.quiet_since + timeout, Timer::SoftTimeout);
        }
    }

    /// When a silent llm or voice counts as hanging.
    pub(crate) fn reply_deadline(&self, turn: &AgentTurn, reply: &Reply) -> Option<Moment> {
        let timeout = self.settings.reply_timeout;
        if !reply.is_written() {
            return Some(reply.progress + timeout);
        }
        // A voice may wait until what it made has been played, so its time counts from there.
        (reply.voice == Voice::Flushed && turn.ducked.is_none()).then(|| {
            let playing = self.playout.ends_at(self.now).unwrap_or(reply.progress);
            reply.progress.max(playing) + timeout
        })
    }
}
