//! An HTTP server that answers as it was told and shows what it was asked.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
};

pub const SSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// What one request is answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    pieces: Vec<Vec<u8>>,
    hang: bool,
}

impl Answer {
    /// These pieces, and the end.
    pub fn close(pieces: Vec<String>) -> Self {
        Self {
            pieces: pieces.into_iter().map(String::into_bytes).collect(),
            hang: false,
        }
    }

    /// These pieces, and nothing until the client gives up.
    pub fn hang(pieces: Vec<String>) -> Self {
        Self {
            hang: true,
            ..Self::close(pieces)
        }
    }

    pub fn hangs(&self) -> bool {
        self.hang
    }

    /// For people.
    pub fn shown(&self) -> String {
        let pieces = self.pieces.iter().take(3);
        pieces.map(|piece| String::from_utf8_lossy(piece)).collect()
    }

    pub fn bytes(pieces: Vec<Vec<u8>>, hang: bool) -> Self {
        Self { pieces, hang }
    }

    /// A whole body.
    pub fn body(status: &str, kind: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Self {
            pieces: vec![head.into_bytes(), body.to_vec()],
            hang: false,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

type Choose = dyn Fn(&Asked) -> Answer + Send + Sync;

pub struct Server {
    pub url: String,
    asked: Mutex<mpsc::Receiver<Asked>>,
}

impl Server {
    /// Answers one request after the other with these, the last one for ever.
    pub async fn start(answers: Vec<Answer>) -> Self {
        let count = std::sync::atomic::AtomicUsize::new(0);
        Self::with(move |_| {
            let index = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            answers[index.min(answers.len() - 1)].clone()
        })
        .await
    }

    /// Answers as `choose` says.
    pub async fn with(choose: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, asked) = mpsc::channel(256);
        let choose: Arc<Choose> = Arc::new(choose);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&choose), seen.clone()));
            }
        });
        Self {
            url,
            asked: Mutex::new(asked),
        }
    }

    /// The next request.
    pub async fn asked(&self) -> Asked {
        self.asked.lock().await.recv().await.unwrap()
    }
}

async fn serve(mut socket: TcpStream, choose: Arc<Choose>, seen: mpsc::Sender<Asked>) {
    let Some(asked) = read(&mut socket).await else {
        return;
    };
    let answer = choose(&asked);
    let _ = seen.try_send(asked);
    for piece in answer.pieces {
        if socket.write_all(&piece).await.is_err() {
            return;
        }
        let _ = socket.flush().await;
        tokio::task::yield_now().await;
    }
    if answer.hang {
        // Until the client gives up and closes.
        let _ = socket.read(&mut [0; 16]).await;
    }
}

async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 4096];
        match socket.read(&mut piece).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end + 4);
    let asked = Asked {
        line: head.lines().next()?.to_owned(),
        head,
        body: Vec::new(),
    };
    let length = asked
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    while body.len() < length {
        let mut piece = [0; 4096];
        match socket.read(&mut piece).await {
            Ok(read) if read > 0 => body.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
    Some(Asked { body, ..asked })
}
