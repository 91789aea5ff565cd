//! The caller's voice and the agent's ear: the embedded ones, in earnest.

use std::{fmt, sync::Arc, time::Duration};

use embedded::{Engine, Paths, recogniser::Settings};
use providers::{
    ProviderError,
    asr::{self, Asr, Expected},
    tts::{self, Tts},
};
use tokio::time::timeout;

/// How long a voice or a recogniser may be silent.
const PATIENCE: Duration = Duration::from_mins(1);

/// Voice and recogniser for many calls.
pub struct Speech {
    asr: Arc<dyn Asr>,
    tts: Arc<dyn Tts>,
    voice: String,
}

impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech")
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}

impl Speech {
    /// The embedded engine, with a voice for the callers that is not the agents'.
    pub fn embedded(voice: &str) -> Self {
        let engine = Engine::new(Paths::default(), &Settings::default());
        Self {
            asr: engine.asr(),
            tts: engine.tts(),
            voice: voice.to_owned(),
        }
    }

    /// The ear of one call.
    pub(crate) fn ear(&self) -> Ear<'_> {
        Ear {
            speech: self,
            session: self.asr.start(asr::Options {
                partials: false,
                ..asr::Options::default()
            }),
            utterance: 0,
        }
    }

    async fn sound(&self, text: &str) -> Result<Vec<i16>, ProviderError> {
        let mut session = self.tts.start(tts::Options {
            voice: Some(self.voice.clone()),
            ..tts::Options::default()
        });
        let gone = || ProviderError::Failed {
            provider: "voice".to_owned(),
            reason: "it stopped".to_owned(),
        };
        session
            .input
            .send(tts::Input::Text(text.to_owned()))
            .await
            .map_err(|_| gone())?;
        session
            .input
            .send(tts::Input::End)
            .await
            .map_err(|_| gone())?;
        let mut samples = Vec::new();
        loop {
            match wait("voice", session.events.recv())
                .await?
                .ok_or_else(gone)??
            {
                tts::Event::Chunk(chunk) => samples.extend(chunk.samples),
                tts::Event::TookOver(_) => {}
                tts::Event::Done => return Ok(samples),
            }
        }
    }
}

async fn wait<T>(who: &str, work: impl Future<Output = T>) -> Result<T, ProviderError> {
    timeout(PATIENCE, work)
        .await
        .map_err(|_| ProviderError::TimedOut {
            provider: who.to_owned(),
            after: PATIENCE,
        })
}

/// A recogniser that listens to one caller.
pub(crate) struct Ear<'a> {
    speech: &'a Speech,
    session: asr::Session,
    utterance: u64,
}

impl Ear<'_> {
    /// What is heard when `text` is said.
    pub(crate) async fn hear(
        &mut self,
        text: &str,
        expected: &Expected,
    ) -> Result<String, ProviderError> {
        let gone = || ProviderError::Failed {
            provider: "recogniser".to_owned(),
            reason: "it stopped".to_owned(),
        };
        let samples = self.speech.sound(text).await?;
        self.utterance += 1;
        let begin = asr::Input::Begin {
            utterance: self.utterance,
            expected: expected.clone(),
        };
        wait("recogniser", self.session.input.send(begin))
            .await?
            .map_err(|_| gone())?;
        for chunk in samples.chunks(1600) {
            wait(
                "recogniser",
                self.session.input.send(asr::Input::Audio(chunk.to_vec())),
            )
            .await?
            .map_err(|_| gone())?;
        }
        wait("recogniser", self.session.input.send(asr::Input::End))
            .await?
            .map_err(|_| gone())?;
        loop {
            if let asr::Event::Final { utterance, text } =
                wait("recogniser", self.session.events.recv())
                    .await?
                    .ok_or_else(gone)??
                && utterance == self.utterance
            {
                return Ok(text);
            }
        }
    }
}
