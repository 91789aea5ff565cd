//! What an agent's settings say about a conversation before it begins.

use elevenlabs::Agent;
use protocol::agents::Initiation;
use serde_json::{Map, Value};

use crate::ConnectError;

/// Whether `agent` would begin a conversation with `initiation`, as far as its settings tell.
pub(crate) fn check(agent: &Agent, initiation: &Initiation) -> Result<(), ConnectError> {
    let paths = refused(agent, initiation);
    if !paths.is_empty() {
        return Err(ConnectError::OverrideRefused {
            paths,
            reason: "its settings say so".to_owned(),
        });
    }
    let names = missing(agent, initiation);
    if names.is_empty() {
        Ok(())
    } else {
        Err(ConnectError::MissingVariables { names })
    }
}

/// The overrides that the agent's settings forbid by name. What they do not mention is left to the server.
fn refused(agent: &Agent, initiation: &Initiation) -> Vec<String> {
    let Some(allowed) = agent.platform_settings.as_ref().and_then(|settings| {
        settings
            .get("overrides")?
            .get("conversation_config_override")
    }) else {
        return Vec::new();
    };
    let mut paths = initiation.conversation_config_override.paths();
    paths.retain(|path| {
        let permission = path
            .split('.')
            .try_fold(allowed, |place, step| place.get(step));
        permission == Some(&Value::Bool(false))
    });
    paths
}

/// The variables of the prompt and the first message that nobody gives a value.
fn missing(agent: &Agent, initiation: &Initiation) -> Vec<String> {
    let none = Map::new();
    let config = agent
        .conversation_config
        .get("agent")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let prompt = config.get("prompt").and_then(|prompt| prompt.get("prompt"));
    let overrides = &initiation.conversation_config_override.agent;
    let texts = [
        overrides.prompt.prompt.clone().or_else(|| text(prompt)),
        overrides
            .first_message
            .clone()
            .or_else(|| text(config.get("first_message"))),
    ];
    let mut names = agent.needed(texts.iter().flatten().map(String::as_str));
    names.retain(|name| !initiation.dynamic_variables.contains_key(name));
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent() -> Agent {
        serde_json::from_value(json!({
            "agent_id": "a",
            "conversation_config": {"agent": {
                "first_message": "Hello {{ name }}, it is {{system__time}}.",
                "prompt": {"prompt": "Know {{schedule}} and {{city}}. Not a name: {{ }} {{a b}} {{open"},
                "dynamic_variables": {"dynamic_variable_placeholders": {"city": "Graz"}}
            }},
            "platform_settings": {"overrides": {"conversation_config_override": {
                "agent": {"language": true, "prompt": {"prompt": false}},
                "tts": {"voice_id": false}
            }}}
        }))
        .unwrap()
    }

    #[test]
    fn variables_nobody_gives_are_named() {
        let error = check(&agent(), &Initiation::default()).unwrap_err();
        assert_eq!(
            error,
            ConnectError::MissingVariables {
                names: vec!["name".to_owned(), "schedule".to_owned()]
            }
        );
        assert!(error.to_string().contains("name, schedule"), "{error}");
        let mut initiation = Initiation::default();
        for name in ["name", "schedule"] {
            initiation
                .dynamic_variables
                .insert(name.to_owned(), "x".into());
        }
        assert_eq!(check(&agent(), &initiation), Ok(()));
    }

    #[test]
    fn overrides_the_agent_forbids_are_named_and_unknown_ones_are_not() {
        let mut initiation = Initiation::default();
        let overrides = &mut initiation.conversation_config_override;
        overrides.agent.prompt.prompt = Some("Be brief.".to_owned());
        overrides.agent.prompt.llm = Some("x".to_owned());
        overrides.tts.voice_id = Some("v".to_owned());
        assert_eq!(
            refused(&agent(), &initiation),
            ["agent.prompt.prompt", "tts.voice_id"]
        );
    }
}
