//! Keys of those who hear and speak for agents that name them: whether they are there, and whether they are taken.

use providers::{
    ApiKey, ProviderError,
    assemblyai::{self, ASSEMBLYAI_URL},
    openai::{self, OPENAI_URL},
};

use super::{PATIENCE, unusable};
use crate::{
    commands::finding::{Finding, State},
    settings::{Key, Settings, keys},
    trust,
};

/// What was found about them.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let (assemblyai, openai) = tokio::join!(assemblyai(settings), openai(settings));
    vec![assemblyai, openai]
}

async fn assemblyai(settings: &Settings) -> Finding {
    let name = "assemblyai";
    let Some(key) = settings.get(keys::ASSEMBLYAI_API_KEY) else {
        return no_key(name, keys::ASSEMBLYAI_API_KEY);
    };
    let url = settings
        .get(keys::ASSEMBLYAI_BASE_URL)
        .unwrap_or(ASSEMBLYAI_URL);
    let authorities = match trust::authorities(settings) {
        Ok(authorities) => authorities,
        Err(problem) => return unusable(name, &problem),
    };
    match assemblyai::check_key(url, &ApiKey::new(key), PATIENCE, &authorities).await {
        Ok(()) => Finding::new(name, State::Good, "the key is taken"),
        Err(error) => refused(name, &error, settings, keys::ASSEMBLYAI_API_KEY),
    }
}

/// OpenAI's speech endpoints, or others that are like them.
async fn openai(settings: &Settings) -> Finding {
    let name = "openai speech";
    let own = settings
        .get(keys::OPENAI_SPEECH_URL)
        .or_else(|| settings.get(keys::OPENAI_BASE_URL));
    let key = settings.get(keys::OPENAI_API_KEY).map(ApiKey::new);
    if key.is_none() && own.is_none() {
        return no_key(name, keys::OPENAI_API_KEY);
    }
    let authorities = match trust::authorities(settings) {
        Ok(authorities) => authorities,
        Err(problem) => return unusable(name, &problem),
    };
    let url = own.unwrap_or(OPENAI_URL);
    match openai::models(url, key.as_ref(), PATIENCE, &authorities).await {
        Ok(_) => {
            let says = if key.is_some() {
                "the key is taken"
            } else {
                "the server takes callers without a key"
            };
            Finding::new(name, State::Good, says)
        }
        // Speech servers need not list models.
        Err(error @ ProviderError::Failed { .. }) => {
            Finding::new(name, State::Note, format!("not known: {error}"))
                .fix("try it: duologue speak Hello --provider openai --output hello.wav")
        }
        Err(error) => refused(name, &error, settings, keys::OPENAI_API_KEY),
    }
}

fn no_key(name: &str, key: &Key) -> Finding {
    Finding::new(
        name,
        State::Note,
        format!("no key ({} is not set)", key.name),
    )
    .fix(format!(
        "only for agents that name it in duologue_providers: put {}=… into .env",
        key.name
    ))
}

fn refused(name: &str, error: &ProviderError, settings: &Settings, key: &Key) -> Finding {
    let origin = &settings.setting(key).origin;
    let finding = Finding::new(name, State::Bad, error.to_string());
    match error {
        ProviderError::Unauthorised { .. } => finding.fix(format!(
            "make a new key there and put it in the place of {} ({origin})",
            key.name
        )),
        _ => finding.fix(format!(
            "check the network and the address; without {} nobody asks there",
            key.name
        )),
    }
}
