//! The ElevenLabs account: its key, what the key may do, the agent and its formats.

use sdk::{
    Account,
    account::{Agent, AgentsQuery, ApiError, VoicesQuery},
};
use serde_json::Value;

use crate::{
    account, agents,
    commands::finding::{Finding, State},
    settings::{Key, Settings, keys},
};

/// What was found about the account. Nothing is asked of it while a key looks wrong.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let mut findings = keys_that_look_wrong(settings);
    let account = match account::of(settings) {
        Ok(account) => account,
        Err(problem) => {
            findings
                .push(Finding::new("account", State::Bad, problem.what()).fix(problem.remedy()));
            return findings;
        }
    };
    let has_server = settings.get(keys::ELEVENLABS_BASE_URL).is_some();
    if !findings.is_empty() || account.api_key().is_none() && !has_server {
        if findings.is_empty() {
            findings.push(no_key(settings));
        }
        return findings;
    }
    if account.api_key().is_some() {
        let (permissions, goes_on) = key(&account).await;
        findings.extend(permissions);
        if !goes_on {
            return findings;
        }
    }
    findings.extend(agent(settings, &account).await);
    findings
}

fn no_key(settings: &Settings) -> Finding {
    let there = settings
        .get(keys::AGENT_ID)
        .filter(|id| agents::find(settings, id).is_err());
    match there {
        Some(id) => Finding::new(
            "account",
            State::Bad,
            format!("{id} is no agent of this machine, and there is no key to reach another"),
        )
        .fix("put ELEVENLABS_API_KEY into .env, or run `duologue init`"),
        None => Finding::new(
            "account",
            State::Note,
            "no ElevenLabs key; none is needed here",
        )
        .fix("to talk to agents of an account: duologue init"),
    }
}

/// Whether the key is one, and what it may do.
async fn key(account: &Account) -> (Vec<Finding>, bool) {
    let name = "key";
    let host = account::host(account);
    let agents = account
        .agents()
        .list(&AgentsQuery {
            page_size: Some(1),
            ..AgentsQuery::default()
        })
        .await;
    let voices = account
        .voices()
        .list(&VoicesQuery {
            page_size: Some(1),
            ..VoicesQuery::default()
        })
        .await
        .map(drop);
    let plan = account.subscription().await;
    let agents = agents.map(drop);
    let mut findings = Vec::new();
    for error in [
        agents.as_ref().err(),
        voices.as_ref().err(),
        plan.as_ref().err(),
    ]
    .into_iter()
    .flatten()
    {
        if lacks_permission(error).is_some() || matches!(error, ApiError::NotFound(_)) {
            continue;
        }
        let problem = account::refused("", error);
        findings.push(
            Finding::new(
                name,
                State::Bad,
                format!("{host}: {}", problem.what().trim_start_matches(": ")),
            )
            .fix(problem.remedy()),
        );
        return (findings, false);
    }
    findings.push(Finding::new(name, State::Good, format!("{host} takes it")));
    if let Ok(plan) = plan {
        let left = plan.character_limit.saturating_sub(plan.character_count);
        let finding = Finding::new(
            "plan",
            State::Good,
            format!("{}: {left} credits are left", plan.tier),
        );
        findings.push(if left == 0 && plan.character_limit > 0 {
            Finding {
                state: State::Bad,
                ..finding
            }
            .fix("wait for the next period, or extend the plan")
        } else {
            finding
        });
    }
    for (what, result) in [("agents", agents), ("voices", voices)] {
        if let Err(error) = result
            && let Some(permission) = lacks_permission(&error)
        {
            findings.push(
                Finding::new(name, State::Note, format!("it may not read {what} ({permission})"))
                    .fix(format!("give it that permission under API keys in the account's settings, if {what} are wanted")),
            );
        }
    }
    (findings, true)
}

/// The permission a good key lacks, if that is what is wrong.
fn lacks_permission(error: &ApiError) -> Option<String> {
    let said = error.said()?;
    let named = said
        .message
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .find(|word| word.ends_with("_read") || word.ends_with("_write"));
    match error {
        ApiError::Forbidden(_) => Some(named.unwrap_or("not allowed").to_owned()),
        // The platform says so with 401 too.
        ApiError::Unauthorised(said) if said.code.as_deref() == Some("missing_permissions") => {
            Some(named.unwrap_or("missing permission").to_owned())
        }
        _ => None,
    }
}

/// Whether the agent is there and can be spoken with.
async fn agent(settings: &Settings, account: &Account) -> Vec<Finding> {
    let name = "agent";
    let Some(id) = settings.get(keys::AGENT_ID) else {
        return vec![
            Finding::new(name, State::Note, "none is chosen (AGENT_ID)")
                .fix("`duologue init` lists those of the account"),
        ];
    };
    let agent = match account.agents().get(id).await {
        Ok(agent) => agent,
        Err(_) if agents::find(settings, id).is_ok() => return Vec::new(),
        Err(error) if lacks_permission(&error).is_some() => {
            return vec![
                Finding::new(name, State::Note, format!("{id} cannot be looked at with this key"))
                    .fix("give it the permission convai_read, so that mistakes are found before a conversation begins"),
            ];
        }
        Err(error) => {
            let problem = account::refused(id, &error);
            return vec![Finding::new(name, State::Bad, problem.what()).fix(problem.remedy())];
        }
    };
    let mut findings = vec![Finding::new(
        name,
        State::Good,
        format!("{} ({id})", agent.name),
    )];
    findings.push(formats(&agent));
    let names = agent.variables();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !settings.variables.contains_key(*name))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let flags: Vec<_> = missing
            .iter()
            .map(|name| format!("--var {name}=…"))
            .collect();
        findings.push(
            Finding::new(
                name,
                State::Note,
                format!("it needs values for {}", missing.join(", ")),
            )
            .fix(format!(
                "talk with {}, or a [variables] table in duologue.toml",
                flags.join(" ")
            )),
        );
    }
    findings
}

/// Whether sound can go both ways.
fn formats(agent: &Agent) -> Finding {
    let format = |section: &str, field: &str| {
        agent
            .conversation_config
            .get(section)
            .and_then(|section| section.get(field))
            .and_then(Value::as_str)
            .unwrap_or("pcm_16000")
            .to_owned()
    };
    let (hears, speaks) = (
        format("asr", "user_input_audio_format"),
        format("tts", "agent_output_audio_format"),
    );
    let says = format!("hears {hears}, speaks {speaks}");
    let unknown = [&hears, &speaks].into_iter().find(|name| {
        protocol::agents::AudioFormat::from(name.as_str())
            .format()
            .is_none()
    });
    match unknown {
        None => Finding::new("formats", State::Good, says),
        Some(unknown) => Finding::new("formats", State::Bad, says).fix(format!(
            "{unknown} cannot be coded here; choose pcm_16000 in the agent's settings"
        )),
    }
}

/// Keys that stand in the wrong place, or are something else.
fn keys_that_look_wrong(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut suspect = |key: &Key, wrong: fn(&str) -> bool, says: &str, fix: &str| {
        let setting = settings.setting(key);
        if setting.value().is_some_and(wrong) {
            findings.push(
                Finding::new(key.name, State::Bad, format!("{says} ({})", setting.origin)).fix(fix),
            );
        }
    };
    let eleven = keys::ELEVENLABS_API_KEY;
    suspect(
        eleven,
        |v| v.starts_with("sk-"),
        "looks like a key of OpenAI",
        "keys of ElevenLabs begin with sk_; swap the two",
    );
    suspect(
        eleven,
        |v| v.starts_with("agent_"),
        "is an agent's id, not a key",
        "put it into AGENT_ID",
    );
    suspect(
        eleven,
        |v| v.starts_with("http://") || v.starts_with("https://") || v.starts_with("wss://"),
        "is an address, not a key",
        "a server of one's own goes into ELEVENLABS_BASE_URL",
    );
    suspect(
        eleven,
        |v| v.chars().any(|c| !c.is_ascii_graphic()),
        "holds characters that no key has: a look-alike letter or a space",
        "copy it again, without anything around it",
    );
    suspect(
        eleven,
        |v| v.contains("...") || v.contains('*') || v.to_lowercase().contains("your"),
        "is a placeholder, or the shortened form that pages show",
        "a key is shown whole only once: make a new one and copy it then",
    );
    suspect(
        keys::OPENAI_API_KEY,
        |v| v.starts_with("sk_"),
        "looks like a key of ElevenLabs",
        "keys of OpenAI begin with sk-; swap the two",
    );
    suspect(
        keys::AGENT_ID,
        |v| v.starts_with("sk_") || v.starts_with("sk-"),
        "is a key, not an agent's id",
        "agents' ids of ElevenLabs begin with agent_; swap the two",
    );
    findings
}
