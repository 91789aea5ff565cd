//! A reply as it streams in, by whichever of the two APIs.

use std::fmt;

use futures_util::StreamExt;
use serde_json::{Map, Value};
use tokio::{sync::mpsc, time::timeout};

use super::{
    chat::Settings,
    endpoint::{self, Endpoint, Fault},
};
use crate::{
    ProviderError,
    http::describe,
    llm::{Event, Generation, ToolCall, Usage},
};

/// Puts the pieces of a streamed reply together.
pub(super) trait Assemble: Default + Send + 'static {
    /// What a message of the stream says; `name` is that of its event, where it has one.
    fn take(&mut self, name: Option<&str>, data: &str) -> Result<Vec<Event>, Fault>;

    /// Whether the reply is complete before the stream says so.
    fn is_over(&self) -> bool {
        false
    }

    /// The stream is over: the calls, whole, and the end.
    fn finish(self) -> Result<Vec<Event>, String>;
}

/// Posts `body` to `path` and passes on what comes, until the reply is complete or nobody listens any more.
pub(super) fn generate<A: Assemble>(
    endpoint: &Endpoint,
    settings: &Settings,
    path: &'static str,
    body: Value,
) -> Generation {
    let (events, generation) = mpsc::channel(32);
    let (endpoint, settings) = (endpoint.clone(), settings.clone());
    tokio::spawn(async move {
        tokio::select! {
            // Dropping the request closes its connection.
            () = events.closed() => {}
            result = run::<A>(&endpoint, &settings, path, body, &events) => {
                if let Err(error) = result {
                    tracing::debug!(%error, "the llm failed");
                    let _ = events.send(Err(error)).await;
                }
            }
        }
    });
    generation
}

async fn run<A: Assemble>(
    endpoint: &Endpoint,
    settings: &Settings,
    path: &str,
    body: Value,
    events: &mpsc::Sender<Result<Event, ProviderError>>,
) -> Result<(), ProviderError> {
    let mut patience = settings.first_piece;
    let response = endpoint
        .send(endpoint.post(path).json(&body), patience)
        .await?;
    let mut stream = endpoint::events(response);
    let mut assembly = A::default();
    while !assembly.is_over() {
        let event = timeout(patience, stream.next())
            .await
            .map_err(|_| endpoint.timed_out(patience))?;
        patience = settings.next_piece;
        let Some(event) = event else { break };
        let event = event.map_err(|error| endpoint.failed(&describe(&error)))?;
        let Some(data) = event.data else { continue };
        if data.trim() == "[DONE]" {
            break;
        }
        let pieces = assembly.take(event.event.as_deref(), &data);
        for piece in pieces.map_err(|fault| endpoint.faulty(&fault))? {
            // A closed channel means that nobody listens any more: stop asking.
            if events.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
    for piece in assembly
        .finish()
        .map_err(|reason| endpoint.failed(&reason))?
    {
        if events.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// What a server counted, if it counted both what it read and what it wrote: nothing is written without reading.
pub(super) fn usage(input: Option<u64>, cached: Option<u64>, output: Option<u64>) -> Option<Usage> {
    let (input_tokens, output_tokens) = (input?, output?);
    (input_tokens > 0).then(|| Usage {
        input_tokens,
        cached_tokens: cached.unwrap_or(0),
        output_tokens,
    })
}

/// A tool call whose text has come in full. One without an id is named after its `number`.
pub(super) fn call(
    number: impl fmt::Display,
    id: String,
    name: String,
    arguments: &str,
) -> Result<Event, String> {
    if name.is_empty() {
        return Err("it called a tool without a name".to_owned());
    }
    let arguments = if arguments.trim().is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_str(arguments)
            .map_err(|error| format!("it called {name} with arguments that are no JSON: {error}"))?
    };
    let id = if id.is_empty() {
        format!("call_{number}")
    } else {
        id
    };
    Ok(Event::Call(ToolCall {
        id,
        name,
        arguments,
    }))
}
