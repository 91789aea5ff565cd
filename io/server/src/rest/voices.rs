//! `/v1/voices` and `/v2/voices`: the voices of this server.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::get,
};
use providers::tts::Voice;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{need_key, speech};
use crate::{Problem, http::House};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/voices", get(all))
        .route("/v2/voices", get(search))
        .route("/v1/voices/settings/default", get(default_settings))
        .route("/v1/voices/{id}", get(show))
        .route("/v1/voices/{id}/settings", get(settings))
}

type House_ = State<Arc<House>>;

/// The one model that the embedded voices are.
const MODEL: &str = "duologue_embedded";

async fn all(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let voices = speech(&house)?.tts.voices();
    Ok(Json(
        json!({"voices": voices.iter().map(to_rest).collect::<Vec<_>>()}),
    ))
}

#[derive(Deserialize)]
struct Search {
    next_page_token: Option<String>,
    page_size: Option<usize>,
    search: Option<String>,
    sort: Option<String>,
    sort_direction: Option<String>,
    voice_type: Option<String>,
    category: Option<String>,
    include_total_count: Option<bool>,
}

async fn search(
    State(house): House_,
    Query(query): Query<Search>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let mut voices = speech(&house)?.tts.voices();
    if let Some(text) = &query.search {
        let text = text.to_lowercase();
        voices.retain(|voice| {
            [&voice.id, &voice.name, &voice.description]
                .iter()
                .any(|field| field.to_lowercase().contains(&text))
        });
    }
    let premade = query
        .category
        .as_deref()
        .is_none_or(|category| category == "premade")
        && !matches!(
            query.voice_type.as_deref(),
            Some("personal" | "community" | "workspace" | "non-default" | "saved")
        );
    if !premade {
        voices.clear();
    }
    if query.sort.as_deref() == Some("name") {
        voices.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if query.sort_direction.as_deref() == Some("desc") {
        voices.reverse();
    }
    let size = query.page_size.unwrap_or(10);
    if !(1..=100).contains(&size) {
        return Err(Problem::invalid("page_size is 1 to 100.").at("page_size"));
    }
    let from = match &query.next_page_token {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .ok()
            .filter(|from| *from <= voices.len())
            .ok_or_else(|| {
                Problem::invalid("This page token is not known.").at("next_page_token")
            })?,
    };
    let total = voices.len();
    let until = (from + size).min(total);
    Ok(Json(json!({
        "voices": voices[from..until].iter().map(to_rest).collect::<Vec<_>>(),
        "has_more": until < total,
        "total_count": if query.include_total_count == Some(false) { 0 } else { total },
        "next_page_token": (until < total).then(|| until.to_string()),
    })))
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(to_rest(&find(&house, &id)?)))
}

async fn settings(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    find(&house, &id)?;
    Ok(Json(own_settings()))
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

fn to_rest(voice: &Voice) -> Value {
    json!({
        "voice_id": voice.id,
        "name": voice.name,
        "category": "premade",
        "description": voice.description,
        "labels": {"language": voice.language, "description": voice.description},
        "samples": [],
        "fine_tuning": {"is_allowed_to_fine_tune": false, "state": {}},
        "preview_url": null,
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
