//! `POST /chat/completions`, streamed.

use std::{error::Error, time::Duration};

use futures_util::StreamExt;
use reqwest::{StatusCode, header::RETRY_AFTER};
use sse_stream::SseStream;
use tokio::{sync::mpsc, time::timeout};

use super::{
    OPENAI_URL,
    chat_wire::{Assembly, body},
};
use crate::{
    ProviderError,
    http::{self, describe},
    llm::{Event, Generation, Llm, Request},
    secret::ApiKey,
};

/// The most a reply may take on the wire. Speech of an hour is about 60 KB of text; a server that sends more is broken.
const MOST_BYTES: usize = 4 << 20;

/// How much of a server's complaint is repeated to the user, in characters.
const MOST_COMPLAINT: usize = 300;

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address up to and without `/chat/completions`. Default [`OPENAI_URL`].
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
        }
    }
}

/// An llm behind OpenAI's chat completions.
///
/// Tool-call fragments are put together; reasoning is kept apart from what is said. A stream that breaks, stalls or turns
/// into nonsense ends with one [`ProviderError`]; what was said before it stands.
#[derive(Clone, Debug)]
pub struct ChatCompletions {
    client: reqwest::Client,
    settings: Settings,
    name: String,
}

impl ChatCompletions {
    /// An llm after `settings`. Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when the address is not an `http://` or `https://` URL.
    pub fn new(mut settings: Settings) -> Result<Self, ProviderError> {
        while settings.base_url.ends_with('/') {
            settings.base_url.pop();
        }
        let url = reqwest::Url::parse(&settings.base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| ProviderError::Unsupported {
                provider: "llm".to_owned(),
                reason: "its address must look like https://host/v1".to_owned(),
            })?;
        let host = url.host_str().unwrap_or_default();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let name = format!("{} at {host}{port}", settings.model);
        let client = http::client().map_err(|reason| ProviderError::Failed {
            provider: name.clone(),
            reason,
        })?;
        Ok(Self {
            client,
            settings,
            name,
        })
    }

    /// Asks, and passes on what comes until the reply is complete.
    async fn run(
        &self,
        request: Request,
        events: &mpsc::Sender<Result<Event, ProviderError>>,
    ) -> Result<(), ProviderError> {
        let mut post = self
            .client
            .post(format!("{}/chat/completions", self.settings.base_url))
            .json(&body(&self.settings, &request));
        if let Some(key) = &self.settings.key {
            post = post.bearer_auth(key.expose());
        }
        for (name, value) in &self.settings.headers {
            post = post.header(name, value.expose());
        }
        let response = timeout(self.settings.first_piece, post.send())
            .await
            .map_err(|_| self.timed_out(self.settings.first_piece))?
            .map_err(|error| self.unreachable(&error.without_url()))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }

        let mut received = 0;
        let bytes = response.bytes_stream().map(move |piece| match piece {
            Ok(piece) => {
                received += piece.len();
                if received > MOST_BYTES {
                    Err(std::io::Error::other(format!(
                        "the reply is longer than {MOST_BYTES} bytes"
                    )))
                } else {
                    Ok(piece)
                }
            }
            Err(error) => Err(std::io::Error::other(describe(&error.without_url()))),
        });
        let mut stream = SseStream::from_bytes_stream(bytes);
        let mut assembly = Assembly::default();
        let mut patience = self.settings.first_piece;
        loop {
            let event = timeout(patience, stream.next())
                .await
                .map_err(|_| self.timed_out(patience))?;
            patience = self.settings.next_piece;
            let Some(event) = event else { break };
            let event = event.map_err(|error| self.failed(&describe(&error)))?;
            let Some(data) = event.data else { continue };
            if data.trim() == "[DONE]" {
                break;
            }
            for piece in assembly
                .take(&data)
                .map_err(|reason| self.failed(&reason))?
            {
                // A closed channel means that nobody listens any more: stop asking.
                if events.send(Ok(piece)).await.is_err() {
                    return Ok(());
                }
            }
        }
        for piece in assembly.finish().map_err(|reason| self.failed(&reason))? {
            if events.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn refusal(&self, response: reqwest::Response) -> ProviderError {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let reason = self.complaint(response).await;
        let provider = self.name.clone();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                ProviderError::Unauthorised { provider, reason }
            }
            // An empty account is no rate limit: waiting does not fill it.
            StatusCode::TOO_MANY_REQUESTS if reason.contains("insufficient_quota") => {
                ProviderError::Unauthorised { provider, reason }
            }
            StatusCode::TOO_MANY_REQUESTS => ProviderError::RateLimited {
                provider,
                retry_after,
            },
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                ProviderError::Unsupported { provider, reason }
            }
            _ => self.failed(&format!("status {}: {reason}", status.as_u16())),
        }
    }

    /// What the server says is wrong, shortened; bounded in size and time, for it may be anything.
    async fn complaint(&self, response: reqwest::Response) -> String {
        let mut text = Vec::new();
        let mut stream = response.bytes_stream();
        let read = async {
            while let Some(Ok(piece)) = stream.next().await {
                text.extend_from_slice(&piece);
                if text.len() > 16 << 10 {
                    break;
                }
            }
        };
        // A server too slow to say what is wrong is cut short; what it said so far is used.
        let _ = timeout(Duration::from_secs(2), read).await;
        let text = String::from_utf8_lossy(&text);
        let reason = super::chat_wire::error_message(&text).unwrap_or_else(|| text.into_owned());
        self.hide_key(reason.trim().chars().take(MOST_COMPLAINT).collect())
    }

    /// Servers like to quote the key they refuse.
    fn hide_key(&self, text: String) -> String {
        match &self.settings.key {
            Some(key) if key.expose().len() >= 4 => text.replace(key.expose(), "***"),
            _ => text,
        }
    }

    fn failed(&self, reason: &str) -> ProviderError {
        ProviderError::Failed {
            provider: self.name.clone(),
            reason: self.hide_key(reason.chars().take(MOST_COMPLAINT).collect()),
        }
    }

    fn timed_out(&self, after: Duration) -> ProviderError {
        ProviderError::TimedOut {
            provider: self.name.clone(),
            after,
        }
    }

    fn unreachable(&self, error: &dyn Error) -> ProviderError {
        ProviderError::Unreachable {
            provider: self.name.clone(),
            reason: describe(error),
        }
    }
}

impl Llm for ChatCompletions {
    fn name(&self) -> &str {
        &self.name
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
