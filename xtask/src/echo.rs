//! Feeds the agent's own voice back to it.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use ::corpus::{cancellers::Candidate, echo::Choice, report};

/// How much to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Agent turns without a caller; a third as many with one who barges in come on top.
    #[arg(long, default_value_t = 1_000)]
    turns: usize,
    /// Measure every candidate, not only the canceller of the microphone.
    #[arg(long)]
    candidates: bool,
    /// Also what the embedded recogniser makes of the callers' words. Takes long: use few turns.
    #[arg(long)]
    words: bool,
    /// How much speech opens an utterance and so pauses the agent, in milliseconds.
    #[arg(long, default_value_t = 60)]
    onset: u64,
    /// Where clips are kept.
    #[arg(long, default_value = "target")]
    target: PathBuf,
}

pub(crate) fn echo(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let candidates: &[Candidate] = if arguments.candidates {
        &Candidate::ALL
    } else {
        &[Candidate::Chosen]
    };
    let scores = report::echo(
        &arguments.target,
        candidates,
        Choice {
            turns: arguments.turns,
            recognise: arguments.words,
            onset: Duration::from_millis(arguments.onset),
        },
    )?;
    let heard_itself = scores
        .last()
        .is_some_and(|score| score.self_interruptions > 0);
    Ok(if heard_itself {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
