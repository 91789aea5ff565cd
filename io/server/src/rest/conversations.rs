//! `/v1/convai/conversations`: what remains of conversations.

mod query;
mod search;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body as AxumBody,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Path, Query, RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{After, Conversations, FileEntry, Summary, Whole};
use tokio::time::timeout;

use super::{body::Body, need_key, records};
use crate::{
    Problem,
    http::House,
    ids,
    records::{Records, conversation_view, recording, summary_view},
};
use query::Wanted;

/// Files of one conversation.
const MOST_FILES: usize = 10;
/// Bytes of one file.
const LARGEST_FILE: usize = 20 << 20;
/// How long to wait for the disk before showing what is there.
const FRESH: Duration = Duration::from_secs(1);
/// The longest comment, in bytes.
const LONGEST_COMMENT: usize = 4_000;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/convai/conversations", get(list))
        .route(
            "/v1/convai/conversations/messages/text-search",
            get(search::exact),
        )
        .route(
            "/v1/convai/conversations/messages/smart-search",
            get(search::smart),
        )
        .route("/v1/convai/conversations/{id}", get(show).delete(erase))
        .route("/v1/convai/conversations/{id}/audio", get(audio))
        .route("/v1/convai/conversations/{id}/feedback", post(feedback))
        .route(
            "/v1/convai/conversations/{id}/files",
            // The limit is in the handler, by file.
            post(upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/v1/convai/conversations/{id}/files/{file}", delete(remove))
        .route("/v1/convai/conversations/{id}/analysis/run", post(analyse))
        .route("/v1/convai/users", get(users))
        .route("/v1/convai/analytics/live-count", get(live))
}

type House_ = State<Arc<House>>;

/// What the store cannot do is the server's trouble, told without its details.
pub(super) fn trouble(error: &store::StoreError) -> Problem {
    tracing::error!(%error, "the store failed");
    Problem::storage("The server could not read or keep this.")
}

/// Whoever asks sees all that was said before: what waits for the disk is waited for, within reason.
async fn conversations(house: &House) -> Result<(&Records, Conversations), Problem> {
    let records = records(house)?;
    let log = records.store().log();
    // A disk that stands still shows what it has.
    let _ = timeout(FRESH, log.flush()).await;
    Ok((records, records.store().conversations()))
}

async fn find(conversations: &Conversations, id: &str) -> Result<Whole, Problem> {
    let found = conversations.get(id).await;
    found
        .or_else(|error| match error {
            store::StoreError::Id(_) => Ok(None),
            other => Err(trouble(&other)),
        })?
        .ok_or_else(|| Problem::no_conversation(id))
}

async fn find_line(conversations: &Conversations, id: &str) -> Result<Summary, Problem> {
    let found = conversations.summary(id).await.map_err(|e| trouble(&e))?;
    found.ok_or_else(|| Problem::no_conversation(id))
}

async fn list(
    State(house): House_,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let (records, conversations) = conversations(&house).await?;
    let prices = records.prices();
    let wanted = Wanted::read(raw.as_deref().unwrap_or_default())?;
    let after = after(&conversations, wanted.cursor.as_deref()).await?;
    let most = wanted.size as u64 + 1;
    let mut found = if wanted.nothing {
        Vec::new()
    } else {
        conversations
            .list(&wanted.filter, after.as_ref(), most)
            .await
            .map_err(|e| trouble(&e))?
    };
    let has_more = found.len() > wanted.size;
    found.truncate(wanted.size);
    let line = |line: &Summary| summary_view(line, wanted.with_summary, &prices);
    Ok(Json(json!({
        "conversations": found.iter().map(line).collect::<Vec<_>>(),
        "has_more": has_more,
        "next_cursor": found.last().filter(|_| has_more).map(|line| &line.id),
    })))
}

/// The cursor is the last conversation's id, so that conversations that come in between do not shift the rest.
async fn after(
    conversations: &Conversations,
    cursor: Option<&str>,
) -> Result<Option<After>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    match conversations.summary(cursor).await {
        Ok(Some(line)) => Ok(Some(After {
            started: line.started,
            id: line.id,
        })),
        Ok(None) => Err(Problem::bad_cursor()),
        Err(error) => Err(trouble(&error)),
    }
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    Query(coding): Query<Coding>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    if coding.format.is_some_and(|format| format != "json") {
        let words = "Conversations are shown as JSON here: leave out format.";
        return Err(Problem::not_built(words).at("format"));
    }
    let (records, conversations) = conversations(&house).await?;
    let whole = find(&conversations, &id).await?;
    Ok(Json(conversation_view(&whole, &records.prices())))
}

async fn erase(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let (_, conversations) = conversations(&house).await?;
    let line = find_line(&conversations, &id).await?;
    if line.status == "in-progress" {
        return Err(Problem::conflict(format!(
            "The conversation {id} is under way: end it first."
        )));
    }
    conversations.erase(&id).await.map_err(|e| trouble(&e))?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Coding {
    format: Option<String>,
}

impl Coding {
    /// WAV is sent to those who ask for it by name; others get MP3, as from ElevenLabs.
    fn is_wav(&self, headers: &HeaderMap) -> Result<bool, Problem> {
        match self.format.as_deref() {
            None | Some("") => {}
            Some("wav") => return Ok(true),
            Some("mp3") => return Ok(false),
            Some(_) => return Err(Problem::bad_format("The format is mp3 or wav.").at("format")),
        }
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default();
        let names = |wanted: &[&str]| {
            let mut kinds = accept.split(',').filter_map(|kind| kind.split(';').next());
            kinds.any(|kind| wanted.contains(&kind.trim()))
        };
        Ok(names(&["audio/wav", "audio/x-wav", "audio/wave"]) && !names(&["audio/mpeg"]))
    }
}

async fn audio(
    State(house): House_,
    Path(id): Path<String>,
    Query(query): Query<Coding>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    need_key(&house, &headers)?;
    let as_wav = query.is_wav(&headers)?;
    let (records, conversations) = conversations(&house).await?;
    let whole = find(&conversations, &id).await?;
    if whole.summary.status == "in-progress" {
        return Err(Problem::too_early(
            "The conversation is under way; its recording is ready when it is over.",
        ));
    }
    let Some(path) = whole.recording else {
        return Err(Problem::no_sound(&id));
    };
    let bytes = if as_wav {
        recording(&path).await
    } else {
        records.mp3(&path).await
    };
    let bytes = bytes.map_err(|error| {
        tracing::error!(%error, conversation = id, "a recording cannot be read");
        Problem::storage("The recording could not be read.")
    })?;
    let total = bytes.len();
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .and_then(|range| part(range, total));
    let mut response = match range {
        Some((from, to)) => {
            let piece = bytes.get(from..=to).unwrap_or_default().to_vec();
            let mut response = Response::new(AxumBody::from(piece));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            if let Ok(value) = HeaderValue::from_str(&format!("bytes {from}-{to}/{total}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            response
        }
        None => Response::new(AxumBody::from(bytes)),
    };
    for (name, value) in [
        (
            header::CONTENT_TYPE,
            if as_wav { "audio/wav" } else { "audio/mpeg" },
        ),
        (header::VARY, "Accept"),
        (header::ACCEPT_RANGES, "bytes"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// First and last byte of `bytes=a-b`, `bytes=a-` or `bytes=-n`, where they lie within `total`.
fn part(range: &str, total: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = total.checked_sub(1)?;
    let (from, to) = match (from.trim(), to.trim()) {
        ("", count) => (total.saturating_sub(count.parse().ok()?), last),
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.min(last)),
    };
    (from <= to).then_some((from, to))
}

/// Needs no key, by ElevenLabs' design: pages that hold a conversation ask their visitors how it was. Whoever knows the
/// conversation's id, which nobody can guess, has held it.
async fn feedback(
    State(house): House_,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let (_, conversations) = conversations(&house).await?;
    let bytes = axum::body::to_bytes(request.into_body(), house.settings.limits.body_bytes)
        .await
        .map_err(|_| Problem::too_large())?;
    let body: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::malformed(format!("The body is not JSON: {error}.")))?;
    let line = find_line(&conversations, &id).await?;
    let mut score = line.score;
    if let Some(said) = body.get("feedback") {
        score = match said {
            Value::Null => None,
            Value::String(text) if matches!(text.as_str(), "like" | "dislike") => {
                Some(text.clone())
            }
            _ => {
                let words = "feedback is \"like\", \"dislike\" or null.";
                return Err(Problem::invalid(words).at("feedback"));
            }
        };
    }
    let mut rating = line.rating;
    if let Some(said) = body.get("rating") {
        rating = match said {
            Value::Null => None,
            _ => match said.as_i64() {
                Some(stars @ 1..=5) => Some(stars),
                _ => return Err(Problem::invalid("rating is a number from 1 to 5.").at("rating")),
            },
        };
    }
    let mut comment = line.comment;
    if let Some(said) = body.get("comment") {
        comment = match said.as_str().map(str::trim) {
            Some(text) if text.len() > LONGEST_COMMENT => {
                return Err(Problem::invalid("The comment is too long.").at("comment"));
            }
            other => other.filter(|text| !text.is_empty()).map(str::to_owned),
        };
    }
    conversations
        .rate(&id, score.as_deref(), rating, comment.as_deref())
        .await
        .map_err(|e| trouble(&e))?;
    Ok(Json(json!({})))
}

/// Needs no key, as [`feedback`]; only while the conversation is under way.
async fn upload(
    State(house): House_,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let (_, conversations) = conversations(&house).await?;
    let line = find_line(&conversations, &id).await?;
    if line.status != "in-progress" {
        return Err(Problem::conflict(format!(
            "The conversation {id} is over: files can be shown while it is under way."
        )));
    }
    let files = conversations.files(&id).await.map_err(|e| trouble(&e))?;
    if files.len() >= MOST_FILES {
        return Err(Problem::invalid(format!(
            "A conversation holds {MOST_FILES} files at most."
        )));
    }
    let (name, mime, bytes) = one_file(request).await?;
    let file = FileEntry {
        id: ids::new("file_"),
        conversation: id,
        name,
        mime,
        bytes: bytes.len() as u64,
    };
    conversations
        .add_file(&file, bytes)
        .await
        .map_err(|e| trouble(&e))?;
    Ok(Json(json!({ "file_id": file.id })))
}

/// The part `file` of a form: its name, type and bytes.
async fn one_file(request: Request) -> Result<(String, String, Vec<u8>), Problem> {
    let wrong = |error: axum::extract::multipart::MultipartError| {
        Problem::invalid(format!("The form cannot be read: {error}.")).at("file")
    };
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| Problem::invalid(error.to_string()).at("file"))?;
    while let Some(mut field) = form.next_field().await.map_err(wrong)? {
        if field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().unwrap_or("file").to_owned();
        let mime = field
            .content_type()
            .unwrap_or("application/octet-stream")
            .to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(wrong)? {
            if bytes.len() + chunk.len() > LARGEST_FILE {
                return Err(Problem::too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        return Ok((name, mime, bytes));
    }
    Err(Problem::missing("file"))
}

async fn remove(
    State(house): House_,
    Path((id, file)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (_, conversations) = conversations(&house).await?;
    find_line(&conversations, &id).await?;
    let removed = conversations.remove_file(&id, &file).await;
    if removed.map_err(|e| trouble(&e))? {
        Ok(Json(json!({ "file_id": file })))
    } else {
        Err(Problem::no_file(&file))
    }
}

/// Looks at a conversation once more, with the agent as it was then.
async fn analyse(
    State(house): House_,
    Path(id): Path<String>,
    Body(_): Body,
) -> Result<Json<Value>, Problem> {
    let (records, conversations) = conversations(&house).await?;
    let whole = find(&conversations, &id).await?;
    if whole.summary.status == "in-progress" {
        return Err(Problem::too_early("The conversation is under way."));
    }
    records
        .analyse(&whole, &crate::http::judge(&house))
        .await
        .map_err(|e| trouble(&e))?;
    let whole = find(&conversations, &id).await?;
    Ok(Json(conversation_view(&whole, &records.prices())))
}

async fn users(
    State(house): House_,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let (_, conversations) = conversations(&house).await?;
    let wanted = Wanted::read(raw.as_deref().unwrap_or_default())?;
    let found = conversations
        .users(
            &wanted.filter,
            wanted.cursor.as_deref(),
            wanted.size as u64 + 1,
        )
        .await
        .map_err(|e| trouble(&e))?;
    let has_more = found.len() > wanted.size;
    let shown = found.get(..wanted.size).unwrap_or(&found);
    Ok(Json(json!({
        "users": shown.iter().map(|user| json!({
            "user_id": user.id,
            "last_contact_unix_secs": user.last / 1_000_000,
            "first_contact_unix_secs": user.first / 1_000_000,
            "conversation_count": user.conversations,
        })).collect::<Vec<_>>(),
        "has_more": has_more,
        "next_cursor": shown.last().filter(|_| has_more).map(|user| &user.id),
    })))
}

async fn live(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(json!({ "count": house.admission.count() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_recording_lies_within_it() {
        assert_eq!(part("bytes=0-9", 100), Some((0, 9)));
        assert_eq!(part("bytes=90-", 100), Some((90, 99)));
        assert_eq!(part("bytes=-10", 100), Some((90, 99)));
        assert_eq!(part("bytes=90-200", 100), Some((90, 99)));
        for range in [
            "bytes=100-",
            "bytes=9-3",
            "items=0-1",
            "bytes=a-b",
            "bytes=0-",
        ] {
            assert_eq!(
                part(range, if range == "bytes=0-" { 0 } else { 100 }),
                None,
                "{range}"
            );
        }
    }
}
