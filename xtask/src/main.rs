//! Chores of the workspace.

mod callers;
mod load;
mod simulate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Plays people who call the bundled agents and counts who gets what they called for.
    Callers(callers::Arguments),
    /// Measures how many conversations one core holds.
    Load(load::Arguments),
    /// Runs random dialogues on virtual time and checks that no rule is broken.
    Simulate(simulate::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().chore {
        Chore::Callers(arguments) => callers::callers(&arguments),
        Chore::Load(arguments) => load::load(&arguments),
        Chore::Simulate(arguments) => simulate::simulate(&arguments),
    }
}
