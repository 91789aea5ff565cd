//! Scores turn-taking on the corpus.

use std::{path::PathBuf, process::ExitCode};

use ::corpus::{
    items,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Hesitations {
    /// From 0.3 to 1.5 s, each length as often.
    Long,
    /// As in spontaneous speech: mostly below half a second, some for seconds.
    Human,
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
    /// How long callers hesitate.
    #[arg(long, default_value = "long")]
    hesitations: Hesitations,
    /// Score only every so many-th item: the embedded recogniser takes its time.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Also say how turns went by sort of text; not for the held-out half.
    #[arg(long)]
    groups: bool,
    /// Fit what words and melody say about the end of a turn to the tuning half, and print it instead of scoring.
    #[arg(long)]
    fit: bool,
    /// Where clips are kept.
    #[arg(long, default_value = "target")]
    target: PathBuf,
}

pub(crate) fn turns(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.fit {
        report::fit(&arguments.target)?;
        return Ok(ExitCode::SUCCESS);
    }
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
        hesitations: match arguments.hesitations {
            Hesitations::Long => items::Hesitations::Long,
            Hesitations::Human => items::Hesitations::Human,
        },
        every: arguments.every,
        groups: arguments.groups,
        detail: arguments.verbose,
    };
    report::turns(&arguments.target, choice)?;
    Ok(ExitCode::SUCCESS)
}
