//! An agent's own llm: `custom-llm`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent::config::Config;
use protocol::agents::ErrorType;
use providers::{
    ApiKey, ProviderError,
    http::Authorities,
    llm::Llm,
    openai::{ChatCompletions, Responses, Settings},
};
use serde_json::Value;

use crate::Refusal;

/// The llm that the agent brings along, if it is to be used. `wanted` is the caller's own choice of llm.
pub(super) fn own(
    config: &Config,
    wanted: Option<&str>,
    secrets: &BTreeMap<String, ApiKey>,
    authorities: &Authorities,
) -> Result<Option<Arc<dyn Llm>>, Refusal> {
    let prompt = &config.view.conversation_config.agent.prompt;
    if wanted.or(prompt.llm.as_deref()) != Some("custom-llm") {
        return Ok(None);
    }
    let custom = prompt
        .custom_llm
        .as_ref()
        .filter(|custom| custom.is_object());
    let url = custom
        .and_then(|custom| custom.get("url"))
        .and_then(Value::as_str);
    let (Some(custom), Some(url)) = (custom, url) else {
        return Err(wrong("custom_llm.url is missing"));
    };
    let api = custom.get("api_type").and_then(Value::as_str);
    let path = match api {
        None | Some("chat_completions") => "/chat/completions",
        Some("responses") => "/responses",
        Some(other) => {
            return Err(wrong(&format!(
                "custom_llm.api_type {other:?} is not known; there are chat_completions and responses"
            )));
        }
    };
    let defaults = Settings::default();
    let settings = Settings {
        base_url: url.trim_end_matches('/').trim_end_matches(path).to_owned(),
        key: match custom.get("api_key") {
            None | Some(Value::Null) => None,
            Some(value) => Some(secret(value, secrets, "api_key")?),
        },
        model: custom
            .get("model_id")
            .and_then(Value::as_str)
            .map_or(defaults.model, str::to_owned),
        headers: headers(custom, secrets)?,
        authorities: authorities.clone(),
        ..Settings::default()
    };
    let llm: Result<Arc<dyn Llm>, ProviderError> = if api == Some("responses") {
        Responses::new(settings).map(|llm| Arc::new(llm) as _)
    } else {
        ChatCompletions::new(settings).map(|llm| Arc::new(llm) as _)
    };
    llm.map(Some).map_err(|error| wrong(&error.to_string()))
}

/// How long an agent's own llm may be silent before the server's llm answers instead: `cascade_timeout_seconds`, 2 to 15,
/// default 4. None when the agent wants no backup.
pub(super) fn patience(config: &Config) -> Option<Duration> {
    let prompt = config.value.pointer("/conversation_config/agent/prompt");
    let preference = prompt.and_then(|prompt| prompt.pointer("/backup_llm_config/preference"));
    if preference.and_then(Value::as_str) == Some("disabled") {
        return None;
    }
    let seconds = prompt.and_then(|prompt| prompt.get("cascade_timeout_seconds")?.as_f64());
    Some(Duration::from_secs_f64(
        seconds.unwrap_or(4.0).clamp(2.0, 15.0),
    ))
}

fn headers(
    custom: &Value,
    secrets: &BTreeMap<String, ApiKey>,
) -> Result<Vec<(String, ApiKey)>, Refusal> {
    let Some(Value::Object(headers)) = custom.get("request_headers") else {
        return Ok(Vec::new());
    };
    headers
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => ApiKey::new(text),
                other => secret(other, secrets, name)?,
            };
            Ok((name.clone(), value))
        })
        .collect()
}

/// A secret by its name, wherever the contract lets one stand.
fn secret(
    value: &Value,
    secrets: &BTreeMap<String, ApiKey>,
    field: &str,
) -> Result<ApiKey, Refusal> {
    let name = ["secret_id", "env_var_label"]
        .iter()
        .find_map(|kind| value.get(kind)?.as_str());
    let Some(name) = name else {
        return Err(wrong(&format!(
            "custom_llm.{field} must name a secret, as {{\"secret_id\": \"…\"}}"
        )));
    };
    secrets.get(name).cloned().ok_or_else(|| {
        wrong(&format!(
            "this server has no secret {name} (custom_llm.{field})"
        ))
    })
}

fn wrong(message: &str) -> Refusal {
    Refusal::new(ErrorType::ValueError, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(custom: &Value) -> Config {
        let prompt = json!({"llm": "custom-llm", "custom_llm": custom});
        Config::from_value(json!({"conversation_config": {"agent": {"prompt": prompt}}})).unwrap()
    }

    #[test]
    fn an_endpoint_of_the_agents_own_is_used() {
        let secrets = [("key".to_owned(), ApiKey::new("s"))].into();
        let custom = json!({"url": "http://127.0.0.1:9/v1/chat/completions", "model_id": "tiny",
            "api_key": {"secret_id": "key"}, "request_headers": {"X-Team": "blue", "X-Key": {"secret_id": "key"}}});
        let llm = own(&config(&custom), None, &secrets, &Authorities::public())
            .unwrap()
            .unwrap();
        assert_eq!(llm.name(), "tiny at 127.0.0.1:9");
        assert!(
            own(
                &config(&custom),
                Some("gpt-4o"),
                &secrets,
                &Authorities::public()
            )
            .unwrap()
            .is_none(),
            "the caller chose another"
        );
    }

    #[test]
    fn an_endpoint_may_speak_the_responses_api() {
        let custom = json!({"url": "http://127.0.0.1:9/v1/responses", "model_id": "tiny", "api_type": "responses"});
        let llm = own(
            &config(&custom),
            None,
            &BTreeMap::new(),
            &Authorities::public(),
        )
        .unwrap();
        assert_eq!(llm.unwrap().name(), "tiny at 127.0.0.1:9");
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |custom: Value| {
            own(
                &config(&custom),
                None,
                &BTreeMap::new(),
                &Authorities::public(),
            )
            .err()
            .unwrap()
            .message
        };
        assert!(message(json!({})).contains("custom_llm.url"));
        assert!(
            message(json!({"url": "http://x", "api_key": {"secret_id": "gone"}}))
                .contains("no secret gone")
        );
        assert!(message(json!({"url": "ftp://x"})).contains("http"));
        assert!(message(json!({"url": "http://x", "api_type": "telex"})).contains("responses"));
    }
}
