//! Somebody who converses in text until the server is gone, and remembers what was said.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::Chance;

/// How long an answer may take before the caller gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was said in one conversation.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) id: Option<String>,
    pub(crate) turns: Vec<Turn>,
    /// When the server was killed.
    pub(crate) killed: Instant,
}

/// A turn the caller was told to be over.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) role: &'static str,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One conversation after the other, until there is nobody to talk to.
/// Counts the answers in `said`.
pub(crate) async fn converse(
    url: String,
    mut chance: Chance,
    said: Arc<AtomicUsize>,
) -> Vec<Ledger> {
    let mut ledgers = Vec::new();
    loop {
        let mut ledger = Ledger {
            id: None,
            turns: Vec::new(),
            killed: Instant::now(),
        };
        let over = one(&url, &mut chance, &said, &mut ledger).await;
        ledgers.push(ledger);
        if over.is_none() {
            return ledgers;
        }
    }
}

/// None when the server is gone.
async fn one(
    url: &str,
    chance: &mut Chance,
    said: &AtomicUsize,
    ledger: &mut Ledger,
) -> Option<()> {
    let url = url.replacen("http", "ws", 1) + "/v1/convai/conversation?agent_id=assistant";
    let (mut socket, _) = connect_async(url).await.ok()?;
    let initiation = json!({
        "type": "conversation_initiation_client_data",
        "conversation_config_override": { "conversation": { "text_only": true } },
    });
    say(&mut socket, &initiation).await?;
    let metadata = hear(&mut socket, "conversation_initiation_metadata").await?;
    let event = &metadata["conversation_initiation_metadata_event"];
    ledger.id = event["conversation_id"].as_str().map(str::to_owned);
    until_answered(&mut socket, ledger).await?;
    for _ in 0..=chance.below(4) {
        let (a, b) = (2 + chance.below(18), 2 + chance.below(18));
        let text = format!("What is {a} times {b}?");
        say(
            &mut socket,
            &json!({ "type": "user_message", "text": text }),
        )
        .await?;
        until_answered(&mut socket, ledger).await?;
        said.fetch_add(1, Ordering::Relaxed);
        if chance.below(3) == 0 {
            tokio::time::sleep(Duration::from_millis(chance.below(200))).await;
        }
    }
    // Some hang up, some vanish.
    if chance.below(4) > 0 {
        socket.close(None).await.ok()?;
    }
    Some(())
}

/// Writes down who has had a turn, until the agent has.
async fn until_answered(socket: &mut Socket, ledger: &mut Ledger) -> Option<()> {
    loop {
        let said = next(socket).await?;
        let (role, text) = match said["type"].as_str() {
            Some("agent_response") => ("agent", &said["agent_response_event"]["agent_response"]),
            Some("user_transcript") => {
                ("user", &said["user_transcription_event"]["user_transcript"])
            }
            _ => continue,
        };
        ledger.turns.push(Turn {
            role,
            text: text.as_str()?.to_owned(),
            at: Instant::now(),
        });
        if role == "agent" {
            return Some(());
        }
    }
}

async fn say(socket: &mut Socket, message: &Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}

async fn hear(socket: &mut Socket, kind: &str) -> Option<Value> {
    loop {
        let said = next(socket).await?;
        if said["type"] == kind {
            return Some(said);
        }
    }
}

/// The next message, with pings answered.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.ok()??.ok()?;
        let Ok(text) = message.to_text() else {
            continue;
        };
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        if said["type"] != "ping" {
            return Some(said);
        }
        let id = &said["ping_event"]["event_id"];
        // Nobody reads it any more when it cannot be sent, and what was sent before may still be read.
        let _ = say(socket, &json!({ "type": "pong", "event_id": id })).await;
    }
}
