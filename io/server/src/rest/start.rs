//! Beginning a conversation: signed URLs and tokens.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, header},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::need_key;
use crate::{
    Problem,
    http::{House, now},
    ids,
};

pub(super) fn routes() -> Router<Arc<House>> {
    // The SDKs write an underscore in one of the two names, the documentation a hyphen.
    Router::new()
        .route("/v1/convai/conversation/get-signed-url", get(signed_url))
        .route("/v1/convai/conversation/get_signed_url", get(signed_url))
        .route("/v1/convai/conversation/token", get(token))
}

#[derive(Deserialize)]
struct Start {
    agent_id: Option<String>,
    include_conversation_id: Option<String>,
}

async fn signed_url(
    State(house): State<Arc<House>>,
    Query(query): Query<Start>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let agent = query.agent_id.ok_or_else(|| Problem::missing("agent_id"))?;
    if house.registry.get(&agent).is_none() {
        return Err(Problem::no_agent(&agent));
    }
    let includes = query
        .include_conversation_id
        .as_deref()
        .is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let conversation = includes.then(|| ids::new("conv_"));
    let signature = house.signer.sign(&agent, conversation.as_deref(), now());
    let base = public_url(&house, &headers)?;
    let mut url = format!(
        "{base}/v1/convai/conversation?agent_id={agent}&conversation_signature={signature}"
    );
    if let Some(conversation) = conversation {
        url.push_str("&conversation_id=");
        url.push_str(&conversation);
    }
    Ok(Json(json!({ "signed_url": url })))
}

/// Where clients find this server: as told, else as this client did.
fn public_url(house: &House, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(url) = &house.settings.public_url {
        let url = url.trim_end_matches('/');
        return Ok(match url.split_once("://") {
            Some(("http", rest)) => format!("ws://{rest}"),
            Some(("https", rest)) => format!("wss://{rest}"),
            _ => url.to_owned(),
        });
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| Problem::invalid("A Host header is needed.").at("Host"))?;
    Ok(format!("ws://{host}"))
}

async fn token(
    State(house): State<Arc<House>>,
    Query(query): Query<Start>,
) -> Result<Json<Value>, Problem> {
    let agent = query.agent_id.ok_or_else(|| Problem::missing("agent_id"))?;
    if house.registry.get(&agent).is_none() {
        return Err(Problem::no_agent(&agent));
    }
    Err(Problem::not_built(
        "This server does not speak WebRTC yet. Start the conversation with connectionType \"websocket\", or with a signed URL.",
    ))
}
