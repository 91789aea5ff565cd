//! `{{name}}` in an agent's texts.

use std::collections::BTreeMap;

use protocol::agents::DynamicVariable;
use serde_json::Value;

/// The values of a conversation, by name without braces.
pub(crate) type Variables = BTreeMap<String, DynamicVariable>;

/// What only the platform may set.
pub(crate) const SYSTEM: &str = "system__";
/// What the llm never sees.
pub(crate) const SECRET: &str = "secret__";

/// A text names a variable that nobody gave, or a secret, which no text may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

/// `text` with its variables filled in. Braces without a plain name between them stay as they are.
pub(crate) fn fill(text: &str, variables: &Variables) -> Result<String, Missing> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, inside) = rest.split_at(open);
        filled.push_str(before);
        let Some(close) = inside.find("}}") else {
            filled.push_str(inside);
            return Ok(filled);
        };
        let name = inside[2..close].trim();
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_alphanumeric() || "_-.".contains(c))
        {
            filled.push_str("{{");
            rest = &inside[2..];
            continue;
        }
        match variables.get(name) {
            Some(value) if !name.starts_with(SECRET) => filled.push_str(&value.to_text()),
            _ => return Err(Missing(name.to_owned())),
        }
        rest = &inside[close + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// All of them, for tools.
pub(crate) fn all(variables: &Variables) -> BTreeMap<String, Value> {
    variables
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                serde_json::to_value(value).unwrap_or(Value::Null),
            )
        })
        .collect()
}

/// What the llm may see of them.
pub(crate) fn shown(variables: &Variables) -> BTreeMap<String, Value> {
    variables
        .iter()
        .filter(|(name, _)| !name.starts_with(SECRET))
        .map(|(name, value)| {
            (
                name.clone(),
                serde_json::to_value(value).unwrap_or(Value::Null),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("who", "Ada"), ("secret__key", "s3")]
            .map(|(name, value)| (name.to_owned(), DynamicVariable::from(value)))
            .into()
    }

    #[test]
    fn names_in_braces_are_filled_in() {
        assert_eq!(
            fill("Hi {{ who }}, {{who}}! {{}} {x} {{", &variables()).unwrap(),
            "Hi Ada, Ada! {{}} {x} {{"
        );
    }

    #[test]
    fn a_missing_variable_is_named() {
        assert_eq!(
            fill("{{day}}", &variables()),
            Err(Missing("day".to_owned()))
        );
    }

    #[test]
    fn secrets_never_reach_a_text_or_the_llm() {
        assert!(fill("{{secret__key}}", &variables()).is_err());
        assert_eq!(shown(&variables()).len(), 1);
    }
}
