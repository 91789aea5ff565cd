//! The server is killed again and again while people converse with it, and nothing may be missing.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, ensure};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How often the server is killed
    #[arg(long, default_value_t = 20)]
    times: u32,
    /// How many people converse at once
    #[arg(long, default_value_t = 4)]
    callers: usize,
    /// Stands for chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program [default: a release build of it]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Kills, and tells what was found.
pub(crate) fn kill(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = ::kill::Options {
        binary: match &arguments.binary {
            Some(binary) => binary.clone(),
            None => build()?,
        },
        times: arguments.times,
        callers: arguments.callers,
        seed: arguments.seed,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(::kill::run(&options, |line| println!("{line}")))?;
    println!(
        "{} kills, {} conversations\n\
         {} turns were over, {} of them less than {:?} before a kill: none is missing\n\
         {} webhooks were delivered in {} attempts, {} of them more than once: each under one id",
        report.kills,
        report.conversations,
        report.turns,
        report.fresh,
        ::kill::FRESH,
        report.delivered,
        report.attempts,
        report.repeated,
    );
    Ok(ExitCode::SUCCESS)
}

fn build() -> anyhow::Result<PathBuf> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "duologue-cli"])
        .status()
        .context("cargo could not be called")?;
    ensure!(built.success(), "the program could not be built");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    // The server has a folder of its own, from where this one's would not be found.
    std::path::absolute(target.join("release/duologue")).context("this folder is gone")
}
