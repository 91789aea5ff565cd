//! Who answers: which brain, and which llm inside an embedded agent.

use std::sync::Arc;

use providers::{
    ApiKey,
    llm::Llm,
    openai::{self, ChatCompletions, OLLAMA_URL, OPENAI_URL},
};

use crate::{
    problem::{Outcome, Problem},
    settings::{Settings, keys},
    trust,
};

/// The model that is asked for when nobody names one.
const DEFAULT_MODEL: &str = "gpt-4.1-mini";

/// Who writes the replies of an embedded agent.
#[derive(Clone, Debug)]
pub(crate) enum LlmChoice {
    /// The script in the agent's file, or the generic one.
    Scripted {
        /// Why it is this.
        because: String,
    },
    /// An OpenAI-compatible server.
    Remote(Remote),
}

/// An OpenAI-compatible server and a model of it.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) base_url: String,
    pub(crate) key: Option<ApiKey>,
    pub(crate) model: String,
    /// Why it is this.
    pub(crate) because: String,
}

impl Remote {
    /// The llm that it is.
    pub(crate) fn llm(self, settings: &Settings) -> Outcome<Arc<dyn Llm>> {
        Ok(Arc::new(ChatCompletions::new(openai::Settings {
            base_url: self.base_url,
            key: self.key,
            model: self.model,
            authorities: trust::authorities(settings)?,
            ..openai::Settings::default()
        })?))
    }

    /// For people; the address without a password in it.
    pub(crate) fn shown(&self) -> String {
        let address = match (self.base_url.split_once("://"), self.base_url.rfind('@')) {
            (Some((scheme, _)), Some(at)) => format!("{scheme}://{}", &self.base_url[at + 1..]),
            _ => self.base_url.clone(),
        };
        format!("{} at {address}", self.model)
    }
}

impl LlmChoice {
    /// For people: what, and why.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Scripted { because } => format!("scripted ({because})"),
            Self::Remote(remote) => format!("{} ({})", remote.shown(), remote.because),
        }
    }
}

/// Why an embedded agent answers. Those elsewhere have been looked at before.
pub(crate) fn choose_brain(settings: &Settings) -> Outcome<String> {
    let setting = settings.setting(keys::BRAIN);
    let wanted = setting.value().unwrap_or("auto").to_lowercase();
    match wanted.as_str() {
        "embedded" => Ok(format!("embedded ({})", setting.origin)),
        "auto" => {
            let cloud = settings.get(keys::ELEVENLABS_API_KEY).is_some()
                && settings.get(keys::AGENT_ID).is_some();
            Ok(if cloud {
                "embedded (the agent is on this machine)"
            } else {
                "embedded (no other brain is configured)"
            }
            .to_owned())
        }
        other => Err(Problem::usage(format!(
            "the brain {other:?} is not available ({})",
            setting.origin
        ))
        .because("this version talks to embedded agents and to those of ElevenLabs")
        .fix("leave out --brain, or say --brain embedded or --brain elevenlabs; to have another model write the replies, use --llm")),
    }
}

/// Which llm writes the replies of agents without one of their own: flag, environment, files > `OPENAI_*` > a local Ollama >
/// scripted.
pub(crate) async fn choose_llm(settings: &Settings) -> Outcome<LlmChoice> {
    let setting = settings.setting(keys::LLM);
    let wanted = setting.value().unwrap_or("auto");
    let origin = setting.origin.to_string();
    match wanted.to_lowercase().as_str() {
        "scripted" => return Ok(LlmChoice::Scripted { because: origin }),
        "ollama" => {
            return ollama(settings, &origin).await.ok_or_else(|| {
                Problem::failure("no Ollama with a model answers on this machine")
                    .because(format!("nothing at {}", ollama_url(settings)))
                    .fix("start it and load a model: ollama pull llama3.2; or use --llm scripted")
            });
        }
        "auto" | "" => {}
        _ => return Ok(named(settings, wanted, origin)),
    }
    let endpoint = settings.get(keys::OPENAI_BASE_URL);
    if endpoint.is_some() || settings.get(keys::OPENAI_API_KEY).is_some() {
        let because = if endpoint.is_some() {
            keys::OPENAI_BASE_URL
        } else {
            keys::OPENAI_API_KEY
        };
        let base_url = endpoint.unwrap_or(OPENAI_URL).to_owned();
        return Ok(remote(
            settings,
            base_url,
            None,
            format!("{} is set", because.name),
        ));
    }
    if let Some(choice) = ollama(settings, "found on this machine").await {
        return Ok(choice);
    }
    Ok(LlmChoice::Scripted {
        because: "no key is set and no Ollama is running".to_owned(),
    })
}

/// `MODEL`, `URL` or `URL#MODEL`.
fn named(settings: &Settings, wanted: &str, because: String) -> LlmChoice {
    if wanted.starts_with("http://") || wanted.starts_with("https://") {
        let (url, model) = match wanted.split_once('#') {
            Some((url, model)) => (url, Some(model.to_owned())),
            None => (wanted, None),
        };
        return remote(settings, url.to_owned(), model, because);
    }
    let url = settings.get(keys::OPENAI_BASE_URL).unwrap_or(OPENAI_URL);
    remote(settings, url.to_owned(), Some(wanted.to_owned()), because)
}

fn remote(
    settings: &Settings,
    base_url: String,
    model: Option<String>,
    because: String,
) -> LlmChoice {
    LlmChoice::Remote(Remote {
        base_url,
        key: settings.get(keys::OPENAI_API_KEY).map(ApiKey::new),
        model: model
            .or_else(|| settings.get(keys::OPENAI_MODEL).map(str::to_owned))
            .unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
        because,
    })
}

fn ollama_url(settings: &Settings) -> String {
    match settings.get(keys::OLLAMA_HOST) {
        None => String::new(),
        Some("http://localhost:11434") => OLLAMA_URL.to_owned(),
        Some(host) => {
            let scheme = if host.contains("://") { "" } else { "http://" };
            format!("{scheme}{}/v1", host.trim_end_matches('/'))
        }
    }
}

async fn ollama(settings: &Settings, because: &str) -> Option<LlmChoice> {
    let base_url = ollama_url(settings);
    if base_url.is_empty() {
        return None;
    }
    let found = openai::find_ollama(&base_url, &trust::authorities(settings).ok()?).await?;
    Some(LlmChoice::Remote(Remote {
        base_url,
        key: None,
        model: settings
            .get(keys::OPENAI_MODEL)
            .map_or(found, str::to_owned),
        because: format!("Ollama, {because}"),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::Sources;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut environment: BTreeMap<_, _> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        // Whatever runs on this machine must not be found.
        environment
            .entry("OLLAMA_HOST".to_owned())
            .or_insert_with(String::new);
        Settings::fold(&Sources {
            environment,
            ..Sources::default()
        })
        .unwrap()
    }

    async fn llm(pairs: &[(&str, &str)]) -> String {
        choose_llm(&settings(pairs)).await.unwrap().shown()
    }

    #[tokio::test]
    async fn with_nothing_at_all_the_script_answers() {
        assert_eq!(
            llm(&[]).await,
            "scripted (no key is set and no Ollama is running)"
        );
    }

    #[tokio::test]
    async fn a_choice_wins_over_a_key_and_a_key_over_the_script() {
        let key = ("OPENAI_API_KEY", "sk-x");
        assert_eq!(
            llm(&[key]).await,
            "gpt-4.1-mini at https://api.openai.com/v1 (OPENAI_API_KEY is set)"
        );
        assert_eq!(
            llm(&[key, ("DUOLOGUE_LLM", "scripted")]).await,
            "scripted (environment, DUOLOGUE_LLM)"
        );
        assert_eq!(
            llm(&[key, ("DUOLOGUE_LLM", "gpt-5")]).await,
            "gpt-5 at https://api.openai.com/v1 (environment, DUOLOGUE_LLM)"
        );
    }

    #[tokio::test]
    async fn an_address_may_name_its_model_and_hides_its_password() {
        assert_eq!(
            llm(&[("DUOLOGUE_LLM", "http://me:secret@box:8080/v1#tiny")]).await,
            "tiny at http://box:8080/v1 (environment, DUOLOGUE_LLM)"
        );
    }

    #[test]
    fn brains_that_are_not_built_are_refused_with_a_way_out() {
        let problem = choose_brain(&settings(&[("DUOLOGUE_BRAIN", "openai")])).unwrap_err();
        assert_eq!(problem.exit_code(), 2);
        assert!(problem.to_string().contains("--llm"), "{problem}");
    }
}
