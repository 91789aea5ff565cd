//! A stand-in for the platform: one port that answers REST and holds conversations as a test tells it to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    unreachable_pub,
    reason = "a stand-in that breaks fails the test; not every test uses all of it"
)]

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use duologue::{Account, Agents, ApiKey, Conversation, End, Event, WebSocket, account};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::CloseFrame,
    },
};

/// One conversation as the stand-in sees it.
pub struct Line(pub WebSocketStream<TcpStream>);

impl Line {
    pub async fn send(&mut self, message: &Value) {
        self.text(&message.to_string()).await;
    }

    pub async fn text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message of the client.
    pub async fn next(&mut self) -> Value {
        self.next_or_end().await.expect("the client hung up")
    }

    /// The next message, or none after a close.
    pub async fn next_or_end(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("not in the contract: {other:?}"),
            }
        }
    }

    /// Takes the initiation and names the conversation.
    pub async fn begin(&mut self) -> Value {
        let initiation = self.next().await;
        self.send(&metadata("pcm_16000", "pcm_16000")).await;
        initiation
    }

    pub async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        self.0.close(Some(frame)).await.unwrap();
        while self.0.next().await.is_some_and(|message| message.is_ok()) {}
    }

    pub async fn refuse(mut self, code: u16, kind: &str, message: &str) {
        self.next().await;
        self.send(&json!({"type": "error", "error_event": {"code": code, "error_type": kind, "message": message}}))
            .await;
        self.close(code, message).await;
    }
}

pub fn metadata(output: &str, input: &str) -> Value {
    json!({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": {
        "conversation_id": "conv_1", "agent_output_audio_format": output, "user_input_audio_format": input
    }})
}

/// What the stand-in was asked: request lines, and headers of upgrades.
pub type Asked = Arc<Mutex<Vec<String>>>;

pub struct StandIn {
    pub host: String,
    pub asked: Asked,
}

impl StandIn {
    /// Holds each conversation with `hold`; `rest` answers every other request by its path.
    pub async fn new<F>(
        rest: impl Fn(&str) -> (&'static str, String) + Send + Sync + 'static,
        hold: impl Fn(Line) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Asked::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4_096];
                let count = socket.peek(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..count]).into_owned();
                log.lock().unwrap().push(head.clone());
                if head.to_ascii_lowercase().contains("upgrade: websocket") {
                    let line = accept_hdr_async(socket, echo_subprotocol).await.unwrap();
                    tokio::spawn(hold(Line(line)));
                } else {
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let (status, body) = rest(path);
                    let _ = socket.read(&mut vec![0; count]).await;
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    socket.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { host, asked }
    }

    /// A stand-in without REST.
    pub async fn holding<F>(hold: impl Fn(Line) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::new(|_| ("404 Not Found", "{}".to_owned()), hold).await
    }

    pub fn agents(&self) -> Agents {
        agents(&format!("http://{}", self.host), None)
    }

    pub fn agents_with_key(&self) -> Agents {
        agents(&format!("http://{}", self.host), Some("sk_hush"))
    }

    /// A conversation with the agent, without a key.
    pub async fn call(&self) -> Conversation<WebSocket> {
        let agents = self.agents();
        agents.conversation("agent_1").connect().await.unwrap()
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[allow(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "as the library wants it"
)]
fn echo_subprotocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, tokio_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    if let Some(offered) = request.headers().get("sec-websocket-protocol") {
        assert_eq!(offered, "convai");
        response
            .headers_mut()
            .insert("sec-websocket-protocol", offered.clone());
    }
    Ok(response)
}

pub fn agents(base_url: &str, key: Option<&str>) -> Agents {
    let account = Account::new(account::Settings {
        api_key: key.map(ApiKey::new),
        base_url: Some(base_url.to_owned()),
        timeout: Duration::from_secs(5),
        retries: 0,
        ..account::Settings::default()
    });
    Agents::new(account.unwrap())
}

/// Pulls events until one fits.
pub async fn until(
    conversation: &mut Conversation<WebSocket>,
    fits: impl Fn(&Event) -> bool,
) -> Event {
    loop {
        let event = conversation
            .next_event()
            .await
            .expect("the conversation ended");
        if fits(&event) {
            return event;
        }
    }
}

/// Pulls events until the end.
pub async fn ended(conversation: &mut Conversation<WebSocket>) -> End {
    match until(conversation, |event| matches!(event, Event::Ended(_))).await {
        Event::Ended(end) => end,
        _ => unreachable!(),
    }
}

/// What the user was heard to say.
pub fn heard(text: &str) -> Value {
    json!({"type": "user_transcript", "user_transcription_event": {"user_transcript": text, "event_id": 1}})
}

/// What the agent says.
pub fn says(text: &str) -> Value {
    json!({"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": 1}})
}

/// Appends a client's message to the file that `SDK_MESSAGES` names, for those who check it against the published
/// contract. Fields that only the REST schema has are left out.
pub fn keep(message: &Value) {
    let Some(path) = std::env::var_os("SDK_MESSAGES") else {
        return;
    };
    let mut message = message.clone();
    if let Value::Object(fields) = &mut message {
        fields.remove("branch_id");
        fields.remove("environment");
    }
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    // One call, so that tests side by side do not mix their lines.
    std::io::Write::write_all(&mut file, format!("{message}\n").as_bytes()).unwrap();
}
