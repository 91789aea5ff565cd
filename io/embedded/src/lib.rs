//! The offline set: voice activity, recogniser, voice and scripted brain.

mod paths;
pub mod vad;
pub mod voice;

pub use paths::{INSTALL, Paths};
