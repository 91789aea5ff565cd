//! Talk with a voice agent from a terminal.

mod abilities;
mod account;
mod agents;
mod brain;
mod cli;
mod commands;
mod files;
mod logs;
mod out;
mod place;
mod problem;
mod progress;
mod records;
mod script;
mod settings;
mod speech;
mod talk;
mod trust;
mod vendors;

use std::{env, process::ExitCode};

use clap::{Parser as _, error::ErrorKind};

use crate::{
    cli::{Cli, Command},
    logs::Logs,
    out::Out,
    problem::{Outcome, Problem},
    settings::{Settings, Sources},
};

/// What a command is given to work with.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) out: Out,
    pub(crate) logs: Logs,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_call(&error),
    };
    let json = cli.common.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => tell(&problem, json),
    }
}

fn run(cli: Cli) -> Outcome<()> {
    let folder = env::current_dir()
        .map_err(|e| Problem::failure("could not find the current folder").because_io(&e))?;
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut sources = Sources::read(&folder, cli.common.config.as_deref(), environment)?;
    sources.flags = cli.flags();
    sources.variables = cli.variables();
    let settings = Settings::fold(&sources)?;
    let context = Context {
        logs: Logs::start(&settings),
        out: Out::new(cli.common.json),
        settings,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Problem::failure("could not start").because_io(&e))?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Talk(arguments) => Box::pin(talk::run(&context, &arguments)).await,
            Command::Speak(arguments) => commands::speak::run(&context, &arguments).await,
            Command::Transcribe(arguments) => commands::transcribe::run(&context, &arguments).await,
            Command::Voices(arguments) => commands::voices::run(&context, &arguments).await,
            Command::Agents(arguments) => commands::agents::run(&context, &arguments.command).await,
            Command::Conversations(arguments) => {
                let data = arguments.data.as_deref();
                commands::conversations::run(&context, data, &arguments.command).await
            }
            Command::Serve(arguments) => commands::serve::run(&context, &arguments).await,
            Command::Devices(arguments) => commands::devices::run(&context, &arguments).await,
            Command::Init(arguments) => commands::init::run(&context, &arguments).await,
            Command::Doctor => commands::doctor::run(&context).await,
        }
    });
    // A thread that waits for standard input cannot be told to stop; it must not keep the process alive.
    runtime.shutdown_background();
    result
}

/// Clap's own words, in the shape of all other errors.
fn wrong_call(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let text = error.render().to_string();
        return match Out::new(false).line(text.trim_end()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => tell(&problem, false),
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprintln!("{}", error.render());
        return ExitCode::from(2);
    }
    let text = error.render().to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let what = parts.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let rest = parts.next().unwrap_or_default().trim();
    let mut problem = Problem::usage(what.trim());
    if !rest.is_empty() {
        problem = problem.fix(rest.replace("\n\n", "\n"));
    }
    tell(&problem, env::args().any(|a| a == "--json"))
}

fn tell(problem: &Problem, json: bool) -> ExitCode {
    let told = problem.is_silent() || json && Out::new(true).object(&problem.to_json()).is_ok();
    if !told {
        eprintln!("{problem}");
    }
    ExitCode::from(problem.exit_code())
}
