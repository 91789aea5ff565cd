//! The account that the settings name, at ElevenLabs or at a server of one's own.

use sdk::{
    Account, ApiKey, Region,
    account::{self, ApiError},
};

use crate::{
    problem::{Outcome, Problem},
    settings::{Settings, keys},
    trust,
};

/// The account of the settings. Nothing is asked of it yet.
pub(crate) fn of(settings: &Settings) -> Outcome<Account> {
    with_key(settings, settings.get(keys::ELEVENLABS_API_KEY))
}

/// The same with another key.
pub(crate) fn with_key(settings: &Settings, key: Option<&str>) -> Outcome<Account> {
    let region = match settings.get(keys::ELEVENLABS_REGION) {
        Some(word) => word
            .parse::<Region>()
            .map_err(|error| Problem::usage("there is no such region").because(error))?,
        None => Region::Global,
    };
    Account::new(account::Settings {
        api_key: key.map(ApiKey::new),
        region,
        base_url: settings.get(keys::ELEVENLABS_BASE_URL).map(str::to_owned),
        authorities: trust::authorities(settings)?,
        timeout: std::time::Duration::from_secs(30),
        ..account::Settings::default()
    })
    .map_err(|error| Problem::usage("the account cannot be reached").because(error))
}

/// The host of an account.
pub(crate) fn host(account: &Account) -> String {
    let url = account.url("");
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// What the account refused, in the shape of all errors.
pub(crate) fn refused(what: &str, error: &ApiError) -> Problem {
    let text = error.to_string();
    // These errors say what to do after the last semicolon.
    let (why, fix) = text.rsplit_once("; ").unwrap_or((&text, ""));
    let problem = Problem::failure(what).because(why);
    match error {
        ApiError::NoKey => problem
            .because("there is no API key")
            .fix("`duologue init` asks for one and keeps it; or put ELEVENLABS_API_KEY into .env"),
        _ if fix.is_empty() => problem.fix("`duologue doctor` looks at the key and the agent"),
        _ => problem.fix(fix),
    }
}
