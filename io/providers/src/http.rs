//! One way to speak HTTP, for every provider behind it.

pub(crate) use elevenlabs::http::describe;
pub use elevenlabs::http::{CONNECT_TIMEOUT, client};
