//! `POST /responses`, streamed.

use futures_util::StreamExt;
use tokio::{sync::mpsc, time::timeout};

use super::{
    chat::Settings,
    endpoint::{self, Endpoint},
    responses_wire::{Assembly, body},
};
use crate::{
    ProviderError,
    http::describe,
    llm::{Event, Generation, Llm, Request},
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

    /// Asks, and passes on what comes until the reply is complete.
    async fn run(
        &self,
        request: Request,
        events: &mpsc::Sender<Result<Event, ProviderError>>,
    ) -> Result<(), ProviderError> {
        let post = self
            .endpoint
            .post("/responses")
            .json(&body(&self.settings, &request));
        let mut patience = self.settings.first_piece;
        let response = self.endpoint.send(post, patience).await?;
        let mut stream = endpoint::events(response);
        let mut assembly = Assembly::default();
        // There is no `[DONE]`: the stream is over with its terminal event, whether or not the connection closes.
        while !assembly.is_over() {
            let event = timeout(patience, stream.next())
                .await
                .map_err(|_| self.endpoint.timed_out(patience))?;
            patience = self.settings.next_piece;
            let Some(event) = event else { break };
            let event = event.map_err(|error| self.endpoint.failed(&describe(&error)))?;
            let Some(data) = event.data else { continue };
            if data.trim() == "[DONE]" {
                break;
            }
            let pieces = assembly.take(event.event.as_deref(), &data);
            for piece in pieces.map_err(|fault| self.endpoint.faulty(&fault))? {
                // A closed channel means that nobody listens any more: stop asking.
                if events.send(Ok(piece)).await.is_err() {
                    return Ok(());
                }
            }
        }
        for piece in assembly
            .finish()
            .map_err(|reason| self.endpoint.failed(&reason))?
        {
            if events.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Llm for Responses {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn generate(&self, request: Request) -> Generation {
        let (events, generation) = mpsc::channel(32);
        let llm = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                // Nobody listens any more: dropping the request closes its connection.
                () = events.closed() => {}
                result = llm.run(request, &events) => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "the llm failed");
                        let _ = events.send(Err(error)).await;
                    }
                }
            }
        });
        generation
    }
}
