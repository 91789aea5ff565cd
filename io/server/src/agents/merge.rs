//! Changing a document with another.

use serde_json::Value;

/// Puts `changes` into `document`: objects field by field, everything else whole. `null` is a value like any other.
pub(crate) fn merge(document: &mut Value, changes: Value) {
    match (document, changes) {
        (Value::Object(document), Value::Object(changes)) => {
            for (name, change) in changes {
                match document.get_mut(&name) {
                    Some(value) => merge(value, change),
                    None => {
                        document.insert(name, change);
                    }
                }
            }
        }
        (document, changes) => *document = changes,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_changed_field_by_field_and_lists_whole() {
        let mut document = json!({"a": {"b": 1, "c": [1, 2]}, "kept": true});
        merge(
            &mut document,
            json!({"a": {"c": [3], "d": null}, "kept": false}),
        );
        assert_eq!(
            document,
            json!({"a": {"b": 1, "c": [3], "d": null}, "kept": false})
        );
    }
}
