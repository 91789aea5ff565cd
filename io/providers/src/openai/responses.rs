//! `POST /responses`, streamed.

use super::{
    chat::Settings,
    endpoint::Endpoint,
    reply,
    responses_wire::{Assembly, body},
};
use crate::{
    ProviderError,
    llm::{Generation, Llm, Request},
};

/// An llm behind OpenAI's Responses API.
///
/// Stateless: every request carries the whole conversation as it was heard and asks for nothing to be stored, for only
/// the agent knows how much of a reply reached the caller. Otherwise as [`ChatCompletions`](super::ChatCompletions).
#[derive(Clone, Debug)]
pub struct Responses {
    endpoint: Endpoint,
    settings: Settings,
}

impl Responses {
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

impl Llm for Responses {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn generate(&self, request: Request) -> Generation {
        let body = body(&self.settings, &request);
        reply::generate::<Assembly>(&self.endpoint, &self.settings, "/responses", body)
    }
}
