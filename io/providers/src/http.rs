//! One way to speak HTTP, for every provider behind it.

pub(crate) use elevenlabs::http::{TlsTrouble, builder, describe, explain};
pub use elevenlabs::{
    Authorities, AuthoritiesError,
    http::{CONNECT_TIMEOUT, client},
};
