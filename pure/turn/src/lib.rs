//! Who has the floor: the conversation machine.
//!
//! Facts go in as [`Input`]s with the moment they became true; decisions come out as [`Output`]s. The machine has no
//! clock, task or socket: the shell asks [`Conversation::deadline`](crate::Conversation) when to say [`Input::Tick`].
//! It knows texts, durations and ids; never samples, JSON or vendors.

mod ids;
mod input;
mod output;
mod settings;

pub use ids::{EventId, ReplyId, ToolCallId, UtteranceId};
pub use input::{AlignedText, Expected, Input, ToolOutcome};
pub use output::{CloseReason, Origin, Output, ReplyEnd};
pub use settings::{Eagerness, InterruptionMode, Patience, Settings};
