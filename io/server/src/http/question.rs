//! Hearing a question to its end.
//!
//! Many answers need no body: what is asked for is not here, or may not be asked. A connection on which the rest of such a
//! question still comes in cannot carry the next one, so it would be closed under a client that keeps it for its next
//! request. The rest is read before the answer is given; what is too long or too slow for that is announced with
//! `Connection: close`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use futures_util::{StreamExt as _, future::poll_fn, stream};
use tokio::time::timeout;

/// The most that is read of what nobody wants.
const MOST: usize = 256 * 1024;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What comes of a question, whoever reads it.
struct Rest {
    /// None: it was heard to its end.
    stream: Option<BodyDataStream>,
}

type Shared = Arc<Mutex<Rest>>;

fn poll(rest: &Shared, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
    let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(stream) = &mut rest.stream else {
        return Poll::Ready(None);
    };
    let polled = stream.poll_next_unpin(context);
    if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
        rest.stream = None;
    }
    polled
}

/// Answers when the question was heard.
pub(super) async fn heard(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let rest: Shared = Arc::new(Mutex::new(Rest {
        stream: Some(body.into_data_stream()),
    }));
    let reader = Arc::clone(&rest);
    let body = Body::from_stream(stream::poll_fn(move |context| poll(&reader, context)));
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let drained = timeout(PATIENCE, async {
        let mut read = 0;
        while let Some(Ok(piece)) = poll_fn(|context| poll(&rest, context)).await {
            read += piece.len();
            if read > MOST {
                return false;
            }
        }
        true
    });
    if !matches!(drained.await, Ok(true)) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
