//! People who call the bundled agents, and whether they get what they called for.
//!
//! The callers are told in the `README.md` beside this crate. They know nothing of an agent's script: what the agent
//! asks for is taken from its words, as a person would.

mod call;
mod file;
mod goal;
mod person;
mod report;
mod voice;

pub use call::{Call, Line, Mode, NOW, play};
pub use file::{Caller, FileError, Goal, load};
pub use report::{Report, run};
pub use voice::Speech;
