//! Who has the floor: the conversation machine.
//!
//! Facts go in as [`Input`]s with the moment they became true; decisions come out as [`Output`]s. The machine has no
//! clock, task or socket: the shell asks [`Conversation::deadline`] when to say [`Input::Tick`].
//! It knows texts, durations and ids; never samples, JSON or vendors.

mod backchannel;
mod barge_in;
mod completeness;
mod conversation;
mod ear;
mod echo;
mod end_of_turn;
mod floor;
mod grammar;
mod heard;
mod idle;
mod ids;
mod input;
mod lexicon;
mod listening;
mod output;
mod outputs;
mod pieces;
mod reply;
mod settings;
mod speaking;
mod timers;
mod tools;
mod user_turn;
mod words;

pub use completeness::{Completeness, completeness};
pub use conversation::Conversation;
pub use end_of_turn::{Evidence, finality, melody, wait};
pub use floor::FloorKind;
pub use grammar::Sentence;
pub use ids::{EventId, ReplyId, ToolCallId, UtteranceId};
pub use input::{AlignedText, Expected, Input, ToolOutcome};
pub use output::{CloseReason, Origin, Output, ReplyEnd};
pub use outputs::Outputs;
pub use settings::{Eagerness, InterruptionMode, Patience, Settings};
pub use timers::Timer;
