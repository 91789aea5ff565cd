//! `POST /chat/completions`, streamed.

use std::time::Duration;

use super::{
    OPENAI_URL,
    chat_wire::{Assembly, body},
    endpoint::Endpoint,
    reply,
};
use crate::{
    ProviderError,
    http::Authorities,
    llm::{Generation, Llm, Request},
    secret::ApiKey,
};

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address up to and without `/chat/completions` or `/responses`. Default [`OPENAI_URL`].
    pub base_url: String,
    /// Sent as a bearer token. Local servers need none.
    pub key: Option<ApiKey>,
    /// Which model. Default `gpt-4.1-mini`.
    pub model: String,
    /// More headers for every request, by name. Default: none.
    pub headers: Vec<(String, ApiKey)>,
    /// How long the first piece of the reply may take. Default 20 s, as ElevenLabs' `llm_timeout`.
    pub first_piece: Duration,
    /// How long any later piece may take. Default 10 s.
    pub next_piece: Duration,
    /// Whose certificates are trusted. Default: the public authorities.
    pub authorities: Authorities,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: OPENAI_URL.to_owned(),
            key: None,
            model: "gpt-4.1-mini".to_owned(),
            headers: Vec::new(),
            first_piece: Duration::from_secs(20),
            next_piece: Duration::from_secs(10),
            authorities: Authorities::public(),
        }
    }
}

impl Settings {
    /// Where these settings lead.
    pub(super) fn endpoint(&self) -> Result<Endpoint, ProviderError> {
        Endpoint::new(
            "llm",
            &self.model,
            &self.base_url,
            self.key.clone(),
            self.headers.clone(),
            &self.authorities,
        )
    }
}

/// An llm behind OpenAI's chat completions.
///
/// Tool-call fragments are put together; reasoning is kept apart from what is said. A stream that breaks, stalls or turns
/// into nonsense ends with one [`ProviderError`]; what was said before it stands.
#[derive(Clone, Debug)]
pub struct ChatCompletions {
    endpoint: Endpoint,
    settings: Settings,
}

impl ChatCompletions {
    /// An llm after `settings`. Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is not an `http://` or `https://` URL.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        Ok(Self {
            endpoint: settings.endpoint()?,
            settings,
        })
    }
}

impl Llm for ChatCompletions {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn generate(&self, request: Request) -> Generation {
        let body = body(&self.settings, &request);
        reply::generate::<Assembly>(&self.endpoint, &self.settings, "/chat/completions", body)
    }
}
