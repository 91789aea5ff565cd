//! Reading and writing messages as JSON text, with a short way for the two kinds that carry sound.
//!
//! Sound is nearly all of the traffic. Written by hand and parsed in place, a chunk costs about a third of what the
//! general way costs. Whatever the short way does not recognise to the letter goes the general way, so both give the
//! same answers.

use std::{borrow::Cow, fmt::Write as _};

use serde::Deserialize;

use super::{
    Alignment, AudioBytes, AudioEvent, ClientEvent, DecodeError, EventId, ServerEvent, decode,
};

/// How far into a message the key of its sound is looked for. Further in, the message goes the general way.
const LOOK_AHEAD: usize = 64;

impl ClientEvent {
    /// Reads a text frame.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        match read_client_audio(text) {
            Some(event) => Ok(event),
            None => Self::from_json_general(text),
        }
    }

    /// [`ClientEvent::from_json`] without the short way: the same answers, slower. For tests and benchmarks.
    #[doc(hidden)]
    pub fn from_json_general(text: &str) -> Result<Self, DecodeError> {
        Self::from_object(decode::object(text)?)
    }

    /// Writes a text frame.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends a text frame to `out`, which a caller may use again and again.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::UserAudioChunk { user_audio_chunk } => {
                out.reserve(user_audio_chunk.base64_len() + 32);
                out.push_str("{\"user_audio_chunk\":\"");
                user_audio_chunk.push_base64(out);
                out.push_str("\"}");
            }
            other => write_general(other, out),
        }
    }
}

impl ServerEvent {
    /// Reads a text frame.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        match read_server_audio(text) {
            Some(event) => Ok(event),
            None => Self::from_json_general(text),
        }
    }

    /// [`ServerEvent::from_json`] without the short way: the same answers, slower. For tests and benchmarks.
    #[doc(hidden)]
    pub fn from_json_general(text: &str) -> Result<Self, DecodeError> {
        Self::from_object(decode::object(text)?)
    }

    /// Writes a text frame.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends a text frame to `out`, which a caller may use again and again.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Audio { audio_event } => write_server_audio(audio_event, out),
            other => write_general(other, out),
        }
    }
}

/// All keys are strings and no value refuses to be written, so there is no error to report.
fn write_general(event: &impl serde::Serialize, out: &mut String) {
    if let Ok(json) = serde_json::to_string(event) {
        out.push_str(&json);
    }
}

fn write_server_audio(event: &AudioEvent, out: &mut String) {
    out.reserve(event.audio_base_64.base64_len() + 96);
    out.push_str("{\"type\":\"audio\",\"audio_event\":{\"audio_base_64\":\"");
    event.audio_base_64.push_base64(out);
    // Writing into a string cannot fail.
    let _ = write!(out, "\",\"event_id\":{}", event.event_id);
    if let Some(alignment) = &event.alignment {
        out.push_str(",\"alignment\":");
        write_general(alignment, out);
    }
    if let Some(is_final) = event.is_final {
        let _ = write!(out, ",\"is_final\":{is_final}");
    }
    out.push_str("}}");
}

/// Unknown fields are left to the general way: skipping a value checks less of it than reading it does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientAudio<'a> {
    #[serde(borrow)]
    user_audio_chunk: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerAudio<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    audio_event: ServerAudioBody<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerAudioBody<'a> {
    #[serde(borrow)]
    audio_base_64: Cow<'a, str>,
    event_id: u64,
    #[serde(default)]
    alignment: Option<StrictAlignment>,
    #[serde(default)]
    is_final: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictAlignment {
    chars: Vec<String>,
    char_start_times_ms: Vec<u32>,
    char_durations_ms: Vec<u32>,
}

fn read_client_audio(text: &str) -> Option<ClientEvent> {
    if !begins_with(text, b"\"user_audio_chunk\"") {
        return None;
    }
    let message: ClientAudio<'_> = serde_json::from_str(text).ok()?;
    Some(ClientEvent::UserAudioChunk {
        user_audio_chunk: AudioBytes::from_base64(&message.user_audio_chunk).ok()?,
    })
}

fn read_server_audio(text: &str) -> Option<ServerEvent> {
    if !begins_with(text, b"\"audio_event\"") {
        return None;
    }
    let message: ServerAudio<'_> = serde_json::from_str(text).ok()?;
    if message.kind != "audio" {
        return None;
    }
    let body = message.audio_event;
    Some(ServerEvent::Audio {
        audio_event: AudioEvent {
            audio_base_64: AudioBytes::from_base64(&body.audio_base_64).ok()?,
            event_id: EventId(body.event_id),
            alignment: body.alignment.map(|alignment| Alignment {
                chars: alignment.chars,
                char_start_times_ms: alignment.char_start_times_ms,
                char_durations_ms: alignment.char_durations_ms,
            }),
            is_final: body.is_final,
        },
    })
}

/// Whether `key` stands within the first bytes. A guess that saves most other messages a second parse.
fn begins_with(text: &str, key: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let head = &bytes[..bytes.len().min(LOOK_AHEAD)];
    head.windows(key.len()).any(|window| window == key)
}
