//! Taking a message apart, with errors that say what was wrong and where.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{CloseCode, ErrorType};

/// Why a text frame is not a message. Nothing of the message is kept but the names of what was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The frame is not JSON.
    #[error("not JSON: {reason}")]
    InvalidJson {
        /// What the parser said, with line and column.
        reason: String,
    },
    /// The frame is JSON, but not an object.
    #[error("a message must be a JSON object")]
    NotAnObject,
    /// The object has no `type` that is a non-empty string.
    #[error("a message must have a \"type\"")]
    MissingType,
    /// The kind is known, a field it needs is absent.
    #[error("{kind}: {field} is missing")]
    MissingField {
        /// The `type` of the message.
        kind: String,
        /// Path of the field within the message, such as `ping_event.event_id`.
        field: String,
    },
    /// The kind is known, the body does not fit.
    #[error("{kind}: {field}: {reason}")]
    BadBody {
        /// The `type` of the message.
        kind: String,
        /// Path of the field within the message, such as `ping_event.event_id`.
        field: String,
        /// What was expected there.
        reason: String,
    },
    /// A field that carries sound is not base64.
    #[error("{kind}: {field} is not base64: {reason}")]
    InvalidBase64 {
        /// The `type` of the message.
        kind: String,
        /// Path of the field within the message.
        field: String,
        /// What is wrong with the text.
        reason: String,
    },
}

impl DecodeError {
    /// The `error_type` with which a server reports it.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::MissingField { .. } => ErrorType::MissingFields,
            _ => ErrorType::InvalidMessage,
        }
    }

    /// The code with which a server closes after it: always [`CloseCode::Refused`], 1008.
    pub fn close_code(&self) -> CloseCode {
        CloseCode::Refused
    }
}

/// The fields of one message, taken out one by one.
pub(crate) struct Fields {
    kind: String,
    object: Map<String, Value>,
}

impl Fields {
    pub(crate) fn new(kind: impl Into<String>, object: Map<String, Value>) -> Self {
        Self {
            kind: kind.into(),
            object,
        }
    }

    /// A field that must be there. (`null` is there: the type decides whether it may be.)
    pub(crate) fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, DecodeError> {
        match self.object.remove(field) {
            Some(value) => self.read(field, value),
            None => Err(DecodeError::MissingField {
                kind: self.kind.clone(),
                field: field.to_owned(),
            }),
        }
    }

    /// A field that may be absent or null.
    pub(crate) fn take_or_default<T: DeserializeOwned + Default>(
        &mut self,
        field: &str,
    ) -> Result<T, DecodeError> {
        match self.object.remove(field) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => self.read(field, value),
        }
    }

    /// The whole message as one body whose fields stand beside `type`.
    pub(crate) fn into_body<T: DeserializeOwned>(mut self) -> Result<T, DecodeError> {
        let object = std::mem::take(&mut self.object);
        self.read("", Value::Object(object))
    }

    /// What is left, without the `type`.
    pub(crate) fn without_type(mut self) -> Map<String, Value> {
        self.object.remove("type");
        self.object
    }

    /// What is left.
    pub(crate) fn into_object(self) -> Map<String, Value> {
        self.object
    }

    fn read<T: DeserializeOwned>(&self, field: &str, value: Value) -> Result<T, DecodeError> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let inner = match error.path().to_string() {
                path if path == "." => String::new(),
                path => path,
            };
            self.explain(join(field, &inner), &error.inner().to_string())
        })
    }

    fn explain(&self, path: String, reason: &str) -> DecodeError {
        let kind = self.kind.clone();
        if let Some(name) = reason
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
        {
            return DecodeError::MissingField {
                kind,
                field: join(&path, name),
            };
        }
        if let Some(reason) = reason.strip_prefix("not base64: ") {
            return DecodeError::InvalidBase64 {
                kind,
                field: path,
                reason: reason.to_owned(),
            };
        }
        DecodeError::BadBody {
            kind,
            field: if path.is_empty() {
                "message".to_owned()
            } else {
                path
            },
            reason: reason.to_owned(),
        }
    }
}

fn join(outer: &str, inner: &str) -> String {
    match (outer.is_empty(), inner.is_empty()) {
        (true, _) => inner.to_owned(),
        (false, true) => outer.to_owned(),
        (false, false) => format!("{outer}.{inner}"),
    }
}

/// Reads text as a JSON object.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, DecodeError> {
    let value: Value = serde_json::from_str(text).map_err(|error| DecodeError::InvalidJson {
        reason: error.to_string(),
    })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(DecodeError::NotAnObject),
    }
}

/// The `type` of a message, if it has one.
pub(crate) fn kind(object: &Map<String, Value>) -> Option<&str> {
    object
        .get("type")
        .and_then(Value::as_str)
        .filter(|kind| !kind.is_empty())
}

/// For optional fields where `null` means absent and absence means the default.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// For leaving out what says nothing.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
