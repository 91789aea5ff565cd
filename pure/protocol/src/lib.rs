//! The wires as types and machines: no socket, no clock.
//!
//! One module per wire. A wire is two enums (what each side may say), the functions that read and write them, and,
//! where a side has rules to keep, a machine that keeps them.

pub mod agents;
pub mod assemblyai;
pub mod speech;
