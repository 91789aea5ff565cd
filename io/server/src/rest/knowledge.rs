//! `/v1/convai/knowledge-base`: documents and folders.

mod incoming;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, RawQuery, State},
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse as _, Response},
    routing::{get, patch, post},
};
use knowledge::{Document, Kind, Library, LibraryError, extract::LARGEST_FILE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    abilities,
    body::Body,
    list::{Force, listed, page_of, repeated},
    need_key,
    tools::used_by,
};
use crate::{
    Problem,
    agents::{Page, PageQuery},
    http::{House, now},
};

const PLACE: &str = "/v1/convai/knowledge-base";

pub(super) fn routes() -> Router<Arc<House>> {
    let at = |rest: &str| format!("{PLACE}{rest}");
    let large = DefaultBodyLimit::max(LARGEST_FILE + 64 * 1024);
    Router::new()
        .route(PLACE, get(list).post(incoming::either).layer(large))
        .route(&at("/text"), post(incoming::text))
        .route(&at("/url"), post(incoming::url))
        .route(&at("/file"), post(incoming::file).layer(large))
        .route(&at("/folder"), post(incoming::folder))
        .route(&at("/search"), get(search))
        .route(&at("/summaries"), get(summaries))
        .route(&at("/bulk-delete"), post(delete_many))
        .route(&at("/bulk-move"), post(move_many))
        .route(&at("/{id}"), get(show).patch(update).delete(delete))
        .route(&at("/{id}/content"), get(content))
        .route(&at("/{id}/chunks"), get(chunks))
        .route(&at("/{id}/chunk/{chunk}"), get(chunk))
        .route(&at("/{id}/dependent-agents"), get(dependents))
        .route(&at("/{id}/move"), post(shelve))
        .route(&at("/{id}/refresh"), post(incoming::refresh))
        .route(
            &at("/{id}/update-file"),
            patch(incoming::replace).layer(large),
        )
        .route(&at("/{id}/rag-index"), get(indexes).post(indexed))
        .route("/v1/convai/agent/{id}/knowledge-base/size", get(size))
}

type House_ = State<Arc<House>>;

fn library(house: &House) -> Result<&Library, Problem> {
    let missing = || Problem::not_built("This server keeps no documents.");
    abilities(house)?.library().ok_or_else(missing)
}

fn problem(error: LibraryError) -> Problem {
    match error {
        LibraryError::Unknown(id) => Problem::no_document(&id),
        LibraryError::Impossible(words) => Problem::invalid(words),
        other => Problem::storage(other.to_string()),
    }
}

/// A document with its text, as REST shows a single one.
async fn whole(house: &House, library: &Library, document: &Document) -> Result<Value, Problem> {
    let mut object = to_rest(house, library, document).await?;
    if document.kind != Kind::Folder {
        let text = library.text(&document.id).await.map_err(problem)?;
        object["extracted_inner_html"] = as_page(&text).into();
    }
    Ok(object)
}

/// A text in paragraphs.
fn as_page(text: &str) -> String {
    let mut page = String::from("<p>");
    for letter in text.chars() {
        match letter {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            '\n' if page.ends_with("<br>\n") => {
                page.truncate(page.len() - 5);
                page.push_str("</p>\n<p>");
            }
            '\n' => page.push_str("<br>\n"),
            other => page.push(other),
        }
    }
    page.push_str("</p>");
    page
}

/// A document as REST shows it among others.
async fn to_rest(house: &House, library: &Library, document: &Document) -> Result<Value, Problem> {
    let path = library.path(&document.id).await.map_err(problem)?;
    let path: Vec<Value> = path
        .iter()
        .map(|folder| json!({"id": folder.id, "name": folder.name}))
        .collect();
    let mut object = json!({
        "type": document.kind.as_str(),
        "id": document.id,
        "name": document.name,
        "metadata": {"created_at_unix_secs": document.created, "last_updated_at_unix_secs": document.updated,
            "size_bytes": document.size},
        "supported_usages": ["prompt", "auto"],
        "access_info": {"is_creator": true, "creator_name": "", "creator_email": "", "role": "admin"},
        "folder_parent_id": document.parent,
        "folder_path": path,
        "dependent_agents": agents_of(house, library, &document.id).await?,
    });
    match document.kind {
        Kind::Url => object["url"] = document.url.clone().into(),
        Kind::File => object["filename"] = document.file.clone().into(),
        Kind::Folder => {
            let all = library.all().await.map_err(problem)?;
            let within = library
                .within(std::slice::from_ref(&document.id))
                .await
                .map_err(problem)?;
            let children = all
                .iter()
                .filter(|one| one.parent.as_ref() == Some(&document.id))
                .count();
            let inside = all
                .iter()
                .filter(|one| one.kind != Kind::Folder && within.contains(&one.id))
                .count();
            object["children_count"] = children.into();
            object["document_count"] = inside.into();
        }
        Kind::Text => {}
    }
    Ok(object)
}

/// The agents that name a document, or a folder above it.
async fn agents_of(house: &House, library: &Library, id: &str) -> Result<Vec<Value>, Problem> {
    let mut ids: Vec<String> = library
        .path(id)
        .await
        .map_err(problem)?
        .into_iter()
        .map(|folder| folder.id)
        .collect();
    ids.push(id.to_owned());
    let agents = house.registry.all();
    let named = agents
        .values()
        .filter(|agent| entries(&agent.document).any(|known| ids.iter().any(|id| id == known)));
    Ok(named
        .map(|agent| {
            let mut user = used_by(agent);
            user["referenced_resource_ids"] = json!([id]);
            user
        })
        .collect())
}

/// The ids in an agent's `knowledge_base`.
fn entries(document: &Value) -> impl Iterator<Item = &str> {
    document
        .pointer("/conversation_config/agent/prompt/knowledge_base")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("id")?.as_str())
}

#[derive(Deserialize)]
struct Where {
    parent_folder_id: Option<String>,
    ancestor_folder_id: Option<String>,
    folders_first: Option<String>,
}

async fn list(
    State(house): House_,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    let query = query.unwrap_or_default();
    let types = repeated(&query, "types");
    let (page, place): (_, Where) = page_of(&query)?;
    let mut documents = library.all().await.map_err(problem)?;
    if let Some(folder) = place.parent_folder_id.filter(|id| !id.is_empty()) {
        // ElevenLabs calls the top so.
        let top = folder == "root";
        documents.retain(|one| {
            if top {
                one.parent.is_none()
            } else {
                one.parent.as_ref() == Some(&folder)
            }
        });
    }
    if let Some(folder) = place.ancestor_folder_id.filter(|id| !id.is_empty()) {
        let within = library
            .within(std::slice::from_ref(&folder))
            .await
            .map_err(problem)?;
        documents.retain(|one| one.id != folder && within.contains(&one.id));
    }
    documents.retain(|one| {
        page.matches(&one.name)
            && (types.is_empty() || types.iter().any(|kind| kind == one.kind.as_str()))
    });
    match page.sort_by.as_deref() {
        Some("name") => documents.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("updated_at") => documents.sort_by_key(|one| std::cmp::Reverse(one.updated)),
        _ => {}
    }
    let turned = match page.sort_by.as_deref() {
        Some("name") => page.sort_direction.as_deref() == Some("desc"),
        _ => page.sort_direction.as_deref() == Some("asc"),
    };
    if turned {
        documents.reverse();
    }
    if place.folders_first.as_deref() == Some("true") {
        documents.sort_by_key(|one| one.kind != Kind::Folder);
    }
    let cut = page.cut(documents, |one| &one.id)?;
    let mut shown = Vec::new();
    for document in &cut.items {
        shown.push(to_rest(&house, library, document).await?);
    }
    let page = Page {
        items: shown,
        next_cursor: cut.next_cursor,
    };
    Ok(listed("documents", page, |document| document))
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    let document = library.get(&id).await.map_err(problem)?;
    Ok(Json(whole(&house, library, &document).await?))
}

async fn update(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let library = library(&house)?;
    let mut document = library.get(&id).await.map_err(problem)?;
    if let Some(content) = body.get("content").and_then(Value::as_str) {
        if document.kind != Kind::Text {
            return Err(
                Problem::invalid("Only the content of texts can be changed.").at("content"),
            );
        }
        if content.trim().is_empty() {
            return Err(Problem::bad_text("empty_text", "A document needs text."));
        }
        document = library
            .replace(&id, content.as_bytes(), content)
            .await
            .map_err(problem)?;
    }
    if let Some(name) = body
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| !name.trim().is_empty())
    {
        document = library.rename(&id, name).await.map_err(problem)?;
    }
    Ok(Json(whole(&house, library, &document).await?))
}

async fn delete(
    State(house): House_,
    Path(id): Path<String>,
    Query(query): Query<Force>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    remove(&house, &id, query.is_set()).await?;
    Ok(Json(json!({})))
}

/// Deletes a document and what is in it. Agents that name it forget it when `force` says so; else they keep it.
async fn remove(house: &House, id: &str, force: bool) -> Result<(), Problem> {
    let library = library(house)?;
    let within = library.within(&[id.to_owned()]).await.map_err(problem)?;
    library.get(id).await.map_err(problem)?;
    let agents = house.registry.all();
    let users: Vec<_> = agents
        .values()
        .filter(|agent| entries(&agent.document).any(|known| within.contains(known)))
        .collect();
    if !users.is_empty() && !force {
        let ids: Vec<&str> = users.iter().map(|agent| agent.id.as_str()).collect();
        return Err(Problem::conflict(format!(
            "The document {id} is used by {}. Pass force=true to delete it all the same.",
            ids.join(", ")
        )));
    }
    for agent in users {
        let kept: Vec<Value> = agent
            .document
            .pointer("/conversation_config/agent/prompt/knowledge_base")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|entry| {
                entry
                    .get("id")
                    .and_then(Value::as_str)
                    .is_none_or(|id| !within.contains(id))
            })
            .cloned()
            .collect();
        let changes =
            json!({"conversation_config": {"agent": {"prompt": {"knowledge_base": kept}}}});
        // An agent of a file keeps a name that leads nowhere, which does no harm.
        if let Err(error) = house.registry.update(&agent.id, changes, now()).await {
            tracing::warn!(agent = agent.id, %error, "the agent still names a deleted document");
        }
    }
    library.delete(id).await.map_err(problem)
}

fn ids_of(body: &Value) -> Result<Vec<String>, Problem> {
    let ids = body.get("document_ids").and_then(Value::as_array);
    let ids = ids.ok_or_else(|| Problem::missing("document_ids"))?;
    Ok(ids
        .iter()
        .filter_map(|id| Some(id.as_str()?.to_owned()))
        .take(1_000)
        .collect())
}

async fn delete_many(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let force = body.get("force").and_then(Value::as_bool) == Some(true);
    let mut done = serde_json::Map::new();
    for id in ids_of(&body)? {
        let result = match remove(&house, &id, force).await {
            Ok(()) => json!({"status": "success", "data": {"id": id}}),
            Err(problem) => {
                json!({"status": "failure", "error_code": 400, "error_status": "failed", "error_message": problem.message()})
            }
        };
        done.insert(id, result);
    }
    Ok(Json(Value::Object(done)))
}

fn target(body: &Value) -> Option<&str> {
    body.get("move_to")
        .and_then(Value::as_str)
        .filter(|folder| !folder.is_empty() && *folder != "root")
}

async fn shelve(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    library(&house)?
        .shelve(&id, target(&body))
        .await
        .map_err(problem)?;
    Ok(Json(json!({})))
}

async fn move_many(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    for id in ids_of(&body)? {
        library(&house)?
            .shelve(&id, target(&body))
            .await
            .map_err(problem)?;
    }
    Ok(Json(json!({})))
}

/// The text; a page of the web and a file that is a page as they came.
async fn content(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    library.get(&id).await.map_err(problem)?;
    let text = library.text(&id).await.map_err(problem)?;
    let mut response = Html(as_page(&text)).into_response();
    // What strangers wrote is text, and no page of this server.
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn passage(id: &str, number: i64, text: &str) -> Value {
    json!({"id": format!("{id}:{number}"), "name": format!("Part {}", number + 1), "content": text})
}

async fn chunks(
    State(house): House_,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    library.get(&id).await.map_err(problem)?;
    let passages = library.passages(&id, 0, i64::MAX).await.map_err(problem)?;
    let passages: Vec<(String, Value)> = passages
        .iter()
        .map(|one| {
            (
                format!("{id}:{}", one.number),
                passage(&id, one.number, &one.text),
            )
        })
        .collect();
    let cut = page.cut(passages, |(id, _)| id)?;
    Ok(listed("chunks", cut, |(_, value)| value))
}

async fn chunk(
    State(house): House_,
    Path((id, chunk)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    library.get(&id).await.map_err(problem)?;
    let number = chunk
        .strip_prefix(&format!("{id}:"))
        .unwrap_or(&chunk)
        .parse::<i64>()
        .map_err(|_| Problem::no_document(&chunk))?;
    let found = library.passages(&id, number, 1).await.map_err(problem)?;
    let found = found.first().filter(|one| one.number == number);
    found
        .map(|one| Json(passage(&id, number, &one.text)))
        .ok_or_else(|| Problem::no_document(&chunk))
}

async fn dependents(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    let agents = agents_of(&house, library, &id).await?;
    Ok(Json(
        json!({"agents": agents, "has_more": false, "next_cursor": null}),
    ))
}

/// Every document is in the index from the moment it is kept.
async fn index_of(house: &House, id: &str, model: &str) -> Result<Value, Problem> {
    let library = library(house)?;
    let document = library.get(id).await.map_err(problem)?;
    Ok(
        json!({"id": document.id, "model": model, "status": "succeeded", "progress_percentage": 100.0,
        "document_model_index_usage": {"used_bytes": document.size}}),
    )
}

async fn indexed(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let model = body
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or("duologue_words");
    Ok(Json(index_of(&house, &id, model).await?))
}

async fn indexes(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let index = index_of(&house, &id, "duologue_words").await?;
    Ok(Json(json!({ "indexes": [index] })))
}

#[derive(Deserialize)]
struct Question {
    query: Option<String>,
    q: Option<String>,
    search: Option<String>,
    text_query: Option<String>,
}

async fn search(
    State(house): House_,
    Query(question): Query<Question>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    let text = question
        .query
        .or(question.q)
        .or(question.search)
        .or(question.text_query);
    let text = text.ok_or_else(|| Problem::missing("query"))?;
    let mut results = Vec::new();
    for hit in library.search(&text, None, 30).await.map_err(problem)? {
        let document = library.get(&hit.document).await.map_err(problem)?;
        results.push(
            json!({"document": to_rest(&house, library, &document).await?, "score": hit.score,
            "search_snippet": [{"value": hit.text, "is_hit": false}],
            "chunk_id": format!("{}:{}", hit.document, hit.passage)}),
        );
    }
    Ok(Json(json!({"results": results, "next_cursor": null})))
}

async fn summaries(
    State(house): House_,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let library = library(&house)?;
    let mut all = serde_json::Map::new();
    let query = query.unwrap_or_default();
    for id in repeated(&query, "document_ids") {
        let entry = match library.get(&id).await {
            Ok(document) => {
                json!({"status": "success", "data": to_rest(&house, library, &document).await?})
            }
            Err(_) => {
                json!({"status": "failure", "error_code": 404, "error_status": "document_not_found",
                "error_message": Problem::no_document(&id).message()})
            }
        };
        all.insert(id, entry);
    }
    Ok(Json(Value::Object(all)))
}

/// Pages of 2,000 characters.
async fn size(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let agent = house.registry.need(&id)?;
    let ids: Vec<String> = entries(&agent.document).map(str::to_owned).collect();
    let mut characters = 0;
    if let Ok(library) = library(&house) {
        for id in library.within(&ids).await.map_err(problem)? {
            characters += library.text(&id).await.map_err(problem)?.chars().count();
        }
    }
    Ok(Json(
        json!({"number_of_pages": characters as f64 / 2_000.0}),
    ))
}
