//! The tools an agent's configuration names.

use std::time::Duration;

use providers::llm::ToolSpec;
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A tool of the agent, with all of its fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolConfig {
    /// Who runs it.
    #[serde(rename = "type")]
    pub kind: ToolKind,
    /// Its name.
    pub name: String,
    /// When to use it.
    pub description: String,
    /// Seconds it may take. Default 20.
    pub response_timeout_secs: Option<f64>,
    /// `allow` (default), `disable_during_tool` or `disable_during_tool_and_turn`.
    pub interruption_mode: Option<String>,
    /// The older form of the same.
    pub disable_interruptions: bool,
    /// Client tools: whether the agent waits for the answer. Default false.
    pub expects_response: bool,
    /// Client tools: JSON schema of the arguments.
    pub parameters: Option<Value>,
    /// System tools: their own settings.
    pub params: Option<Value>,
    /// Which parts of a result become dynamic variables.
    pub assignments: Vec<Assignment>,
    /// What it answers in tests, instead of running.
    pub response_mocks: Vec<Mock>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A part of a tool's result that becomes a dynamic variable.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Assignment {
    /// The variable's name.
    pub dynamic_variable: String,
    /// Where the value stands in the result: names and indices with dots, such as `data.0.id`.
    pub value_path: String,
    /// Whether the value is taken out of what the llm and the transcript see. Default false.
    pub sanitize: bool,
    /// Whether lists stay lists; otherwise they become JSON text. Default false.
    pub preserve_native_type: bool,
}

/// What a tool answers instead of running.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Mock {
    /// What the arguments must be like. None: anything.
    pub parameter_conditions: Vec<MockCondition>,
    /// The answer.
    pub mock_result: String,
    /// Whether it is an error. Default false.
    pub is_error: bool,
}

/// What one argument must be like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MockCondition {
    /// Which argument, as a dotted path.
    pub path: String,
    /// `{type: anything}`, `{type: exact, expected_value}` or `{type: regex, pattern}`. Others never hold.
    pub eval: Value,
}

impl MockCondition {
    /// Whether the arguments of a call are so.
    pub fn holds(&self, arguments: &Value) -> bool {
        let Some(value) = self.value(arguments) else {
            return false;
        };
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let field = |name: &str| self.eval.get(name).and_then(Value::as_str);
        match field("type") {
            Some("anything") => true,
            Some("exact") => field("expected_value") == Some(&text),
            Some("regex") => field("pattern")
                .and_then(|pattern| Regex::new(pattern).ok())
                .is_some_and(|pattern| pattern.is_match(&text)),
            _ => false,
        }
    }

    /// The argument it is about.
    pub fn value<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        self.path
            .split('.')
            .filter(|name| !name.is_empty())
            .try_fold(arguments, |value, name| match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                _ => value.get(name),
            })
    }
}

/// Who runs a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// The client.
    Client,
    /// The agent itself.
    System,
    /// A web server; whoever runs the agent brings the code.
    #[default]
    Webhook,
    /// Something newer than this crate.
    #[serde(other)]
    Other,
}

impl ToolConfig {
    /// How long it may take: 1 to 300 s, default 20 s.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(
            self.response_timeout_secs
                .filter(|secs| secs.is_finite())
                .unwrap_or(20.0)
                .clamp(1.0, 300.0),
        )
    }

    /// Whether the user may interrupt while it runs.
    pub fn is_interruptible(&self) -> bool {
        !self.disable_interruptions
            && !matches!(
                self.interruption_mode.as_deref(),
                Some("disable_during_tool" | "disable_during_tool_and_turn")
            )
    }

    /// The system tool it is, by `params.system_tool_type` or its name.
    pub fn system_type(&self) -> &str {
        self.params
            .as_ref()
            .and_then(|params| params.get("system_tool_type"))
            .and_then(Value::as_str)
            .unwrap_or(&self.name)
    }

    /// How the llm is told of it.
    pub fn spec(&self) -> ToolSpec {
        let parameters = match self.kind {
            ToolKind::System => system_parameters(self.system_type()),
            _ => self
                .parameters
                .clone()
                .unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        };
        let description = if self.description.is_empty() && self.kind == ToolKind::System {
            system_description(self.system_type()).to_owned()
        } else {
            self.description.clone()
        };
        ToolSpec {
            name: self.name.clone(),
            description,
            parameters,
        }
    }
}

fn system_description(name: &str) -> &'static str {
    match name {
        "end_call" => {
            "End the conversation, once its purpose is reached and goodbyes are said, or when the user asks for it."
        }
        "skip_turn" => "Say nothing and wait, when the user asks for a moment.",
        "language_detection" => "Switch to the language the user speaks.",
        "play_keypad_touch_tone" => {
            "Press keys of the telephone keypad, to find the way through an automated telephone menu or to enter a number it asks for."
        }
        "voicemail_detection" => {
            "Call this when a voicemail system or an answering machine has answered instead of a person. It ends the call."
        }
        "transfer_to_number" => "Transfer the caller to a person at a telephone number.",
        _ => "",
    }
}

fn system_parameters(name: &str) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    match name {
        "end_call" => json!({"type": "object", "properties": {
            "reason": text("Why the conversation ends."),
            "message": text("What to say last; leave out when goodbye was said.")}, "required": ["reason"]}),
        "language_detection" => json!({"type": "object", "properties": {
            "reason": text("Why the language changes."),
            "language": text("ISO 639-1 code of the language.")}, "required": ["reason", "language"]}),
        "transfer_to_agent" => json!({"type": "object", "properties": {
            "reason": text("Why the conversation is handed over."),
            "agent_number": {"type": "integer", "description": "Number of the agent that takes over."}},
            "required": ["agent_number"]}),
        "play_keypad_touch_tone" => json!({"type": "object", "properties": {
            "reason": text("Why these keys are pressed."),
            "dtmf_tones": text("The keys: 0 to 9, * and #; w waits half a second, W a whole one.")},
            "required": ["dtmf_tones"]}),
        "voicemail_detection" => json!({"type": "object", "properties": {
            "reason": text("What shows that it is no person.")}, "required": ["reason"]}),
        "transfer_to_number" => json!({"type": "object", "properties": {
            "reason": text("Why the caller is transferred."),
            "transfer_number": text("The telephone number."),
            "client_message": text("What the caller is told before."),
            "agent_message": text("What the person at the number is told.")},
            "required": ["transfer_number", "client_message", "agent_message"]}),
        _ => json!({"type": "object", "properties": {"reason": text("Why.")}}),
    }
}
