//! Providers that do as they are told: loud is speech, how loud says what, a word is a tenth of a second.

use std::{sync::Arc, time::Duration};

use agent::Providers;
use audio::SampleRate;
use providers::{
    ProviderError,
    asr::{self, Asr},
    llm::{self, Generation, Llm, Request, ToolCall, Usage},
    tts::{self, Aligned, Tts, Voice},
    vad::{Detector, Vad},
};
use serde_json::Value;
use server::{Engine, Equipment, StoredAgent};
use tokio::sync::mpsc;

/// What is understood at [`TELL`].
pub(crate) const HEARD: &str = "tell me more please";
/// What is understood by French ears, whatever is said.
pub(crate) const HEARD_IN_FRENCH: &str = "dis moi plus";

/// The loudness at which something is said.
pub(crate) const TELL: i16 = 8_000;
pub(crate) const SPELL: i16 = 3_000;
pub(crate) const ALRIGHT: i16 = 4_000;
pub(crate) const ORDER: i16 = 5_000;
pub(crate) const BYE: i16 = 6_000;
pub(crate) const FRENCH: i16 = 7_000;

/// What is understood at this loudness. Codecs and resamplers change it a little.
fn saying(level: i16) -> &'static str {
    match (level + 500) / 1_000 {
        0 => "",
        3 => "my name is spelled m t",
        4 => "alright then",
        5 => "where is my order",
        6 => "thank you bye",
        7 => "in french please",
        _ => HEARD,
    }
}

/// Answers a conversation. The last thing said and how many turns there were decide.
pub(crate) type Brain = fn(&Request) -> Vec<llm::Event>;

pub(crate) struct Fake(pub(crate) Brain);

impl Engine for Fake {
    fn equip(&self, _: &StoredAgent) -> Result<Equipment, ProviderError> {
        Ok(Equipment {
            providers: Providers {
                vad: Arc::new(Loud),
                asr: Arc::new(OneSentence),
                llm: Arc::new(Told(self.0)),
                tts: Arc::new(Beeps),
            },
            tools: Vec::new(),
        })
    }
}

pub(crate) fn call(name: &str, arguments: Value) -> llm::Event {
    llm::Event::Call(ToolCall {
        id: format!("call_{name}"),
        name: name.to_owned(),
        arguments,
    })
}

pub(crate) fn text(text: &str) -> llm::Event {
    llm::Event::Text(text.to_owned())
}

struct Told(Brain);

impl Llm for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn generate(&self, request: Request) -> Generation {
        let mut events = (self.0)(&request);
        events.push(llm::Event::Usage(Usage {
            input_tokens: 120,
            cached_tokens: 0,
            output_tokens: 12,
        }));
        events.push(llm::Event::Done);
        let (sender, receiver) = mpsc::channel(events.len());
        let slow = matches!(request.messages.last(), Some(llm::Message::User(said)) if said.contains("think"));
        tokio::spawn(async move {
            if slow {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
            }
            for event in events {
                let _ = sender.send(Ok(event)).await;
            }
        });
        receiver
    }
}

struct Loud;

impl Vad for Loud {
    fn name(&self) -> &'static str {
        "loud"
    }

    fn detector(&self) -> Box<dyn Detector> {
        Box::new(Self)
    }
}

impl Detector for Loud {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_16000
    }

    fn frame_len(&self) -> usize {
        320
    }

    fn probability(&mut self, frame: &[i16]) -> f32 {
        if frame.iter().any(|sample| sample.unsigned_abs() > 1_000) {
            0.97
        } else {
            0.01
        }
    }
}

struct OneSentence;

impl Asr for OneSentence {
    fn name(&self) -> &'static str {
        "one sentence"
    }

    fn languages(&self) -> &[&str] {
        &["en", "fr"]
    }

    fn start(&self, options: asr::Options) -> asr::Session {
        let (input, mut told) = mpsc::channel(64);
        let (sender, events) = mpsc::channel(64);
        tokio::spawn(async move {
            let (mut utterance, mut samples, mut level) = (0, 0, 0);
            while let Some(input) = told.recv().await {
                let words = if options.language == "fr" {
                    HEARD_IN_FRENCH
                } else {
                    saying(level)
                };
                let event = match input {
                    asr::Input::Begin {
                        utterance: begun, ..
                    } => {
                        (utterance, samples, level) = (begun, 0, 0);
                        continue;
                    }
                    asr::Input::Audio(audio) => {
                        let before = samples;
                        samples += audio.len();
                        let loudest = audio.iter().copied().map(i16::saturating_abs).max();
                        level = level.max(loudest.unwrap_or(0));
                        if before >= 8_000 || samples < 8_000 {
                            continue;
                        }
                        let first = words
                            .match_indices(' ')
                            .nth(1)
                            .map_or(words.len(), |(at, _)| at);
                        asr::Event::Partial {
                            utterance,
                            text: words[..first].to_owned(),
                        }
                    }
                    asr::Input::End => asr::Event::Final {
                        utterance,
                        text: words.to_owned(),
                    },
                    asr::Input::Drop => continue,
                };
                if sender.send(Ok(event)).await.is_err() {
                    return;
                }
            }
        });
        asr::Session { input, events }
    }
}

struct Beeps;

impl Tts for Beeps {
    fn name(&self) -> &'static str {
        "beeps"
    }

    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn languages(&self) -> &[&str] {
        &["en", "fr"]
    }

    fn start(&self, options: tts::Options) -> tts::Session {
        let (input, mut told) = mpsc::channel(64);
        let (sender, events) = mpsc::channel(64);
        let samples = (1_600.0 / options.speed) as usize;
        tokio::spawn(async move {
            while let Some(tts::Input::Text(text)) = told.recv().await {
                for word in text.split_inclusive(' ') {
                    let aligned = Aligned {
                        text: word.to_owned(),
                        start: Duration::ZERO,
                        duration: Duration::from_millis(100),
                    };
                    let chunk = tts::Chunk {
                        samples: vec![500; samples],
                        rate: SampleRate::HZ_16000,
                        alignment: vec![aligned],
                    };
                    if sender.send(Ok(tts::Event::Chunk(chunk))).await.is_err() {
                        return;
                    }
                }
            }
            let _ = sender.send(Ok(tts::Event::Done)).await;
        });
        tts::Session { input, events }
    }
}
