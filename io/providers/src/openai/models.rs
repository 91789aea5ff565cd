//! Which models a server has, and whether there is an Ollama on this machine.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    ProviderError,
    http::{self, Authorities, describe, explain},
    secret::ApiKey,
};

/// Where a local Ollama answers OpenAI's wire.
pub const OLLAMA_URL: &str = "http://localhost:11434/v1";

/// How long a local server may take to say that it is there.
const LOCAL_PATIENCE: Duration = Duration::from_millis(400);

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// The ids of the models that the server at `base_url` offers, in its order. Certificates of `authorities` are trusted.
///
/// # Errors
/// [`ProviderError::Unreachable`], [`ProviderError::TimedOut`] after `patience`, [`ProviderError::Unauthorised`], or
/// [`ProviderError::Failed`] when the answer is no list of models.
pub async fn models(
    base_url: &str,
    key: Option<&ApiKey>,
    patience: Duration,
    authorities: &Authorities,
) -> Result<Vec<String>, ProviderError> {
    // The host alone: an address may carry a password.
    let host = reqwest::Url::parse(base_url)
        .ok()
        .and_then(|url| Some(url.host_str()?.to_owned()))
        .unwrap_or_else(|| "an address that is no URL".to_owned());
    let provider = || format!("the server at {host}");
    let client = http::client(authorities).map_err(|reason| ProviderError::Failed {
        provider: provider(),
        reason,
    })?;
    let mut get = client.get(format!("{}/models", base_url.trim_end_matches('/')));
    if let Some(key) = key {
        get = get.bearer_auth(key.expose());
    }
    let ask = async {
        let response = get
            .send()
            .await
            .map_err(|error| ProviderError::Unreachable {
                provider: provider(),
                reason: explain(&error.without_url()),
            })?;
        if matches!(response.status().as_u16(), 401 | 403) {
            return Err(ProviderError::Unauthorised {
                provider: provider(),
                reason: "the key was refused".to_owned(),
            });
        }
        let list: List = response
            .error_for_status()
            .map_err(reqwest::Error::without_url)
            .map_err(|error| ProviderError::Failed {
                provider: provider(),
                reason: describe(&error),
            })?
            .json()
            .await
            .map_err(|error| ProviderError::Failed {
                provider: provider(),
                reason: describe(&error.without_url()),
            })?;
        Ok(list.data.into_iter().map(|model| model.id).collect())
    };
    timeout(patience, ask).await.unwrap_or_else(|_| {
        Err(ProviderError::TimedOut {
            provider: provider(),
            after: patience,
        })
    })
}

/// The first chat model of an Ollama at `base_url` ([`OLLAMA_URL`] unless a test says otherwise); none when there is no
/// Ollama, or it has no model. Models that only embed are passed over.
pub async fn find_ollama(base_url: &str, authorities: &Authorities) -> Option<String> {
    let models = models(base_url, None, LOCAL_PATIENCE, authorities)
        .await
        .ok()?;
    models.into_iter().find(|model| !model.contains("embed"))
}
