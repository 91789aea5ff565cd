//! Speech to text.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;

use crate::{Account, ApiError};

/// A recording that shall be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The file, in any common audio or video format.
    pub bytes: Bytes,
    /// How it is called; only its ending matters. Default `audio`.
    pub name: Option<String>,
    /// The model. Default `scribe_v2`.
    pub model_id: Option<String>,
    /// ISO 639-1 or -3. Default: found out.
    pub language_code: Option<String>,
    /// Whether it is told who speaks. Default no.
    pub diarize: bool,
    /// Whether laughter and the like are written down. Default: yes, by the platform.
    pub tag_audio_events: Option<bool>,
    /// Whether `bytes` are bare 16-bit little-endian mono samples at 16 kHz, which is quicker. Default no.
    pub is_pcm_16000: bool,
    /// Words to listen for: at most 1,000 of fewer than 50 characters.
    pub keyterms: Vec<String>,
}

/// What was said in a recording.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Transcript {
    /// The words.
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
}

impl Account {
    /// Writes a recording down.
    pub async fn transcribe(&self, recording: &Recording) -> Result<Transcript, ApiError> {
        let form = Form::of(recording);
        self.post("/v1/speech-to-text")
            .retention()
            .bytes(form.kind, form.body)
            .read()
            .await
    }
}

/// `multipart/form-data`.
struct Form {
    kind: String,
    body: Bytes,
}

impl Form {
    fn of(recording: &Recording) -> Self {
        let boundary = boundary(&recording.bytes);
        let mut body = BytesMut::with_capacity(recording.bytes.len() + 1_024);
        let mut field = |name: &str, value: &str| {
            body.put_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        };
        field(
            "model_id",
            recording.model_id.as_deref().unwrap_or("scribe_v2"),
        );
        if let Some(language) = &recording.language_code {
            field("language_code", language);
        }
        if recording.diarize {
            field("diarize", "true");
        }
        if let Some(tag) = recording.tag_audio_events {
            field("tag_audio_events", if tag { "true" } else { "false" });
        }
        if recording.is_pcm_16000 {
            field("file_format", "pcm_s16le_16");
        }
        for term in &recording.keyterms {
            field("keyterms", term);
        }
        let name: String = recording
            .name
            .as_deref()
            .unwrap_or("audio")
            .chars()
            .map(|c| if c.is_control() || c == '"' { '_' } else { c })
            .collect();
        body.put_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n")
                .as_bytes(),
        );
        body.put_slice(&recording.bytes);
        body.put_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Self {
            kind: format!("multipart/form-data; boundary={boundary}"),
            body: body.freeze(),
        }
    }
}

/// A line that stands nowhere in the file.
fn boundary(bytes: &[u8]) -> String {
    for number in 0_u64.. {
        let boundary = format!("duologue-part-{number}");
        if !contains(bytes, boundary.as_bytes()) {
            return boundary;
        }
    }
    // No file is long enough to hold them all.
    String::new()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_survives_a_file_that_looks_like_one() {
        let form = Form::of(&Recording {
            bytes: Bytes::from_static(b"--duologue-part-0\r\n"),
            name: Some("a\"\r\nb.wav".to_owned()),
            ..Recording::default()
        });
        assert_eq!(form.kind, "multipart/form-data; boundary=duologue-part-1");
        let text = String::from_utf8(form.body.to_vec()).unwrap();
        assert!(text.contains("filename=\"a___b.wav\""), "{text}");
        assert!(text.ends_with("\r\n--duologue-part-1--\r\n"), "{text}");
    }
}
