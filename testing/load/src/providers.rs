//! A recogniser, an llm and a voice that take no time.

use std::{f32::consts::TAU, sync::Arc, time::Duration};

use audio::SampleRate;
use providers::{asr, llm, tts};
use tokio::sync::mpsc;

/// What everybody says.
const QUESTION: &str = "What can you do for me today?";
/// What the agent answers: some three seconds of sound.
const ANSWER: &str = "Certainly. I have looked that up, and everything has been arranged.";
const RATE: SampleRate = SampleRate::HZ_16000;
/// As voices are wont to give it.
const CHUNK: usize = 1_600;
const WORD: usize = 4_000;

/// Understands the same question in everything, at once.
pub(crate) struct Prompt;

impl asr::Asr for Prompt {
    fn name(&self) -> &'static str {
        "prompt"
    }

    fn languages(&self) -> &[&str] {
        &["en"]
    }

    fn start(&self, _: asr::Options) -> asr::Session {
        let (input, mut sound) = mpsc::channel(64);
        let (texts, events) = mpsc::channel(16);
        tokio::spawn(async move {
            let mut current = 0;
            let mut told = false;
            while let Some(input) = sound.recv().await {
                let event = match input {
                    asr::Input::Begin { utterance, .. } => {
                        current = utterance;
                        told = false;
                        continue;
                    }
                    asr::Input::Audio(_) if !told => {
                        told = true;
                        asr::Event::Partial {
                            utterance: current,
                            text: QUESTION.trim_end_matches('?').to_owned(),
                        }
                    }
                    asr::Input::End => asr::Event::Final {
                        utterance: current,
                        text: QUESTION.to_owned(),
                    },
                    asr::Input::Audio(_) | asr::Input::Drop => continue,
                };
                if texts.send(Ok(event)).await.is_err() {
                    return;
                }
            }
        });
        asr::Session { input, events }
    }
}

/// Answers the same to everything.
pub(crate) struct Ready;

impl llm::Llm for Ready {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn generate(&self, _: llm::Request) -> llm::Generation {
        let (events, generation) = mpsc::channel(2);
        // There is room for both.
        let _ = events.try_send(Ok(llm::Event::Text(ANSWER.to_owned())));
        let _ = events.try_send(Ok(llm::Event::Done));
        generation
    }
}

/// Hums: a quarter of a second a word, made beforehand.
#[derive(Clone)]
pub(crate) struct Hum(Arc<[i16]>);

impl Hum {
    pub(crate) fn new() -> Self {
        let wave = |n: usize| ((n as f32 / 80.0 * TAU).sin() * 8_000.0) as i16;
        Self((0..CHUNK).map(wave).collect())
    }
}

impl tts::Tts for Hum {
    fn name(&self) -> &'static str {
        "hum"
    }

    fn voices(&self) -> Vec<tts::Voice> {
        Vec::new()
    }

    fn languages(&self) -> &[&str] {
        &["en"]
    }

    fn start(&self, _: tts::Options) -> tts::Session {
        let (input, mut texts) = mpsc::channel(8);
        let (chunks, events) = mpsc::channel(4);
        let wave = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(tts::Input::Text(text)) = texts.recv().await {
                for chunk in spoken(&text, &wave) {
                    if chunks.send(Ok(tts::Event::Chunk(chunk))).await.is_err() {
                        return;
                    }
                }
            }
            let _ = chunks.send(Ok(tts::Event::Done)).await;
        });
        tts::Session { input, events }
    }
}

fn spoken<'a>(text: &'a str, wave: &'a [i16]) -> impl Iterator<Item = tts::Chunk> + Send + 'a {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let total = words.len() * WORD;
    (0..total).step_by(CHUNK).map(move |from| {
        let samples = wave[..CHUNK.min(total - from)].to_vec();
        let alignment = words
            .iter()
            .enumerate()
            .filter(|(index, _)| (from..from + samples.len()).contains(&(index * WORD)))
            .map(|(index, word)| tts::Aligned {
                text: (*word).to_owned(),
                start: RATE.duration_of(index * WORD - from),
                duration: Duration::from_millis(250),
            })
            .collect();
        tts::Chunk {
            samples,
            rate: RATE,
            alignment,
        }
    })
}
