//! Speech for the corpus: flite's voices, higher or lower, quicker or slower, and where each word sounds.

use std::{collections::HashMap, fs, path::PathBuf};

use anyhow::{Context, bail};
use embedded::{Paths, voice::FliteVoice};
use providers::tts::{Event, Input, Options, Tts};
use serde::{Deserialize, Serialize};

use crate::{rng::hash, sounds};

/// Samples per second of everything in the corpus.
pub const RATE: usize = 16_000;
/// Raised when the same text would give other sound than before.
const VERSION: u32 = 1;

/// Somebody who speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speaker {
    /// One of flite's voices.
    pub voice: &'static str,
    /// How much higher than that voice; 1 is as it is.
    pub pitch: f32,
    /// How much quicker; 1 is as it is.
    pub speed: f32,
}

/// The callers. The first two are also the agent's voices, as they are.
pub const SPEAKERS: [Speaker; 8] = [
    Speaker {
        voice: "slt",
        pitch: 1.0,
        speed: 1.0,
    },
    Speaker {
        voice: "rms",
        pitch: 1.0,
        speed: 1.0,
    },
    Speaker {
        voice: "awb",
        pitch: 1.0,
        speed: 1.0,
    },
    Speaker {
        voice: "kal16",
        pitch: 1.0,
        speed: 0.95,
    },
    Speaker {
        voice: "slt",
        pitch: 1.12,
        speed: 1.1,
    },
    Speaker {
        voice: "rms",
        pitch: 0.92,
        speed: 0.9,
    },
    Speaker {
        voice: "awb",
        pitch: 1.1,
        speed: 1.05,
    },
    Speaker {
        voice: "slt",
        pitch: 0.9,
        speed: 0.9,
    },
];

/// A word and the samples in which it sounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// As it was written.
    pub text: String,
    /// Its first sample.
    pub start: usize,
    /// The sample after its last.
    pub end: usize,
}

/// Speech and its words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clip {
    /// At [`RATE`], full scale being 1.
    pub samples: Vec<f32>,
    /// In order.
    pub words: Vec<Word>,
}

/// Makes clips, and keeps them: in memory, and in a folder from one run to the next.
pub struct Voices {
    flite: FliteVoice,
    runtime: tokio::runtime::Runtime,
    folder: PathBuf,
    known: HashMap<u64, Clip>,
}

impl Voices {
    /// Voices that keep what they said in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self {
            flite: FliteVoice::new(Paths::default()),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            folder,
            known: HashMap::new(),
        })
    }

    /// Says `text`.
    ///
    /// # Errors
    /// When flite is not installed.
    pub fn say(&mut self, speaker: Speaker, text: &str) -> anyhow::Result<Clip> {
        let key = hash(
            format!(
                "{VERSION} {} {} {} {text}",
                speaker.voice, speaker.pitch, speaker.speed
            )
            .as_bytes(),
        );
        if let Some(clip) = self.known.get(&key) {
            return Ok(clip.clone());
        }
        let path = self.folder.join(format!("{key:016x}.clip"));
        let kept = fs::read(&path).ok().and_then(|bytes| decode(&bytes));
        let clip = if let Some(clip) = kept {
            clip
        } else {
            let clip = self.synthesise(speaker, text)?;
            // Written beside and renamed: two runs at once do not see halves.
            let beside = path.with_extension(format!("{}", std::process::id()));
            fs::write(&beside, encode(&clip)?)?;
            fs::rename(&beside, &path)?;
            clip
        };
        self.known.insert(key, clip.clone());
        Ok(clip)
    }

    fn synthesise(&self, speaker: Speaker, text: &str) -> anyhow::Result<Clip> {
        let mut raw: Vec<f32> = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        self.runtime.block_on(async {
            let mut session = self.flite.start(Options {
                voice: Some(speaker.voice.to_owned()),
                // Raising the pitch by playing faster shortens; this takes it back.
                speed: speaker.speed / speaker.pitch,
                ..Options::default()
            });
            session.input.send(Input::Text(text.to_owned())).await?;
            session.input.send(Input::End).await?;
            while let Some(event) = session.events.recv().await {
                let Event::Chunk(chunk) = event? else {
                    return Ok(());
                };
                let at = raw.len();
                for piece in &chunk.alignment {
                    let sample = |seconds: f32| at + (seconds * RATE as f32) as usize;
                    words.push(Word {
                        text: piece.text.trim().to_owned(),
                        start: sample(piece.start.as_secs_f32()),
                        end: sample((piece.start + piece.duration).as_secs_f32()),
                    });
                }
                raw.extend(chunk.samples.iter().map(|s| f32::from(*s) / 32_768.0));
            }
            bail!("the voice stopped in the middle of {text:?}")
        })?;
        let samples = sounds::stretched(&raw, 1.0 / f64::from(speaker.pitch));
        for word in &mut words {
            word.start = (word.start as f32 / speaker.pitch) as usize;
            word.end = ((word.end as f32 / speaker.pitch) as usize).min(samples.len());
        }
        Ok(Clip { samples, words })
    }
}

fn encode(clip: &Clip) -> anyhow::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(&clip.words)?;
    bytes.push(b'\n');
    for sample in &clip.samples {
        bytes.extend(sample.to_le_bytes());
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Option<Clip> {
    let line = bytes.iter().position(|b| *b == b'\n')?;
    let words = serde_json::from_slice(&bytes[..line]).ok()?;
    let sound = bytes[line + 1..].as_chunks::<4>();
    Some(Clip {
        samples: sound.0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        words,
    })
}
