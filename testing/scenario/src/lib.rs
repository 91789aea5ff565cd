//! Scripted callers on virtual time: whole dialogues with latency, word errors and faults.
#![doc = include_str!("../../../docs/scenarios.md")]

mod caller;
mod chance;
mod check;
mod edge;
mod event;
mod random;
mod script;
mod world;

use std::time::Duration;

pub use chance::Chance;
pub use check::broken_rule;
pub use event::{Entry, What, brief};
pub use random::{Faults, random};
pub use script::{Act, Deed, Line, Manners, Said, Script, ScriptError, Then, When};
pub use world::{Figures, Outcome};

/// Runs a script until it has nothing more to show: the conversation has ended, or the floor has been open for eight
/// seconds after the caller's last act.
pub fn run(script: Script) -> Outcome {
    world::World::new(script, world::Liveliness::default()).run(Duration::from_secs(8))
}
