//! Chores of the workspace.

mod callers;
mod corpus;
mod echo;
mod kill;
mod load;
mod simulate;
mod turns;

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
    /// Writes the corpus of generated speech and its truth to disk.
    Corpus(corpus::Arguments),
    /// Feeds the agent's own voice back to it and counts how often it interrupts itself.
    Echo(echo::Arguments),
    /// Kills the server at random moments and counts what is missing.
    Kill(kill::Arguments),
    /// Measures how many conversations one core holds.
    Load(load::Arguments),
    /// Runs random dialogues on virtual time and checks that no rule is broken.
    Simulate(simulate::Arguments),
    /// Scores turn-taking on the corpus.
    Turns(turns::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().chore {
        Chore::Callers(arguments) => callers::callers(&arguments),
        Chore::Corpus(arguments) => corpus::corpus(&arguments),
        Chore::Echo(arguments) => echo::echo(&arguments),
        Chore::Kill(arguments) => kill::kill(&arguments),
        Chore::Load(arguments) => load::load(&arguments),
        Chore::Simulate(arguments) => Ok(simulate::simulate(&arguments)),
        Chore::Turns(arguments) => turns::turns(&arguments),
    }
}
