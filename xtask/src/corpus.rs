//! Writes the corpus of generated speech to disk.

use std::{path::PathBuf, process::ExitCode};

/// Where things are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder that holds `corpus/`.
    #[arg(long, default_value = "target")]
    target: PathBuf,
}

pub(crate) fn corpus(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let count = ::corpus::report::write(&arguments.target)?;
    println!(
        "{count} recordings and their truth: {}",
        arguments.target.join("corpus/items").display()
    );
    Ok(ExitCode::SUCCESS)
}
