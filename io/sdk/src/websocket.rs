//! A conversation's messages over a WebSocket.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use elevenlabs::{
    ApiKey, Url,
    http::{self, TlsTrouble},
};
use futures_util::{Sink, Stream};
use protocol::agents::{ClientEvent, CloseCode, DecodeError, ServerEvent};
use rustls::ClientConfig;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        error::{ProtocolError, SubProtocolError},
        http::HeaderValue,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::{
    ConnectError,
    transport::{Gone, Received, Transport},
};

/// The longest message that is read; the official Python SDK's limit.
const LONGEST: usize = 16 << 20;
/// How many messages are kept while there is no room to write.
const INBOX: usize = 256;
/// How long the other side may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);
/// The subprotocol of the agents wire.
const SUBPROTOCOL: &str = "convai";

/// When a connection counts as dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// After how long without a sign of life the other side is asked for one. Default 15 s.
    pub quiet: Duration,
    /// How long it may take to give one, and to take in what is sent. Default 10 s.
    pub patience: Duration,
}

impl Default for Liveness {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(15),
            patience: Duration::from_secs(10),
        }
    }
}

/// Where a socket is opened and with what.
pub(crate) struct Address<'a> {
    pub(crate) url: &'a Url,
    /// Sent in the header of the upgrade.
    pub(crate) key: Option<&'a ApiKey>,
    /// Whether the agents' subprotocol is offered.
    pub(crate) subprotocol: bool,
    /// For `wss`.
    pub(crate) tls: Arc<ClientConfig>,
}

/// One connection to an agent.
#[derive(Debug)]
pub struct WebSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    liveness: Liveness,
    inbox: VecDeque<Received>,
    unflushed: bool,
    hung_up: bool,
    closed: Option<(CloseCode, String)>,
    lost: Option<String>,
    heard: Instant,
    asked: bool,
}

impl WebSocket {
    /// Opens a connection, within `limit` all told.
    pub(crate) async fn open(
        address: Address<'_>,
        limit: Duration,
        liveness: Liveness,
    ) -> Result<Self, ConnectError> {
        let stream = dial(&address, limit).await?;
        Ok(Self {
            stream,
            liveness,
            inbox: VecDeque::new(),
            unflushed: false,
            hung_up: false,
            closed: None,
            lost: None,
            heard: Instant::now(),
            asked: false,
        })
    }

    fn is_over(&self) -> bool {
        self.closed.is_some() || self.lost.is_some()
    }

    /// Writes what waits and reads what is there; ready once something was read or the connection is over.
    fn poll_traffic(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.unflushed {
            // After an error reading says more of what went wrong.
            self.unflushed = Pin::new(&mut self.stream).poll_flush(cx).is_pending();
        }
        Pin::new(&mut self.stream)
            .poll_next(cx)
            .map(|message| self.take(message))
    }

    fn take(&mut self, message: Option<Result<Message, tungstenite::Error>>) {
        self.heard = Instant::now();
        self.asked = false;
        let received = match message {
            Some(Ok(Message::Text(text))) => ServerEvent::from_json(text.as_str()),
            // Not in the contract, and still readable as what it must be.
            Some(Ok(Message::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                Ok(text) => ServerEvent::from_json(text),
                Err(_) => Err(DecodeError::InvalidJson {
                    reason: "it is binary".to_owned(),
                }),
            },
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                self.closed = Some((CloseCode::from(code), reason));
                self.flush_now();
                return;
            }
            Some(Ok(_)) => return,
            Some(Err(error)) => {
                self.lost = Some(http::describe(&error));
                return;
            }
            None => {
                self.lost = Some("the other side hung up without a word".to_owned());
                return;
            }
        };
        self.inbox.push_back(received);
    }

    /// Nothing was heard for a while.
    fn wonder(&mut self) {
        if self.asked {
            let silence = self.heard.elapsed().as_secs_f32();
            self.lost = Some(format!("nothing was heard for {silence:.0} s"));
            return;
        }
        self.asked = true;
        self.write(Message::Ping(tungstenite::Bytes::new()));
    }

    fn write(&mut self, message: Message) {
        if self.is_over() {
            return;
        }
        // An error here is met again when reading, which says more.
        if Pin::new(&mut self.stream).start_send(message).is_ok() {
            self.unflushed = true;
            self.flush_now();
        }
    }

    /// Writes as much as there is room for, without waiting.
    fn flush_now(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(Ok(())) = Pin::new(&mut self.stream).poll_flush(&mut cx) {
            self.unflushed = false;
        }
    }

    async fn has_room(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| {
            match Pin::new(&mut self.stream).poll_ready(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Gone)),
                Poll::Pending => {}
            }
            // The other side may be waiting for this one to read.
            while self.inbox.len() < INBOX && !self.is_over() {
                if self.poll_traffic(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            if self.is_over() {
                Poll::Ready(Err(Gone))
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

impl Transport for WebSocket {
    async fn ready(&mut self) -> Result<(), Gone> {
        if self.is_over() || self.hung_up {
            return Err(Gone);
        }
        let patience = self.liveness.patience;
        if let Ok(result) = timeout(patience, self.has_room()).await {
            return result;
        }
        self.lost = Some(format!(
            "it took nothing in for {:.0} s",
            patience.as_secs_f32()
        ));
        Err(Gone)
    }

    fn send_now(&mut self, event: ClientEvent) {
        self.write(Message::text(event.to_json()));
    }

    async fn receive(&mut self) -> Option<Received> {
        loop {
            if let Some(received) = self.inbox.pop_front() {
                return Some(received);
            }
            if self.is_over() {
                return None;
            }
            let wait = if self.asked {
                self.liveness.quiet + self.liveness.patience
            } else {
                self.liveness.quiet
            };
            let until = self.heard + wait;
            tokio::select! {
                biased;
                () = poll_fn(|cx| self.poll_traffic(cx)) => {}
                () = sleep_until(until) => self.wonder(),
            }
        }
    }

    fn try_receive(&mut self) -> Option<Received> {
        let mut cx = Context::from_waker(Waker::noop());
        while self.inbox.is_empty() && !self.is_over() {
            if self.poll_traffic(&mut cx).is_pending() {
                break;
            }
        }
        self.inbox.pop_front()
    }

    fn hang_up(&mut self) {
        self.close(CloseCode::Normal, "");
    }

    fn close(&mut self, code: CloseCode, reason: &str) {
        if !self.hung_up {
            self.write(Message::Close(Some(CloseFrame {
                code: code.as_u16().into(),
                reason: reason.to_owned().into(),
            })));
            self.hung_up = true;
        }
    }

    async fn finish(&mut self) {
        let farewell = async {
            while !self.is_over() {
                poll_fn(|cx| self.poll_traffic(cx)).await;
                // Nobody wants it any more.
                self.inbox.clear();
            }
        };
        // Whoever does not answer a close is left without one.
        let _ = timeout(FAREWELL, farewell).await;
    }

    fn closed(&self) -> Option<(CloseCode, String)> {
        self.closed.clone()
    }

    fn lost(&self) -> Option<String> {
        self.lost.clone()
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        if !self.is_over() {
            self.close(CloseCode::Normal, "");
        }
    }
}

/// Opens a socket, within `limit` all told.
pub(crate) async fn dial(
    address: &Address<'_>,
    limit: Duration,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, ConnectError> {
    let host = address.url.host_str().unwrap_or_default().to_owned();
    let opening = async {
        match upgrade(address, &host, address.subprotocol).await {
            // Some compatible servers know no subprotocols.
            Err(Refusal::NoSubprotocol) => upgrade(address, &host, false).await,
            result => result,
        }
    };
    match timeout(limit, opening).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(Refusal::Error(error))) => Err(error),
        Ok(Err(Refusal::NoSubprotocol)) => Err(ConnectError::NotAnAgent {
            host,
            reason: "it chose a subprotocol it was not offered".to_owned(),
        }),
        Err(_) => Err(ConnectError::TimedOut { host, after: limit }),
    }
}

enum Refusal {
    NoSubprotocol,
    Error(ConnectError),
}

async fn upgrade(
    address: &Address<'_>,
    host: &str,
    subprotocol: bool,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Refusal> {
    let settings = |reason: String| {
        Refusal::Error(ConnectError::Settings {
            what: "the address".to_owned(),
            reason,
        })
    };
    let is_secure = address.url.scheme() == "wss";
    let mut request = address
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| settings(error.to_string()))?;
    let headers = request.headers_mut();
    if subprotocol {
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(SUBPROTOCOL),
        );
    }
    if let Some(key) = address.key {
        let mut value = HeaderValue::from_str(key.expose())
            .map_err(|_| settings("the API key cannot be sent in a header".to_owned()))?;
        value.set_sensitive(true);
        headers.insert("xi-api-key", value);
    }
    let port = address.url.port_or_known_default().unwrap_or(443);
    let unreachable = |reason: String| {
        Refusal::Error(ConnectError::Unreachable {
            host: host.to_owned(),
            reason,
        })
    };
    // Brackets belong to an IPv6 address in a URL only.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((name, port))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    // Without it small messages may wait; with an error they do.
    let _ = tcp.set_nodelay(true);
    let connector = if is_secure {
        Connector::Rustls(Arc::clone(&address.tls))
    } else {
        Connector::Plain
    };
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    client_async_tls_with_config(request, tcp, Some(config), Some(connector))
        .await
        .map(|(stream, _)| stream)
        .map_err(|error| refusal(error, host, is_secure))
}

fn tls(host: &str, trouble: TlsTrouble, reason: String) -> Refusal {
    Refusal::Error(ConnectError::Tls {
        host: host.to_owned(),
        trouble,
        reason,
    })
}

fn refusal(error: tungstenite::Error, host: &str, is_secure: bool) -> Refusal {
    if is_secure && let Some(trouble) = TlsTrouble::find(&error) {
        return tls(host, trouble, http::describe(&error));
    }
    let host = host.to_owned();
    Refusal::Error(match error {
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol,
        )) => return Refusal::NoSubprotocol,
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let body = response.body().as_deref().unwrap_or_default();
            let reason = said(status.as_u16(), body);
            match status.as_u16() {
                401 | 403 => ConnectError::Unauthorised { host, reason },
                429 => ConnectError::Busy { reason },
                500.. => ConnectError::Unreachable { host, reason },
                _ => ConnectError::NotAnAgent { host, reason },
            }
        }
        tungstenite::Error::Tls(error) => {
            return tls(&host, TlsTrouble::Other, error.to_string());
        }
        tungstenite::Error::Io(error) => ConnectError::Unreachable {
            host,
            reason: error.to_string(),
        },
        error => ConnectError::NotAnAgent {
            host,
            reason: http::describe(&error),
        },
    })
}

/// What a server that refuses the upgrade says: the first words of its body.
fn said(status: u16, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(&body[..body.len().min(300)]);
    let words: Vec<&str> = body.split_whitespace().take(24).collect();
    if words.is_empty() {
        format!("it answered with status {status}")
    } else {
        format!("it answered with status {status}: {}", words.join(" "))
    }
}
