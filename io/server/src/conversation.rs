//! `/v1/convai/conversation`: one socket, one conversation.

mod door;
mod kept;
mod opening;
mod self_hosted;
mod socket;
mod talk;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::{door::Visit, socket::Socket};
use crate::{
    Problem,
    access::subprotocols,
    http::{House, Permit},
};

/// How long a caller who is not let in may take for the first word.
const FIRST_WORD: Duration = Duration::from_millis(500);
/// How long a close frame may wait for its answer.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Accepts the upgrade whoever calls; who may not come in is told so on the socket.
pub(crate) async fn open(State(house): State<Arc<House>>, mut request: Request) -> Response {
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(problem) => {
            let mut response = problem.into_response();
            *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
            response
                .headers_mut()
                .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            return response;
        }
    };
    let visit = Visit::read(request.uri().query().unwrap_or_default(), request.headers());
    let offers_convai = subprotocols(request.headers()).any(|word| word == "convai");
    let upgrade = hyper::upgrade::on(&mut request);
    let permit = request.extensions().get::<Permit>().cloned();
    let calls = house.calls.clone();
    calls.spawn(async move {
        let _permit = permit;
        // An upgrade that fails has nobody left to tell.
        if let Ok(upgraded) = upgrade.await {
            let socket = Socket::new(upgraded, &house.settings.limits).await;
            converse(house, visit, socket).await;
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
    if offers_convai {
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("convai"),
        );
    }
    response
}

pub(crate) fn accept_key(headers: &HeaderMap) -> Result<String, Problem> {
    let has = |name: header::HeaderName, wanted: &str| {
        let values = headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    let is_upgrade = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    match headers.get(header::SEC_WEBSOCKET_KEY) {
        Some(key) if is_upgrade => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(Problem::invalid("This address is a WebSocket, version 13.")),
    }
}

async fn converse(house: Arc<House>, visit: Visit, mut socket: Socket) {
    let (_place, opened) = match door::enter(&house, &visit) {
        Ok((place, agent)) => (
            place,
            opening::open(&house, agent, &visit, &mut socket).await,
        ),
        Err(refusal) => {
            tracing::info!(%refusal, "refused");
            // Both SDKs speak first; one of them fails without a word when it finds the socket closed by then.
            let _ = timeout(FIRST_WORD, socket.next()).await;
            return socket.refuse(&refusal).await;
        }
    };
    match opened {
        Ok(opened) => {
            let id = opened.conversation_id.clone();
            tracing::info!(conversation = id, agent = opened.agent_id, "begun");
            let end = talk::talk(&house, opened, socket).await;
            tracing::info!(conversation = id, %end, "over");
        }
        Err(opening::NotOpened::Gone) => {}
        Err(opening::NotOpened::Refused(refusal)) => {
            tracing::info!(%refusal, "refused");
            socket.refuse(&refusal).await;
        }
        Err(opening::NotOpened::Oversized) => socket.refuse_oversized().await,
    }
}
