//! A web server of the tests' own, for whatever the program calls, and a client for whatever it serves.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    /// The headers, one a line, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered: status line, media type and body.
pub(crate) type Answer = (&'static str, &'static str, Vec<u8>);

/// A server on a free port of this machine.
#[derive(Clone)]
pub(crate) struct Web {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Web {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(move |request, socket| {
            let (status, kind, body) = answer(request);
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            socket.write_all(head.as_bytes())?;
            socket.write_all(&body)
        })
    }

    /// A server that may answer as badly as it likes: what `answer` writes is all that comes, and then the connection closes.
    pub(crate) fn serve(
        answer: impl Fn(&Asked, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self {
            address: listener.local_addr().unwrap().to_string(),
            asked: Arc::default(),
        };
        let (asked, answer) = (Arc::clone(&web.asked), Arc::new(answer));
        thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || {
                    let request = read(&mut socket)?;
                    asked.lock().unwrap().push(request.clone());
                    answer(&request, &mut socket).ok()
                });
            }
        });
        web
    }

    /// All that was asked, the oldest first.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = socket.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let (line, head) = text.split_once("\r\n")?;
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        if bytes.len() < end + 4 + length {
            continue;
        }
        let mut words = line.split(' ');
        return Some(Asked {
            method: words.next()?.to_owned(),
            path: words.next()?.to_owned(),
            head,
            body: bytes.split_off(end + 4),
        });
    }
}

/// Sends JSON to a server of this machine and reads the JSON that it answers.
pub(crate) fn send(url: &str, method: &str, path: &str, key: &str, body: &Value) -> Value {
    let (status, body) = exchange(url, method, path, key, &body.to_string());
    assert_eq!(status / 100, 2, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// Asks a server of this machine for something, and reads the status and the body that it answers.
pub(crate) fn exchange(
    url: &str,
    method: &str,
    path: &str,
    key: &str,
    body: &str,
) -> (u16, Vec<u8>) {
    let address = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nxi-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.unwrap() + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).unwrap();
    (status.parse().unwrap(), body)
}
