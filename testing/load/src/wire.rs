//! As much of a WebSocket client as it takes, at as little cost as it can have.
//!
//! The messages of all callers are the same and made beforehand, with one masking key: the server unmasks them as any
//! others, and the generator only writes bytes.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use protocol::agents::{AudioBytes, ClientEvent};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x9e];
/// Longer than any opening takes, also when thousands wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// A text message from a client.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut frame = Vec::with_capacity(length + 14);
    frame.push(0x81);
    match length {
        0..126 => frame.push(0x80 | length as u8),
        126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(text.bytes().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

/// A message of sound.
pub(crate) fn sound(bytes: &[u8]) -> Vec<u8> {
    let event = ClientEvent::UserAudioChunk {
        user_audio_chunk: AudioBytes::from(bytes.to_vec()),
    };
    text(&event.to_json())
}

/// Something the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Sound of this id.
    Audio(u64),
    /// Sound up to this id is void.
    Interruption(u64),
    /// A question whether the caller is there.
    Ping(u64),
    /// The conversation has begun.
    Begun,
    /// A text, a transcript, something else.
    Other,
    /// An error or a close.
    Over,
}

/// A connection that is open.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    taken: usize,
}

impl Wire {
    /// Opens a conversation with an agent.
    pub(crate) async fn open(address: SocketAddr, agent: &str) -> anyhow::Result<Self> {
        timeout(PATIENCE, Self::connect(address, agent))
            .await
            .context("the server did not answer in time")?
    }

    async fn connect(address: SocketAddr, agent: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
            taken: 0,
        };
        let head = format!(
            "GET /v1/convai/conversation?agent_id={agent} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        wire.send(head.as_bytes()).await?;
        let end = loop {
            let end = wire.buffer.windows(4).position(|w| w == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            wire.fill().await?;
        };
        if !wire.buffer.starts_with(b"HTTP/1.1 101") {
            bail!("refused: {}", String::from_utf8_lossy(&wire.buffer[..end]));
        }
        wire.taken = end;
        let first = text(r#"{"type":"conversation_initiation_client_data"}"#);
        wire.send(&first).await?;
        loop {
            match wire.next() {
                Some(Heard::Begun) => return Ok(wire),
                Some(Heard::Over) => bail!("the server refused the conversation"),
                Some(_) => {}
                None => wire.fill().await?,
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Nearly always there is room.
        match self.stream.try_write(bytes) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(written) => self.stream.write_all(&bytes[written..]).await,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stream.write_all(bytes).await
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for bytes and takes in what is there. May be dropped while it waits.
    pub(crate) async fn fill(&mut self) -> io::Result<()> {
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next whole message.
    pub(crate) fn next(&mut self) -> Option<Heard> {
        let rest = &self.buffer[self.taken..];
        let (length, head): (usize, usize) = match *rest {
            [_, length @ 0..126, ..] => (usize::from(length), 2),
            [_, 126, high, low, ..] => (usize::from(u16::from_be_bytes([high, low])), 4),
            [_, 127, a, b, c, d, e, f, g, h, ..] => {
                let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                (usize::try_from(length).unwrap_or(usize::MAX), 10)
            }
            _ => return None,
        };
        let payload = rest.get(head..head.checked_add(length)?)?;
        let heard = match rest[0] & 0x0f {
            1 => understand(payload),
            8 => Heard::Over,
            _ => Heard::Other,
        };
        self.taken += head + length;
        Some(heard)
    }
}

fn understand(payload: &[u8]) -> Heard {
    const AUDIO: &[u8] = br#"{"type":"audio","audio_event":{"audio_base_64":""#;
    if let Some(rest) = payload.strip_prefix(AUDIO) {
        let end = rest.iter().position(|&b| b == b'"').unwrap_or(0);
        let id = number(&rest[end..], br#""event_id":"#);
        return Heard::Audio(id.unwrap_or(0));
    }
    let kind = |kind: &[u8]| {
        let head = &payload[..payload.len().min(64)];
        head.windows(kind.len()).any(|window| window == kind)
    };
    let id = || number(payload, br#""event_id":"#).unwrap_or(0);
    if kind(br#""type":"interruption""#) {
        Heard::Interruption(id())
    } else if kind(br#""type":"ping""#) {
        Heard::Ping(id())
    } else if kind(br#""type":"conversation_initiation_metadata""#) {
        Heard::Begun
    } else if kind(br#""type":"error""#) {
        Heard::Over
    } else {
        Heard::Other
    }
}

/// The number after `key`.
fn number(text: &[u8], key: &[u8]) -> Option<u64> {
    let at = text.windows(key.len()).position(|window| window == key)? + key.len();
    let digits = text[at..].iter().take_while(|b| b.is_ascii_digit());
    Some(digits.fold(0, |n, b| n * 10 + u64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_ids_are_seen() {
        let audio = br#"{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":17,"alignment":{"chars":["a"]}}}"#;
        assert_eq!(understand(audio), Heard::Audio(17));
        let stop = br#"{"type":"interruption","interruption_event":{"event_id":4}}"#;
        assert_eq!(understand(stop), Heard::Interruption(4));
        let ping = br#"{"type":"ping","ping_event":{"event_id":2,"ping_ms":null}}"#;
        assert_eq!(understand(ping), Heard::Ping(2));
    }

    #[test]
    fn a_message_is_masked_and_has_its_length() {
        let frame = text(&"x".repeat(200));
        assert_eq!(frame[..4], [0x81, 0x80 | 126, 0, 200]);
        assert_eq!(frame.len(), 8 + 200);
        assert_eq!(frame[8] ^ MASK[0], b'x');
    }
}
