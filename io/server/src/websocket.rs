//! A WebSocket for JSON text, for every protocol but the conversation's own.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use crate::{
    conversation::{FAREWELL, accept_key},
    http::{House, Permit},
};

/// Messages of the speech protocols hold sound: up to this many bytes.
const LONGEST: usize = 4 << 20;

/// How long a client that is not let in may take for its first word.
const FIRST_WORD: Duration = Duration::from_millis(500);

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// What comes in.
pub(crate) struct Reader(SplitStream<Stream>);

/// What goes out.
pub(crate) struct Writer {
    sink: SplitSink<Stream, Message>,
    patience: Duration,
}

/// A message from the client.
pub(crate) enum Incoming {
    Text(String),
    /// Not text, or too long.
    Wrong(&'static str),
    Gone,
}

/// Nobody is there any more, or does not read.
pub(crate) struct Lost;

/// Accepts the upgrade and hands the socket to `talk`, as a task that the server knows of.
pub(crate) fn upgrade<F, T>(house: &Arc<House>, mut request: Request, talk: F) -> Response
where
    F: FnOnce(Reader, Writer) -> T + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(problem) => {
            let mut response = problem.into_response();
            *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
            let name = HeaderValue::from_static("websocket");
            response.headers_mut().insert(header::UPGRADE, name);
            return response;
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let permit = request.extensions().get::<Permit>().cloned();
    let patience = house.settings.limits.send;
    let closed = house.closed.clone();
    house.calls.spawn(async move {
        let _permit = permit;
        // An upgrade that fails has nobody left to tell.
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST))
            .max_frame_size(Some(LONGEST))
            .read_buffer_size(16 * 1024)
            .write_buffer_size(16 * 1024)
            .max_write_buffer_size(LONGEST * 2);
        let io = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (sink, stream) = stream.split();
        tokio::select! {
            () = talk(Reader(stream), Writer { sink, patience }) => {}
            () = closed.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

impl Reader {
    /// Waits a moment for a client that is about to be refused to say its first word: some fail without a word when they
    /// find the socket closed by then.
    pub(crate) async fn first_word(&mut self) {
        let _ = timeout(FIRST_WORD, self.next()).await;
    }

    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => Incoming::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => {
                    Incoming::Wrong("Messages are JSON in text frames; this was a binary frame.")
                }
                Some(Err(Error::Capacity(_))) => Incoming::Wrong("This message is too large."),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Gone,
            };
        }
    }
}

impl Writer {
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Lost> {
        match timeout(self.patience, self.sink.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Lost),
        }
    }

    /// Closes, and waits a moment for the answer, so that what was sent before arrives.
    pub(crate) async fn close(mut self, reader: &mut Reader, code: u16, reason: &str) {
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = CloseFrame {
            code: code.into(),
            reason: reason[..end].to_owned().into(),
        };
        // Refused where the other side has closed before: then reading on is what sends the answer to that.
        let _ = timeout(FAREWELL, self.sink.send(Message::Close(Some(frame)))).await;
        let answer = async { while let Some(Ok(_)) = reader.0.next().await {} };
        let _ = timeout(FAREWELL, answer).await;
    }
}
