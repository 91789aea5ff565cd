//! Documents on their way in: texts, files and pages.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{FromRequest as _, Multipart, Path, Request, State},
    http::{HeaderMap, header},
};
use knowledge::{
    Document, Kind, New,
    extract::{self, ExtractError, FileKind, LARGEST_FILE},
};
use providers::outbound::OutboundError;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    super::{abilities, body::Body, need_key},
    library, problem, whole,
};
use crate::{Problem, http::House, ids};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a page may lead to another.
const REDIRECTS: usize = 3;
/// Names are no longer, in characters.
const LONGEST_NAME: usize = 200;

type House_ = State<Arc<House>>;

fn field(body: &Value, name: &str) -> Option<String> {
    let text = body.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn named(name: Option<String>, otherwise: &str) -> String {
    let name = name.unwrap_or_else(|| otherwise.to_owned());
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_NAME)
        .collect();
    if name.trim().is_empty() {
        "Untitled".to_owned()
    } else {
        name
    }
}

async fn keep(house: &House, new: New) -> Result<Json<Value>, Problem> {
    let library = library(house)?;
    let document: Document = library.add(new).await.map_err(problem)?;
    let path = library.path(&document.id).await.map_err(problem)?;
    let path: Vec<Value> = path
        .iter()
        .map(|folder| json!({"id": folder.id, "name": folder.name}))
        .collect();
    Ok(Json(
        json!({"id": document.id, "name": document.name, "folder_path": path}),
    ))
}

fn unreadable(error: &ExtractError) -> Problem {
    match error {
        ExtractError::Late(_) => Problem::storage(sentence(&error.to_string())),
        _ => Problem::bad_file(sentence(&error.to_string())),
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!(
        "{}{}.",
        first.unwrap_or_default(),
        letters.as_str().trim_end_matches('.')
    )
}

/// `POST /text`.
pub(super) async fn text(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let text = match body.get("text") {
        None | Some(Value::Null) => return Err(Problem::missing("text")),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(Problem::invalid("text must be a text.").at("text")),
    };
    if text.trim().is_empty() {
        return Err(Problem::bad_text("empty_text", "A document needs text."));
    }
    let first: String = text
        .trim()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect();
    keep(
        &house,
        New {
            id: ids::new("doc_"),
            kind: Kind::Text,
            name: named(field(&body, "name"), &first),
            parent: field(&body, "parent_folder_id"),
            url: None,
            file: None,
            source: text.clone().into_bytes(),
            text,
        },
    )
    .await
}

/// `POST /folder`.
pub(super) async fn folder(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let name = field(&body, "name").ok_or_else(|| Problem::missing("name"))?;
    keep(
        &house,
        New {
            id: ids::new("fold_"),
            kind: Kind::Folder,
            name: named(Some(name), ""),
            parent: field(&body, "parent_folder_id"),
            url: None,
            file: None,
            source: Vec::new(),
            text: String::new(),
        },
    )
    .await
}

/// A page of the web: its bytes, its text and its name.
struct Page {
    bytes: Vec<u8>,
    text: String,
    name: String,
}

async fn fetch(house: &House, address: &str) -> Result<Page, Problem> {
    let wrong = |words: String| Problem::invalid(words).at("url");
    let url = address
        .parse()
        .map_err(|_| wrong(format!("{address:?} is no address of the web.")))?;
    let fetching = abilities(house)?
        .outbound()
        .fetch(url, REDIRECTS, LARGEST_FILE);
    let answer = timeout(PATIENCE, fetching).await.map_err(|_| {
        wrong(format!(
            "The page took longer than {} s.",
            PATIENCE.as_secs()
        ))
    })?;
    let answer = answer.map_err(|error: OutboundError| wrong(sentence(&error.to_string())))?;
    if !answer.status.is_success() {
        return Err(wrong(format!(
            "The page answers with HTTP {}.",
            answer.status.as_u16()
        )));
    }
    let media = answer.headers.get(header::CONTENT_TYPE.as_str());
    let media = media
        .and_then(|media| media.to_str().ok())
        .map(str::to_owned);
    let path = answer.url.path().to_owned();
    // What the server calls it counts more than how its address ends.
    let kind = FileKind::of("", media.as_deref(), &answer.body)
        .or_else(|_| FileKind::of(&path, None, &answer.body))
        .map_err(|error| unreadable(&error))?;
    let name = (kind == FileKind::Html)
        .then(|| extract::title(&String::from_utf8_lossy(&answer.body)))
        .flatten()
        .unwrap_or_else(|| address.to_owned());
    let text = extract::text_of(kind, answer.body.clone())
        .await
        .map_err(|error| unreadable(&error))?;
    Ok(Page {
        bytes: answer.body,
        text,
        name,
    })
}

/// `POST /url`.
pub(super) async fn url(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let address = field(&body, "url").ok_or_else(|| Problem::missing("url"))?;
    let (name, parent) = (field(&body, "name"), field(&body, "parent_folder_id"));
    keep_page(&house, address, name, parent).await
}

async fn keep_page(
    house: &Arc<House>,
    address: String,
    name: Option<String>,
    parent: Option<String>,
) -> Result<Json<Value>, Problem> {
    library(house)?;
    let page = fetch(house, &address).await?;
    keep(
        house,
        New {
            id: ids::new("doc_"),
            kind: Kind::Url,
            name: named(name, &page.name),
            parent,
            url: Some(address),
            file: None,
            source: page.bytes,
            text: page.text,
        },
    )
    .await
}

/// `POST /{id}/refresh`: the page as it is now.
pub(super) async fn refresh(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    let document = library.get(&id).await.map_err(problem)?;
    let address = document
        .url
        .ok_or_else(|| Problem::invalid("Only pages of the web can be fetched again."))?;
    let page = fetch(&house, &address).await?;
    let document = library
        .replace(&id, &page.bytes, &page.text)
        .await
        .map_err(problem)?;
    Ok(Json(whole(&house, library, &document).await?))
}

/// An upload.
#[derive(Default)]
struct Upload {
    file: Option<(String, Option<String>, Vec<u8>)>,
    name: Option<String>,
    parent: Option<String>,
    url: Option<String>,
}

async fn read(house: &Arc<House>, request: Request) -> Result<Upload, Problem> {
    need_key(house, request.headers())?;
    let malformed =
        |error: axum::extract::multipart::MultipartError| Problem::malformed(error.to_string());
    let mut form = Multipart::from_request(request, house)
        .await
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let mut upload = Upload::default();
    while let Some(mut part) = form.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().unwrap_or("file").to_owned();
        let media = part.content_type().map(str::to_owned);
        let limit = if name == "file" { LARGEST_FILE } else { 4_096 };
        let mut bytes = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(malformed)? {
            if bytes.len() + chunk.len() > limit {
                return Err(Problem::too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = || {
            Some(String::from_utf8_lossy(&bytes).trim().to_owned()).filter(|text| !text.is_empty())
        };
        match name.as_str() {
            "file" => upload.file = Some((file, media, bytes)),
            "name" => upload.name = text(),
            "parent_folder_id" => upload.parent = text(),
            "url" => upload.url = text(),
            _ => {}
        }
    }
    Ok(upload)
}

/// `POST /file`.
pub(super) async fn file(State(house): House_, request: Request) -> Result<Json<Value>, Problem> {
    let upload = read(&house, request).await?;
    keep_file(&house, upload).await
}

/// `POST` to the place itself: an upload of a file, or the address of a page, as one form.
pub(super) async fn either(State(house): House_, request: Request) -> Result<Json<Value>, Problem> {
    let upload = read(&house, request).await?;
    match upload.url {
        Some(address) if upload.file.is_none() => {
            keep_page(&house, address, upload.name, upload.parent).await
        }
        _ => keep_file(&house, upload).await,
    }
}

async fn keep_file(house: &Arc<House>, upload: Upload) -> Result<Json<Value>, Problem> {
    library(house)?;
    let (file, media, bytes) = upload.file.ok_or_else(|| Problem::missing("file"))?;
    let kind = FileKind::of(&file, media.as_deref(), &bytes).map_err(|error| unreadable(&error))?;
    let text = extract::text_of(kind, bytes.clone())
        .await
        .map_err(|error| unreadable(&error))?;
    keep(
        house,
        New {
            id: ids::new("doc_"),
            kind: Kind::File,
            name: named(upload.name, &file),
            parent: upload.parent,
            url: None,
            file: Some(file),
            source: bytes,
            text,
        },
    )
    .await
}

/// `PATCH /{id}/update-file`.
pub(super) async fn replace(
    State(house): House_,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let upload = read(&house, request).await?;
    let library = library(&house)?;
    let document = library.get(&id).await.map_err(problem)?;
    if document.kind != Kind::File {
        return Err(Problem::invalid("This document is no file."));
    }
    let (file, media, bytes) = upload.file.ok_or_else(|| Problem::missing("file"))?;
    let kind = FileKind::of(&file, media.as_deref(), &bytes).map_err(|error| unreadable(&error))?;
    let text = extract::text_of(kind, bytes.clone())
        .await
        .map_err(|error| unreadable(&error))?;
    let document = library.replace(&id, &bytes, &text).await.map_err(problem)?;
    Ok(Json(whole(&house, library, &document).await?))
}
