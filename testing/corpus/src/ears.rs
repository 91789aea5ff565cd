//! Recognisers for the measurements: the real one, and one that knows the truth and errs at a rate that is assumed.

use std::{collections::VecDeque, time::Duration};

use anyhow::Context;
use embedded::{
    Paths,
    recogniser::{Settings, Sphinx},
};
use providers::asr::{self, Asr};
use turn::{Expected, UtteranceId};

use crate::{
    rng::Chance,
    voice::{RATE, Word},
};

/// What a recogniser said.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// About which utterance.
    pub utterance: UtteranceId,
    /// What.
    pub text: String,
    /// For the last time.
    pub is_final: bool,
}

/// Listens to utterances on the sample clock.
pub trait Ear {
    /// An utterance begins with `sound`, whose first sample is number `from`.
    ///
    /// # Errors
    /// When the recogniser is not there.
    fn open(
        &mut self,
        utterance: UtteranceId,
        from: usize,
        sound: &[i16],
        expected: Expected,
    ) -> anyhow::Result<()>;
    /// It goes on until sample `now`. Gives what has become known.
    ///
    /// # Errors
    /// When the recogniser fails.
    fn hear(&mut self, now: usize, sound: &[i16]) -> anyhow::Result<Vec<Heard>>;
    /// It has ended at sample `now`: a final text will follow.
    ///
    /// # Errors
    /// When the recogniser fails.
    fn close(&mut self, utterance: UtteranceId, now: usize) -> anyhow::Result<()>;
}

/// The final text comes so long after the end. The embedded recogniser measured 5 to 60 ms.
const FINAL_AFTER: Duration = Duration::from_millis(60);

fn samples(duration: Duration) -> usize {
    duration.as_micros() as usize * RATE / 1_000_000
}

/// Says the true words, late and partly wrong. How late and how wrong is assumed, not fitted to a recogniser.
#[derive(Debug)]
pub struct Simulated {
    words: Vec<Word>,
    /// What it gives where nobody says a word.
    else_words: Vec<Word>,
    delay: usize,
    open: Option<(UtteranceId, usize, String)>,
    due: VecDeque<(usize, Heard)>,
}

/// A word is in the partial text so long after its end. Assumed: the embedded recogniser shows a word once it has
/// stood for 300 ms.
const PARTIAL_AFTER: Duration = Duration::from_millis(420);
/// So much of the words is wrong. Assumed, within what the embedded recogniser does on these voices.
const WRONG: f32 = 0.08;
/// How often a noise is taken for a word.
const WORD_IN_NOISE: f32 = 0.25;

impl Simulated {
    /// One that hears `words`, and `otherwise` where there are none of them.
    pub fn new(seed: &str, words: &[Word], otherwise: &[Word]) -> Self {
        let mut chance = Chance::of(seed);
        let mut mishear = |words: &[Word], wrong: f32| -> Vec<Word> {
            words
                .iter()
                .map(|word| {
                    let mut word = word.clone();
                    if chance.happens(wrong) {
                        chance
                            .pick(&["the", "it", "are", "then", "one", "her", ""])
                            .copied()
                            .unwrap_or_default()
                            .clone_into(&mut word.text);
                    }
                    word
                })
                .collect()
        };
        let words = mishear(words, WRONG);
        let else_words = mishear(otherwise, 0.25);
        let delay = samples(PARTIAL_AFTER) + (chance.between(-0.1, 0.15) * RATE as f32) as usize;
        Self {
            words,
            else_words,
            delay,
            open: None,
            due: VecDeque::new(),
        }
    }

    /// One for a noise: mostly silence, sometimes a short word.
    pub fn of_noise(seed: &str, onset: usize, end: usize) -> Self {
        let mut chance = Chance::of(seed);
        let text = if chance.happens(WORD_IN_NOISE) {
            chance
                .pick(&["the", "huh", "uh", "a", "oh", "what"])
                .copied()
                .unwrap_or_default()
        } else {
            ""
        };
        let word = Word {
            text: text.to_owned(),
            start: onset,
            end,
        };
        Self::new(seed, &[word], &[])
    }

    /// What it makes of the words whose middles lie between these samples.
    pub fn text(&self, from: usize, until: usize) -> String {
        let among = |words: &[Word]| {
            words
                .iter()
                .filter(|w| (from..until).contains(&w.start.midpoint(w.end)) && !w.text.is_empty())
                .map(|w| w.text.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let said = among(&self.words);
        if said.is_empty() {
            among(&self.else_words)
        } else {
            said
        }
    }
}

impl Ear for Simulated {
    fn open(
        &mut self,
        utterance: UtteranceId,
        from: usize,
        _: &[i16],
        _: Expected,
    ) -> anyhow::Result<()> {
        self.open = Some((utterance, from, String::new()));
        Ok(())
    }

    fn hear(&mut self, now: usize, _: &[i16]) -> anyhow::Result<Vec<Heard>> {
        let mut heard = Vec::new();
        if let Some((utterance, from, shown)) = &self.open {
            let text = self.text(*from, now.saturating_sub(self.delay));
            if !text.is_empty() && text != *shown {
                heard.push(Heard {
                    utterance: *utterance,
                    text: text.clone(),
                    is_final: false,
                });
                self.open = Some((*utterance, *from, text));
            }
        }
        while self.due.front().is_some_and(|(at, _)| *at <= now) {
            heard.extend(self.due.pop_front().map(|(_, h)| h));
        }
        Ok(heard)
    }

    fn close(&mut self, utterance: UtteranceId, now: usize) -> anyhow::Result<()> {
        if let Some((open, from, _)) = self.open.take_if(|(open, ..)| *open == utterance) {
            let text = self.text(from, now);
            self.due.push_back((
                now + samples(FINAL_AFTER),
                Heard {
                    utterance: open,
                    text,
                    is_final: true,
                },
            ));
        }
        Ok(())
    }
}

/// The embedded recogniser, fed on the sample clock: what it says counts as said at the sample it was then given. Texts do
/// not depend on how fast this machine is.
pub struct Real {
    runtime: tokio::runtime::Runtime,
    asr: Sphinx,
    session: Option<asr::Session>,
    due: VecDeque<(usize, Heard)>,
    unsent: Vec<i16>,
    open: Option<UtteranceId>,
    now: usize,
}

/// The recogniser looks at its text after so many samples.
const STEP: usize = 960;

impl Real {
    /// The recogniser of this machine.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn new() -> anyhow::Result<Self> {
        let asr = Sphinx::new(
            Paths::default(),
            &Settings {
                decoders: 1,
                repeatable: true,
                ..Settings::default()
            },
        );
        asr.check()?;
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            asr,
            session: None,
            due: VecDeque::new(),
            unsent: Vec::new(),
            open: None,
            now: 0,
        })
    }

    /// Forgets the conversation.
    pub fn reset(&mut self) {
        self.session = None;
        self.due.clear();
        self.unsent.clear();
        self.open = None;
    }

    /// Hears one recording as one utterance.
    ///
    /// # Errors
    /// When the recogniser fails.
    pub fn transcribe(&mut self, sound: &[i16]) -> anyhow::Result<String> {
        self.reset();
        self.open(UtteranceId(1), 0, sound, Expected::Anything)?;
        self.close(UtteranceId(1), sound.len())?;
        let text = self
            .due
            .drain(..)
            .filter(|(_, h)| h.is_final)
            .map(|(_, h)| h.text)
            .collect::<String>();
        Ok(text)
    }

    fn tell(&mut self, input: asr::Input, wait_final: bool) -> anyhow::Result<()> {
        let now = self.now;
        let Self {
            runtime,
            asr,
            session,
            due,
            ..
        } = self;
        let session = session
            .get_or_insert_with(|| runtime.block_on(async { asr.start(asr::Options::default()) }));
        runtime.block_on(async {
            session
                .input
                .send(input)
                .await
                .context("the recogniser has gone")?;
            if !wait_final {
                // Once this empty piece has been taken, what came before it has been heard.
                session
                    .input
                    .send(asr::Input::Audio(Vec::new()))
                    .await
                    .context("the recogniser has gone")?;
                while session.input.capacity() < session.input.max_capacity() {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
            }
            loop {
                let event = if wait_final {
                    session
                        .events
                        .recv()
                        .await
                        .context("the recogniser has gone")??
                } else {
                    match session.events.try_recv() {
                        Ok(event) => event?,
                        Err(_) => return Ok(()),
                    }
                };
                match event {
                    asr::Event::Partial { utterance, text } => {
                        due.push_back((
                            now,
                            Heard {
                                utterance: UtteranceId(utterance),
                                text,
                                is_final: false,
                            },
                        ));
                    }
                    asr::Event::Final { utterance, text } => {
                        due.push_back((
                            now + samples(FINAL_AFTER),
                            Heard {
                                utterance: UtteranceId(utterance),
                                text,
                                is_final: true,
                            },
                        ));
                        if wait_final {
                            return Ok(());
                        }
                    }
                }
            }
        })
    }

    fn flush(&mut self, least: usize) -> anyhow::Result<()> {
        if self.unsent.len() >= least.max(1) {
            let sound = std::mem::take(&mut self.unsent);
            self.tell(asr::Input::Audio(sound), false)?;
        }
        Ok(())
    }
}

fn kind(expected: Expected) -> Option<String> {
    let kind = match expected {
        Expected::Name | Expected::Spelling => "name",
        Expected::Day => "day",
        Expected::Time => "time",
        Expected::Email => "email",
        Expected::Phone => "phone",
        Expected::Number => "number",
        Expected::Confirmation => "confirmation",
        _ => return None,
    };
    Some(kind.to_owned())
}

impl Ear for Real {
    fn open(
        &mut self,
        utterance: UtteranceId,
        from: usize,
        sound: &[i16],
        expected: Expected,
    ) -> anyhow::Result<()> {
        self.now = from + sound.len();
        self.unsent.clear();
        self.open = Some(utterance);
        let expected = asr::Expected {
            kind: kind(expected),
            ..asr::Expected::default()
        };
        self.tell(
            asr::Input::Begin {
                utterance: utterance.0,
                expected,
            },
            false,
        )?;
        self.unsent.extend(sound);
        self.flush(1)
    }

    fn hear(&mut self, now: usize, sound: &[i16]) -> anyhow::Result<Vec<Heard>> {
        self.now = now;
        if self.open.is_some() {
            self.unsent.extend(sound);
            self.flush(STEP)?;
        }
        let mut heard = Vec::new();
        while self.due.front().is_some_and(|(at, _)| *at <= now) {
            heard.extend(self.due.pop_front().map(|(_, h)| h));
        }
        Ok(heard)
    }

    fn close(&mut self, utterance: UtteranceId, now: usize) -> anyhow::Result<()> {
        self.now = now;
        if self.open.take_if(|open| *open == utterance).is_some() {
            self.flush(1)?;
            self.tell(asr::Input::End, true)?;
        }
        Ok(())
    }
}
