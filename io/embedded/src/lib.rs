//! The offline set: voice activity, recogniser, voice and scripted brain.

pub mod agents;
mod engine;
pub mod mp3;
mod paths;
pub mod recogniser;
pub mod script;
pub mod tools;
pub mod vad;
pub mod voice;

pub use engine::{Engine, Part};
pub use paths::{INSTALL, Paths};
