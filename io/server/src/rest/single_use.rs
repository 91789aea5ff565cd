//! `/v1/single-use-token/{type}`: what a page is given instead of a key. Each opens one door once, within 15 minutes.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::HeaderMap,
    routing::post,
};
use serde_json::{Value, json};

use super::need_key;
use crate::{
    Problem,
    http::{House, now},
    ids,
    signature::Signer,
};

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    RealtimeScribe,
    BatchScribe,
    TtsWebsocket,
}

impl Door {
    const ALL: [Self; 3] = [Self::RealtimeScribe, Self::BatchScribe, Self::TtsWebsocket];

    const fn as_str(self) -> &'static str {
        match self {
            Self::RealtimeScribe => "realtime_scribe",
            Self::BatchScribe => "batch_scribe",
            Self::TtsWebsocket => "tts_websocket",
        }
    }
}

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route("/v1/single-use-token/{type}", post(make))
}

async fn make(
    State(house): State<Arc<House>>,
    Path(kind): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let door = Door::ALL.into_iter().find(|door| door.as_str() == kind);
    let door = door.ok_or_else(|| {
        let known = Door::ALL.map(Door::as_str).join(", ");
        Problem::invalid(format!(
            "There is no token of the type {kind}; there are {known}."
        ))
        .at("token_type")
    })?;
    Ok(Json(json!({ "token": token(&house.signer, door, now()) })))
}

fn token(signer: &Signer, door: Door, now: u64) -> String {
    let id = ids::new("sutkn_");
    let proof = signer.sign(door.as_str(), Some(&id), now);
    format!("{id}.{proof}")
}

/// Lets those pass who have a key, or a token for this door, which is used up by that.
pub(super) fn need_key_or_token(
    house: &House,
    headers: &HeaderMap,
    door: Door,
    token: Option<&str>,
) -> Result<(), Problem> {
    match (need_key(house, headers), token) {
        (Err(_), Some(token)) => spend(&house.signer, door, token, now()),
        (known, _) => known,
    }
}

fn spend(signer: &Signer, door: Door, token: &str, now: u64) -> Result<(), Problem> {
    let (id, proof) = token.split_once('.').unwrap_or((token, ""));
    signer
        .verify(proof, door.as_str(), Some(id), now)
        .map_err(Problem::bad_token)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_opens_its_door_once_and_for_a_while() {
        let signer = Signer::new([7; 64], Duration::from_mins(15), 1_000);
        let door = Door::TtsWebsocket;
        let made = token(&signer, door, 1_000);
        assert!(spend(&signer, Door::RealtimeScribe, &made, 1_001).is_err());
        assert!(spend(&signer, door, &made, 1_000 + 15 * 60).is_err());
        assert!(spend(&signer, door, &made, 1_001).is_ok());
        assert!(spend(&signer, door, &made, 1_002).is_err());
        assert!(spend(&signer, door, "sutkn_x.1.2", 1_002).is_err());
        assert!(spend(&signer, door, "", 1_002).is_err());
    }
}
