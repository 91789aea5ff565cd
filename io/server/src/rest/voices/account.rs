//! The voices of the account that this server was given, and the library they come from.
//!
//! They are shown as they come, after this server's own. What is asked for by name (a voice, the library) fails where the
//! account does; lists show this server's own voices then, and the log says why there are no others.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use elevenlabs::{Account, ApiError, Ask, Method, SharedVoice};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Fields, House_, Place};
use crate::{
    Problem,
    http::House,
    rest::{body::Body, need_key},
};

/// How long a list waits for the account's part.
const PATIENCE: Duration = Duration::from_secs(3);
/// Before the account's own page tokens.
const TOKEN: &str = "account:";

/// Where a token of ours points to among the account's voices.
pub(super) fn place(token: &str) -> Option<Place> {
    let theirs = token.strip_prefix(TOKEN)?;
    Some(Place::Account(
        (!theirs.is_empty()).then(|| theirs.to_owned()),
    ))
}

/// All voices of the account.
pub(super) async fn all(house: &House) -> Vec<Value> {
    let Some(account) = &house.settings.account else {
        return Vec::new();
    };
    let asked = account.ask(Method::GET, "/v1/voices");
    beside(asked).await.as_ref().map(voices).unwrap_or_default()
}

/// A part of a page.
#[derive(Default)]
pub(super) struct Part {
    pub(super) voices: Vec<Value>,
    pub(super) next: Option<String>,
    pub(super) total: usize,
}

/// The account's part of a page on which there is room for so many more.
pub(super) async fn page(
    house: &House,
    fields: &Fields,
    place: &Place,
    room: usize,
) -> Result<Part, Problem> {
    let theirs = match place {
        Place::Own(_) => None,
        Place::Account(theirs) => theirs.as_ref(),
    };
    let Some(account) = &house.settings.account else {
        return match place {
            Place::Own(_) => Ok(Part::default()),
            Place::Account(_) => Err(no_account()),
        };
    };
    // How many there are is asked for even where none of them has room.
    let mut ask = account
        .ask(Method::GET, "/v2/voices")
        .query("page_size", room.max(1));
    if let Some(token) = theirs {
        ask = ask.query("next_page_token", token);
    }
    for (name, value) in fields {
        if name != "page_size" && name != "next_page_token" {
            ask = ask.query(name, value);
        }
    }
    let answer = match place {
        Place::Account(_) => ask.answer().await.map_err(|error| failed(&error))?,
        Place::Own(_) => match beside(ask).await {
            Some(answer) => answer,
            None => return Ok(Part::default()),
        },
    };
    let found = voices(&answer);
    let next = if room == 0 {
        (!found.is_empty()).then(|| TOKEN.to_owned())
    } else {
        let token = answer["next_page_token"].as_str();
        token
            .filter(|_| answer["has_more"] == true)
            .map(|token| format!("{TOKEN}{token}"))
    };
    Ok(Part {
        voices: if room == 0 { Vec::new() } else { found },
        next,
        total: answer["total_count"].as_u64().unwrap_or(0) as usize,
    })
}

/// One voice of the account.
pub(super) async fn voice(account: &Account, id: &str) -> Result<Json<Value>, Problem> {
    let voice = account.voices().get(id).await;
    voice
        .map(|voice| Json(json!(voice)))
        .map_err(|error| failed(&error))
}

/// How it speaks.
pub(super) async fn settings(account: &Account, id: &str) -> Result<Json<Value>, Problem> {
    let settings = account.voices().settings(id).await;
    settings
        .map(|settings| Json(json!(settings)))
        .map_err(|error| failed(&error))
}

/// The library of voices that everybody may add to their own.
pub(super) async fn library(
    State(house): House_,
    Query(fields): Query<Fields>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let account = house.settings.account.as_ref().ok_or_else(no_account)?;
    let mut ask = account.ask(Method::GET, "/v1/shared-voices");
    for (name, value) in &fields {
        ask = ask.query(name, value);
    }
    ask.answer().await.map(Json).map_err(|error| failed(&error))
}

/// Adds a voice of the library to the account.
pub(super) async fn add(
    State(house): House_,
    Path((owner, id)): Path<(String, String)>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let account = house.settings.account.as_ref().ok_or_else(no_account)?;
    let name = body["new_name"].as_str();
    let name = name.ok_or_else(|| Problem::missing("new_name"))?;
    let mut voice = SharedVoice::default();
    (voice.public_owner_id, voice.voice_id) = (owner, id);
    let added = account.voices().add_shared(&voice, name).await;
    added
        .map(|voice_id| Json(json!({ "voice_id": voice_id })))
        .map_err(|error| failed(&error))
}

fn voices(answer: &Value) -> Vec<Value> {
    answer["voices"].as_array().cloned().unwrap_or_default()
}

/// What is shown beside this server's own, if it comes soon.
async fn beside(ask: Ask<'_>) -> Option<Value> {
    let why = match timeout(PATIENCE, ask.answer()).await {
        Ok(Ok(answer)) => return Some(answer),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer yet".to_owned(),
    };
    tracing::warn!("the voices of the account are not shown: {why}");
    None
}

fn no_account() -> Problem {
    Problem::not_built(
        "The library of voices is an account's: start this server with ELEVENLABS_API_KEY set. /v1/voices lists what there is.",
    )
}

fn failed(error: &ApiError) -> Problem {
    match error {
        ApiError::NotFound(said) => Problem::no_such_voice(said.to_string()),
        ApiError::Invalid(said) => Problem::invalid(said.to_string()),
        other => Problem::storage(format!("The account of this server: {other}.")),
    }
}
