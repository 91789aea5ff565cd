//! Sound as values: moments, rates, formats, frames, resampling, levels and what was heard.
//!
//! This crate knows nothing of devices, providers or protocols. Time is an argument, sound is a slice of
//! 16-bit samples with a [`SampleRate`], and every conversion is a function of its inputs.

mod moment;
pub mod playout;
mod rate;

pub use moment::Moment;
pub use rate::{SampleRate, UnsupportedRate};
