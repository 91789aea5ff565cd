//! A WebSocket server that hands each connection to a stand-in, and collects what a stand-in objects to.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::CloseFrame,
    },
};

/// How the server misbehaves.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// It answers the upgrade with this status and body.
    Status(u16, &'static str),
    /// It accepts the connection and never answers the upgrade.
    HangsAtOnce,
    /// It takes everything and says nothing.
    Hangs,
    /// After the first sound it says this.
    Says(&'static str),
    /// After the first sound it closes with this.
    Closes(u16, &'static str),
    /// After the first sound the connection is cut.
    Cuts,
}

/// One connection, upgraded.
pub struct Connection {
    pub stream: WebSocketStream<TcpStream>,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub fault: Fault,
    pub notes: Notes,
}

/// What was objected to, and what was seen.
#[derive(Clone, Default)]
pub struct Notes {
    wrong: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    pub fn check(&self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.wrong.lock().unwrap().push(what());
        }
    }

    pub fn saw(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().push(what.into());
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until something was seen.
    pub async fn until(&self, what: &str) {
        let wait = async {
            while !self.seen().iter().any(|seen| seen == what) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let seen = tokio::time::timeout(super::LIMIT, wait).await.is_ok();
        assert!(seen, "{what} was not seen: {:?}", self.seen());
    }

    /// Nothing was wrong.
    pub fn verdict(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

impl Connection {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every parameter is one of these, and has this value where one is given.
    pub fn check_query(&self, known: &[(&str, Option<&str>)]) {
        let names: BTreeSet<&str> = known.iter().map(|(name, _)| *name).collect();
        for (name, value) in &self.query {
            self.notes.check(names.contains(name.as_str()), || {
                format!("unknown parameter {name}={value}")
            });
        }
        for (name, value) in known {
            if let Some(value) = value {
                self.notes.check(self.query(name) == Some(value), || {
                    format!("{name} is {:?}, not {value}", self.query(name))
                });
            }
        }
    }

    pub fn check_header(&self, name: &str, value: Option<&str>) {
        self.notes.check(self.header(name) == value, || {
            format!("{name} is {:?}, not {value:?}", self.header(name))
        });
    }

    pub async fn say(&mut self, message: &Value) -> bool {
        self.stream
            .send(Message::text(message.to_string()))
            .await
            .is_ok()
    }

    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        let _ = self.stream.close(Some(frame)).await;
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    /// Misbehaves, now that there was sound or text. False: nothing more is said.
    pub async fn misbehave(&mut self) -> bool {
        match self.fault.clone() {
            Fault::Says(text) => self.stream.send(Message::text(text)).await.is_ok(),
            Fault::Closes(code, reason) => {
                self.close(code, reason).await;
                false
            }
            Fault::Cuts => false,
            Fault::Hangs => {
                while let Some(Ok(_)) = self.stream.next().await {}
                false
            }
            _ => true,
        }
    }
}

pub struct Server {
    pub url: String,
    pub notes: Notes,
}

impl Server {
    pub async fn start<F>(fault: Fault, serve: fn(Connection) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let notes = Notes::default();
        let shared = notes.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (fault, notes) = (fault.clone(), shared.clone());
                tokio::spawn(async move {
                    if fault == Fault::HangsAtOnce {
                        std::future::pending::<()>().await;
                    }
                    if let Some(connection) = upgrade(tcp, fault, notes).await {
                        serve(connection).await;
                    }
                });
            }
        });
        Self { url, notes }
    }
}

#[allow(clippy::result_large_err, reason = "the library's signature")]
async fn upgrade(tcp: TcpStream, fault: Fault, notes: Notes) -> Option<Connection> {
    let mut path = String::new();
    let mut query = Vec::new();
    let mut headers = Vec::new();
    let stream = accept_hdr_async(tcp, |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        let all = request.uri().query().unwrap_or_default();
        let url = reqwest::Url::parse(&format!("http://x/?{all}")).unwrap();
        query = url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        headers = request
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        if let Fault::Status(status, body) = &fault {
            let mut refusal = ErrorResponse::new(Some((*body).to_owned()));
            *refusal.status_mut() = (*status).try_into().unwrap();
            return Err(refusal);
        }
        Ok(response)
    })
    .await
    .ok()?;
    notes.saw("connected");
    Some(Connection {
        stream,
        path,
        query,
        headers,
        fault,
        notes,
    })
}
