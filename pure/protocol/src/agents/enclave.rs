//! `enclave_setup_config`: the first message to a self-hosted orchestrator.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a self-hosted orchestrator is told before the conversation: agent, tools and knowledge by value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnclaveSetup {
    /// The agent's configuration.
    #[serde(default)]
    pub agent_config_dict: Option<Map<String, Value>>,
    /// Configurations that replace parts of it.
    #[serde(default)]
    pub override_agent_config_list: Option<Vec<Map<String, Value>>>,
    /// The tools' configurations.
    #[serde(default)]
    pub tools_config_list: Option<Vec<Map<String, Value>>>,
    /// Knowledge that goes into the prompt.
    #[serde(default)]
    pub prompt_knowledge_base: Option<Vec<String>>,
    /// Region of the Bedrock inference profile. The server's default is `us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bedrock_inference_profile: Option<String>,
    /// Where the transcript goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_call_transcription_webhook: Option<Webhook>,
    /// Where the recording goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_call_audio_webhook: Option<Webhook>,
    /// The older form of `post_call_transcription_webhook`, without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_call_transcription_webhook_url: Option<String>,
    /// The older form of `post_call_audio_webhook`, without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_call_audio_webhook_url: Option<String>,
}

/// A URL that is called after the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// What the body is signed with; at least 16 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac_secret: Option<Hidden>,
}

/// Text that prints as `***`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

/// What an orchestrator refuses in a setup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnclaveError {
    /// Both forms of one webhook were given.
    #[error("{webhook} was given as an object and as a URL; give one")]
    BothForms {
        /// The name of the object form.
        webhook: &'static str,
    },
    /// The secret is too short to protect anything.
    #[error("the secret of {webhook} has fewer than 16 characters")]
    ShortSecret {
        /// The name of the object form.
        webhook: &'static str,
    },
}

impl Hidden {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl EnclaveSetup {
    /// The webhook for transcripts, in whichever form it was given.
    pub fn transcription_webhook(&self) -> Result<Option<Webhook>, EnclaveError> {
        either_form(
            "post_call_transcription_webhook",
            self.post_call_transcription_webhook.as_ref(),
            self.post_call_transcription_webhook_url.as_deref(),
        )
    }

    /// The webhook for recordings, in whichever form it was given.
    pub fn audio_webhook(&self) -> Result<Option<Webhook>, EnclaveError> {
        either_form(
            "post_call_audio_webhook",
            self.post_call_audio_webhook.as_ref(),
            self.post_call_audio_webhook_url.as_deref(),
        )
    }
}

fn either_form(
    webhook: &'static str,
    object: Option<&Webhook>,
    url: Option<&str>,
) -> Result<Option<Webhook>, EnclaveError> {
    match (object, url) {
        (Some(_), Some(_)) => Err(EnclaveError::BothForms { webhook }),
        (Some(object), None) => match &object.hmac_secret {
            Some(secret) if secret.expose().chars().count() < 16 => {
                Err(EnclaveError::ShortSecret { webhook })
            }
            _ => Ok(Some(object.clone())),
        },
        (None, url) => Ok(url.map(|url| Webhook {
            url: url.to_owned(),
            hmac_secret: None,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(json: &str) -> EnclaveSetup {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_older_form_of_a_webhook_is_read() {
        let setup = setup(r#"{"post_call_audio_webhook_url":"https://example.test/a"}"#);
        assert_eq!(
            setup.audio_webhook().unwrap().unwrap().url,
            "https://example.test/a"
        );
        assert_eq!(setup.transcription_webhook(), Ok(None));
    }

    #[test]
    fn both_forms_at_once_and_short_secrets_are_refused() {
        let both = setup(
            r#"{"post_call_audio_webhook":{"url":"https://example.test/a"},"post_call_audio_webhook_url":"https://example.test/a"}"#,
        );
        assert!(matches!(
            both.audio_webhook(),
            Err(EnclaveError::BothForms { .. })
        ));
        let short = setup(
            r#"{"post_call_audio_webhook":{"url":"https://example.test/a","hmac_secret":"fifteen letters"}}"#,
        );
        assert!(matches!(
            short.audio_webhook(),
            Err(EnclaveError::ShortSecret { .. })
        ));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Hidden::new("hush")), "***");
    }
}
