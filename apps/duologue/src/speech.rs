//! The embedded voice and ear, for commands that need no agent.

use embedded::Paths;
use providers::tts::{self, Tts};

use crate::{
    files::RATE,
    problem::{Outcome, Problem},
    settings::{Settings, keys},
};

/// Where the speech packages are, as the settings say.
pub(crate) fn paths(settings: &Settings) -> Paths {
    Paths {
        libraries: settings.get(keys::SPEECH_LIBRARIES).map(Into::into),
        model: settings
            .get(keys::SPEECH_MODEL)
            .map_or_else(|| Paths::default().model, Into::into),
    }
}

/// How something is said.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) voice: Option<String>,
    pub(crate) speed: f32,
}

/// Speaks `text`, handing over pieces of sound at [`RATE`] as they are made.
pub(crate) async fn speak(
    voice: &dyn Tts,
    text: &str,
    manner: &Manner,
    mut each: impl FnMut(&[i16]) -> Outcome<()>,
) -> Outcome<()> {
    let mut session = voice.start(tts::Options {
        voice: manner.voice.clone(),
        speed: manner.speed,
        rate: RATE,
        ..tts::Options::default()
    });
    let input = session.input;
    let text = text.to_owned();
    // Fed by its own task: a long text must not wait for sound that waits for being taken.
    let feeder = tokio::spawn(async move {
        if input.send(tts::Input::Text(text)).await.is_ok() {
            let _ = input.send(tts::Input::End).await;
        }
    });
    while let Some(event) = session.events.recv().await {
        match event? {
            tts::Event::Chunk(chunk) if chunk.rate == RATE => each(&chunk.samples)?,
            tts::Event::Chunk(chunk) => each(&audio::resample(&chunk.samples, chunk.rate, RATE))?,
            tts::Event::TookOver(_) => {}
            tts::Event::Done => {
                feeder.abort();
                return Ok(());
            }
        }
    }
    Err(Problem::failure("the voice stopped in the middle")
        .because("it gave no reason")
        .fix("run it again with LOG_LEVEL=debug, and report what it says"))
}

/// All of `text` as sound.
pub(crate) async fn spoken(voice: &dyn Tts, text: &str, manner: &Manner) -> Outcome<Vec<i16>> {
    let mut sound = Vec::new();
    speak(voice, text, manner, |piece| {
        sound.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(sound)
}
