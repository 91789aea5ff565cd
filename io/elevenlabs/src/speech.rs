//! Text to speech.

use std::collections::VecDeque;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Account, ApiError, Body, VoiceSettings, account::step};

/// How sound comes when nothing is said: MP3, 44.1 kHz, 128 kbit/s.
pub const DEFAULT_FORMAT: &str = "mp3_44100_128";

/// Text that shall be spoken.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Speech {
    /// The words.
    pub text: String,
    /// The model. Default: `eleven_multilingual_v2`, by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// ISO 639-1; refused by models that cannot be told. Default: found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// How the voice speaks. Default: as it was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_settings: Option<VoiceSettings>,
    /// At most three.
    #[serde(
        rename = "pronunciation_dictionary_locators",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub pronunciations: Vec<Pronunciation>,
    /// The same seed tends to give the same sound. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// What was said before; for the melody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_text: Option<String>,
    /// What is said next; for the melody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_text: Option<String>,
    /// How the sound is coded: `mp3_44100_128`, `pcm_16000` (no header), `wav_16000`, `opus_48000_64`, `ulaw_8000`, …
    /// Default [`DEFAULT_FORMAT`].
    #[serde(skip)]
    pub format: Option<String>,
}

/// A pronunciation dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pronunciation {
    /// Its id.
    #[serde(rename = "pronunciation_dictionary_id")]
    pub id: String,
    /// Its version. Default: the newest.
    #[serde(rename = "version_id", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Speech {
    /// `text` with every default.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Account {
    /// Speaks, and gives the sound once it is complete at the platform.
    pub async fn speak(&self, voice_id: &str, speech: &Speech) -> Result<Body, ApiError> {
        self.spoken(voice_id, "", speech).await
    }

    /// Speaks, and gives the sound while it is made: the first of it comes much sooner.
    pub async fn speak_streaming(&self, voice_id: &str, speech: &Speech) -> Result<Body, ApiError> {
        self.spoken(voice_id, "/stream", speech).await
    }

    /// Speaks, and says when each character sounds.
    pub async fn speak_with_timestamps(
        &self,
        voice_id: &str,
        speech: &Speech,
    ) -> Result<TimedSpeech, ApiError> {
        let body = self.spoken(voice_id, "/with-timestamps", speech).await?;
        let whole = body.whole(64 << 20).await?;
        serde_json::from_slice(&whole).map_err(|error| self.garbled(error.to_string()))
    }

    /// The same piece by piece, while it is made.
    pub async fn speak_streaming_with_timestamps(
        &self,
        voice_id: &str,
        speech: &Speech,
    ) -> Result<TimedBody, ApiError> {
        let body = self
            .spoken(voice_id, "/stream/with-timestamps", speech)
            .await?;
        Ok(TimedBody {
            body,
            account: self.clone(),
            line: BytesMut::new(),
            ready: VecDeque::new(),
        })
    }

    async fn spoken(&self, voice: &str, how: &str, speech: &Speech) -> Result<Body, ApiError> {
        self.post(&format!("/v1/text-to-speech/{}{how}", step(voice)))
            .query(
                "output_format",
                speech.format.as_deref().unwrap_or(DEFAULT_FORMAT),
            )
            .retention()
            .json(speech)?
            .stream()
            .await
    }
}

/// Sound, and when each character of it sounds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TimedSpeech {
    /// The sound in base64, in the format that was asked for.
    #[serde(rename = "audio_base64", alias = "audio_base_64", default)]
    pub audio_base64: String,
    /// Of the text as it was given.
    #[serde(default)]
    pub alignment: Option<CharacterTimes>,
    /// Of the text as it was spoken: numbers as words.
    #[serde(default)]
    pub normalized_alignment: Option<CharacterTimes>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// When characters sound, in seconds from the beginning. The three lists are equally long.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct CharacterTimes {
    /// The characters.
    #[serde(default)]
    pub characters: Vec<String>,
    /// When each begins.
    #[serde(default, rename = "character_start_times_seconds")]
    pub starts: Vec<f64>,
    /// When each ends.
    #[serde(default, rename = "character_end_times_seconds")]
    pub ends: Vec<f64>,
}

/// Timed sound, piece by piece.
#[derive(Debug)]
pub struct TimedBody {
    body: Body,
    account: Account,
    line: BytesMut,
    ready: VecDeque<TimedSpeech>,
}

impl TimedBody {
    /// The longest line that is read.
    const LONGEST: usize = 16 << 20;

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Result<Option<TimedSpeech>, ApiError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            let Some(bytes) = self.body.next().await? else {
                let rest = self.line.split();
                self.read(&rest)?;
                return Ok(self.ready.pop_front());
            };
            self.line.extend_from_slice(&bytes);
            while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line = self.line.split_to(end + 1);
                self.read(&line)?;
            }
            if self.line.len() > Self::LONGEST {
                return Err(self.account.garbled("a line of it has no end".to_owned()));
            }
        }
    }

    fn read(&mut self, line: &[u8]) -> Result<(), ApiError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let piece = serde_json::from_slice(line);
        self.ready
            .push_back(piece.map_err(|error| self.account.garbled(error.to_string()))?);
        Ok(())
    }
}
