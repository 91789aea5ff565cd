//! Keys that never show themselves.

pub use elevenlabs::ApiKey;
