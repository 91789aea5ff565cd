//! Thousands of random dialogues with faults, checked against the rules of a conversation.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use scenario::{Faults, Figures, Outcome, brief, broken_rule, random};

/// What to simulate.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: cargo xtask simulate --seed 1 --conversations 10000 --faults many"
)]
pub(crate) struct Arguments {
    /// The seed of the first conversation; the next one has the next seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many conversations.
    #[arg(long, default_value_t = 1_000)]
    conversations: u64,
    /// How much goes wrong.
    #[arg(long, value_enum, default_value_t = Trouble::Some)]
    faults: Trouble,
    /// Print the log of every conversation that broke a rule, not only of the shortest.
    #[arg(long)]
    verbose_failures: bool,
    /// Print one conversation: its decisions, or with --json its figures.
    #[arg(long, value_name = "SEED")]
    only: Option<u64>,
    /// One JSON object instead of a line for people.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Trouble {
    None,
    Some,
    Many,
}

struct Failure {
    seed: u64,
    rule: String,
    outcome: Outcome,
}

pub(crate) fn simulate(arguments: &Arguments) -> ExitCode {
    let faults = match arguments.faults {
        Trouble::None => Faults::None,
        Trouble::Some => Faults::Some,
        Trouble::Many => Faults::Many,
    };
    let (first, count) = match arguments.only {
        Some(seed) => (seed, 1),
        None => (arguments.seed, arguments.conversations),
    };
    let begun = Instant::now();
    let mut total = Figures::default();
    let mut lasted = Duration::ZERO;
    let mut broken = 0u64;
    let mut shortest: Option<Failure> = None;
    for seed in first..first.saturating_add(count) {
        let outcome = random(seed, faults);
        lasted += outcome.lasted;
        total.add(&outcome.figures);
        if arguments.only.is_some() && !arguments.json {
            print!("{}", brief(&outcome.log));
        }
        if let Some(rule) = broken_rule(&outcome) {
            broken += 1;
            let failure = Failure {
                seed,
                rule,
                outcome,
            };
            if arguments.verbose_failures {
                show(&failure);
            }
            if shortest
                .as_ref()
                .is_none_or(|s| failure.outcome.log.len() < s.outcome.log.len())
            {
                shortest = Some(failure);
            }
        }
    }
    if let Some(failure) = shortest.as_ref().filter(|_| !arguments.verbose_failures) {
        show(failure);
    }
    let speed = lasted.as_secs_f64() / begun.elapsed().as_secs_f64().max(1e-9);
    total.responses.sort_unstable();
    let (median, late) = (
        percentile(&total.responses, 50),
        percentile(&total.responses, 95),
    );
    let hours = lasted.as_secs_f64() / 3_600.0;
    if arguments.json {
        println!(
            r#"{{"conversations":{count},"virtual_hours":{hours:.3},"turns":{},"interruptions":{},"false_interruptions":{},"corrections":{},"corrections_off_by_more_than_a_word":{},"response_median_ms":{median},"response_p95_ms":{late},"rules_broken":{broken},"speed":{speed:.0}}}"#,
            total.turns,
            total.interruptions,
            total.false_interruptions,
            total.corrections,
            total.wrong_corrections,
        );
    } else {
        println!(
            "{count} conversations, {hours:.1} virtual hours, {} turns, {} interruptions ({} false), {} corrections \
             ({} off by more than a word), response median {median} ms, p95 {late} ms, rules broken: {broken}, \
             {speed:.0} times real time",
            total.turns,
            total.interruptions,
            total.false_interruptions,
            total.corrections,
            total.wrong_corrections,
        );
    }
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn show(failure: &Failure) {
    for entry in &failure.outcome.log {
        eprintln!("{entry}");
    }
    eprintln!("seed {}: {}\n", failure.seed, failure.rule);
}

/// In milliseconds; 0 of nothing.
fn percentile(sorted: &[Duration], percent: usize) -> u128 {
    sorted
        .get(sorted.len() * percent / 100)
        .map_or(0, Duration::as_millis)
}
