//! Scores turn-taking on the corpus.

use std::{path::PathBuf, process::ExitCode};

use ::corpus::{
    report::{self, Choice},
    turns::{EdgeKind, Recogniser},
};
use clap::ValueEnum;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Eagerness {
    Patient,
    Normal,
    Eager,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Listener {
    /// Knows the true words and errs at an assumed rate.
    Simulated,
    /// The embedded recogniser.
    Embedded,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Edge {
    /// Pauses, resumes and reports what it played.
    Ours,
    /// Only plays and stops.
    Plain,
}

/// What to score.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this eagerness; all by default.
    #[arg(long)]
    eagerness: Option<Eagerness>,
    /// Score the held-out half, which is not for tuning.
    #[arg(long)]
    held_out: bool,
    /// Who listens.
    #[arg(long, default_value = "simulated")]
    recogniser: Listener,
    /// What the edge can do.
    #[arg(long, default_value = "ours")]
    edge: Edge,
    /// Say what went wrong; twice: say what became of every item.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Where clips are kept.
    #[arg(long, default_value = "target")]
    target: PathBuf,
}

pub(crate) fn turns(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let choice = Choice {
        eagerness: arguments.eagerness.map(|eagerness| match eagerness {
            Eagerness::Patient => turn::Eagerness::Patient,
            Eagerness::Normal => turn::Eagerness::Normal,
            Eagerness::Eager => turn::Eagerness::Eager,
        }),
        held_out: arguments.held_out,
        recogniser: match arguments.recogniser {
            Listener::Simulated => Recogniser::Simulated,
            Listener::Embedded => Recogniser::Real,
        },
        edge: match arguments.edge {
            Edge::Ours => EdgeKind::Ours,
            Edge::Plain => EdgeKind::Plain,
        },
        detail: arguments.verbose,
    };
    report::turns(&arguments.target, choice)?;
    Ok(ExitCode::SUCCESS)
}
