//! Parts of a tool's result that become dynamic variables.

use protocol::agents::DynamicVariable;
use serde_json::Value;

use crate::{
    config::Assignment,
    variables::{SYSTEM, Variables},
};

/// A variable holds no more text than this, in bytes.
const LONGEST: usize = 64 * 1024;

/// Sets the variables that `result` gives. What must not be shown is taken out of `shown`.
pub(crate) fn assign(
    assignments: &[Assignment],
    result: &Value,
    variables: &mut Variables,
    shown: &mut Value,
) {
    for assignment in assignments {
        let name = &assignment.dynamic_variable;
        let pointer = pointer(&assignment.value_path);
        if name.is_empty() || name.starts_with(SYSTEM) {
            tracing::warn!(name, "a tool may not set this variable");
            continue;
        }
        let Some(found) = result.pointer(&pointer) else {
            tracing::warn!(
                name,
                path = assignment.value_path,
                "the result has no such value"
            );
            continue;
        };
        let value = to_variable(found, assignment.preserve_native_type);
        if value.to_text().len() > LONGEST {
            tracing::warn!(name, "the value is too long for a variable");
            continue;
        }
        variables.insert(name.clone(), value);
        if assignment.sanitize {
            remove(shown, &pointer);
        }
    }
}

/// `data.0.id` as JSON Pointer.
fn pointer(path: &str) -> String {
    path.split('.').fold(String::new(), |mut pointer, name| {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        pointer
    })
}

fn to_variable(value: &Value, keeps_lists: bool) -> DynamicVariable {
    match value {
        Value::Null => DynamicVariable::Null,
        Value::Bool(value) => DynamicVariable::Bool(*value),
        Value::Number(value) => DynamicVariable::Number(value.clone()),
        Value::String(text) => DynamicVariable::Text(text.clone()),
        Value::Array(items) if keeps_lists => {
            DynamicVariable::List(items.iter().map(|item| to_variable(item, true)).collect())
        }
        other => DynamicVariable::Text(other.to_string()),
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(object)) => {
            object.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Some(item) = name.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                *item = Value::Null;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(variable: &str, path: &str, sanitize: bool, native: bool) -> Assignment {
        Assignment {
            dynamic_variable: variable.to_owned(),
            value_path: path.to_owned(),
            sanitize,
            preserve_native_type: native,
        }
    }

    #[test]
    fn parts_of_a_result_become_variables_and_secrets_are_not_shown() {
        let result = json!({"user": {"name": "Ada", "token": "t1"}, "ids": [4, 5]});
        let mut shown = result.clone();
        let mut variables = Variables::new();
        let all = [
            one("name", "user.name", false, false),
            one("secret__token", "user.token", true, false),
            one("second", "ids.1", false, false),
            one("text", "ids", false, false),
            one("list", "ids", false, true),
            one("gone", "user.age", false, false),
            one("system__time", "user.name", false, false),
        ];
        assign(&all, &result, &mut variables, &mut shown);
        assert_eq!(shown, json!({"user": {"name": "Ada"}, "ids": [4, 5]}));
        let text = |name: &str| variables[name].to_text();
        assert_eq!(
            [
                text("name"),
                text("secret__token"),
                text("second"),
                text("text"),
                text("list")
            ],
            ["Ada", "t1", "5", "[4,5]", "4, 5"]
        );
        assert_eq!(variables.len(), 5);
    }
}
