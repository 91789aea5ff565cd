//! What pages of other origins may see.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::House;
use crate::access;

/// Routes that browser SDKs call from any page without a key, by ElevenLabs' design. The agent's own allowlist rules.
const PUBLIC: &[&str] = &["/v1/convai/conversation", "/v1/convai/conversation/token"];

/// Those, and what pages that hold a conversation say about it.
fn is_public(path: &str) -> bool {
    PUBLIC.contains(&path)
        || path
            .strip_prefix("/v1/convai/conversations/")
            .is_some_and(|rest| rest.ends_with("/feedback") || rest.contains("/files"))
        || path.starts_with("/v1/convai/agents/") && path.ends_with("/widget")
}

/// Refuses strangers' pages on a server without keys, answers preflights and marks answers that pages may read.
pub(super) async fn guard(
    State(house): State<Arc<House>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    // A refused socket is accepted and told why, which only its handler can do.
    let is_socket = request.uri().path() == "/v1/convai/conversation"
        && headers.contains_key(header::SEC_WEBSOCKET_KEY);
    if !is_socket && let Err(problem) = house.origins.admit(headers) {
        return problem.into_response();
    }
    let origin = access::origin(headers).map(str::to_owned);
    let allowed = origin.filter(|origin| {
        house.origins.knows(origin, headers)
            || (!house.origins.open && is_public(request.uri().path()))
    });
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    if let Some(origin) = allowed {
        mark(response.headers_mut(), &origin, is_preflight);
    }
    response
}

fn mark(headers: &mut HeaderMap, origin: &str, is_preflight: bool) {
    let Ok(origin) = HeaderValue::from_str(origin) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if is_preflight {
        for (name, value) in [
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                "GET, POST, PATCH, DELETE",
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "xi-api-key, x-api-key, authorization, content-type",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
