//! ElevenLabs' speech sockets: text to speech (`stream-input`) and Scribe, speech to text in real time.
//!
//! [`TtsInput`] and [`TtsOutput`] are what the two sides of
//! `/v1/text-to-speech/{voice}/stream-input` say, [`ScribeInput`] and [`ScribeOutput`] those of
//! `/v1/speech-to-text/realtime`. All messages are JSON text; sound is base64 within them.
//!
//! Unknown messages are kept whole as `Unknown`; a known one with a body that does not fit is a
//! [`DecodeError`](crate::agents::DecodeError). Unknown fields of known messages are dropped.

mod scribe;
mod tts;

pub use scribe::{Committed, Entity, SCRIBE_ERRORS, ScribeInput, ScribeOutput, ScribeWord};
pub use tts::{
    CharAlignment, GenerationConfig, TtsAudio, TtsError, TtsInput, TtsOutput, VoiceSettings,
};
