//! Beginning a conversation: signed URLs and tokens.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::HeaderMap,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{need_key, public_url};
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
    let base = public_url(&house, &headers)?.replacen("http", "ws", 1);
    let mut url = format!(
        "{base}/v1/convai/conversation?agent_id={agent}&conversation_signature={signature}"
    );
    if let Some(conversation) = conversation {
        url.push_str("&conversation_id=");
        url.push_str(&conversation);
    }
    Ok(Json(json!({ "signed_url": url })))
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
