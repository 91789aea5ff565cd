//! A stand-in for the platform that answers one request and keeps it.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a stand-in that breaks fails the test; not every test uses all of it"
)]

use std::time::Duration;

use elevenlabs::{Account, ApiKey, Settings};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as it came.
pub struct Asked {
    pub line: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn json(&self) -> Value {
        assert!(
            self.head.contains("content-type: application/json\r\n"),
            "{}",
            self.head
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The fields of a form: name, file name, content.
    pub fn form(&self) -> Vec<(String, Option<String>, String)> {
        let head = &self.head;
        let (_, boundary) = head
            .split_once("content-type: multipart/form-data; boundary=")
            .unwrap();
        let boundary = boundary.split("\r\n").next().unwrap();
        let body = String::from_utf8_lossy(&self.body).into_owned();
        let quoted = |head: &str, name: &str| {
            let (_, rest) = head.split_once(&format!("; {name}=\""))?;
            Some(rest.split('"').next().unwrap().to_owned())
        };
        body.split(&format!("--{boundary}"))
            .filter_map(|part| part.trim_start_matches("\r\n").split_once("\r\n\r\n"))
            .map(|(head, content)| {
                (
                    quoted(head, "name").unwrap(),
                    quoted(head, "filename"),
                    content.strip_suffix("\r\n").unwrap().to_owned(),
                )
            })
            .collect()
    }
}

async fn read(socket: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let count = socket.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request ended early");
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap();
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        if bytes.len() >= end + 4 + length {
            let line = head.lines().next().unwrap();
            return Asked {
                line: line.strip_suffix(" HTTP/1.1").unwrap().to_owned(),
                head,
                body: bytes[end + 4..].to_vec(),
            };
        }
    }
}

/// An account whose platform answers one request so, and the request.
pub async fn answering(
    status: &'static str,
    answer: impl Into<Vec<u8>>,
) -> (Account, JoinHandle<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = Account::new(Settings {
        api_key: Some(ApiKey::new("sk_hush")),
        base_url: Some(format!("http://{}", listener.local_addr().unwrap())),
        timeout: Duration::from_secs(20),
        ..Settings::default()
    })
    .unwrap();
    let answer = answer.into();
    let asked = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let asked = read(&mut socket).await;
        assert!(
            asked.head.contains("xi-api-key: sk_hush\r\n"),
            "{}",
            asked.head
        );
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&answer).await.unwrap();
        asked
    });
    (account, asked)
}

pub async fn json_of(answer: Value) -> (Account, JoinHandle<Asked>) {
    answering("200 OK", answer.to_string()).await
}

/// Makes one call and checks what of it arrived.
macro_rules! call {
    ($answer:expr, |$account:ident| $call:expr, $line:expr $(, $body:expr)?) => {{
        let ($account, asked) = json_of($answer).await;
        let result = $call.await.unwrap();
        let asked = asked.await.unwrap();
        assert_eq!(asked.line, $line);
        $(assert_eq!(asked.json(), $body);)?
        result
    }};
}
