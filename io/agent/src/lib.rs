//! An agent in a process: the loop that drives turn-taking with providers.
//!
//! An [`Agent`] is a configuration and four providers. [`Agent::start`] holds one conversation over a [`Link`], whose other
//! end is an edge of any kind; any number of conversations go on at a time. The loop waits, tells
//! [`turn::Conversation`] what became true, and does what it decides: it has no opinion about turns.
//!
//! Nothing here knows HTTP or databases: facts worth keeping go to a [`Recorder`], every decision into a
//! [`journal::Journal`] that replays.

mod agent;
mod assignments;
mod clock;
pub mod config;
mod context;
mod heard;
pub mod journal;
mod keypad;
mod latency;
mod link;
mod mocks;
mod plan;
mod record;
pub mod recording;
mod session;
mod variables;

pub use agent::{
    Agent, EndReason, Ending, FileFinder, Finding, Handle, Options, Providers, Resolver, ShownFile,
    Summary,
};
pub use clock::Clock;
pub use context::RE_ENGAGE;
pub use link::{Edge, Link, link};
pub use record::{Fact, Memory, MemoryRecorder, NoRecorder, Recorder, Recorders};

/// What an llm expects, as the machine knows it.
fn expected_kind(kind: &str) -> turn::Expected {
    match kind {
        "name" => turn::Expected::Name,
        "day" | "date" => turn::Expected::Day,
        "time" => turn::Expected::Time,
        "email" => turn::Expected::Email,
        "phone" => turn::Expected::Phone,
        "number" => turn::Expected::Number,
        "spelling" => turn::Expected::Spelling,
        "confirmation" => turn::Expected::Confirmation,
        _ => turn::Expected::Anything,
    }
}
