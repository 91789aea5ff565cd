//! The self-hosted door: the caller brings the agent along.

use protocol::agents::{EnclaveError, EnclaveSetup, ErrorType};
use serde_json::{Map, Value, json};

use crate::{
    Origin, Refusal, StoredAgent,
    agents::{add_tools, merge, prompt_of},
};

/// The agent that `setup` describes, on top of `base` where the caller named one as well.
///
/// `agent_config_dict` is an agent object, or only its `conversation_config`: both shapes are seen.
pub(super) fn agent(
    setup: &EnclaveSetup,
    base: Option<&StoredAgent>,
) -> Result<StoredAgent, Refusal> {
    let wrong = |error: EnclaveError| Refusal::new(ErrorType::ValueError, error.to_string());
    setup.transcription_webhook().map_err(wrong)?;
    setup.audio_webhook().map_err(wrong)?;
    let mut document = base.map_or_else(|| json!({}), |base| base.document.clone());
    match (&setup.agent_config_dict, base) {
        (Some(config), _) => merge(&mut document, whole(config)),
        (None, Some(_)) => {}
        (None, None) => {
            return Err(Refusal::new(
                ErrorType::MissingFields,
                "agent_config_dict is missing.",
            ));
        }
    }
    for config in setup.override_agent_config_list.iter().flatten() {
        merge(&mut document, whole(config));
    }
    let tools =
        setup
            .tools_config_list
            .iter()
            .flatten()
            .map(|tool| match tool.get("tool_config") {
                Some(config) => config.clone(),
                None => Value::Object(tool.clone()),
            });
    add_tools(&mut document, tools.collect());
    add_knowledge(
        &mut document,
        setup.prompt_knowledge_base.as_deref().unwrap_or_default(),
    );
    Ok(StoredAgent {
        id: base.map_or_else(|| "agent_self_hosted".to_owned(), |base| base.id.clone()),
        document,
        script: base.and_then(|base| base.script.clone()),
        text: base.and_then(|base| base.text.clone()),
        origin: Origin::Created,
        created: 0,
        updated: 0,
    })
}

fn whole(config: &Map<String, Value>) -> Value {
    let config = Value::Object(config.clone());
    if config.get("conversation_config").is_some() {
        return config;
    }
    let sections = [
        "agent",
        "tts",
        "asr",
        "turn",
        "conversation",
        "language_presets",
    ];
    if sections.iter().any(|section| config.get(section).is_some()) {
        return json!({ "conversation_config": config });
    }
    config
}

fn add_knowledge(document: &mut Value, pieces: &[String]) {
    if pieces.is_empty() {
        return;
    }
    let Some(prompt) = prompt_of(document) else {
        return;
    };
    let text = prompt
        .get("prompt")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let text = format!("{text}\n\nWhat you know:\n\n{}", pieces.join("\n\n"));
    prompt.insert("prompt".to_owned(), text.trim_start().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(value: Value) -> EnclaveSetup {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn both_shapes_of_the_configuration_are_read() {
        let inner = json!({"agent": {"first_message": "Hi"}});
        for dict in [
            inner.clone(),
            json!({ "conversation_config": inner, "name": "x" }),
        ] {
            let agent = agent(&setup(json!({ "agent_config_dict": dict })), None).unwrap();
            assert_eq!(
                agent.document["conversation_config"]["agent"]["first_message"],
                "Hi"
            );
        }
    }

    #[test]
    fn overrides_tools_and_knowledge_go_into_the_agent() {
        let setup = setup(json!({
            "agent_config_dict": {"agent": {"prompt": {"prompt": "Be brief.", "tools": [{"name": "a", "old": true}]}}},
            "override_agent_config_list": [{"agent": {"language": "en"}}],
            "tools_config_list": [{"tool_config": {"name": "a", "type": "client"}}, {"name": "b", "type": "client"}],
            "prompt_knowledge_base": ["We open at nine."],
        }));
        let document = agent(&setup, None).unwrap().document;
        let prompt = &document["conversation_config"]["agent"]["prompt"];
        assert_eq!(
            prompt["prompt"],
            "Be brief.\n\nWhat you know:\n\nWe open at nine."
        );
        assert_eq!(
            prompt["tools"],
            json!([{"name": "a", "type": "client"}, {"name": "b", "type": "client"}])
        );
        assert_eq!(document["conversation_config"]["agent"]["language"], "en");
    }

    #[test]
    fn a_setup_without_an_agent_or_with_a_short_secret_is_refused() {
        assert_eq!(
            agent(&setup(json!({})), None).unwrap_err().error_type,
            ErrorType::MissingFields
        );
        let short = json!({"agent_config_dict": {}, "post_call_audio_webhook": {"url": "https://x.example", "hmac_secret": "short"}});
        assert_eq!(
            agent(&setup(short), None).unwrap_err().error_type,
            ErrorType::ValueError
        );
    }
}
