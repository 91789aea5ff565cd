//! Microphone and speaker: any hardware rate and layout, unplugged and returned in mid-conversation, echo cancelled.
//!
//! A [`Speaker`] reports which sample of which chunk has been heard, pauses and resumes at the exact sample and stops at
//! once. A [`Microphone`] gives mono frames without gaps; given [`Speaker::echo`], the speaker's sound is taken out of
//! them. Devices may come and go: only opening can fail, later losses are events and the sound goes on by itself when a
//! device is back.
//!
//! Hardware is reached through `cpal`: PulseAudio or PipeWire where one runs, ALSA else.

mod aligner;
mod attempts;
mod canceller;
mod channels;
mod cookie;
mod echo;
mod error;
mod list;
mod microphone;
mod queue;
mod sleep;
mod speaker;
mod stream;
mod watch;

pub use aligner::Aligner;
pub use canceller::Canceller;
pub use echo::Echo;
pub use error::DeviceError;
pub use list::{DeviceInfo, Direction, list};
pub use microphone::{Frame, Microphone, MicrophoneEvent, MicrophoneSettings};
pub use queue::Played;
pub use speaker::{Speaker, SpeakerEvent, SpeakerSettings};
