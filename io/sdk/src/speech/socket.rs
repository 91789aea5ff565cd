//! A socket of JSON texts.

use std::time::Duration;

use elevenlabs::{Account, ApiKey, Url, http};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, protocol::CloseFrame},
};

use super::SpeechError;
use crate::{
    ConnectError,
    websocket::{Address, dial},
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the other side may take nothing in, and how long it may take to give a sign of life.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how long without a word it is asked for a sign of life.
const QUIET: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: bool,
    over: bool,
}

impl Socket {
    pub(super) async fn open(
        account: &Account,
        url: &Url,
        key: Option<&ApiKey>,
    ) -> Result<Self, ConnectError> {
        let address = Address {
            url,
            key,
            subprotocol: false,
            tls: account.tls(),
        };
        Ok(Self {
            stream: dial(&address, CONNECT).await?,
            asked: false,
            over: false,
        })
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), SpeechError> {
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), SpeechError> {
        match timeout(PATIENCE, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err(SpeechError::TimedOut { after: PATIENCE }),
        }
    }

    /// The next text; none after a close in peace. May be cancelled.
    pub(super) async fn next(&mut self) -> Result<Option<String>, SpeechError> {
        while !self.over {
            let wait = if self.asked { PATIENCE } else { QUIET };
            let Ok(message) = timeout(wait, self.stream.next()).await else {
                if self.asked {
                    self.over = true;
                    return Err(SpeechError::TimedOut {
                        after: QUIET + PATIENCE,
                    });
                }
                self.asked = true;
                self.put(Message::Ping(tungstenite::Bytes::new())).await?;
                continue;
            };
            self.asked = false;
            match message {
                Some(Ok(Message::Text(text))) => return Ok(Some(text.to_string())),
                Some(Ok(Message::Binary(_))) => {
                    return Err(SpeechError::Garbled {
                        reason: "it is binary".to_owned(),
                    });
                }
                Some(Ok(Message::Close(frame))) => {
                    self.over = true;
                    return closed(frame);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.over = true;
                    return Err(lost(&error));
                }
                None => {
                    self.over = true;
                    return Err(SpeechError::Lost {
                        reason: "the other side hung up without a word".to_owned(),
                    });
                }
            }
        }
        Ok(None)
    }

    /// Hangs up in peace.
    pub(super) async fn close(&mut self) {
        if !self.over {
            self.over = true;
            let _ = timeout(PATIENCE, self.stream.close(None)).await;
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> Result<Option<String>, SpeechError> {
    match frame {
        None => Ok(None),
        Some(frame) if u16::from(frame.code) == 1000 => Ok(None),
        Some(frame) => Err(SpeechError::Refused {
            kind: u16::from(frame.code).to_string(),
            message: frame.reason.to_string(),
        }),
    }
}

fn lost(error: &tungstenite::Error) -> SpeechError {
    SpeechError::Lost {
        reason: http::describe(error),
    }
}
