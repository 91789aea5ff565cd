//! Many callers at once against a real server on one core.
//!
//! The server is the one of `duologue serve`, in a process of its own, with real voice activity detection, resampling and
//! recording. Only the recogniser, the llm and the voice are stand-ins that take no time: what is measured is what this
//! project adds to them. The callers speak in real time, 20 ms a message, over WebSockets on the loopback interface.
//!
//! How the figures are made is told in `docs/performance.md`.

mod caller;
mod churn;
mod judge;
mod process;
mod providers;
mod report;
mod serve;
mod speakers;
mod speech;
mod wire;

pub use churn::{Churn, churn};
pub use process::{core_count, pin};
pub use report::{Manner, Report, crowd};
pub use serve::serve;
pub use speakers::{Speakers, speakers};
