//! What the user is saying: utterances, their texts, and what was prepared for their end.

use std::time::Duration;

use audio::Moment;

use crate::{
    grammar::{Sentence, sentence},
    ids::UtteranceId,
    output::Origin,
    reply::Reply,
    words::words,
};

/// What the recogniser said about an utterance so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Hearing {
    Nothing,
    Partial(String),
    Final(String),
}

/// One stretch of speech.
#[derive(Clone, Debug)]
pub(crate) struct Utterance {
    pub(crate) id: UtteranceId,
    pub(crate) began: Moment,
    pub(crate) last_voice: Moment,
    pub(crate) voiced: Duration,
    pub(crate) hearing: Hearing,
    /// When its pause was noticed; none while the user speaks.
    pub(crate) closed: Option<Moment>,
    /// It fell into a reply or tool that may not be interrupted: it is answered afterwards.
    pub(crate) kept: bool,
    /// How many of the agent's words had sounded when it began, if the agent was audible then.
    pub(crate) agent_words: Option<usize>,
}

impl Utterance {
    pub(crate) fn text(&self) -> &str {
        match &self.hearing {
            Hearing::Nothing => "",
            Hearing::Partial(text) | Hearing::Final(text) => text,
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self.hearing, Hearing::Final(_))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

/// A reply that is being written before it is certain that it is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Speculation {
    pub(crate) reply: Reply,
    /// The turn it answers, if the user says nothing more.
    pub(crate) text: String,
}

/// The user's hold of the floor, or what they say while the agent has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserTurn {
    /// Texts that are settled, joined.
    said: String,
    /// What they are as a sentence. Kept, for it is asked for with every frame of a pause.
    sentence: Sentence,
    /// Utterances whose text is not settled yet, oldest first; only the last can be open.
    pub(crate) utterances: Vec<Utterance>,
    /// The latest utterance that gave words.
    pub(crate) last: Option<UtteranceId>,
    pub(crate) last_voice: Moment,
    pub(crate) speculation: Option<Speculation>,
    /// How many speculations this turn has cost.
    pub(crate) speculated: u32,
    /// What to do when this turn turns out to have no words: the interruption was nothing.
    pub(crate) instead: Option<Origin>,
}

/// No turn grows beyond this many bytes of text: what follows is dropped, for something is wrong.
const LONGEST: usize = 32 * 1024;
/// More unsettled utterances than this means a recogniser that does not answer: their partials are taken.
const MOST_UNSETTLED: usize = 16;

impl UserTurn {
    /// The whole text so far, finals and partials.
    pub(crate) fn text(&self) -> String {
        let mut text = self.said.clone();
        for utterance in &self.utterances {
            append(&mut text, utterance.text());
        }
        text
    }

    /// What [`UserTurn::text`] is as a sentence.
    pub(crate) fn sentence(&self) -> Sentence {
        if self.utterances.iter().all(|u| u.text().is_empty()) {
            self.sentence
        } else {
            sentence(&words(&self.text()))
        }
    }

    /// The settled text.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty() && self.utterances.is_empty()
    }

    /// Adds typed text that has to wait.
    pub(crate) fn keep_typed(&mut self, text: &str) {
        self.add(text);
    }

    fn add(&mut self, text: &str) {
        append(&mut self.said, text);
        self.sentence = sentence(&words(&self.said));
    }

    pub(crate) fn open(&self) -> Option<&Utterance> {
        self.utterances.last().filter(|u| u.is_open())
    }

    pub(crate) fn open_mut(&mut self) -> Option<&mut Utterance> {
        self.utterances.last_mut().filter(|u| u.is_open())
    }

    pub(crate) fn get_mut(&mut self, id: UtteranceId) -> Option<&mut Utterance> {
        self.utterances.iter_mut().find(|u| u.id == id)
    }

    /// The oldest closed utterance without a final text.
    pub(crate) fn unanswered(&self) -> Option<(UtteranceId, Moment)> {
        self.utterances
            .iter()
            .filter(|u| !u.is_final())
            .find_map(|u| u.closed.map(|at| (u.id, at)))
    }

    pub(crate) fn begin(&mut self, utterance: Utterance) {
        self.last_voice = self.last_voice.max(utterance.last_voice);
        if self.utterances.len() >= MOST_UNSETTLED {
            let text = self.utterances.remove(0).text().to_owned();
            self.add(&text);
        }
        self.utterances.push(utterance);
    }

    /// As [`UserTurn::begin`], for what was said before everything else that is not settled.
    pub(crate) fn begin_before(&mut self, utterance: Utterance) {
        self.last_voice = self.last_voice.max(utterance.last_voice);
        self.utterances.insert(0, utterance);
    }

    pub(crate) fn remove(&mut self, id: UtteranceId) -> Option<Utterance> {
        let index = self.utterances.iter().position(|u| u.id == id)?;
        Some(self.utterances.remove(index))
    }

    /// Moves leading final texts to what is settled.
    pub(crate) fn settle(&mut self) {
        while self.utterances.first().is_some_and(Utterance::is_final) {
            let first = self.utterances.remove(0);
            if !first.text().is_empty() {
                self.last = Some(first.id);
                self.add(first.text());
            }
        }
    }

    /// Takes the settled text, leaving unsettled utterances.
    pub(crate) fn take_said(&mut self) -> String {
        self.sentence = Sentence::default();
        std::mem::take(&mut self.said)
    }
}

fn append(text: &mut String, more: &str) {
    let more = more.trim();
    if more.is_empty() || text.len() + more.len() > LONGEST {
        return;
    }
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}
