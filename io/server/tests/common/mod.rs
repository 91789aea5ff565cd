//! A server on a free port, and a raw caller who says what no SDK would.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test uses its part"
)]

pub(crate) mod desk;
pub(crate) mod fakes;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::agents::{
    AudioBytes, AudioEvent, AudioFormat, ClientEvent, CloseCode, ConversationMetadata, ErrorType,
    EventId, ServerEvent,
};
use serde_json::{Value, json};
use server::{
    Answer, Answerer, Begun, Call, Ending, Origin, Refusal, Registry, Server, Settings,
    StoredAgent,
    shelf::{Folder, Nowhere},
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::Request},
};

/// Long enough for any machine; nothing here should come near it.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answerer that repeats messages, floods on "flood", and ends on "bye". Refuses callers named "nobody".
pub(crate) struct Parrot;

impl Answerer for Parrot {
    fn answer(&self, call: Call) -> Answer<'_> {
        Box::pin(async move {
            if call.initiation.user_id.as_deref() == Some("nobody") {
                return Err(Refusal::new(ErrorType::OverrideError, "Not you."));
            }
            let (sender, incoming) = mpsc::channel(8);
            let (outgoing, receiver) = mpsc::channel(8);
            let (done, ending) = oneshot::channel();
            tokio::spawn(async move {
                let _ = done.send(parrot(call, incoming, outgoing).await);
            });
            let ending = Box::pin(async move { ending.await.unwrap_or(normal("vanished")) });
            Ok(Begun {
                sender,
                receiver,
                ending,
            })
        })
    }
}

fn normal(reason: &str) -> Ending {
    Ending {
        code: CloseCode::Normal,
        reason: reason.to_owned(),
    }
}

async fn parrot(
    call: Call,
    mut incoming: mpsc::Receiver<ClientEvent>,
    outgoing: mpsc::Sender<ServerEvent>,
) -> Ending {
    let metadata = ConversationMetadata {
        conversation_id: call.conversation_id,
        agent_output_audio_format: AudioFormat::Pcm16000,
        user_input_audio_format: AudioFormat::Pcm16000,
        duologue_server: None,
    };
    let _ = outgoing.send(metadata.into()).await;
    while let Some(event) = incoming.recv().await {
        match event {
            ClientEvent::UserMessage {
                text: Some(text), ..
            } if text == "bye" => return normal("bye"),
            ClientEvent::UserMessage {
                text: Some(text), ..
            } if text == "flood" => {
                let mut id = 1;
                while outgoing.send(sound(id)).await.is_ok() {
                    id += 1;
                }
            }
            ClientEvent::UserAudioChunk { user_audio_chunk } => {
                let _ = outgoing
                    .send(said(&format!("heard {} bytes", user_audio_chunk.len())))
                    .await;
            }
            ClientEvent::ConversationInitiationClientData(initiation) => {
                let _ = outgoing
                    .send(said(&format!("user {:?}", initiation.user_id)))
                    .await;
            }
            ClientEvent::UserMessage { text, .. } => {
                let _ = outgoing.send(said(&text.unwrap_or_default())).await;
            }
            _ => {}
        }
    }
    normal("hung up")
}

fn sound(id: u64) -> ServerEvent {
    ServerEvent::Audio {
        audio_event: AudioEvent {
            audio_base_64: AudioBytes::from(vec![0; 64 * 1024]),
            event_id: EventId(id),
            alignment: None,
            is_final: None,
        },
    }
}

fn said(text: &str) -> ServerEvent {
    serde_json::from_value(json!({"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": 1}})).unwrap()
}

/// A server that runs until it is dropped.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
    pub(crate) home: tempfile::TempDir,
}

pub(crate) fn agents() -> Vec<StoredAgent> {
    let public = StoredAgent::from_file(
        "desk",
        "name = \"Desk\"\n[conversation_config.agent]\nfirst_message = \"Hi\"",
        Origin::Bundled,
    );
    let private = "name = \"Vault\"\n[platform_settings.auth]\nenable_auth = true";
    let listed =
        "name = \"Shop\"\n[platform_settings.auth]\nallowlist = [{ hostname = \"shop.example\" }]";
    vec![
        public.unwrap(),
        StoredAgent::from_file("vault", private, Origin::Bundled).unwrap(),
        StoredAgent::from_file("shop", listed, Origin::Bundled).unwrap(),
    ]
}

impl House {
    pub(crate) async fn open(settings: Settings) -> Self {
        Self::with(settings, Arc::new(Parrot), agents()).await
    }

    pub(crate) async fn with(
        mut settings: Settings,
        answerer: Arc<dyn Answerer>,
        agents: Vec<StoredAgent>,
    ) -> Self {
        settings.bind.set_port(0);
        let home = tempfile::tempdir().unwrap();
        let shelf = Arc::new(Folder::new(home.path().join("data")));
        std::fs::create_dir(home.path().join("agents")).unwrap();
        let registry = Registry::open(agents, Some(home.path().join("agents")), shelf)
            .await
            .unwrap();
        let server = Server::bind(settings, registry, answerer).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            task,
            home,
        }
    }

    pub(crate) fn request(&self, query: &str) -> Request<()> {
        format!("ws://{}/v1/convai/conversation?{query}", self.address)
            .into_client_request()
            .unwrap()
    }

    pub(crate) async fn call(&self, query: &str) -> Caller {
        Caller::dial(self.address, self.request(query)).await
    }

    /// A conversation with the desk that has begun.
    pub(crate) async fn begin(&self) -> Caller {
        let mut caller = self.call("agent_id=desk").await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        assert_eq!(
            caller.next().await["type"],
            "conversation_initiation_metadata"
        );
        assert_eq!(caller.said().await, "user None");
        caller
    }
}

/// A raw client.
pub(crate) struct Caller {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) protocol: Option<String>,
}

impl Caller {
    pub(crate) async fn dial(address: SocketAddr, request: Request<()>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, response) = client_async(request, stream).await.unwrap();
        let protocol = response.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
        Self { socket, protocol }
    }

    pub(crate) async fn say(&mut self, value: &Value) {
        self.send(Message::text(value.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn message(&mut self) -> Option<Message> {
        let message = self.receive().await;
        if let (Some(Message::Text(text)), Some(file)) =
            (&message, std::env::var_os("SDK_MESSAGES"))
        {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .unwrap();
            std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()).unwrap();
        }
        message
    }

    async fn receive(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.socket.next())
            .await
            .expect("nothing came")
            .and_then(Result::ok)
    }

    /// The next JSON message.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.message().await.expect("the socket closed") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next agent response.
    pub(crate) async fn said(&mut self) -> String {
        loop {
            let message = self.next().await;
            if message["type"] == "agent_response" {
                return message["agent_response_event"]["agent_response"]
                    .as_str()
                    .unwrap()
                    .to_owned();
            }
        }
    }

    /// The `error` message, if one comes, and the close that follows.
    pub(crate) async fn ending(&mut self) -> (Option<Value>, u16, String) {
        let mut error = None;
        loop {
            match self.message().await {
                Some(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] == "error" {
                        error = Some(message["error_event"].clone());
                    }
                }
                Some(Message::Close(Some(frame))) => {
                    return (error, frame.code.into(), frame.reason.to_string());
                }
                None => panic!("the connection broke before a close frame; error was {error:?}"),
                _ => {}
            }
        }
    }

    /// Expects a refusal: an error and a close that agree.
    pub(crate) async fn refused(&mut self) -> (String, u16, String) {
        let (error, code, reason) = self.ending().await;
        let error = error.expect("no error before the close");
        assert_eq!(error["code"], if code == 3008 { 1008 } else { code });
        assert!(error["message"].as_str().unwrap().starts_with(&reason));
        (
            error["error_type"].as_str().unwrap().to_owned(),
            code,
            reason,
        )
    }
}

pub(crate) fn open() -> Settings {
    Settings::default()
}

pub(crate) async fn nowhere() -> Registry {
    Registry::open(Vec::new(), None, Arc::new(Nowhere))
        .await
        .unwrap()
}
