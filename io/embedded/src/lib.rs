//! The offline set: voice activity, recogniser, voice and scripted brain.

mod engine;
mod paths;
pub mod recogniser;
pub mod vad;
pub mod voice;

pub use engine::{Engine, Part};
pub use paths::{INSTALL, Paths};
