//! Placeholders in addresses, headers and constants.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ApiKey;

/// What may stand in headers and nowhere else.
const SECRET: &str = "secret__";

/// A header's value.
pub(super) enum Header {
    Text(String),
    Secret(String),
    Variable(String),
}

impl Header {
    pub(super) fn read(value: &Value) -> Option<Self> {
        let field = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => field("secret_id")
                .or_else(|| field("env_var_label"))
                .map(Self::Secret)
                .or_else(|| field("variable_name").map(Self::Variable)),
        }
    }

    /// The value to send.
    pub(super) fn value(
        &self,
        variables: &BTreeMap<String, Value>,
        secrets: &dyn Fn(&str) -> Option<ApiKey>,
    ) -> Result<String, String> {
        match self {
            Self::Text(text) => fill(text, variables, true),
            Self::Variable(name) => variable(name, variables, true).map(to_text),
            Self::Secret(id) => secrets(id)
                .map(|secret| secret.expose().to_owned())
                .ok_or_else(|| format!("this server has no secret {id}")),
        }
    }
}

/// A value as it stands in a text.
pub(super) fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A variable's value. Secrets are for headers.
pub(super) fn variable<'a>(
    name: &str,
    variables: &'a BTreeMap<String, Value>,
    in_header: bool,
) -> Result<&'a Value, String> {
    if name.starts_with(SECRET) && !in_header {
        return Err(format!("the variable {name} may stand in headers only"));
    }
    variables
        .get(name)
        .ok_or_else(|| format!("the variable {name} has no value"))
}

/// `text` with its `{{name}}` filled in.
pub(super) fn fill(
    text: &str,
    variables: &BTreeMap<String, Value>,
    in_header: bool,
) -> Result<String, String> {
    fill_with(text, variables, in_header, |value| value)
}

/// The same for an address: what is filled in cannot become another part of it.
pub(super) fn fill_url(text: &str, variables: &BTreeMap<String, Value>) -> Result<String, String> {
    fill_with(text, variables, false, |value| encode(&value))
}

fn fill_with(
    text: &str,
    variables: &BTreeMap<String, Value>,
    in_header: bool,
    write: impl Fn(String) -> String,
) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = inside.split_once("}}") else {
            filled.push_str("{{");
            rest = inside;
            continue;
        };
        let value = variable(name.trim(), variables, in_header)?;
        filled.push_str(&write(to_text(value)));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Scheme and host of an address, as far as it is written.
pub(super) fn host_part(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let end = url[after..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| after + at);
    &url[..end]
}

/// The names in single braces.
pub(super) fn placeholders(url: &str) -> Vec<String> {
    let mut names = Vec::new();
    let bare = without_variables(url);
    let mut rest = bare.as_str();
    while let Some((_, inside)) = rest.split_once('{') {
        let Some((name, after)) = inside.split_once('}') else {
            break;
        };
        names.push(name.trim().to_owned());
        rest = after;
    }
    names
}

fn without_variables(url: &str) -> String {
    let mut bare = String::new();
    let mut rest = url;
    while let Some((before, inside)) = rest.split_once("{{") {
        bare.push_str(before);
        rest = inside.split_once("}}").map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    bare
}

/// A value within an address: everything but letters, digits and `-._~` becomes `%XX`. Two dots alone would climb.
pub(super) fn encode(value: &str) -> String {
    if value.chars().all(|c| c == '.') {
        return value.replace('.', "%2E");
    }
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_filled_in_stays_one_part_of_the_address() {
        let variables = [("who".to_owned(), json!("a/../b?c#d"))].into();
        assert_eq!(
            fill_url("http://x/{{who}}/z", &variables).unwrap(),
            "http://x/a%2F..%2Fb%3Fc%23d/z"
        );
        assert_eq!(encode(".."), "%2E%2E");
    }

    #[test]
    fn secrets_stand_in_headers_only() {
        let variables = [("secret__key".to_owned(), json!("s3"))].into();
        assert_eq!(fill("k={{secret__key}}", &variables, true).unwrap(), "k=s3");
        assert!(fill("k={{secret__key}}", &variables, false).is_err());
    }

    #[test]
    fn placeholders_of_both_kinds_are_told_apart() {
        assert_eq!(placeholders("http://x/{a}/{{v}}/{ b }"), ["a", "b"]);
        assert_eq!(host_part("https://x.y:1/{a}"), "https://x.y:1");
    }
}
