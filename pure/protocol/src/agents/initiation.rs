//! `conversation_initiation_client_data`: what a client asks for before the conversation begins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::{
    ConfigOverride, Source,
    decode::{is_default, null_is_default},
    open_enum::open_enum,
};

/// The first message of both official SDKs. Everything in it is optional, and `null` means absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Initiation {
    /// Deviations from the agent's configuration. Each must be allowed by the agent.
    #[serde(default, deserialize_with = "null_is_default")]
    pub conversation_config_override: ConfigOverride,
    /// Merged into requests to a custom llm, if the agent allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_llm_extra_body: Option<Map<String, Value>>,
    /// Values for `{{name}}` in the agent's texts and tools. Names with the prefix `system__` are not the client's.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub dynamic_variables: BTreeMap<String, DynamicVariable>,
    /// The caller's own id for the person who speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What kind of client this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_info: Option<SourceInfo>,
    /// Tools that answer without running, for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_mock_config: Option<ToolMockConfig>,
    /// Branch of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_id: Option<String>,
    /// Environment whose variables are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Workflow node to begin at, if the agent allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_workflow_node_id: Option<String>,
}

impl Initiation {
    /// Names of variables the client may not set, because the platform does.
    pub fn reserved_variables(&self) -> impl Iterator<Item = &str> {
        self.dynamic_variables
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("system__"))
    }
}

/// The value of a dynamic variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DynamicVariable {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number, as it was written.
    Number(Number),
    /// Text.
    Text(String),
    /// Several of these.
    List(Vec<DynamicVariable>),
}

impl DynamicVariable {
    /// The value as it stands in a prompt: text without quotation marks, nothing for null, lists with commas.
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::List(values) => {
                let texts: Vec<String> = values.iter().map(Self::to_text).collect();
                texts.join(", ")
            }
        }
    }
}

impl From<&str> for DynamicVariable {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What kind of client, and its version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// The kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Which tools are mocked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolMockConfig {
    /// Which tools. Default: none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub mocking_strategy: MockingStrategy,
    /// The tools' names, for [`MockingStrategy::Selected`].
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub mocked_tool_names: Vec<String>,
    /// What happens where no mock fits. Default: an error.
    #[serde(default, deserialize_with = "null_is_default")]
    pub fallback_strategy: MockFallback,
}

open_enum! {
    /// Which tools are mocked.
    #[derive(Default)]
    MockingStrategy {
        /// No tool.
        #[default]
        None = "none",
        /// Every tool.
        All = "all",
        /// Those that are named.
        Selected = "selected",
    }
}

open_enum! {
    /// What a mocked tool without a mock does.
    #[derive(Default)]
    MockFallback {
        /// It fails.
        #[default]
        RaiseError = "raise_error",
        /// It runs.
        CallRealTool = "call_real_tool",
    }
}
