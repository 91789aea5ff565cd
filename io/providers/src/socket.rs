//! A WebSocket to a vendor: opened with a key, bounded in size and patience.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, HeaderValue},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::{
    ApiKey, ProviderError,
    http::{Authorities, CONNECT_TIMEOUT, TlsTrouble, describe, explain},
};

/// The longest message that is read: a minute of sound.
const LONGEST: usize = 4 << 20;
/// How long the other side may take to take something in.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a close may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// How much of a vendor's words is repeated, in characters.
const MOST_WORDS: usize = 300;

/// One connection.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    who: Who,
}

/// Whom an error is about, and what it must not say.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) keys: Vec<ApiKey>,
}

/// What comes.
#[derive(Debug)]
pub(crate) enum Frame {
    Text(String),
    /// The other side closed, with its code and words.
    Closed(u16, String),
}

impl Who {
    /// Someone else's words, shortened and without keys.
    pub(crate) fn quote(&self, words: &str) -> String {
        let words: String = words.trim().chars().take(MOST_WORDS).collect();
        self.keys
            .iter()
            .map(ApiKey::expose)
            .filter(|key| key.len() >= 4)
            .fold(words, |words, key| words.replace(key, "***"))
    }

    pub(crate) fn failed(&self, reason: &str) -> ProviderError {
        ProviderError::Failed {
            provider: self.name.clone(),
            reason: self.quote(reason),
        }
    }

    pub(crate) fn refused(&self, reason: &str) -> ProviderError {
        ProviderError::Unauthorised {
            provider: self.name.clone(),
            reason: self.quote(reason),
        }
    }

    pub(crate) fn unable(&self, reason: &str) -> ProviderError {
        ProviderError::Unsupported {
            provider: self.name.clone(),
            reason: self.quote(reason),
        }
    }

    pub(crate) fn limited(&self) -> ProviderError {
        ProviderError::RateLimited {
            provider: self.name.clone(),
            retry_after: None,
        }
    }

    pub(crate) fn timed_out(&self, after: Duration) -> ProviderError {
        ProviderError::TimedOut {
            provider: self.name.clone(),
            after,
        }
    }

    pub(crate) fn unreachable(&self, reason: &str) -> ProviderError {
        ProviderError::Unreachable {
            provider: self.name.clone(),
            reason: self.quote(reason),
        }
    }

    fn status(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> ProviderError {
        let body = String::from_utf8_lossy(&body[..body.len().min(4 * MOST_WORDS)]);
        let reason = format!("it answered with status {status}: {}", body.trim());
        match status {
            401..=403 => self.refused(&reason),
            429 => ProviderError::RateLimited {
                provider: self.name.clone(),
                retry_after,
            },
            400 | 404 | 422 => self.unable(&reason),
            _ => self.failed(&reason),
        }
    }
}

/// `http` addresses as `ws`, `https` as `wss`; anything else that is no WebSocket's is refused.
pub(crate) fn address(base: &str, kind: &str) -> Result<Url, ProviderError> {
    let base = base.trim_end_matches('/');
    let url = match base.split_once("://") {
        Some(("http" | "ws", rest)) => format!("ws://{rest}"),
        Some(("https" | "wss", rest)) => format!("wss://{rest}"),
        Some(_) => String::new(),
        None => format!("wss://{base}"),
    };
    Url::parse(&url)
        .ok()
        .filter(Url::has_host)
        .ok_or_else(|| ProviderError::Unsupported {
            provider: kind.to_owned(),
            reason: "its address must look like https://host or wss://host".to_owned(),
        })
}

impl Socket {
    /// Opens a connection. Names, TCP, TLS and the upgrade together have [`CONNECT_TIMEOUT`].
    pub(crate) async fn open(
        who: Who,
        authorities: &Authorities,
        url: &Url,
        headers: &[(&'static str, ApiKey)],
    ) -> Result<Self, ProviderError> {
        timeout(
            CONNECT_TIMEOUT,
            Self::upgrade(who.clone(), authorities, url, headers),
        )
        .await
        .map_err(|_| who.timed_out(CONNECT_TIMEOUT))?
    }

    async fn upgrade(
        who: Who,
        authorities: &Authorities,
        url: &Url,
        headers: &[(&'static str, ApiKey)],
    ) -> Result<Self, ProviderError> {
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|error| who.unable(&error.to_string()))?;
        for (name, key) in headers {
            let mut value = HeaderValue::from_str(key.expose())
                .map_err(|_| who.refused("the key cannot be sent in a header"))?;
            value.set_sensitive(true);
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        request.headers_mut().insert(
            "user-agent",
            HeaderValue::from_static(concat!("duologue/", env!("CARGO_PKG_VERSION"))),
        );
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        // Brackets belong to an IPv6 address in a URL only.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((name, port))
            .await
            .map_err(|error| who.unreachable(&error.to_string()))?;
        // Without it small messages may wait; with an error they do.
        let _ = tcp.set_nodelay(true);
        let connector = if url.scheme() == "wss" {
            let tls = authorities.tls().map_err(|reason| who.failed(&reason))?;
            Connector::Rustls(Arc::new(tls))
        } else {
            Connector::Plain
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST))
            .max_frame_size(Some(LONGEST));
        let opened =
            client_async_tls_with_config(request, tcp, Some(config), Some(connector)).await;
        match opened {
            Ok((stream, _)) => Ok(Self { stream, who }),
            Err(tungstenite::Error::Http(response)) => {
                let retry_after = response
                    .headers()
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .map(Duration::from_secs);
                let body = response.body().as_deref().unwrap_or_default();
                Err(who.status(response.status().as_u16(), retry_after, body))
            }
            // Only what somebody else said is cut short.
            Err(error) if TlsTrouble::find(&error).is_some() => Err(ProviderError::Unreachable {
                provider: who.name,
                reason: explain(&error),
            }),
            Err(tungstenite::Error::Io(error)) => Err(who.unreachable(&describe(&error))),
            Err(error) => Err(who.failed(&describe(&error))),
        }
    }

    pub(crate) async fn send(&mut self, message: Message) -> Result<(), ProviderError> {
        match timeout(WRITE_PATIENCE, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                // Why it was hung up stands in what came last, if anything did.
                let last = timeout(Duration::from_millis(100), self.next()).await;
                match last {
                    Ok(Ok(Frame::Closed(code, words))) => Err(self
                        .who
                        .unreachable(&format!("it closed with {code}: {words}"))),
                    _ => Err(self.who.unreachable(&describe(&error))),
                }
            }
            Err(_) => Err(self.who.timed_out(WRITE_PATIENCE)),
        }
    }

    /// What comes next. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Frame, ProviderError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Frame::Text(text.as_str().to_owned())),
                Some(Ok(Message::Close(frame))) => {
                    let (code, words) = frame.map_or((1005, String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    });
                    return Ok(Frame::Closed(code, words));
                }
                // Pings are answered by themselves; nothing else is spoken here.
                Some(Ok(_)) => {}
                None
                | Some(Err(
                    tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed,
                )) => return Ok(Frame::Closed(1006, "it hung up".to_owned())),
                Some(Err(error)) => return Err(self.who.unreachable(&describe(&error))),
            }
        }
    }

    /// Says that this is the end, and does not wait for long.
    pub(crate) async fn close(mut self) {
        let frame = CloseFrame {
            code: 1000.into(),
            reason: "".into(),
        };
        // Whoever does not answer is left without an answer.
        let _ = timeout(FAREWELL, async {
            if self.stream.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        })
        .await;
    }
}
