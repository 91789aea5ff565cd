//! `load`: how many conversations a core holds.

use std::process::{Command, ExitCode};

use anyhow::Context;

/// Measures how many conversations one core holds. Its own options come after it: `cargo xtask load --help`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Figures of a debug build would mean nothing, so the generator and its server are built for release.
pub(crate) fn load(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let status = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "duologue-load",
            "--",
        ])
        .args(&arguments.options)
        .status()
        .context("cargo could not be started")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
