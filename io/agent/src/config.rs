//! What an agent is: ElevenLabs' agent JSON, read once and kept whole.
//!
//! [`Config`] keeps the JSON as it came, unknown fields included, and gives a typed view of what this crate acts on.
//! [`AgentFile`] is the same schema written as TOML.

mod file;
mod tools;

use std::collections::BTreeMap;

use protocol::agents::{AudioFormat, ClientEventKind, ConfigOverride, DynamicVariable};
use serde::Deserialize;
use serde_json::Value;

pub use file::{AgentFile, FileError};
pub use tools::{Assignment, Mock, MockCondition, ToolConfig, ToolKind};

/// An agent's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The JSON as it came: what REST gives back.
    pub value: Value,
    /// The typed part of it.
    pub view: View,
}

/// The configuration does not fit the schema.
#[derive(Debug, thiserror::Error)]
#[error("the agent's configuration is wrong at {path}: {reason}")]
pub struct ConfigError {
    /// Where, as a dotted path such as `conversation_config`.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

impl Config {
    /// Reads an agent object of the REST API, or the body that creates one.
    ///
    /// `null` counts as absent; unknown fields are kept and ignored.
    pub fn from_value(value: Value) -> Result<Self, ConfigError> {
        let mut plain = value.clone();
        strip_nulls(&mut plain);
        let part = |name: &str| {
            plain
                .get(name)
                .cloned()
                .unwrap_or_else(|| Value::Object(serde_json::Map::new()))
        };
        let fail = |path: &str| {
            let path = path.to_owned();
            move |error: serde_json::Error| ConfigError {
                path,
                reason: error.to_string(),
            }
        };
        // Section by section, so that the error can say which.
        let conversation = part("conversation_config");
        for section in ["agent", "tts", "asr", "turn", "conversation"] {
            if let Some(body) = conversation.get(section) {
                let path = format!("conversation_config.{section}");
                match section {
                    "agent" => serde_json::from_value::<AgentSection>(body.clone()).map(drop),
                    "tts" => serde_json::from_value::<TtsSection>(body.clone()).map(drop),
                    "asr" => serde_json::from_value::<AsrSection>(body.clone()).map(drop),
                    "turn" => serde_json::from_value::<TurnSection>(body.clone()).map(drop),
                    _ => serde_json::from_value::<ConversationSection>(body.clone()).map(drop),
                }
                .map_err(fail(&path))?;
            }
        }
        let view = serde_json::from_value(plain).map_err(fail("the top"))?;
        Ok(Self { value, view })
    }
}

fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(strip_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

/// The top of the agent object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct View {
    /// What people call it.
    pub name: String,
    /// How it converses.
    pub conversation_config: ConversationConfig,
    /// What its platform allows.
    pub platform_settings: PlatformSettings,
}

/// `conversation_config`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConversationConfig {
    /// Who it is.
    pub agent: AgentSection,
    /// How it hears.
    pub asr: AsrSection,
    /// How it speaks.
    pub tts: TtsSection,
    /// How it takes turns.
    pub turn: TurnSection,
    /// The frame of the conversation.
    pub conversation: ConversationSection,
    /// What changes with the language.
    pub language_presets: BTreeMap<String, LanguagePreset>,
}

/// `conversation_config.agent`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct AgentSection {
    /// What it says first. Empty (the default): it waits for the user.
    pub first_message: String,
    /// ISO 639-1 code. Default `en`.
    pub language: String,
    /// Values of variables that the client does not give.
    pub dynamic_variables: DynamicVariables,
    /// Whether the first message is always said to its end. Default false.
    pub disable_first_message_interruptions: bool,
    /// What it says when the longest duration is reached.
    pub max_conversation_duration_message: Option<String>,
    /// How it thinks.
    pub prompt: PromptSection,
}

impl Default for AgentSection {
    fn default() -> Self {
        Self {
            first_message: String::new(),
            language: "en".to_owned(),
            dynamic_variables: DynamicVariables::default(),
            disable_first_message_interruptions: false,
            max_conversation_duration_message: None,
            prompt: PromptSection::default(),
        }
    }
}

/// `agent.dynamic_variables`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DynamicVariables {
    /// Name to value.
    pub dynamic_variable_placeholders: BTreeMap<String, DynamicVariable>,
}

/// `agent.prompt`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PromptSection {
    /// The system prompt, with `{{variables}}`.
    pub prompt: String,
    /// Name of the llm; the app chooses the provider by it.
    pub llm: Option<String>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f32>,
    /// The most tokens of a reply; -1 or none: no limit.
    pub max_tokens: Option<i64>,
    /// Tools written into the agent.
    pub tools: Vec<ToolConfig>,
    /// Tools by id; who stores tools puts them into `tools` before the agent starts.
    pub tool_ids: Vec<String>,
    /// The system tools, by name.
    pub built_in_tools: BTreeMap<String, Value>,
    /// The agent's own llm endpoint; the app makes the provider of it.
    pub custom_llm: Option<Value>,
    /// IANA name; the agent's time of day.
    pub timezone: Option<String>,
    /// What it knows; the server resolves it.
    pub knowledge_base: Vec<Value>,
}

/// `conversation_config.asr`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AsrSection {
    /// How the client's sound is coded. Default `pcm_16000`.
    pub user_input_audio_format: AudioFormat,
    /// Words that are likely.
    pub keywords: Vec<String>,
}

/// `conversation_config.tts`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TtsSection {
    /// The voice; none: the provider's own.
    pub voice_id: Option<String>,
    /// The model.
    pub model_id: Option<String>,
    /// How sound is coded for the client. Default `pcm_16000`.
    pub agent_output_audio_format: AudioFormat,
    /// 0.7 to 1.2. Default 1.
    pub speed: Option<f32>,
}

/// `conversation_config.turn`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TurnSection {
    /// Seconds of silence after which the agent speaks up; -1: never. Default 7.
    pub turn_timeout: Option<f64>,
    /// Seconds it waits for the first words; default `turn_timeout`.
    pub initial_wait_time: Option<f64>,
    /// Seconds of silence that end the call; -1 (the default): never.
    pub silence_end_call_timeout: Option<f64>,
    /// `patient`, `normal` (default) or `eager`.
    pub turn_eagerness: Option<String>,
    /// `auto` (default) or `off`.
    pub spelling_patience: Option<String>,
    /// Whether replies are made before the end of turn is certain. Default of this project: true.
    pub speculative_turn: Option<bool>,
    /// Words that never interrupt.
    pub interruption_ignore_terms: Vec<String>,
    /// Words that are said while an answer takes long.
    pub soft_timeout_config: SoftTimeout,
}

/// `turn.soft_timeout_config`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SoftTimeout {
    /// Seconds; -1: never. Absent: as [`crate::Options::soft_timeout`] says.
    pub timeout_seconds: Option<f64>,
    /// What is said.
    pub message: Option<String>,
}

/// `conversation_config.conversation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConversationSection {
    /// No sound in either direction. Default false.
    pub text_only: bool,
    /// The longest a conversation may last. Default 600 s.
    pub max_duration_seconds: Option<f64>,
    /// Which messages the client gets; none: the wire's default list.
    pub client_events: Option<Vec<ClientEventKind>>,
}

/// An entry of `language_presets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LanguagePreset {
    /// What changes, in the shape of the client's overrides.
    pub overrides: ConfigOverride,
    /// The first message in that language.
    pub first_message_translation: Option<Translation>,
}

/// A text in another language.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Translation {
    /// The text.
    pub text: String,
}

/// `platform_settings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PlatformSettings {
    /// What a client may override.
    pub overrides: Permissions,
}

/// `platform_settings.overrides`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Permissions {
    /// Booleans in the shape of the overrides; absent means no.
    pub conversation_config_override: Value,
    /// Whether the client may add fields to the llm's request. Default false.
    pub custom_llm_extra_body: bool,
}

impl Permissions {
    /// Whether the client may override `path`, such as `agent.prompt.prompt`.
    ///
    /// `conversation.client_events` has no permission in the schema and may always be chosen: it says what a client wants
    /// to hear, not how the agent behaves.
    pub fn allow(&self, path: &str) -> bool {
        if path == "conversation.client_events" {
            return true;
        }
        let mut value = &self.conversation_config_override;
        for name in path.split('.') {
            match value {
                Value::Bool(all) => return *all,
                _ => match value.get(name) {
                    Some(inner) => value = inner,
                    None => return false,
                },
            }
        }
        value.as_bool().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_and_nulls_survive() {
        let value = json!({"name": "demo", "brand_new": {"a": [1]},
            "conversation_config": {"agent": {"first_message": null, "prompt": {"prompt": "Hi", "temperature": null}}}});
        let config = Config::from_value(value.clone()).unwrap();
        assert_eq!(config.value, value);
        assert_eq!(config.view.conversation_config.agent.prompt.prompt, "Hi");
        assert_eq!(config.view.conversation_config.agent.language, "en");
    }

    #[test]
    fn a_wrong_field_is_named_by_its_section() {
        let error =
            Config::from_value(json!({"conversation_config": {"turn": {"turn_timeout": "soon"}}}))
                .unwrap_err();
        assert_eq!(error.path, "conversation_config.turn");
        assert!(error.reason.contains("soon"), "{error}");
    }

    #[test]
    fn only_what_the_agent_allows_may_be_overridden() {
        let permissions = Permissions {
            conversation_config_override: json!({"agent": {"prompt": {"prompt": true}, "language": false}}),
            custom_llm_extra_body: false,
        };
        assert!(permissions.allow("agent.prompt.prompt"));
        assert!(!permissions.allow("agent.language"));
        assert!(!permissions.allow("tts.voice_id"));
        assert!(permissions.allow("conversation.client_events"));
    }
}
