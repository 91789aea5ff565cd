//! Sound as values: moments, rates, formats, frames, resampling, levels and what was heard.
//!
//! This crate knows nothing of devices, providers or protocols. Time is an argument, sound is a slice of
//! 16-bit samples with a [`SampleRate`], and every conversion is a function of its inputs.

pub mod convert;
mod format;
pub mod frame;
pub mod g711;
pub mod level;
mod melody;
mod moment;
pub mod playout;
mod rate;
mod resample;
mod sums;
pub mod wav;

pub use format::{Codec, Decoder, Format, UnknownFormat};
pub use frame::{Framer, downmix};
pub use level::{Dbfs, Level, Meter};
pub use melody::{Contour, Melody};
pub use moment::Moment;
pub use rate::{SampleRate, UnsupportedRate};
pub use resample::{Resampler, resample};
