//! A WebSocket with this protocol's manners: text only, bounded, and a word before every bad end.

use std::time::Duration;

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::agents::{ClientEvent, CloseCode, ErrorType, ServerEvent};
use tokio::{io::AsyncReadExt as _, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::FAREWELL;
use crate::{Limits, Refusal};

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// How much of an oversized message is read and thrown away, so that its sender gets to read why.
const SWALLOW: usize = 32 << 20;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Event(ClientEvent),
    /// Something that is no message of this protocol.
    Wrong(Refusal),
    /// A message above the limit.
    Oversized,
    /// The other side hung up or vanished.
    Gone,
}

pub(super) struct Socket {
    reader: Reader,
    writer: Writer,
}

pub(super) struct Reader(SplitStream<Stream>);

pub(super) struct Writer {
    sink: SplitSink<Stream, Message>,
    patience: Duration,
    text: String,
}

/// A message could not be sent within the time a client has.
#[derive(Debug)]
pub(super) struct Lost;

impl Socket {
    pub(super) async fn new(upgraded: Upgraded, limits: &Limits) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits.message_bytes))
            .max_frame_size(Some(limits.message_bytes))
            // The defaults are 128 KiB each, which is more than all the rest of a conversation.
            // Each read fills it with zeros first, and a caller's message is a kilobyte.
            .read_buffer_size(4 * 1024)
            .write_buffer_size(8 * 1024)
            .max_write_buffer_size(4 << 20);
        let io = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (sink, stream) = stream.split();
        Self {
            reader: Reader(stream),
            writer: Writer {
                sink,
                patience: limits.send,
                text: String::new(),
            },
        }
    }

    pub(super) fn halves(&mut self) -> (&mut Reader, &mut Writer) {
        (&mut self.reader, &mut self.writer)
    }

    pub(super) async fn next(&mut self) -> Incoming {
        self.reader.next().await
    }

    /// Says why, and closes with the refusal's code.
    pub(super) async fn refuse(mut self, refusal: &Refusal) {
        if self.writer.send([refusal.to_event()]).await.is_ok() {
            self.close(refusal.code, &refusal.message).await;
        }
    }

    /// The same for a message above the limit, whose rest is still under way.
    pub(super) async fn refuse_oversized(mut self) {
        let refusal = Refusal::new(ErrorType::InvalidMessage, "This message is too large.");
        if self.writer.send([refusal.to_event()]).await.is_err()
            || self
                .writer
                .close(refusal.code, &refusal.message)
                .await
                .is_err()
        {
            return;
        }
        // The codec stands in the middle of a frame; from here on only bytes are read.
        let Ok(mut stream) = self.reader.0.reunite(self.writer.sink) else {
            return;
        };
        let swallow = async {
            let mut rest = vec![0_u8; 16 * 1024];
            let mut left = SWALLOW;
            while let Ok(read @ 1..) = read_raw(stream.get_mut(), &mut rest).await {
                left = left.saturating_sub(read);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = timeout(FAREWELL, swallow).await;
    }

    /// Closes, and waits a moment for the answer, so that what was sent before arrives.
    pub(super) async fn close(mut self, code: CloseCode, reason: &str) {
        if self.writer.close(code, reason).await.is_err() {
            return;
        }
        let answer = async { while let Some(Ok(_)) = self.reader.0.next().await {} };
        let _ = timeout(FAREWELL, answer).await;
    }
}

async fn read_raw(io: &mut TokioIo<Upgraded>, buffer: &mut [u8]) -> std::io::Result<usize> {
    io.read(buffer).await
}

impl Reader {
    /// What comes next. Frames of the WebSocket itself are dealt with and passed over.
    pub(super) async fn next(&mut self) -> Incoming {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => match ClientEvent::from_json(&text) {
                    Ok(event) => Incoming::Event(event),
                    Err(error) => {
                        Incoming::Wrong(Refusal::new(error.error_type(), error.to_string()))
                    }
                },
                Some(Ok(Message::Binary(_))) => Incoming::Wrong(Refusal::new(
                    ErrorType::InvalidMessage,
                    "Messages are JSON in text frames; this was a binary frame.",
                )),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(Error::Capacity(_))) => Incoming::Oversized,
                Some(Err(Error::Utf8(_))) => Incoming::Wrong(Refusal::new(
                    ErrorType::InvalidMessage,
                    "Messages are JSON in UTF-8; this was not UTF-8.",
                )),
                Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Gone,
            };
        }
    }
}

impl Writer {
    /// Sends messages in order, all of them within the time one may take.
    pub(super) async fn send(
        &mut self,
        events: impl IntoIterator<Item = ServerEvent>,
    ) -> Result<(), Lost> {
        let send = async {
            for event in events {
                self.text.clear();
                event.write_json(&mut self.text);
                self.sink.feed(Message::text(self.text.as_str())).await?;
            }
            self.sink.flush().await
        };
        match timeout(self.patience, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Lost),
        }
    }

    async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Lost> {
        let frame = CloseFrame {
            code: code.as_u16().into(),
            reason: cut(reason, 123).into(),
        };
        match timeout(FAREWELL, self.sink.send(Message::Close(Some(frame)))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Lost),
        }
    }
}

/// At most `limit` bytes: a close frame holds no more.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(cut("short", 123), "short");
        let long = "é".repeat(100);
        assert_eq!(cut(&long, 123).len(), 122);
    }
}
