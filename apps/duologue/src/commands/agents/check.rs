//! Whether the providers that an agent names can do what it wants of them, on this machine.

use std::{slice, sync::Arc};

use agent::config::AgentFile;
use embedded::{Engine, recogniser, script::Scripted};
use protocol::agents::AudioFormat;
use providers::{ProviderError, llm::Llm};
use serde_json::Value;

use crate::{
    commands::finding::{Finding, State},
    problem::{Outcome, Problem},
    settings::Settings,
    speech,
    vendors::{Named, Vendors, Wanted},
};

/// What was found about the agent's ears, brain and voice.
pub(super) fn providers(settings: &Settings, file: &AgentFile) -> Outcome<Vec<Finding>> {
    let wanted = match Wanted::read(file.providers.as_ref()) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(vec![broken("providers", &error)]),
    };
    let engine = Engine::new(speech::paths(settings), &recogniser::Settings::default());
    let vendors = Vendors::of(settings)?;
    let scripted = Scripted::from_toml(&file.text)
        .map_err(|error| Problem::failure("the agent's script is broken").because(error.what))?;
    let scripted: Arc<dyn Llm> = Arc::new(scripted);
    let languages = languages(&file.config.value);
    let mut findings = Vec::new();
    findings.extend(each(
        "asr",
        "recogniser",
        &wanted.asr,
        &languages,
        |named| {
            let asr = vendors.one_asr(&engine, named)?;
            Ok(owned(asr.languages()))
        },
    ));
    findings.extend(each("llm", "llm", &wanted.llm, &[], |named| {
        vendors.llm(slice::from_ref(named), &scripted, &scripted)?;
        Ok(Vec::new())
    }));
    findings.extend(each("tts", "voice", &wanted.tts, &languages, |named| {
        let tts = vendors.one_tts(&engine, named)?;
        Ok(owned(tts.languages()))
    }));
    findings.extend(formats(&file.config.value));
    Ok(findings)
}

fn owned(languages: &[&str]) -> Vec<String> {
    languages.iter().copied().map(str::to_owned).collect()
}

/// Looks at those of one kind; nobody named means the embedded one.
fn each(
    kind: &str,
    what: &str,
    wanted: &[Named],
    languages: &[String],
    make: impl Fn(&Named) -> Result<Vec<String>, ProviderError>,
) -> Vec<Finding> {
    let default = [Named::parse("embedded")];
    let wanted = match wanted {
        [] if languages.is_empty() => return Vec::new(),
        [] => default.as_slice(),
        wanted => wanted,
    };
    let made: Vec<_> = wanted.iter().map(make).collect();
    let another = made.iter().any(Result::is_ok);
    wanted
        .iter()
        .zip(made)
        .map(|(named, made)| match made {
            Ok(speaks) => match lacking(&speaks, languages) {
                Some(language) => Finding::new(
                    kind,
                    State::Bad,
                    format!(
                        "the {what} {} cannot do {language:?}; it has {}",
                        named.name,
                        speaks.join(", ")
                    ),
                )
                .fix(format!(
                    "name one that can: {kind} = \"elevenlabs\" or \"openai\" under [duologue_providers]"
                )),
                None => Finding::new(kind, State::Good, named.name.clone()),
            },
            // Left out where another stands behind it.
            Err(ProviderError::Missing { reason, remedy, .. }) => {
                let state = if another { State::Note } else { State::Bad };
                Finding::new(kind, state, format!("{}: {reason}", named.name)).fix(remedy)
            }
            Err(error) => broken(kind, &error),
        })
        .collect()
}

fn broken(kind: &str, error: &ProviderError) -> Finding {
    let says = match error {
        ProviderError::Unsupported { provider, reason } if provider == "duologue_providers" => {
            reason.clone()
        }
        error => error.to_string(),
    };
    Finding::new(kind, State::Bad, says)
        .fix("mend duologue_providers in the agent's file; docs/providers.md lists what there is")
}

/// The first of the agent's languages that is not among those `speaks`; whoever lists none has all.
fn lacking<'a>(speaks: &[String], languages: &'a [String]) -> Option<&'a String> {
    languages.iter().find(|language| {
        let base = language.split('-').next().unwrap_or_default();
        !speaks.is_empty() && !speaks.iter().any(|known| known == base)
    })
}

/// The agent's language and those it can change to; none where it only types.
fn languages(agent: &Value) -> Vec<String> {
    let config = &agent["conversation_config"];
    if config["conversation"]["text_only"] == true {
        return Vec::new();
    }
    let first = config["agent"]["language"].as_str().unwrap_or("en");
    let presets = config["language_presets"].as_object();
    std::iter::once(first)
        .chain(
            presets
                .into_iter()
                .flat_map(|table| table.keys().map(String::as_str)),
        )
        .map(str::to_owned)
        .collect()
}

/// Formats of sound that cannot be coded.
fn formats(agent: &Value) -> Vec<Finding> {
    let config = &agent["conversation_config"];
    [
        ("asr", "user_input_audio_format"),
        ("tts", "agent_output_audio_format"),
    ]
    .into_iter()
    .filter_map(|(section, field)| {
        let name = config[section][field].as_str()?;
        AudioFormat::from(name).format().is_none().then(|| {
            Finding::new(
                section,
                State::Bad,
                format!("{field} cannot be {name:?}: sound cannot be coded so here"),
            )
            .fix("pcm_16000 suits everybody, ulaw_8000 telephones")
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_speaks_its_language_and_those_it_can_change_to() {
        let agent = json!({"conversation_config": {
            "agent": {"language": "fr"}, "language_presets": {"de": {}},
        }});
        assert_eq!(languages(&agent), ["fr", "de"]);
        assert_eq!(languages(&json!({})), ["en"]);
        let typed = json!({"conversation_config": {"conversation": {"text_only": true}}});
        assert!(languages(&typed).is_empty());
    }

    #[test]
    fn a_dialect_is_spoken_by_whoever_speaks_the_language() {
        let wanted = ["en-GB".to_owned(), "fr".to_owned()];
        assert_eq!(lacking(&["en".to_owned()], &wanted), Some(&wanted[1]));
        assert_eq!(lacking(&[], &wanted), None);
    }
}
