//! Agent files: the agent JSON written as TOML.

use serde_json::Value;

use super::{Config, ConfigError, View};

/// An agent read from a file.
#[derive(Clone, Debug)]
pub struct AgentFile {
    /// The agent, in the same schema as REST has it.
    pub config: Config,
    /// `duologue_providers`: which provider does what. Read by whoever makes providers.
    pub providers: Option<Value>,
    /// `duologue_script`: what the scripted brain says. Read by the embedded engine.
    pub script: Option<Value>,
    /// The file's text, for those who report places in it.
    pub text: String,
}

/// An agent file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is not TOML, or a field has the wrong type.
    #[error("line {line}, column {column}: {reason}")]
    At {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// It is TOML, but not an agent.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl AgentFile {
    /// Reads an agent file. Unknown fields are kept.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let at = |error: toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start).min(text.len());
            let before = text.get(..offset).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |end| end + 1);
            FileError::At {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                reason: error.message().to_owned(),
            }
        };
        // Twice: once for the place of a wrong field, once for everything the view does not know.
        toml::from_str::<View>(text).map_err(at)?;
        let table: toml::Table = toml::from_str(text).map_err(at)?;
        let mut value = to_json(toml::Value::Table(table));
        let mut take = |name: &str| value.as_object_mut().and_then(|object| object.remove(name));
        let providers = take("duologue_providers");
        let script = take("duologue_script");
        Ok(Self {
            config: Config::from_value(value)?,
            providers,
            script,
            text: text.to_owned(),
        })
    }
}

fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(yes) => Value::Bool(yes),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => values.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(name, value)| (name, to_json(value)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name = "Desk"
[conversation_config.agent]
first_message = "Hello {{who}}"
[conversation_config.agent.dynamic_variables.dynamic_variable_placeholders]
who = "there"
[conversation_config.turn]
turn_eagerness = "eager"
[duologue_script]
start = "hello"
[extra]
kept = 2026-01-02
"#;

    #[test]
    fn a_file_is_the_json_in_toml() {
        let file = AgentFile::parse(FILE).unwrap();
        assert_eq!(file.config.view.name, "Desk");
        assert_eq!(
            file.config.value["conversation_config"]["agent"]["first_message"],
            "Hello {{who}}"
        );
        assert_eq!(file.config.value["extra"]["kept"], "2026-01-02");
        assert_eq!(file.script.unwrap()["start"], "hello");
        assert!(file.config.value.get("duologue_script").is_none());
    }

    #[test]
    fn a_wrong_field_is_found_by_line_and_column() {
        let error =
            AgentFile::parse("name = \"x\"\n[conversation_config.agent]\nfirst_message = 7\n")
                .unwrap_err();
        let FileError::At { line, column, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((line, column), (3, 17));
    }

    #[test]
    fn broken_toml_is_found_by_line_and_column() {
        let error = AgentFile::parse("name = \"x\"\nlanguage = = 3\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2, column"), "{error}");
    }
}
