//! Text becomes sound.

use std::time::Duration;

use audio::{Resampler, SampleRate};
use providers::{
    ProviderError,
    tts::{self, Event, Input},
};
use tokio::time::timeout;

use super::{Speech, failed};
use crate::Problem;

/// How long a voice may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to speak.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) voice: Option<String>,
    pub(crate) speed: f32,
    pub(crate) language: String,
    pub(crate) rate: SampleRate,
}

/// A letter, and when it sounds from the beginning of everything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Letter {
    pub(crate) letter: String,
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// A piece of sound at the rate that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) samples: Vec<i16>,
    pub(crate) letters: Vec<Letter>,
}

/// A voice at work.
pub(crate) struct Speaking {
    session: tts::Session,
    rate: SampleRate,
    resampler: Option<Resampler>,
    /// What was given so far, in the voice's own time.
    given: Duration,
    /// Only the end is left to be told.
    finished: bool,
    name: String,
}

impl Speaking {
    pub(crate) fn new(speech: &Speech, manner: &Manner) -> Self {
        Self {
            session: speech.tts.start(tts::Options {
                voice: manner.voice.clone(),
                speed: manner.speed,
                rate: manner.rate,
                language: manner.language.clone(),
                excuse: None,
            }),
            rate: manner.rate,
            resampler: None,
            given: Duration::ZERO,
            finished: false,
            name: speech.tts.name().to_owned(),
        }
    }

    /// A voice that says one text.
    pub(crate) fn saying(speech: &Speech, manner: &Manner, text: String) -> Self {
        let speaking = Self::new(speech, manner);
        let input = speaking.session.input.clone();
        tokio::spawn(async move {
            // A voice that has gone says why itself.
            let _ = input.send(Input::Text(text)).await;
            let _ = input.send(Input::End).await;
        });
        speaking
    }

    /// What comes next. None: everything was said. Waits for text without a limit when `patient`.
    pub(crate) async fn next(&mut self, patient: bool) -> Result<Option<Piece>, Problem> {
        if self.finished {
            return Ok(None);
        }
        let events = &mut self.session.events;
        let sound = async {
            loop {
                match events.recv().await {
                    Some(Ok(Event::TookOver(_))) => {}
                    event => return event,
                }
            }
        };
        let event = if patient {
            sound.await
        } else {
            timeout(PATIENCE, sound).await.map_err(|_| {
                failed(&ProviderError::TimedOut {
                    provider: self.name.clone(),
                    after: PATIENCE,
                })
            })?
        };
        match event {
            Some(Ok(Event::Chunk(chunk))) => Ok(Some(self.take(&chunk))),
            Some(Ok(Event::Done)) => {
                self.finished = true;
                let samples = self.resampler.as_mut().map(Resampler::flush);
                Ok(samples
                    .filter(|samples| !samples.is_empty())
                    .map(|samples| Piece {
                        samples,
                        letters: Vec::new(),
                    }))
            }
            Some(Err(error)) => Err(failed(&error)),
            Some(Ok(Event::TookOver(_))) | None => Err(failed(&ProviderError::Failed {
                provider: self.name.clone(),
                reason: "it closed before it had spoken everything".to_owned(),
            })),
        }
    }

    fn take(&mut self, chunk: &tts::Chunk) -> Piece {
        let resampler = self
            .resampler
            .get_or_insert_with(|| Resampler::new(chunk.rate, self.rate));
        let samples = resampler.push(&chunk.samples);
        let mut letters = Vec::new();
        for word in &chunk.alignment {
            let count = word.text.chars().count().max(1) as u32;
            let each = word.duration / count;
            for (index, letter) in word.text.chars().enumerate() {
                let start = self.given + word.start + each * index as u32;
                letters.push(Letter {
                    letter: letter.to_string(),
                    start,
                    end: start + each,
                });
            }
        }
        self.given += chunk.rate.duration_of(chunk.samples.len());
        Piece { samples, letters }
    }
}
