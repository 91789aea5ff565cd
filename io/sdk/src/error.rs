//! Why a conversation did not begin, or ended too soon, and what to do about it.

use std::time::Duration;

use elevenlabs::{ApiError, http::TlsTrouble};
use protocol::agents::{
    CloseCode, ErrorType,
    client::{End, EndedBy},
};

/// Close code of a server that holds as many conversations as it may.
const TOO_MANY: CloseCode = CloseCode::Other(3008);

/// Why a conversation did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The agent refused, and said why. Trying again will not help.
    #[error("the agent refused the conversation: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The agent did not answer in time.
    #[error("the agent did not answer")]
    Silent,
    /// The connection broke before the conversation began.
    #[error("the connection broke before the conversation began: {reason}")]
    Lost {
        /// What the transport said; may be empty.
        reason: String,
    },
    /// The settings cannot be used; nothing was sent.
    #[error("{what}: {reason}")]
    Settings {
        /// Which setting.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The agent's texts need values that were not given; nothing was sent.
    #[error(
        "the agent needs {} no value was given for: {}; give {} as dynamic variables, or defaults in the agent's settings",
        if names.len() == 1 { "a variable" } else { "variables" },
        names.join(", "),
        if names.len() == 1 { "one" } else { "them" },
    )]
    MissingVariables {
        /// Their names.
        names: Vec<String>,
    },
    /// The agent lacks a variable; found by the server.
    #[error(
        "a dynamic variable is missing: {reason}; give it a value, or a default in the agent's settings"
    )]
    MissingVariable {
        /// What the server said; names the variable.
        reason: String,
    },
    /// The agent does not allow something the conversation was to have otherwise.
    #[error(
        "the agent does not allow {} to be overridden ({reason}); leave it out, or allow it in the agent's settings under Security, Overrides (platform_settings.overrides.conversation_config_override)",
        paths.join(", ")
    )]
    OverrideRefused {
        /// What may not be overridden, such as `agent.prompt.prompt`. Where the server did not say which, all that
        /// were asked for.
        paths: Vec<String>,
        /// What was said.
        reason: String,
    },
    /// The key, the signed URL or the agent id was not accepted (401, 403).
    #[error(
        "{host} does not let this client in: {reason}; check the API key and the agent id, and that a signed URL is younger than 15 minutes"
    )]
    Unauthorised {
        /// Who.
        host: String,
        /// What it said.
        reason: String,
    },
    /// There is no such agent.
    #[error(
        "there is no agent {agent} there: {reason}; check the agent id, and that the key is of the same workspace and region"
    )]
    NoSuchAgent {
        /// Its id.
        agent: String,
        /// What was said.
        reason: String,
    },
    /// As many conversations as may be are being held.
    #[error("too many conversations at once: {reason}; wait, or end another one")]
    Busy {
        /// What was said.
        reason: String,
    },
    /// The host is not there or does not let anybody in.
    #[error("could not reach {host}: {reason}; check the network and the address")]
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
        /// What is wrong.
        reason: String,
    },
    /// Nothing came while the connection was being made.
    #[error("{host} did not answer within {} s; check the network and the address", after.as_secs_f32())]
    TimedOut {
        /// Who.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// There is a server, and it does not speak this protocol.
    #[error("{host} does not speak the agents protocol: {reason}; check the address")]
    NotAnAgent {
        /// Who.
        host: String,
        /// What it did instead.
        reason: String,
    },
    /// The account could not be asked for what a conversation needs.
    #[error(transparent)]
    Account(#[from] ApiError),
}

impl ConnectError {
    /// Whether the same attempt may succeed later. Only these are tried again by themselves.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Silent
            | Self::Lost { .. }
            | Self::Busy { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. } => true,
            Self::Account(error) => error.is_transient(),
            _ => false,
        }
    }

    /// What the end of a conversation that never began means. `overrides` are those that were asked for.
    pub(crate) fn of(end: &End, overrides: &[String]) -> Self {
        let kind = end
            .error
            .as_ref()
            .and_then(|error| error.error_type.clone());
        let reason = said(end);
        match (kind, end.by) {
            (_, EndedBy::Timeout) => Self::Silent,
            (Some(ErrorType::OverrideError), _) => {
                let named: Vec<String> = overrides
                    .iter()
                    .filter(|path| names(&reason, path))
                    .cloned()
                    .collect();
                Self::OverrideRefused {
                    paths: if named.is_empty() {
                        overrides.to_vec()
                    } else {
                        named
                    },
                    reason,
                }
            }
            (
                Some(ErrorType::MissingDynamicVariable | ErrorType::MissingDynamicVariableTransfer),
                _,
            ) => Self::MissingVariable { reason },
            _ if end.code == Some(TOO_MANY) => Self::Busy { reason },
            (_, EndedBy::Lost) => Self::Lost { reason },
            (None, _) if end.code.is_some_and(may_pass) => Self::Lost { reason },
            _ => Self::Refused { reason },
        }
    }
}

/// Whether a server that closes so may take another call: it crashed, goes away, restarts or has no time.
fn may_pass(code: CloseCode) -> bool {
    code == CloseCode::Crashed || matches!(code, CloseCode::Other(1001 | 1012 | 1013 | 1014))
}

/// Whether `text` names the last step of `path` or the whole.
fn names(text: &str, path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
        .map(|word| word.trim_matches('.'))
        .any(|word| word == path || word == last || word.ends_with(&format!(".{last}")))
}

/// Why a conversation that had begun ended otherwise than by one of the two sides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// The server ended it with an error.
    #[error("the server ended the conversation with {code}: {reason}")]
    Failed {
        /// The close code.
        code: CloseCode,
        /// What it was.
        kind: Option<ErrorType>,
        /// What was said.
        reason: String,
    },
    /// The connection broke, or nothing was heard for too long. A conversation cannot be resumed: begin a new one.
    #[error("the connection broke: {reason}; the conversation cannot be resumed, begin a new one")]
    Lost {
        /// What the transport said.
        reason: String,
    },
    /// The server never named the conversation.
    #[error("the agent did not answer")]
    Silent,
}

impl ConversationError {
    /// What was wrong with the end of a conversation; none if one of the two sides ended it in peace.
    pub fn of(end: &End) -> Option<Self> {
        let reason = said(end);
        match end.by {
            EndedBy::User | EndedBy::Agent => None,
            EndedBy::Error => Some(Self::Failed {
                code: end.code.unwrap_or(CloseCode::Crashed),
                kind: end
                    .error
                    .as_ref()
                    .and_then(|error| error.error_type.clone()),
                reason,
            }),
            EndedBy::Lost => Some(Self::Lost { reason }),
            EndedBy::Timeout => Some(Self::Silent),
        }
    }
}

/// What was said about the end, by whoever said most.
fn said(end: &End) -> String {
    end.error
        .as_ref()
        .and_then(|error| error.message.clone().or_else(|| error.reason.clone()))
        .filter(|text| !text.is_empty())
        .or_else(|| Some(end.reason.clone()).filter(|text| !text.is_empty()))
        .or_else(|| end.code.map(|code| format!("it closed with {code}")))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use protocol::agents::ErrorEvent;

    use super::*;

    fn end(kind: ErrorType, message: &str) -> End {
        End {
            by: EndedBy::Error,
            code: Some(CloseCode::Refused),
            reason: String::new(),
            error: Some(ErrorEvent::new(kind, message)),
        }
    }

    #[test]
    fn a_refused_override_is_named_with_the_place_that_allows_it() {
        let asked = ["agent.language".to_owned(), "tts.voice_id".to_owned()];
        let error = ConnectError::of(
            &end(
                ErrorType::OverrideError,
                "Override for field 'voice_id' is not allowed by config.",
            ),
            &asked,
        );
        assert!(
            matches!(&error, ConnectError::OverrideRefused { paths, .. } if paths == &["tts.voice_id"]),
            "{error:?}"
        );
        assert!(error.to_string().contains("Security, Overrides"), "{error}");
        let vague = ConnectError::of(&end(ErrorType::OverrideError, "not allowed"), &asked);
        assert!(
            vague.to_string().contains("agent.language, tts.voice_id"),
            "{vague}"
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let busy = End {
            by: EndedBy::Error,
            code: Some(TOO_MANY),
            reason: "too many".to_owned(),
            error: None,
        };
        assert!(ConnectError::of(&busy, &[]).is_transient());
        let refused = ConnectError::of(&end(ErrorType::ValueError, "bad key"), &[]);
        assert!(!refused.is_transient());
    }
}
