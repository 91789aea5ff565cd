//! A receiver of webhooks that is not always in the mood, as receivers are.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use anyhow::ensure;
use elevenlabs::webhook::{SIGNATURE_HEADER, Verifier};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::Chance;

/// The longest body that is read.
const LONGEST: usize = 16 << 20;

pub(crate) struct Receiver {
    port: u16,
    book: Arc<Mutex<Book>>,
}

struct Book {
    chance: Chance,
    verifier: Option<Verifier>,
    told: BTreeMap<String, Told>,
    attempts: usize,
    wrong: Vec<String>,
}

/// What was told of one conversation.
#[derive(Default)]
struct Told {
    ids: BTreeSet<String>,
    taken: usize,
}

impl Receiver {
    pub(crate) async fn start(seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let book = Arc::new(Mutex::new(Book {
            chance: Chance::new(seed ^ 0xb00c),
            verifier: None,
            told: BTreeMap::new(),
            attempts: 0,
            wrong: Vec::new(),
        }));
        let kept = Arc::clone(&book);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let book = Arc::clone(&kept);
                tokio::spawn(async move {
                    // A sender that was killed in the middle has nobody to be told.
                    let _ = serve(stream, &book).await;
                });
            }
        });
        Ok(Self { port, book })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn expect_secret(&self, secret: &str) {
        self.book().verifier = Some(Verifier::new(secret));
    }

    /// Whether it was told of this conversation, and took it.
    pub(crate) fn has(&self, conversation: &str) -> bool {
        self.book()
            .told
            .get(conversation)
            .is_some_and(|told| told.taken > 0)
    }

    /// Attempts, conversations that were taken, and those that were taken more than once.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let book = self.book();
        let taken = book.told.values().filter(|told| told.taken > 0).count();
        let twice = book.told.values().filter(|told| told.taken > 1).count();
        (book.attempts, taken, twice)
    }

    /// Whether everything about this conversation came under one id, and nothing with a wrong signature came at all.
    pub(crate) fn same_id(&self, conversation: &str) -> anyhow::Result<()> {
        let book = self.book();
        ensure!(
            book.wrong.is_empty(),
            "wrong webhooks came: {:?}",
            book.wrong
        );
        let count = book.told.get(conversation).map_or(0, |told| told.ids.len());
        ensure!(count == 1, "{conversation} was told under {count} ids");
        Ok(())
    }
}

async fn serve(stream: TcpStream, book: &Mutex<Book>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut length = 0;
        let (mut signature, mut delivery) = (String::new(), String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap_or(0);
            } else if name.eq_ignore_ascii_case(SIGNATURE_HEADER) {
                value.clone_into(&mut signature);
            } else if name.eq_ignore_ascii_case("duologue-delivery") {
                value.clone_into(&mut delivery);
            }
        }
        let mut body = vec![0; length.min(LONGEST)];
        stream.read_exact(&mut body).await?;
        let taken = book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(&signature, &delivery, &body);
        match taken {
            Some(status) => {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).await?;
            }
            // It has taken it, and the answer is lost on the way.
            None => return Ok(()),
        }
    }
}

impl Book {
    fn take(&mut self, signature: &str, delivery: &str, body: &[u8]) -> Option<&'static str> {
        self.attempts += 1;
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let event = match &self.verifier {
            Some(verifier) => verifier.read(signature, body, now),
            None => return Some("503 Not Yet"),
        };
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                self.wrong.push(error.to_string());
                return Some("401 Unauthorized");
            }
        };
        let Some(conversation) = event.data["conversation_id"].as_str() else {
            self.wrong
                .push(format!("{} without a conversation", event.kind));
            return Some("400 Bad Request");
        };
        if delivery.is_empty() {
            self.wrong.push(format!("{conversation} without an id"));
        }
        let told = self.told.entry(conversation.to_owned()).or_default();
        told.ids.insert(delivery.to_owned());
        match self.chance.below(8) {
            0 => Some("503 Service Unavailable"),
            1 => {
                told.taken += 1;
                None
            }
            _ => {
                told.taken += 1;
                Some("200 OK")
            }
        }
    }
}
