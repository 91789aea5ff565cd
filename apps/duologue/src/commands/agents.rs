//! `duologue agents`: what agents there are, what is in their files, whether it is right; and theirs at an account.

mod check;
mod sync;
mod written;

use serde_json::json;

use crate::{
    Context, agents,
    cli::AgentsCommand,
    commands::finding::{Finding, State},
    files,
    problem::{Outcome, Problem},
};

/// Lists, shows or checks agents, and takes them from an account and back.
pub(crate) async fn run(context: &Context, command: &AgentsCommand) -> Outcome<()> {
    let out = context.out;
    match command {
        AgentsCommand::List => {
            for entry in agents::all(&context.settings) {
                let place = entry
                    .path
                    .as_ref()
                    .map_or_else(|| "bundled".to_owned(), |p| p.display().to_string());
                let (name, state) = match agents::load(&entry) {
                    Ok(file) => (file.config.view.name, "ok"),
                    Err(_) => (
                        "(broken: duologue agents check shows where)".to_owned(),
                        "broken",
                    ),
                };
                out.line(format!("{:<16} {name:<32} {place}", entry.id))?;
                out.object(&json!({
                    "type": "agent", "id": entry.id, "name": name, "state": state, "place": place,
                }))?;
            }
            Ok(())
        }
        AgentsCommand::Show { agent } => {
            let entry = agents::find(&context.settings, agent)?;
            let text = entry.text()?;
            out.line(text.trim_end())?;
            if !out.is_json() {
                return Ok(());
            }
            let file = agents::parse(&entry.shown(), &text)?;
            out.object(&json!({
                "type": "agent", "id": entry.id, "agent": file.config.value,
                "duologue_providers": file.providers, "duologue_script": file.script,
            }))
        }
        AgentsCommand::Pull { agents, force } => sync::pull(context, agents, *force).await,
        AgentsCommand::Push { agents, force } => sync::push(context, agents, *force).await,
        AgentsCommand::Check { file } => {
            let name = file.display().to_string();
            let parsed = agents::parse(&name, &files::read_text(file)?)?;
            let findings = check::providers(&context.settings, &parsed)?;
            let bad = Finding::tell(&findings, out)?;
            if bad > 0 {
                let fix = findings.iter().find(|f| f.state == State::Bad);
                let fix = fix.and_then(|finding| finding.fix.clone());
                return Err(Problem::failure(format!("{name}: it cannot run here"))
                    .because("see the lines marked `missing`")
                    .fix(fix.unwrap_or_default()));
            }
            out.line(format!("{name}: a good agent, {}", parsed.config.view.name))?;
            out.object(&json!({
                "type": "checked", "file": file, "name": parsed.config.view.name,
            }))
        }
    }
}
