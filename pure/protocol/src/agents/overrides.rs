//! `conversation_config_override`: deviations from the agent's configuration for one conversation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ClientEventKind, Language,
    decode::{is_default, null_is_default},
};

/// Every path a client may override. Nothing set means nothing overridden; so does `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigOverride {
    /// The agent itself.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub agent: AgentOverride,
    /// Recognition.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub asr: AsrOverride,
    /// Turn-taking.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub turn: TurnOverride,
    /// The voice.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub tts: TtsOverride,
    /// The conversation.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub conversation: ConversationOverride,
    /// Where the Python SDK says that there is no sound. See [`ConfigOverride::is_text_only`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_only: Option<bool>,
}

/// `agent.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentOverride {
    /// What the agent says first. Empty: it waits for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_message: Option<String>,
    /// The language it speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The prompt.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub prompt: PromptOverride,
    /// MCP servers, at most 10; the newer position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_mcp_server_ids: Option<Vec<String>>,
    /// What is said when the conversation has reached its longest duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_conversation_duration_message: Option<String>,
}

/// `agent.prompt.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptOverride {
    /// The prompt's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Name of the llm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm: Option<String>,
    /// Ids of the tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_ids: Option<Vec<String>>,
    /// MCP servers; the older position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_mcp_server_ids: Option<Vec<String>>,
    /// Documents the agent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge_base: Option<Vec<KnowledgeLocator>>,
}

/// A document by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowledgeLocator {
    /// `file`, `url`, `text` or `folder`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `prompt` or `auto`, which is the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_mode: Option<String>,
}

/// `asr.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AsrOverride {
    /// Words to listen for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
}

/// `turn.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnOverride {
    /// The filler while an answer takes long.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub soft_timeout_config: SoftTimeoutOverride,
}

/// `turn.soft_timeout_config.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SoftTimeoutOverride {
    /// What is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// `tts.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TtsOverride {
    /// The voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_id: Option<String>,
    /// The synthesis model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// 0 (lively) to 1 (even).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<f64>,
    /// 0.7 to 5 times the normal speed in one source, to 1.2 in another; the wider range is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f64>,
}

/// `conversation.*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConversationOverride {
    /// No sound in either direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_only: Option<bool>,
    /// Which server messages are wanted; at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_events: Option<Vec<ClientEventKind>>,
}

/// An override whose value is outside its range; a server answers with `override_error`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{path} must be {expected}")]
pub struct OverrideProblem {
    /// The path, such as `tts.stability`.
    pub path: &'static str,
    /// What would be right.
    pub expected: &'static str,
}

impl ConfigOverride {
    /// Whether either of the two positions asks for a conversation without sound.
    pub fn is_text_only(&self) -> bool {
        self.text_only == Some(true) || self.conversation.text_only == Some(true)
    }

    /// The paths that are set, such as `agent.prompt.llm`, in alphabetical order.
    ///
    /// A server compares them with what the agent allows. A `text_only` at the top is reported as
    /// `conversation.text_only`, which is the name of its permission.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        if let Ok(value) = serde_json::to_value(self) {
            collect_paths("", &value, &mut paths);
        }
        for path in &mut paths {
            if path == "text_only" {
                "conversation.text_only".clone_into(path);
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    /// The first value outside its range.
    pub fn check(&self) -> Result<(), OverrideProblem> {
        let within = |path, value: Option<f64>, low: f64, high: f64, expected| match value {
            Some(value) if !(low..=high).contains(&value) => {
                Err(OverrideProblem { path, expected })
            }
            _ => Ok(()),
        };
        within("tts.stability", self.tts.stability, 0.0, 1.0, "0 to 1")?;
        within("tts.speed", self.tts.speed, 0.7, 5.0, "0.7 to 5")?;
        within(
            "tts.similarity_boost",
            self.tts.similarity_boost,
            0.0,
            1.0,
            "0 to 1",
        )?;
        if self
            .conversation
            .client_events
            .as_ref()
            .is_some_and(Vec::is_empty)
        {
            return Err(OverrideProblem {
                path: "conversation.client_events",
                expected: "a list of at least one event",
            });
        }
        if self
            .agent
            .native_mcp_server_ids
            .as_ref()
            .is_some_and(|ids| ids.len() > 10)
        {
            return Err(OverrideProblem {
                path: "agent.native_mcp_server_ids",
                expected: "a list of at most 10 ids",
            });
        }
        Ok(())
    }
}

fn collect_paths(prefix: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                collect_paths(&path, value, paths);
            }
        }
        _ => paths.push(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ConfigOverride {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn null_and_empty_sections_override_nothing() {
        let nothing = read(
            r#"{"agent":{"first_message":null,"prompt":null},"tts":null,"conversation":{},"text_only":null}"#,
        );
        assert_eq!(nothing, ConfigOverride::default());
        assert!(nothing.paths().is_empty());
    }

    #[test]
    fn text_only_counts_at_both_positions() {
        assert!(read(r#"{"text_only":true}"#).is_text_only());
        assert!(read(r#"{"conversation":{"text_only":true}}"#).is_text_only());
        assert!(!read(r#"{"conversation":{"text_only":false}}"#).is_text_only());
        assert_eq!(
            read(r#"{"text_only":true}"#).paths(),
            ["conversation.text_only"]
        );
    }

    #[test]
    fn set_paths_are_listed_for_the_permission_check() {
        let overrides = read(
            r#"{"agent":{"language":"fr","prompt":{"tool_ids":[]}},"turn":{"soft_timeout_config":{"message":"one moment"}}}"#,
        );
        assert_eq!(
            overrides.paths(),
            [
                "agent.language",
                "agent.prompt.tool_ids",
                "turn.soft_timeout_config.message"
            ]
        );
    }

    #[test]
    fn values_outside_their_range_are_named() {
        assert_eq!(
            read(r#"{"tts":{"stability":1.5}}"#)
                .check()
                .unwrap_err()
                .path,
            "tts.stability"
        );
        assert_eq!(
            read(r#"{"conversation":{"client_events":[]}}"#)
                .check()
                .unwrap_err()
                .path,
            "conversation.client_events"
        );
        assert_eq!(read(r#"{"tts":{"speed":1.2}}"#).check(), Ok(()));
    }
}
