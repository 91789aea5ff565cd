//! The user speaks while the agent has the floor: is it an interruption, or nothing?
//!
//! Where the edge can pause, the agent falls silent at once and goes on from the exact sample if it was nothing. Where it
//! cannot, it speaks on until words, or a length that no cough has, decide.

use std::time::Duration;

use crate::{
    conversation::Conversation,
    floor::{Ducked, Floor},
    ids::UtteranceId,
    output::{Origin, Output, ReplyEnd},
    reply::{Reply, Voice, Writing},
    user_turn::{UserTurn, Utterance},
    words::{is_little, same_words, words},
};

/// However the words turn out: nobody is left in silence longer than this by a duck.
pub(crate) const DUCK_LIMIT: Duration = Duration::from_secs(3);
/// A first sound has become an utterance by then, or never will.
pub(crate) const HASTY_LIMIT: Duration = Duration::from_millis(300);
/// So many little words may be a fragment. More are the beginning of a sentence.
const LONGEST_FRAGMENT: usize = 3;
/// A recogniser that is given the rest of an echo makes some words of it. Nobody says a word with less voice than this.
const SHORTEST_WORD: Duration = Duration::from_millis(100);
/// More words than these were not made of nothing.
const FEW_WORDS: usize = 3;
/// An echo ends soon after its sound.
const ECHO_TAIL: Duration = Duration::from_millis(500);

/// What an utterance during the agent's turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Undecided,
    Nothing(&'static str),
    Interruption,
}

impl Conversation {
    /// The user began to speak during the agent's turn.
    pub(crate) fn challenge(&mut self) {
        self.duck(false);
    }

    /// A first sound during the agent's turn: most callers are silenced for by it, some frames before it is certain that
    /// somebody speaks. Where that happens for nothing it is not done again for a while: for half a second, then for one,
    /// then for two.
    pub(crate) fn listen_up(&mut self) {
        let now = self.now;
        if let Floor::Agent(turn) = &self.floor
            && turn.overlap.utterances.is_empty()
            && turn.may_be_startled(now)
        {
            self.duck(true);
        }
    }

    /// The first sound was no speech.
    pub(crate) fn calm_down(&mut self) {
        if let Floor::Agent(turn) = &mut self.floor
            && turn.ducked.is_some_and(|ducked| ducked.hasty)
        {
            turn.startled = (turn.startled.0.saturating_add(1), self.now);
            self.resume();
            self.pump();
        }
    }

    fn duck(&mut self, hasty: bool) {
        let sounding = self.sounding_reply();
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        if let Some(ducked) = &mut turn.ducked {
            ducked.hasty &= hasty;
        } else if let Some(reply) = sounding
            && self.edge.can_pause
            && turn.is_interruptible()
        {
            turn.ducked = Some(Ducked {
                since: self.now,
                reply,
                hasty,
            });
            self.out.push(Output::Duck { reply });
            self.playout.pause(self.now);
        }
    }

    /// It was nothing: the agent goes on.
    pub(crate) fn resume(&mut self) {
        let Floor::Agent(turn) = &mut self.floor else {
            return;
        };
        if let Some(ducked) = turn.ducked.take() {
            for reply in &mut turn.replies {
                reply.progress = self.now;
            }
            self.out.push(Output::Resume {
                reply: ducked.reply,
            });
            self.playout.resume(self.now);
        }
    }

    /// Ducked for long and still nothing that interrupts: the agent goes on, the user is listened to.
    pub(crate) fn duck_ended(&mut self) {
        self.resume();
    }

    /// News about an utterance during the agent's turn.
    pub(crate) fn judge_overlap(&mut self, id: UtteranceId) {
        let Floor::Agent(turn) = &self.floor else {
            return;
        };
        let Some(utterance) = turn.overlap.utterances.iter().find(|u| u.id == id) else {
            return;
        };
        let kept = utterance.kept || !turn.is_interruptible();
        match self.verdict(utterance, turn.is_parting()) {
            Verdict::Undecided => {}
            Verdict::Nothing(because) => {
                if let Floor::Agent(turn) = &mut self.floor {
                    turn.overlap.remove(id);
                    self.out.push(Output::DropUtterance {
                        utterance: id,
                        because,
                    });
                }
                self.overlap_decided();
            }
            Verdict::Interruption if kept => {
                if let Floor::Agent(turn) = &mut self.floor {
                    turn.overlap.settle();
                }
                self.overlap_decided();
            }
            Verdict::Interruption => self.interrupt(),
        }
    }

    /// A text that came late, while the agent has the floor. It is dropped already, and only counts if it interrupts.
    pub(crate) fn overlap_late(&mut self, utterance: Utterance) {
        let Floor::Agent(turn) = &self.floor else {
            return;
        };
        if self.verdict(&utterance, turn.is_parting()) != Verdict::Interruption {
            return;
        }
        let id = utterance.id;
        if let Floor::Agent(turn) = &mut self.floor {
            turn.overlap.begin_before(utterance);
            self.judge_overlap(id);
            self.pump();
        }
    }

    /// Goes on once nothing undecided is left of what the user said.
    fn overlap_decided(&mut self) {
        if let Floor::Agent(turn) = &self.floor
            && turn.overlap.utterances.is_empty()
        {
            self.resume();
            self.pump();
        }
    }

    fn verdict(&self, utterance: &Utterance, parting: bool) -> Verdict {
        let said = words(utterance.text());
        let done = utterance.is_final();
        if said.is_empty() {
            return match done {
                true => Verdict::Nothing("no words"),
                false
                    if utterance.is_open()
                        && utterance.voiced >= self.settings.wordless_barge_in =>
                {
                    Verdict::Interruption
                }
                false => Verdict::Undecided,
            };
        }
        let nothing = if self.is_echo(utterance, &said) {
            Some("echo of the agent")
        } else if self.ignored.covers(&said, parting)
            || (!done && self.ignored.may_cover(&said, parting))
        {
            Some("backchannel")
        } else if is_fragment(&said) {
            Some("a fragment")
        } else if utterance.agent_words.is_some()
            && said.len() <= FEW_WORDS
            && utterance.voiced < SHORTEST_WORD * said.len() as u32
        {
            Some("too short for words")
        } else {
            None
        };
        match nothing {
            Some(because) if done => Verdict::Nothing(because),
            None if done || utterance.voiced >= self.settings.barge_in => Verdict::Interruption,
            _ => Verdict::Undecided,
        }
    }

    /// Whether the words are the agent's own, which sounded while they were heard.
    pub(crate) fn is_echo(&self, utterance: &Utterance, said: &[String]) -> bool {
        let Some(onset) = utterance.agent_words else {
            return false;
        };
        let audible_until = if self.is_audible() {
            self.now
        } else {
            self.audible_until
        };
        if utterance.last_voice > audible_until + ECHO_TAIL {
            return false;
        }
        let (current, heard) = self.front_words();
        self.echo.explains(said, onset, &current, heard)
    }

    /// The agent stops; the user has the floor.
    pub(crate) fn interrupt(&mut self) {
        let Some((mut overlap, instead)) = self.stop_agent() else {
            return;
        };
        overlap.instead = instead;
        self.floor = Floor::User(overlap);
        self.user_turn_changed();
    }

    /// Ends all that the agent was doing. Gives what the user said meanwhile and what to do if that was nothing.
    pub(crate) fn stop_agent(&mut self) -> Option<(UserTurn, Option<Origin>)> {
        let audible = self.is_audible();
        let sounding = self.sounding_reply();
        let mut turn = self.take_agent_turn()?;
        for call in turn.replies.iter_mut().flat_map(|r| &mut r.calls) {
            call.end(crate::ToolOutcome::Cancelled, &mut self.out);
        }
        let sent = turn.replies.iter().find(|r| r.sent).map(|r| r.id);
        if let (Some(reply), Some(last)) = (sounding.or(sent), self.last_event) {
            self.out.push(Output::Stop { reply, last });
        }
        if audible {
            self.audible_until = self.now;
        }
        self.playout.cut(self.now);
        let mut instead = None;
        for reply in turn.replies {
            if let Some(origin) = self.stop_reply(&reply) {
                instead.get_or_insert(origin);
            }
        }
        Some((turn.overlap, instead))
    }

    /// Ends one reply before its end. Gives how to take it up again.
    fn stop_reply(&mut self, reply: &Reply) -> Option<Origin> {
        if reply.is_worked_on() {
            self.out.push(Output::Cancel { reply: reply.id });
        }
        let heard = self.heard_text(reply);
        let text = reply.text.trim();
        let whole = same_words(&heard, text);
        if !whole {
            self.out.push(Output::Correct {
                reply: reply.id,
                original: text.to_owned(),
                heard: heard.clone(),
            });
        }
        let again = if heard.is_empty() {
            match &reply.origin {
                Origin::Turn | Origin::Tools { .. } => Some(Origin::Turn),
                Origin::Greeting => Some(Origin::Greeting),
                rest @ Origin::Rest { .. } => Some(rest.clone()),
                Origin::ReEngage | Origin::Unheard | Origin::Filler | Origin::MaxDuration => None,
            }
        } else if !whole && reply.writing == Writing::Complete && !reply.parting {
            rest_of(text, &heard).map(|text| Origin::Rest {
                reply: reply.id,
                text,
            })
        } else {
            None
        };
        let end = if reply.skipped {
            ReplyEnd::Skipped
        } else if whole
            && !heard.is_empty()
            && reply.is_written()
            && !reply.has_running_calls()
            && reply.voice != Voice::Failed
        {
            ReplyEnd::Finished
        } else if heard.is_empty() {
            ReplyEnd::Cancelled
        } else {
            ReplyEnd::Interrupted {
                heard: heard.clone(),
            }
        };
        self.reply_over(reply.id, &heard, end);
        again
    }
}

/// Little words alone, which nobody interrupts with: what recognisers make of coughs, of sounds of listening and of what is
/// left of an echo.
fn is_fragment(said: &[String]) -> bool {
    said.len() <= LONGEST_FRAGMENT && said.iter().all(|word| is_little(word))
}

/// What follows `heard` in `text`, counted in words.
fn rest_of(text: &str, heard: &str) -> Option<String> {
    let count = heard.split_whitespace().count();
    let rest: Vec<&str> = text.split_whitespace().skip(count).collect();
    (!rest.is_empty()).then(|| rest.join(" "))
}
