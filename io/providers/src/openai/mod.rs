//! OpenAI's wire, which half the world's servers speak: OpenAI itself, Ollama, vLLM, llama.cpp and many more.

mod chat;
mod chat_wire;
mod endpoint;
mod models;
mod reply;
mod responses;
mod responses_wire;
mod speech;
mod transcriptions;

pub use chat::{ChatCompletions, Settings};
pub use models::{OLLAMA_URL, find_ollama, models};
pub use responses::Responses;
pub use speech::{Speech, SpeechSettings};
pub use transcriptions::{TranscriptionSettings, Transcriptions};

/// Where OpenAI itself answers.
pub const OPENAI_URL: &str = "https://api.openai.com/v1";
