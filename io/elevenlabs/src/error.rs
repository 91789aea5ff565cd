//! What goes wrong between an account and the platform, and what to do about it.

use std::{fmt, time::Duration};

use serde_json::Value;

use crate::http::TlsTrouble;

/// Why the platform did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The call needs a key and there is none.
    #[error("this needs an API key: make one in the account's settings and give it to the client")]
    NoKey,
    /// The key was refused (401).
    #[error(
        "the API key was refused: {0}; check that it is whole, not revoked, and of this region"
    )]
    Unauthorised(Said),
    /// The key is good and may not do this (403).
    #[error("the API key may not do this: {0}; give it the permission in the account's settings")]
    Forbidden(Said),
    /// The account has no credits left, or its plan does not include this (402).
    #[error("the account cannot pay for this: {0}")]
    Unpaid(Said),
    /// There is no such thing (404).
    #[error("not found: {0}; check the id, and that the key belongs to the same workspace")]
    NotFound(Said),
    /// The request is wrong (400, 413, 415, 422).
    #[error("the request was refused: {0}")]
    Invalid(Said),
    /// Something like it is there already, or is being changed (409). Was tried again.
    #[error("the request is in conflict with another: {0}")]
    Conflict(Said),
    /// It is being made and not ready (425).
    #[error("it is not ready yet: {0}; ask again in a few seconds")]
    TooEarly(Said),
    /// Too many requests (429). Was tried again.
    #[error("too many requests: {said}; wait, or run fewer at once")]
    RateLimited {
        /// What was said.
        said: Said,
        /// When to come back, where that was said.
        retry_after: Option<Duration>,
    },
    /// The platform failed (5xx) or answered with a status nobody documented. Failures were tried again.
    #[error("the platform failed with status {status}: {said}; try again later")]
    Failed {
        /// The status.
        status: u16,
        /// What was said.
        said: Said,
    },
    /// No answer in time.
    #[error("{host} did not answer within {} s; check the network, or allow more time", after.as_secs_f32())]
    TimedOut {
        /// Who.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// It could not be reached, or the connection broke.
    #[error("could not reach {host}: {reason}; check the network and the base URL")]
    Unreachable {
        /// Who.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// No secure connection can be made.
    #[error("no secure connection to {host}: {reason}; {}", trouble.remedy())]
    Tls {
        /// Who.
        host: String,
        /// What stands in the way.
        trouble: TlsTrouble,
        /// What TLS said.
        reason: String,
    },
    /// The answer is not what was documented.
    #[error("{host} answered with something else than expected: {reason}; is the base URL right?")]
    Garbled {
        /// Who.
        host: String,
        /// What was wrong.
        reason: String,
    },
}

impl ApiError {
    /// Whether the same request may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Conflict(_)
                | Self::TooEarly(_)
                | Self::RateLimited { .. }
                | Self::Failed { .. }
                | Self::TimedOut { .. }
                | Self::Unreachable { .. }
        )
    }

    /// What the platform said, where it said anything.
    pub const fn said(&self) -> Option<&Said> {
        match self {
            Self::Unauthorised(said)
            | Self::Forbidden(said)
            | Self::Unpaid(said)
            | Self::NotFound(said)
            | Self::Invalid(said)
            | Self::Conflict(said)
            | Self::TooEarly(said)
            | Self::RateLimited { said, .. }
            | Self::Failed { said, .. } => Some(said),
            _ => None,
        }
    }

    pub(crate) fn of_status(status: u16, said: Said, retry_after: Option<Duration>) -> Self {
        match status {
            // Older answers say 401 where the account has run out.
            401 if said.code.as_deref() == Some("quota_exceeded") => Self::Unpaid(said),
            401 => Self::Unauthorised(said),
            402 => Self::Unpaid(said),
            403 => Self::Forbidden(said),
            404 => Self::NotFound(said),
            // An older form of the same refusal.
            400 if said.code.as_deref() == Some("invalid_api_key") => Self::Unauthorised(said),
            400 if said
                .code
                .as_deref()
                .is_some_and(|code| code.ends_with("_not_found")) =>
            {
                Self::NotFound(said)
            }
            400 | 413 | 415 | 422 => Self::Invalid(said),
            409 => Self::Conflict(said),
            425 => Self::TooEarly(said),
            429 => Self::RateLimited { said, retry_after },
            status => Self::Failed { status, said },
        }
    }
}

/// What the platform said about an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// In words.
    pub message: String,
    /// The precise cause, such as `voice_not_found`.
    pub code: Option<String>,
    /// The parameter that is wrong.
    pub param: Option<String>,
    /// To be quoted to the platform's support.
    pub request_id: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(param) = &self.param {
            write!(f, " ({param})")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl Said {
    /// Reads any of the documented error bodies; whatever else it is, its first words.
    pub(crate) fn read(body: &[u8], request_id: Option<String>) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |value: &Value, name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let detail = value.get("detail").unwrap_or(&value);
        let mut said = Self {
            request_id,
            ..Self::default()
        };
        match detail {
            Value::String(message) => said.message.clone_from(message),
            Value::Array(problems) => {
                let problems: Vec<String> = problems.iter().filter_map(problem).collect();
                said.message = problems.join("; ");
            }
            Value::Object(_) => {
                said.code = text(detail, "code").or_else(|| text(detail, "status"));
                said.param = text(detail, "param");
                said.request_id = text(detail, "request_id").or(said.request_id);
                said.message = text(detail, "message")
                    .or_else(|| said.code.clone())
                    .unwrap_or_default();
            }
            _ => {}
        }
        if said.message.is_empty() {
            said.message = first_words(body);
        }
        said
    }
}

/// One entry of a validation error: where, and what.
fn problem(value: &Value) -> Option<String> {
    let message = value.get("msg").and_then(Value::as_str)?;
    let place: Vec<String> = value
        .get("loc")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|step| step.as_str() != Some("body"))
        .map(|step| {
            step.as_str()
                .map_or_else(|| step.to_string(), str::to_owned)
        })
        .collect();
    Some(if place.is_empty() {
        message.to_owned()
    } else {
        format!("{}: {message}", place.join("."))
    })
}

fn first_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let words: Vec<&str> = text.split_whitespace().take(30).collect();
    if words.is_empty() {
        "nothing more was said".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> Said {
        Said::read(body.as_bytes(), None)
    }

    #[test]
    fn every_documented_error_body_is_read() {
        let today = said(
            r#"{"detail":{"type":"not_found","code":"voice_not_found","message":"No such voice","status":"voice_not_found","request_id":"0af1","param":"voice_id"}}"#,
        );
        assert_eq!(today.to_string(), "No such voice (voice_id) [request 0af1]");
        assert_eq!(today.code.as_deref(), Some("voice_not_found"));
        let older = said(r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#);
        assert_eq!(older.code.as_deref(), Some("invalid_api_key"));
        assert_eq!(said(r#"{"detail":"Not Found"}"#).message, "Not Found");
        assert_eq!(
            said(r#"{"detail":[{"loc":["body","text"],"msg":"Field required","type":"missing"},{"loc":["body","items",2],"msg":"Too long","type":"x"}]}"#).message,
            "text: Field required; items.2: Too long"
        );
    }

    #[test]
    fn a_body_that_is_no_error_body_is_quoted_briefly() {
        assert_eq!(said("<html>\n Bad   Gateway").message, "<html> Bad Gateway");
        assert_eq!(said("").message, "nothing more was said");
        assert!(said(&"word ".repeat(1_000)).message.len() < 200);
    }

    #[test]
    fn statuses_and_older_codes_become_the_same_error() {
        let of = |status, code: &str| {
            let said = Said {
                code: Some(code.to_owned()),
                ..Said::default()
            };
            ApiError::of_status(status, said, None)
        };
        assert!(matches!(
            of(400, "invalid_api_key"),
            ApiError::Unauthorised(_)
        ));
        assert!(matches!(of(401, "quota_exceeded"), ApiError::Unpaid(_)));
        assert!(matches!(of(400, "voice_not_found"), ApiError::NotFound(_)));
        assert!(matches!(of(502, ""), ApiError::Failed { status: 502, .. }));
    }
}
