//! `duologue doctor`: what is configured, what is there, what is missing, and how to mend it.

mod account;
mod speech_keys;

use std::time::Duration;

use providers::openai;
use serde_json::json;

use crate::{
    Context, agents,
    brain::{self, LlmChoice},
    commands::finding::{Finding, State},
    problem::{Outcome, Problem},
    settings::Settings,
    speech, trust,
};

/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at everything and says what was found. Fails when something is missing.
pub(crate) async fn run(context: &Context) -> Outcome<()> {
    let out = context.out;
    let settings = &context.settings;
    out.line("Settings")?;
    for setting in settings.all() {
        let key = setting.key();
        let shown = setting.shown().unwrap_or("(not set)");
        out.line(format!("  {:<20} {shown}   [{}]", key.name, setting.origin))?;
        out.object(&json!({
            "type": "setting", "name": key.name, "value": setting.shown(),
            "origin": setting.origin.to_string(), "meaning": key.meaning,
        }))?;
    }
    for (name, (value, origin)) in &settings.variables {
        // A `secret__` variable is for tools alone, so it is not shown either.
        let shown = if name.starts_with("secret__") {
            json!("***")
        } else {
            value.clone()
        };
        out.line(format!("  variable {name:<11} {shown}   [{origin}]"))?;
        out.object(&json!({
            "type": "variable", "name": name, "value": shown, "origin": origin.to_string(),
        }))?;
    }
    let mut findings = packages(settings);
    findings.push(agent_files(settings));
    findings.extend(account::look(settings).await);
    findings.extend(llm(settings).await);
    findings.extend(speech_keys::look(settings).await);
    out.line("\nWhat was found")?;
    let missing = Finding::tell(&findings, out)?;
    if missing > 0 {
        let plural = if missing == 1 { "" } else { "s" };
        return Err(
            Problem::failure(format!("{missing} thing{plural} will not work"))
                .because("see the lines marked `missing`")
                .fix("do what they say, then run `duologue doctor` again"),
        );
    }
    out.line("\nEverything is ready: duologue talk --text")
}

fn packages(settings: &Settings) -> Vec<Finding> {
    let engine = embedded::Engine::new(
        speech::paths(settings),
        &embedded::recogniser::Settings::default(),
    );
    engine
        .check()
        .into_iter()
        .map(|part| match part.problem {
            None => Finding::new(part.name, State::Good, part.by),
            Some(providers::ProviderError::Missing { reason, remedy, .. }) => {
                Finding::new(part.name, State::Bad, reason).fix(remedy)
            }
            Some(problem) => Finding::new(part.name, State::Bad, problem.to_string()),
        })
        .collect()
}

fn agent_files(settings: &Settings) -> Finding {
    let mut ids = Vec::new();
    let mut broken = Vec::new();
    for entry in agents::all(settings) {
        match agents::load(&entry) {
            Ok(_) => ids.push(entry.id),
            Err(_) => broken.push(entry.shown()),
        }
    }
    match broken.first() {
        None => Finding::new("agents", State::Good, ids.join(", ")),
        Some(first) => Finding::new(
            "agents",
            State::Bad,
            format!("{} cannot be read", broken.join(", ")),
        )
        .fix(format!("duologue agents check {first}")),
    }
}

/// A setting is wrong.
fn unusable(name: &str, problem: &Problem) -> Finding {
    Finding::new(name, State::Bad, problem.what()).fix(problem.remedy())
}

/// Whether the llm that would be chosen answers.
async fn llm(settings: &Settings) -> Vec<Finding> {
    let name = "llm";
    match brain::choose_llm(settings).await {
        Err(problem) => vec![unusable(name, &problem)],
        Ok(LlmChoice::Scripted { because }) => {
            vec![
                Finding::new(name, State::Note, format!("scripted: {because}")).fix(
                    "for free conversation: install Ollama, or set OPENAI_API_KEY or OPENAI_BASE_URL",
                ),
            ]
        }
        Ok(LlmChoice::Remote(choice)) => {
            let authorities = match trust::authorities(settings) {
                Ok(authorities) => authorities,
                Err(problem) => return vec![unusable(name, &problem)],
            };
            let models = openai::models(
                &choice.base_url,
                choice.key.as_ref(),
                PATIENCE,
                &authorities,
            );
            match models.await {
                Ok(models) if models.is_empty() || models.contains(&choice.model) => {
                    vec![Finding::new(name, State::Good, choice.shown())]
                }
                Ok(models) => vec![
                    Finding::new(
                        name,
                        State::Note,
                        format!(
                            "{} does not list the model {}",
                            choice.base_url, choice.model
                        ),
                    )
                    .fix(format!(
                        "choose one of: {}",
                        models.into_iter().take(8).collect::<Vec<_>>().join(", ")
                    )),
                ],
                Err(error) => {
                    vec![Finding::new(name, State::Bad, error.to_string()).fix(
                        "check OPENAI_BASE_URL and OPENAI_API_KEY, or set DUOLOGUE_LLM=scripted",
                    )]
                }
            }
        }
    }
}
