//! The load generator: see `docs/performance.md`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

/// Measures how many conversations one core holds.
///
/// Starts a server in a process of its own on one core and calls it from another, in real time.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask load",
    after_help = "Examples:\n  cargo xtask load --sessions 400 --seconds 30\n  cargo xtask load --churn 10000\n  cargo xtask load --speakers 4"
)]
struct Arguments {
    /// Conversations at once.
    #[arg(long, default_value_t = 100)]
    sessions: usize,
    /// How long they last, in seconds, after 5 s in which everybody comes in.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Stands for chance: who says what when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: so many short conversations one after the other, 1,000 more before, and what memory they leave behind.
    #[arg(long, value_name = "CONVERSATIONS", conflicts_with = "speakers")]
    churn: Option<usize>,
    /// Instead: so many people who speak all the time to the embedded recogniser on one core.
    #[arg(long, value_name = "PEOPLE")]
    speakers: Option<usize>,
    /// One JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    /// Leave both processes on whatever core there is. For tests.
    #[arg(long)]
    unpinned: bool,
    /// What the server keeps of conversations.
    #[arg(long, value_enum, default_value_t = Keep::Recordings)]
    keep: Keep,
    /// Be the server, on this core if there is one.
    #[arg(long, hide = true)]
    serve: bool,
    #[arg(long, hide = true, requires = "serve")]
    core: Option<usize>,
}

/// What the server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// Sound alone.
    Recordings,
    /// Sound, turns, times and journals, as `duologue serve` does.
    Records,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // To be asked before this process is pinned: afterwards there is one.
    let last = (!arguments.unpinned).then(|| load::core_count().saturating_sub(1));
    let own = if arguments.serve {
        arguments.core
    } else if arguments.speakers.is_some() {
        last
    } else {
        last.map(|_| 0)
    };
    if let Some(own) = own {
        load::pin(own).context("could not pin this process to a core; --unpinned goes without")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime")?;
    runtime.block_on(run(&arguments, last))
}

/// `core` is the server's.
async fn run(arguments: &Arguments, core: Option<usize>) -> anyhow::Result<ExitCode> {
    if arguments.serve {
        load::serve(arguments.keep == Keep::Records).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let manner = load::Manner {
        core,
        records: arguments.keep == Keep::Records,
    };
    if let Some(people) = arguments.speakers {
        let figures = load::speakers(people, arguments.seconds).await?;
        show(arguments.json, &figures.to_json(), &figures);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(count) = arguments.churn {
        let figures = load::churn(count, manner).await?;
        show(arguments.json, &figures.to_json(), &figures);
        return Ok(ExitCode::SUCCESS);
    }
    let report = load::crowd(
        arguments.sessions,
        arguments.seconds,
        arguments.seed,
        manner,
    )
    .await?;
    show(arguments.json, &report.to_json(), &report);
    Ok(if report.is_void() && !arguments.unpinned {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn show(json: bool, object: &serde_json::Value, lines: &impl std::fmt::Display) {
    if json {
        println!("{object}");
    } else {
        println!("{lines}");
    }
}
