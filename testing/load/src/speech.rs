//! What callers say: a few sentences by the embedded voice, ready as messages.

use std::sync::Arc;

use anyhow::Context as _;
use audio::{Format, SampleRate, resample};
use embedded::Engine;
use providers::tts;

use crate::wire;

/// The sentences. Short, without pauses, in different lengths.
const SENTENCES: [&str; 3] = [
    "Could you move my appointment to Monday morning?",
    "I would like to know when you open tomorrow.",
    "Where did you put the yellow book?",
];
const RATE: SampleRate = SampleRate::HZ_16000;
/// Quieter than this is no speech.
const QUIET: u16 = 300;

/// How a caller is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// As the official SDKs do: 16 kHz PCM both ways.
    Wide,
    /// As telephones do: 8 kHz µ-law both ways, resampled both ways by the server.
    Phone,
}

impl Line {
    pub(crate) const ALL: [Self; 2] = [Self::Wide, Self::Phone];

    pub(crate) fn format(self) -> Format {
        match self {
            Self::Wide => Format::Pcm16000,
            Self::Phone => Format::Ulaw8000,
        }
    }

    pub(crate) fn agent(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Phone => "phone",
        }
    }
}

/// 20 ms of a line: its sound and the message that carries it.
pub(crate) struct Piece {
    pub(crate) sound: Vec<u8>,
    pub(crate) message: Vec<u8>,
}

/// All that can be said over a line, cut into pieces of 20 ms.
pub(crate) struct Repertoire {
    pub(crate) line: Line,
    pub(crate) sentences: Vec<Vec<Piece>>,
    pub(crate) silence: Piece,
}

/// The sentences as samples at 16 kHz, without silence around them.
pub(crate) async fn sentences() -> anyhow::Result<Vec<Vec<i16>>> {
    let voice = Engine::default().tts();
    let mut all = Vec::new();
    for text in SENTENCES {
        let mut session = voice.start(tts::Options::default());
        session
            .input
            .send(tts::Input::Text(text.to_owned()))
            .await?;
        session.input.send(tts::Input::End).await?;
        let mut samples = Vec::new();
        while let Some(event) = session.events.recv().await {
            if let tts::Event::Chunk(chunk) = event.context("the callers have no voice")? {
                samples.extend(resample(&chunk.samples, chunk.rate, RATE));
            }
        }
        let loud = |sample: &i16| sample.unsigned_abs() > QUIET;
        let from = samples.iter().position(loud).unwrap_or(0);
        let to = samples.iter().rposition(loud).unwrap_or(0);
        all.push(samples.get(from..=to).unwrap_or_default().to_vec());
    }
    Ok(all)
}

/// What can be said over `line`.
pub(crate) fn repertoire(line: Line, sentences: &[Vec<i16>]) -> Arc<Repertoire> {
    let rate = line.format().rate();
    let length = rate.hz() as usize / 50;
    let piece = |samples: &[i16]| {
        let mut samples = samples.to_vec();
        samples.resize(length, 0);
        let sound = line.format().encode(&samples);
        Piece {
            message: wire::sound(&sound),
            sound,
        }
    };
    Arc::new(Repertoire {
        line,
        sentences: sentences
            .iter()
            .map(|samples| {
                resample(samples, RATE, rate)
                    .chunks(length)
                    .map(piece)
                    .collect()
            })
            .collect(),
        silence: piece(&[]),
    })
}
