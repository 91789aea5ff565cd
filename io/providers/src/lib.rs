//! What an agent hears, thinks and speaks with.
//!
//! Four kinds of provider, each a trait in its module: [`vad`], [`asr`], [`llm`] and [`tts`]. A vendor is one module
//! (`openai`, …) behind those traits; the offline set lives in `duologue-embedded`. Providers know nothing of
//! conversations: they are handed sound or text and stream back text or sound.
//!
//! Every stream is a pair of bounded channels. Dropping the session, or its receiver, cancels the work behind it; that is
//! the only way to cancel, so it can never be forgotten. A provider that is gone shows as a closed channel, and before it
//! as one [`ProviderError`].

pub mod asr;
pub mod assemblyai;
pub mod cascade;
pub mod contract;
pub mod elevenlabs;
mod error;
mod estimate;
pub mod http;
pub mod llm;
pub mod mp3;
pub mod openai;
pub mod outbound;
mod pcm;
mod secret;
mod socket;
mod streaming;
pub mod tool;
pub mod tts;
pub mod vad;
pub mod webhook;

pub use error::ProviderError;
pub use secret::ApiKey;
