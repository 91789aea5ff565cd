//! Leave to begin a conversation.

use std::fmt;

use reqwest::Url;
use serde::Deserialize;

use crate::{Account, ApiError};

/// What a conversation is begun with, beside the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// Asks for a conversation id in advance; the signed URL then works once only. Default no.
    pub include_conversation_id: bool,
    /// Branch of the agent. Default: its main branch.
    pub branch_id: Option<String>,
    /// Environment whose variables are used. Default: `production`, by the platform.
    pub environment: Option<String>,
    /// How the person is called in a WebRTC room. Default: by the platform. For tokens only.
    pub participant_name: Option<String>,
}

/// A URL that begins one conversation without a key. Works for 15 minutes. Its signature does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(Url);

impl SignedUrl {
    /// Reads a URL that somebody with a key has fetched. Says what is wrong with text that is none, without repeating
    /// it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
        match url.scheme() {
            "ws" | "wss" if url.host_str().is_some() => Ok(Self(url)),
            _ => Err("a signed URL begins with wss:// (or ws://)".to_owned()),
        }
    }

    /// The URL itself, for the one place that opens it.
    pub const fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}/***",
            self.0.scheme(),
            self.0.host_str().unwrap_or_default()
        )
    }
}

/// Leave to join one WebRTC conversation. Does not print.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ConversationToken {
    token: String,
    /// The conversation it is for, where the platform says so.
    pub conversation_id: Option<String>,
}

impl ConversationToken {
    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for ConversationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationToken")
            .field("token", &"***")
            .field("conversation_id", &self.conversation_id)
            .finish()
    }
}

/// What a single-use token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Speech to text in real time.
    RealtimeTranscription,
    /// Speech to text of a recording.
    Transcription,
    /// Text to speech over a WebSocket.
    Speech,
}

impl TokenKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RealtimeTranscription => "realtime_scribe",
            Self::Transcription => "batch_scribe",
            Self::Speech => "tts_websocket",
        }
    }
}

/// Leave to do one thing once. Does not print.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct SingleUseToken {
    token: String,
}

impl SingleUseToken {
    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for SingleUseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Account {
    /// A URL that begins a conversation with an agent that is not public. Needs a key.
    pub async fn signed_url(
        &self,
        agent_id: &str,
        options: &StartOptions,
    ) -> Result<SignedUrl, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            signed_url: String,
        }
        let mut request = self
            .get("/v1/convai/conversation/get-signed-url")
            .query("agent_id", agent_id);
        if options.include_conversation_id {
            request = request.query("include_conversation_id", true);
        }
        let answer: Answer = request
            .maybe("branch_id", options.branch_id.as_ref())
            .maybe("environment", options.environment.as_ref())
            .read()
            .await?;
        SignedUrl::parse(&answer.signed_url).map_err(|reason| ApiError::Garbled {
            host: self.host(),
            reason,
        })
    }

    /// A token that somebody without the key may use once, within 15 minutes, for one kind of thing.
    pub async fn single_use_token(&self, kind: TokenKind) -> Result<SingleUseToken, ApiError> {
        self.post(&format!("/v1/single-use-token/{}", kind.as_str()))
            .once_only()
            .read()
            .await
    }

    /// Leave to join a WebRTC conversation. Public agents need no key.
    pub async fn conversation_token(
        &self,
        agent_id: &str,
        options: &StartOptions,
    ) -> Result<ConversationToken, ApiError> {
        self.get("/v1/convai/conversation/token")
            .open_to_all()
            .query("agent_id", agent_id)
            .maybe("participant_name", options.participant_name.as_ref())
            .maybe("branch_id", options.branch_id.as_ref())
            .maybe("environment", options.environment.as_ref())
            .read()
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_url_does_not_print_its_signature() {
        let url = SignedUrl::parse("wss://h/v1/convai/conversation?agent_id=a&token=hush").unwrap();
        assert_eq!(format!("{url:?}"), "wss://h/***");
        assert!(SignedUrl::parse("https://h/x").is_err());
        assert!(!SignedUrl::parse("hush").unwrap_err().contains("hush"));
    }
}
