//! Speech to text.

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Account, ApiError, account::step, multipart::Form};

/// A recording that shall be written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The file, in any common audio or video format. Empty where [`Recording::source_url`] says where it is.
    pub bytes: Bytes,
    /// How it is called; only its ending matters. Default `audio`.
    pub name: Option<String>,
    /// Where the platform finds it, instead of `bytes`.
    pub source_url: Option<String>,
    /// The model. Default `scribe_v2`.
    pub model_id: Option<String>,
    /// ISO 639-1 or -3. Default: found out.
    pub language_code: Option<String>,
    /// Whether it is told who speaks. Default no.
    pub diarize: bool,
    /// How many people speak at most, 1 to 32. Default: found out.
    pub num_speakers: Option<u32>,
    /// Whether laughter and the like are written down. Default: yes, by the platform.
    pub tag_audio_events: Option<bool>,
    /// `none`, `word` or `character`. Default `word`, by the platform.
    pub timestamps_granularity: Option<String>,
    /// Whether every channel is somebody's own. Default no.
    pub use_multi_channel: bool,
    /// Whether `bytes` are bare 16-bit little-endian mono samples at 16 kHz, which is quicker. Default no.
    pub is_pcm_16000: bool,
    /// 0 to 2. Default: by the model.
    pub temperature: Option<f64>,
    /// The same seed tends to give the same text. Default: any.
    pub seed: Option<u32>,
    /// Words to listen for: at most 1,000 of fewer than 50 characters.
    pub keyterms: Vec<String>,
    /// Any other field of the form, by its name.
    pub more: Vec<(String, String)>,
}

/// What was said in a recording.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Transcript {
    /// The words. Empty for recordings with several channels: see `transcripts`.
    #[serde(default)]
    pub text: String,
    /// In which language.
    #[serde(default)]
    pub language_code: Option<String>,
    /// How sure that is, 0 to 1.
    #[serde(default)]
    pub language_probability: Option<f64>,
    /// Each word, gap and sound.
    #[serde(default)]
    pub words: Vec<Word>,
    /// To ask for it again.
    #[serde(default)]
    pub transcription_id: Option<String>,
    /// One for each channel, where that was asked.
    #[serde(default)]
    pub transcripts: Vec<Transcript>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A word, a gap or a sound.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Word {
    /// As it is written.
    pub text: String,
    /// `word`, `spacing` or `audio_event`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Seconds from the beginning.
    #[serde(default)]
    pub start: Option<f64>,
    /// Seconds from the beginning.
    #[serde(default)]
    pub end: Option<f64>,
    /// Who, if that was asked.
    #[serde(default)]
    pub speaker_id: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Account {
    /// Writes a recording down.
    pub async fn transcribe(&self, recording: &Recording) -> Result<Transcript, ApiError> {
        let model = recording.model_id.as_deref().unwrap_or("scribe_v2");
        let mut form = Form::default()
            .text("model_id", model)
            .maybe("language_code", recording.language_code.as_ref())
            .maybe("diarize", recording.diarize.then_some(true))
            .maybe("num_speakers", recording.num_speakers)
            .maybe("tag_audio_events", recording.tag_audio_events)
            .maybe(
                "timestamps_granularity",
                recording.timestamps_granularity.as_ref(),
            )
            .maybe(
                "use_multi_channel",
                recording.use_multi_channel.then_some(true),
            )
            .maybe(
                "file_format",
                recording.is_pcm_16000.then_some("pcm_s16le_16"),
            )
            .maybe("temperature", recording.temperature)
            .maybe("seed", recording.seed)
            .maybe("source_url", recording.source_url.as_ref());
        for term in &recording.keyterms {
            form = form.text("keyterms", term);
        }
        for (name, value) in &recording.more {
            form = form.text(name, value);
        }
        if recording.source_url.is_none() {
            let name = recording.name.as_deref().unwrap_or("audio");
            form = form.file("file", name, &recording.bytes);
        }
        self.post("/v1/speech-to-text")
            .retention()
            .form(form)
            .read()
            .await
    }

    /// A transcript that was made before.
    pub async fn transcript(&self, transcription_id: &str) -> Result<Transcript, ApiError> {
        self.get(&path(transcription_id)).read().await
    }

    /// Deletes a transcript.
    pub async fn delete_transcript(&self, transcription_id: &str) -> Result<(), ApiError> {
        self.request(Method::DELETE, &path(transcription_id))
            .done()
            .await
    }
}

fn path(transcription_id: &str) -> String {
    format!("/v1/speech-to-text/transcripts/{}", step(transcription_id))
}
