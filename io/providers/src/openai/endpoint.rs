//! A server that speaks OpenAI's wire: how it is asked, and what its refusals mean.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::{RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use sse_stream::{Error as SseError, Sse, SseStream};
use tokio::time::timeout;

use super::chat_wire::error_message;
use crate::{
    ProviderError,
    http::{self, Authorities, describe, explain},
    secret::ApiKey,
};

/// The most a reply may take on the wire. Speech of an hour is about 60 KB of text; a server that sends more is broken.
const MOST_BYTES: usize = 4 << 20;

/// How much of a server's complaint is repeated to the user, in characters.
const MOST_COMPLAINT: usize = 300;

/// An address with its key, headers and name.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    client: reqwest::Client,
    pub(super) base_url: String,
    key: Option<ApiKey>,
    headers: Vec<(String, ApiKey)>,
    /// For people: what answers, and where.
    pub(super) name: String,
}

/// What a server reported inside an answer that had begun.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            code: String::new(),
            reason: reason.into(),
        }
    }

    /// From an error object, whichever of the usual shapes it has.
    pub(super) fn reported(body: &Value) -> Self {
        let error = body.get("error").filter(|error| !error.is_null());
        let code = error
            .unwrap_or(body)
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Self {
            code: code.to_owned(),
            reason: error_message(&body.to_string())
                .unwrap_or_else(|| "it reported an error".to_owned()),
        }
    }
}

impl Endpoint {
    /// `what` answers at `base_url`.
    pub(super) fn new(
        kind: &str,
        what: &str,
        base_url: &str,
        key: Option<ApiKey>,
        headers: Vec<(String, ApiKey)>,
        authorities: &Authorities,
    ) -> Result<Self, ProviderError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| ProviderError::Unsupported {
                provider: kind.to_owned(),
                reason: "its address must look like https://host/v1".to_owned(),
            })?;
        let host = url.host_str().unwrap_or_default();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let name = format!("{what} at {host}{port}");
        let client = http::client(authorities).map_err(|reason| ProviderError::Failed {
            provider: name.clone(),
            reason,
        })?;
        Ok(Self {
            client,
            base_url,
            key,
            headers,
            name,
        })
    }

    /// A request to `path` below the base address, with key and headers.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        let mut post = self.client.post(format!("{}{path}", self.base_url));
        if let Some(key) = &self.key {
            post = post.bearer_auth(key.expose());
        }
        for (name, value) in &self.headers {
            post = post.header(name, value.expose());
        }
        post
    }

    /// Sends it, and gives the answer unless it is a refusal.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        patience: Duration,
    ) -> Result<Response, ProviderError> {
        let response = timeout(patience, request.send())
            .await
            .map_err(|_| self.timed_out(patience))?
            .map_err(|error| self.unreachable(&error.without_url()))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refusal(response).await)
        }
    }

    async fn refusal(&self, response: Response) -> ProviderError {
        let status = response.status();
        let seconds = |name: &str, unit: f64| {
            let value = response.headers().get(name)?.to_str().ok()?;
            let value: f64 = value.trim().parse().ok()?;
            Duration::try_from_secs_f64(value * unit).ok()
        };
        let retry_after =
            seconds("retry-after-ms", 0.001).or_else(|| seconds(RETRY_AFTER.as_str(), 1.0));
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
    async fn complaint(&self, response: Response) -> String {
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
        let reason = error_message(&text).unwrap_or_else(|| text.into_owned());
        self.hide_keys(reason.trim().chars().take(MOST_COMPLAINT).collect())
    }

    /// Servers like to quote the key they refuse.
    fn hide_keys(&self, text: String) -> String {
        let headers = self.headers.iter().map(|(_, value)| value);
        self.key
            .iter()
            .chain(headers)
            .map(ApiKey::expose)
            .filter(|key| key.len() >= 4)
            .fold(text, |text, key| text.replace(key, "***"))
    }

    pub(super) fn failed(&self, reason: &str) -> ProviderError {
        ProviderError::Failed {
            provider: self.name.clone(),
            reason: self.hide_keys(reason.chars().take(MOST_COMPLAINT).collect()),
        }
    }

    /// What a fault inside an answer amounts to.
    pub(super) fn faulty(&self, fault: &Fault) -> ProviderError {
        let provider = self.name.clone();
        match fault.code.as_str() {
            "rate_limit_exceeded" => ProviderError::RateLimited {
                provider,
                retry_after: None,
            },
            "insufficient_quota" | "invalid_api_key" => ProviderError::Unauthorised {
                provider,
                reason: self.hide_keys(fault.reason.chars().take(MOST_COMPLAINT).collect()),
            },
            _ => self.failed(&fault.reason),
        }
    }

    pub(super) fn timed_out(&self, after: Duration) -> ProviderError {
        ProviderError::TimedOut {
            provider: self.name.clone(),
            after,
        }
    }

    pub(super) fn unreachable(&self, error: &(dyn Error + 'static)) -> ProviderError {
        ProviderError::Unreachable {
            provider: self.name.clone(),
            reason: explain(error),
        }
    }
}

/// The events of an answer, no more than a reply can be long.
pub(super) fn events(
    response: Response,
) -> impl Stream<Item = Result<Sse, SseError>> + Unpin + Send {
    SseStream::from_bytes_stream(bounded(response))
}

/// The bytes of an answer, no more than a reply can be long.
pub(super) fn bounded(
    response: Response,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin + Send {
    let mut received = 0;
    response.bytes_stream().map(move |piece| match piece {
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
    })
}
