//! `callers`: how many of the people who call a bundled agent get what they called for.

use std::{path::PathBuf, process::ExitCode};

use ::callers::{Call, Mode, Report, Speech, load, run};
use anyhow::Context;
use embedded::agents;

/// Plays the callers of `testing/callers` against the bundled agents and prints a line of figures for each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask callers --agent receptionist --mode voice")]
pub(crate) struct Arguments {
    /// The agent's id, or `all`.
    #[arg(long, default_value = "all")]
    agent: String,
    /// Whether the callers write or speak.
    #[arg(long, value_enum, default_value = "text")]
    mode: How,
    /// The folder of the callers' files.
    #[arg(long, default_value = "testing/callers")]
    callers: PathBuf,
    /// The callers' voice.
    #[arg(long, default_value = "rms")]
    voice: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Print the calls that missed their goal. Not for the callers that judge; see their README.
    #[arg(long)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum How {
    /// As text.
    Text,
    /// Through the embedded voice and recogniser.
    Voice,
}

pub(crate) fn callers(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let chosen: Vec<_> = agents::ALL
        .into_iter()
        .filter(|a| arguments.agent == "all" || a.id == arguments.agent)
        .collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "there is no bundled agent `{}`; use assistant, receptionist or all",
        arguments.agent
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime")?;
    let speech = Speech::embedded(&arguments.voice);
    let mode = match arguments.mode {
        How::Text => Mode::Text,
        How::Voice => Mode::Voice(&speech),
    };
    for agent in chosen {
        let people = load(&arguments.callers.join(format!("{}.toml", agent.id)))?;
        let report = runtime.block_on(run(&agent, &people, &mode))?;
        if arguments.verbose {
            report
                .calls
                .iter()
                .filter(|c| !c.reached || c.repairs > 2)
                .for_each(show);
        }
        if arguments.json {
            println!("{}", json(&report));
        } else {
            println!("{report}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(call: &Call) {
    println!(
        "-- {} ({}): reached {}, repairs {}",
        call.caller, call.kind, call.reached, call.repairs
    );
    for line in &call.lines {
        let who = if line.agent { "agent" } else { "user" };
        let meant = line
            .meant
            .as_ref()
            .map(|m| format!("   [said: {m}]"))
            .unwrap_or_default();
        println!("   {who}: {}{meant}", line.text);
    }
}

fn json(report: &Report) -> String {
    let kinds: serde_json::Map<String, serde_json::Value> = report
        .kinds()
        .into_iter()
        .map(|(kind, (reached, all))| {
            (
                kind,
                serde_json::json!({ "reached": reached, "calls": all }),
            )
        })
        .collect();
    serde_json::json!({
        "agent": report.agent,
        "calls": report.calls.len(),
        "reached": report.reached(),
        "most_repairs": report.most_repairs(),
        "over_two_repairs": report.calls.iter().filter(|c| c.repairs > 2).count(),
        "turns": report.calls.iter().map(|c| c.turns).sum::<usize>(),
        "kinds": kinds,
        // Nothing that a caller said: whoever writes scripts may look at this.
        "missed": report.calls.iter().filter(|c| !c.reached || c.repairs > 2).map(|c| serde_json::json!({ "kind": c.kind, "tools": c.tools, "repairs": c.repairs, "turns": c.turns })).collect::<Vec<_>>(),
    })
    .to_string()
}
