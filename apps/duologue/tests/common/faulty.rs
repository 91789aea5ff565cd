//! Vendors behind OpenAI's wires that fail as their model's name says, on real sockets.

use std::{
    io::{self, Write as _},
    net::TcpStream,
    thread::sleep,
    time::Duration,
};

use serde_json::json;

use super::web::{Asked, Web};

/// What the caller is understood to say.
pub(crate) const QUESTION: &str = "what time is it";
/// What the llm says.
pub(crate) const ANSWER: &str = "It is about ten in the morning.";
/// Nobody waits so long.
const FOR_EVER: Duration = Duration::from_mins(1);

/// How a vendor fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Refuses,
    Hangs,
    Slow,
    Garbage,
    /// In the middle of what it says.
    Closes,
    Limits,
}

pub(crate) const FAULTS: [Fault; 6] = [
    Fault::Refuses,
    Fault::Hangs,
    Fault::Slow,
    Fault::Garbage,
    Fault::Closes,
    Fault::Limits,
];

impl Fault {
    /// The model that has it.
    pub(crate) fn model(self) -> String {
        format!("fault-{self:?}")
    }
}

/// An llm, a recogniser and a voice. The models `good` are.
pub(crate) fn vendors() -> Web {
    Web::serve(|asked, socket| {
        let has = |model: &str| {
            asked
                .body
                .windows(model.len())
                .any(|at| at == model.as_bytes())
        };
        match FAULTS.into_iter().find(|fault| has(&fault.model())) {
            None => good(asked, socket, Duration::ZERO),
            Some(Fault::Refuses) => {
                let error = json!({"error": {"message": "no such key", "code": "invalid_api_key"}});
                whole(
                    socket,
                    "401 Unauthorized",
                    "application/json",
                    &error.to_string(),
                )
            }
            Some(Fault::Limits) => {
                let error = json!({"error": {"message": "slow down", "code": "rate_limit"}});
                whole(
                    socket,
                    "429 Too Many Requests",
                    "application/json",
                    &error.to_string(),
                )
            }
            Some(Fault::Hangs) => {
                sleep(FOR_EVER);
                Ok(())
            }
            Some(Fault::Slow) => good(asked, socket, Duration::from_millis(300)),
            Some(Fault::Garbage) => whole(
                socket,
                "200 OK",
                "text/html",
                "data: <html>\n\ndata: what?\n\n",
            ),
            Some(Fault::Closes) => match asked.path.as_str() {
                "/v1/chat/completions" => {
                    begin(socket, "text/event-stream")?;
                    word(socket, "It is about ")
                }
                "/v1/audio/speech" => {
                    begin(socket, "audio/pcm")?;
                    // A third of a second, and half a chunk.
                    piece(socket, &tone(8_000))?;
                    socket.write_all(b"fff\r\nxx")
                }
                _ => Ok(()),
            },
        }
    })
}

/// Does what it is asked, `pause` after `pause`.
fn good(asked: &Asked, socket: &mut TcpStream, pause: Duration) -> io::Result<()> {
    match asked.path.as_str() {
        "/v1/chat/completions" => {
            begin(socket, "text/event-stream")?;
            for text in ANSWER.split_inclusive(' ') {
                sleep(pause);
                word(socket, text)?;
            }
            let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
            piece(
                socket,
                format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes(),
            )?;
        }
        "/v1/audio/speech" => {
            begin(socket, "audio/pcm")?;
            for _ in 0..8 {
                // Slower than it sounds.
                sleep(pause);
                piece(socket, &tone(6_000))?;
            }
        }
        "/v1/audio/transcriptions" => {
            sleep(pause * 3);
            let text = json!({ "text": QUESTION }).to_string();
            return whole(socket, "200 OK", "application/json", &text);
        }
        other => panic!("nobody has asked for {other} before"),
    }
    socket.write_all(b"0\r\n\r\n")
}

/// Sound of 24 kHz.
fn tone(samples: u16) -> Vec<u8> {
    (0..samples)
        .map(|at| ((f32::from(at) * 0.1).sin() * 6_000.0) as i16)
        .flat_map(i16::to_le_bytes)
        .collect()
}

fn word(socket: &mut TcpStream, text: &str) -> io::Result<()> {
    let delta =
        json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    piece(socket, format!("data: {delta}\n\n").as_bytes())
}

fn begin(socket: &mut TcpStream, kind: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes())
}

fn piece(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    socket.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    socket.write_all(bytes)?;
    socket.write_all(b"\r\n")
}

fn whole(socket: &mut TcpStream, status: &str, kind: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(head.as_bytes())
}
