//! The user's turn: utterances open and close, and the turn ends.

use std::time::Duration;

use audio::Moment;

use crate::{
    completeness::Completeness,
    conversation::Conversation,
    floor::{AgentTurn, Floor},
    grammar::Sentence,
    ids::UtteranceId,
    input::Expected,
    output::{Origin, Output},
    user_turn::{Hearing, Speculation, UserTurn, Utterance},
    words::words,
};

/// Sound from before the first voiced frame that the recogniser gets: soft first syllables.
const LEAD_IN: Duration = Duration::from_millis(200);
/// Voiced frames within this of the last are speech going on; later ones must first prove to be no click.
const BRIDGE: Duration = Duration::from_millis(100);
/// A final text counts for so long after it was given up, or after the last partial text since. What comes later answers a question that nobody remembers.
const LATEST_FINAL: Duration = Duration::from_secs(5);
/// While a slow recogniser still tells partial texts, it is waited for so long after the last speech and no longer.
const LATEST_OF_ALL: Duration = Duration::from_secs(20);
/// So many speculations one turn may cost.
const MOST_SPECULATIONS: u32 = 4;

impl Conversation {
    fn user_turn_mut(&mut self) -> Option<&mut UserTurn> {
        match &mut self.floor {
            Floor::User(turn) => Some(turn),
            Floor::Agent(turn) => Some(&mut turn.overlap),
            Floor::Open(_) => None,
        }
    }

    pub(crate) fn on_voice(&mut self, probability: f32, frame: Duration) {
        if self.settings.text_only {
            return;
        }
        let now = self.now;
        let voiced = self
            .ear
            .hear(now, probability, frame, self.settings.voice_threshold);
        if voiced.is_zero() {
            if self.ear.run().is_zero() {
                self.calm_down();
            }
            return;
        }
        let ear = self.ear;
        if let Some(turn) = self.user_turn_mut()
            && let Some(utterance) = turn.open_mut()
        {
            utterance.voiced = utterance.voiced.saturating_add(voiced);
            if now - utterance.last_voice <= BRIDGE || ear.is_steady() {
                utterance.last_voice = now;
                turn.last_voice = now;
            }
            let id = turn.open().map(|u| u.id);
            if let (Some(id), Floor::Agent(_)) = (id, &self.floor) {
                self.judge_overlap(id);
            }
        } else if ear.run() >= self.settings.speech_onset {
            self.open_utterance(ear.began(), ear.run());
        } else {
            self.listen_up();
        }
    }

    fn open_utterance(&mut self, began: Moment, voiced: Duration) {
        let id = self.new_utterance();
        let utterance = Utterance {
            id,
            began,
            last_voice: self.now,
            voiced,
            hearing: Hearing::Nothing,
            closed: None,
            kept: false,
            agent_words: self.agent_words(),
        };
        self.finality = 0.5;
        self.out.push(Output::OpenUtterance {
            utterance: id,
            since: self.now - began + LEAD_IN,
        });
        match &mut self.floor {
            Floor::Open(_) => {
                let mut turn = UserTurn::default();
                turn.begin(utterance);
                self.floor = Floor::User(turn);
            }
            Floor::User(turn) => turn.begin(utterance),
            Floor::Agent(turn) => {
                turn.overlap.begin(utterance);
                self.challenge();
            }
        }
    }

    pub(crate) fn close_utterance(&mut self) {
        let now = self.now;
        let kept = matches!(&self.floor, Floor::Agent(turn) if !turn.is_interruptible());
        let Some(utterance) = self.user_turn_mut().and_then(UserTurn::open_mut) else {
            return;
        };
        utterance.closed = Some(now);
        utterance.kept |= kept;
        let id = utterance.id;
        self.out.push(Output::CloseUtterance { utterance: id });
        self.pump();
    }

    pub(crate) fn on_partial(&mut self, id: UtteranceId, text: String) {
        let now = self.now;
        let Some(utterance) = self.user_turn_mut().and_then(|turn| turn.get_mut(id)) else {
            // Given up, but the recogniser is at it still.
            if let Some((utterance, at)) = &mut self.given_up
                && utterance.id == id
                && now - *at <= LATEST_FINAL
            {
                *at = now.min(utterance.last_voice + LATEST_OF_ALL);
            }
            return;
        };
        if utterance.is_final() || text.trim().is_empty() {
            return;
        }
        utterance.hearing = Hearing::Partial(text);
        if matches!(self.floor, Floor::Agent(_)) {
            self.judge_overlap(id);
        }
    }

    pub(crate) fn on_final(&mut self, id: UtteranceId, text: &str) {
        let now = self.now;
        let kept = matches!(&self.floor, Floor::Agent(turn) if !turn.is_interruptible());
        let Some(utterance) = self.user_turn_mut().and_then(|turn| turn.get_mut(id)) else {
            self.hear_late(id, text);
            return;
        };
        if utterance.is_final() {
            return;
        }
        utterance.hearing = Hearing::Final(text.trim().to_owned());
        if utterance.closed.is_none() {
            utterance.closed = Some(now);
            utterance.kept |= kept;
        }
        match &self.floor {
            Floor::Agent(_) => {
                self.judge_overlap(id);
                self.pump();
            }
            _ => self.user_turn_changed(),
        }
    }

    /// The recogniser did not answer: what it said last counts.
    pub(crate) fn take_partial(&mut self) {
        let Some(turn) = self.user_turn_mut() else {
            return;
        };
        if let Some((id, _)) = turn.unanswered()
            && turn.get_mut(id).is_some()
        {
            self.on_unheard(id);
        }
    }

    /// Recognition failed: what it said last counts. Where that is nothing, the agent says that it heard nothing.
    pub(crate) fn on_unheard(&mut self, id: UtteranceId) {
        let had_the_floor = matches!(self.floor, Floor::User(_));
        let Some(utterance) = self
            .user_turn_mut()
            .and_then(|turn| turn.get_mut(id))
            .filter(|utterance| !utterance.is_final())
            .cloned()
        else {
            return;
        };
        self.on_final(id, utterance.text());
        if utterance.text().is_empty() {
            self.given_up = Some((utterance, self.now));
        }
        if had_the_floor && matches!(self.floor, Floor::Open(_)) {
            self.take_floor(Origin::Unheard, UserTurn::default());
        }
    }

    /// The final text of an utterance that was given up without a word. Soon enough it counts after all: it begins a turn,
    /// joins the one under way, or stops the agent as any words would.
    fn hear_late(&mut self, id: UtteranceId, text: &str) {
        let soon = |(utterance, at): &mut (Utterance, Moment)| {
            utterance.id == id && self.now - *at <= LATEST_FINAL
        };
        let Some((mut utterance, _)) = self.given_up.take_if(soon) else {
            return;
        };
        utterance.hearing = Hearing::Final(text.trim().to_owned());
        utterance.closed.get_or_insert(self.now);
        let said = words(text);
        if said.is_empty() || self.is_echo(&utterance, &said) {
            return;
        }
        match &mut self.floor {
            Floor::Open(_) => {
                let mut turn = UserTurn::default();
                turn.begin(utterance);
                self.floor = Floor::User(turn);
                self.user_turn_changed();
            }
            Floor::User(turn) => {
                turn.begin_before(utterance);
                self.user_turn_changed();
            }
            Floor::Agent(_) => self.overlap_late(utterance),
        }
    }

    /// Texts became final while the user has the floor.
    pub(crate) fn user_turn_changed(&mut self) {
        let Floor::User(turn) = &self.floor else {
            return;
        };
        let nothing: Vec<(UtteranceId, &'static str)> = turn
            .utterances
            .iter()
            .filter(|u| u.is_final())
            .filter_map(|u| {
                let said = words(u.text());
                if said.is_empty() {
                    Some((u.id, "no words"))
                } else {
                    self.is_echo(u, &said)
                        .then_some((u.id, "echo of the agent"))
                }
            })
            .collect();
        let Floor::User(turn) = &mut self.floor else {
            return;
        };
        for (utterance, because) in nothing {
            turn.remove(utterance);
            self.out.push(Output::DropUtterance { utterance, because });
        }
        turn.settle();
        if turn.is_empty() {
            self.dissolve();
        } else {
            self.speculate();
        }
    }

    /// The user's turn had no words. If it stopped the agent, the agent goes on.
    fn dissolve(&mut self) {
        let Some(turn) = self.take_user_turn() else {
            return;
        };
        if let Some(speculation) = turn.speculation {
            self.out.push(Output::Cancel {
                reply: speculation.reply.id,
            });
        }
        match turn.instead {
            Some(origin) => self.take_floor(origin, UserTurn::default()),
            None => self.open_floor(false),
        }
    }

    /// Has the answer prepared when the words sound finished, before the silence proves it.
    fn speculate(&mut self) {
        let Floor::User(turn) = &self.floor else {
            return;
        };
        let text = turn.said().to_owned();
        let evidence = self.evidence(turn);
        let ready = self.settings.speculative
            && turn.utterances.is_empty()
            && match evidence.completeness {
                Completeness::Complete | Completeness::Answer => true,
                Completeness::Neutral => evidence.sentence != Sentence::Unfinished,
                Completeness::Incomplete | Completeness::Dictating => false,
            }
            && turn.speculated < MOST_SPECULATIONS
            && self.end_of_turn(turn) > self.now;
        let stale = turn.speculation.as_ref().is_some_and(|s| s.text != text);
        if stale {
            self.forget_speculation_for_good();
        }
        let Floor::User(turn) = &self.floor else {
            return;
        };
        if !ready || turn.speculation.is_some() {
            return;
        }
        let reply = self.new_reply(Origin::Turn);
        self.out.push(Output::Generate {
            reply: reply.id,
            origin: Origin::Turn,
            speculative: Some(text.clone()),
        });
        if let Floor::User(turn) = &mut self.floor {
            turn.speculated += 1;
            turn.speculation = Some(Speculation { reply, text });
        }
    }

    /// What the speculation assumed is no longer so; another may be made.
    pub(crate) fn forget_speculation(&mut self) {
        self.forget_speculation_for_good();
        self.speculate();
    }

    pub(crate) fn forget_speculation_for_good(&mut self) {
        if let Floor::User(turn) = &mut self.floor
            && let Some(speculation) = turn.speculation.take()
        {
            self.out.push(Output::Cancel {
                reply: speculation.reply.id,
            });
        }
    }

    /// The silence was long enough.
    pub(crate) fn end_turn(&mut self) {
        let Some(turn) = self.take_user_turn() else {
            return;
        };
        let text = turn.text();
        self.commit(text.clone(), turn.last);
        match turn.speculation {
            Some(speculation) if speculation.text == text => self.adopt(speculation),
            other => {
                if let Some(wrong) = other {
                    self.out.push(Output::Cancel {
                        reply: wrong.reply.id,
                    });
                }
                self.take_floor(Origin::Turn, UserTurn::default());
            }
        }
    }

    fn commit(&mut self, text: String, utterance: Option<UtteranceId>) {
        self.idle.spoke(self.now);
        self.expected = Expected::Anything;
        self.out.push(Output::Commit { text, utterance });
    }

    fn adopt(&mut self, speculation: Speculation) {
        let mut reply = speculation.reply;
        self.out.push(Output::Adopt { reply: reply.id });
        reply.progress = self.now;
        if reply.skipped {
            self.out.push(Output::Cancel { reply: reply.id });
        }
        if let Some(expected) = reply.expects {
            self.expected = expected;
        }
        self.floor = Floor::Agent(AgentTurn::new(reply, UserTurn::default(), self.now, true));
        self.run_asked_tools();
        self.pump();
        self.continue_after_tools();
    }

    /// A typed message is a whole turn. It stops the agent, unless that may not be stopped: then it is kept.
    pub(crate) fn on_user_text(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            self.idle.active(self.now);
            return;
        }
        if let Floor::Agent(turn) = &mut self.floor
            && !turn.is_interruptible()
        {
            turn.overlap.keep_typed(text);
            return;
        }
        let mut turn = if let Some((overlap, _)) = self.stop_agent() {
            overlap
        } else {
            self.forget_speculation_for_good();
            self.take_user_turn().unwrap_or_default()
        };
        turn.settle();
        let spoken = turn.take_said();
        if !spoken.is_empty() {
            self.commit(spoken, turn.last);
        }
        self.commit(text.to_owned(), None);
        turn.instead = None;
        self.take_floor(Origin::Turn, turn);
    }
}
