//! `/v1/voices` and `/v2/voices`: the voices of this server, and of the account that it was given.

mod account;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use providers::tts::Voice;
use serde_json::{Value, json};

use super::{need_key, public_url, speech, tts};
use crate::{Problem, http::House};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/voices", get(all))
        .route("/v2/voices", get(search))
        .route("/v1/voices/settings/default", get(default_settings))
        .route("/v1/voices/{id}", get(show))
        .route("/v1/voices/{id}/settings", get(settings))
        .route("/v1/voices/{id}/preview", get(preview))
        .route("/v1/shared-voices", get(account::library))
        .route("/v1/voices/add/{owner}/{id}", post(account::add))
}

type House_ = State<Arc<House>>;

/// The one model that the embedded voices are.
const MODEL: &str = "duologue_embedded";

async fn all(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let base = public_url(&house, &headers)?;
    let own = speech(&house)?.tts.voices();
    let mut voices: Vec<Value> = own.iter().map(|voice| to_rest(voice, &base)).collect();
    voices.extend(account::all(&house).await);
    Ok(Json(json!({ "voices": voices })))
}

/// Every field, some of which may stand more than once.
type Fields = Vec<(String, String)>;

async fn search(
    State(house): House_,
    Query(fields): Query<Fields>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let base = public_url(&house, &headers)?;
    let field = |name: &str| {
        let mut values = fields.iter().filter(|(field, _)| field == name);
        values.next().map(|(_, value)| value.as_str())
    };
    let own = narrowed(speech(&house)?.tts.voices(), &fields);
    let size = field("page_size").map_or(Some(10), |size| size.parse().ok());
    let size = size
        .filter(|size| (1..=100).contains(size))
        .ok_or_else(|| Problem::invalid("page_size is 1 to 100.").at("page_size"))?;
    let place = match field("next_page_token") {
        None => Some(Place::Own(0)),
        Some(token) => account::place(token).or_else(|| {
            let from = token.parse().ok().filter(|from| *from <= own.len());
            from.map(Place::Own)
        }),
    };
    let place = place
        .ok_or_else(|| Problem::invalid("This page token is not known.").at("next_page_token"))?;
    let mut page = Vec::new();
    let (mut next, mut total) = (None, own.len());
    if let Place::Own(from) = place {
        let until = (from + size).min(own.len());
        page.extend(own[from..until].iter().map(|voice| to_rest(voice, &base)));
        next = (until < own.len()).then(|| until.to_string());
    }
    let room = if next.is_some() { 0 } else { size - page.len() };
    let theirs = account::page(&house, &fields, &place, room).await?;
    page.extend(theirs.voices);
    total += theirs.total;
    next = next.or(theirs.next);
    let counted = field("include_total_count") != Some("false");
    Ok(Json(json!({
        "voices": page,
        "has_more": next.is_some(),
        "total_count": if counted { total } else { 0 },
        "next_page_token": next,
    })))
}

/// Where a page of voices begins.
enum Place {
    /// At one of this server's own.
    Own(usize),
    /// At the account's, from this token of its on.
    Account(Option<String>),
}

/// Those of this server's voices that are looked for.
fn narrowed(mut voices: Vec<Voice>, fields: &Fields) -> Vec<Voice> {
    let mut ids = fields
        .iter()
        .filter_map(|(name, value)| (name == "voice_ids").then_some(value))
        .peekable();
    if ids.peek().is_some() {
        let ids: Vec<&String> = ids.collect();
        voices.retain(|voice| ids.contains(&&voice.id));
    }
    let mut sort = (false, false);
    for (name, value) in fields {
        match (name.as_str(), value.as_str()) {
            ("search", text) => {
                let text = text.to_lowercase();
                voices.retain(|voice| {
                    [&voice.id, &voice.name, &voice.description]
                        .iter()
                        .any(|field| field.to_lowercase().contains(&text))
                });
            }
            ("category", category) if category != "premade" => voices.clear(),
            ("voice_type", "personal" | "community" | "workspace" | "non-default" | "saved")
            | ("collection_id", _) => voices.clear(),
            ("sort", "name") => sort.0 = true,
            ("sort_direction", "desc") => sort.1 = true,
            _ => {}
        }
    }
    if sort.0 {
        voices.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if sort.1 {
        voices.reverse();
    }
    voices
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    match (find(&house, &id), &house.settings.account) {
        (Err(_), Some(account)) => account::voice(account, &id).await,
        (own, _) => Ok(Json(to_rest(&own?, &public_url(&house, &headers)?))),
    }
}

async fn settings(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    match (find(&house, &id), &house.settings.account) {
        (Err(_), Some(account)) => account::settings(account, &id).await,
        (own, _) => own.map(|_| Json(own_settings())),
    }
}

/// A sample of one of this server's voices, for anybody: pages play it without a key.
async fn preview(State(house): House_, Path(id): Path<String>) -> Result<Response, Problem> {
    let voice = find(&house, &id)?;
    let sample = tts::sample(speech(&house)?, &voice).await?;
    let kind = (header::CONTENT_TYPE, "audio/mpeg");
    let keep = (header::CACHE_CONTROL, "public, max-age=86400");
    Ok(([kind, keep], sample).into_response())
}

async fn default_settings(
    State(house): House_,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(own_settings()))
}

fn find(house: &House, id: &str) -> Result<Voice, Problem> {
    let voices = speech(house)?.tts.voices();
    let ids: Vec<String> = voices.iter().map(|voice| voice.id.clone()).collect();
    voices
        .into_iter()
        .find(|voice| voice.id == id)
        .ok_or_else(|| Problem::no_voice(id, ids.iter().map(String::as_str)))
}

/// What can be set is the speed; the rest is what the API's defaults are.
fn own_settings() -> Value {
    json!({"stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": false, "speed": 1.0})
}

fn to_rest(voice: &Voice, base: &str) -> Value {
    json!({
        "voice_id": voice.id,
        "name": voice.name,
        "category": "premade",
        "description": voice.description,
        "labels": {"language": voice.language, "description": voice.description},
        "samples": [],
        "fine_tuning": {"is_allowed_to_fine_tune": false, "state": {}},
        "preview_url": format!("{base}/v1/voices/{}/preview", voice.id),
        "available_for_tiers": [],
        "settings": own_settings(),
        "sharing": null,
        "high_quality_base_model_ids": [MODEL],
        "verified_languages": [{"language": voice.language, "model_id": MODEL}],
        "voice_verification": {"requires_verification": false, "is_verified": true,
            "verification_failures": [], "verification_attempts_count": 0},
        "is_owner": false,
        "is_legacy": false,
        "is_mixed": false,
    })
}
