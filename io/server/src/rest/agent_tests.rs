//! `/v1/convai/agent-testing`: tests of agents, and folders of them; and running them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, RawQuery, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    body::Body,
    list::{Force, listed, page_of, repeated},
    need_key,
};
use crate::{
    Problem,
    agent_tests::{self, TestKind},
    http::{House, now},
};

pub(super) fn routes() -> Router<Arc<House>> {
    let place = "/v1/convai/agent-testing";
    let at = |rest: &str| format!("{place}{rest}");
    Router::new()
        .route(place, get(list))
        .route(&at("/create"), post(create))
        .route(&at("/summaries"), post(summaries))
        .route(&at("/bulk-move"), post(shelve))
        .route(&at("/folders"), post(make_folder))
        .route(
            &at("/folders/{id}"),
            get(show_folder).patch(rename_folder).delete(delete_folder),
        )
        .route(&at("/{id}"), get(show).put(update).delete(delete))
        .route("/v1/convai/agents/{id}/run-tests", post(run))
}

type House_ = State<Arc<House>>;

async fn create(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let id = house.tests.put(None, body, now()).await?;
    Ok(Json(json!({ "id": id })))
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    view(&house, &id)
}

fn view(house: &House, id: &str) -> Result<Json<Value>, Problem> {
    let record = house.tests.test(id)?;
    let document = agent_tests::document(&record);
    let mut test = document.as_object().cloned().unwrap_or_default();
    test.insert("id".to_owned(), id.into());
    let kind = TestKind::of(document).unwrap_or(TestKind::Llm);
    test.insert("type".to_owned(), kind.as_str().into());
    let parent = record.get("parent_folder_id").cloned();
    test.insert("parent_folder_id".to_owned(), parent.unwrap_or_default());
    Ok(Json(Value::Object(test)))
}

async fn update(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    house.tests.put(Some(&id), body, now()).await?;
    view(&house, &id)
}

async fn delete(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    house.tests.delete(&id).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Which {
    parent_folder_id: Option<String>,
    include_folders: Option<String>,
    sort_mode: Option<String>,
}

async fn list(
    State(house): House_,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let query = query.unwrap_or_default();
    let types = repeated(&query, "types");
    let (page, which): (_, Which) = page_of(&query)?;
    let (folders, kinds): (Vec<_>, Vec<_>) = types.iter().partition(|kind| *kind == "folder");
    let with_folders = !folders.is_empty() || which.include_folders.as_deref() == Some("true");
    let only_folders = !folders.is_empty() && kinds.is_empty();
    let mut entries = house.tests.entries();
    entries.retain(|entry| {
        let wanted = if entry.is_folder {
            with_folders
        } else {
            types.is_empty() || !only_folders && kinds.iter().any(|kind| *kind == entry.kind())
        };
        let place = match which.parent_folder_id.as_deref() {
            None | Some("") => true,
            Some("root") => entry.parent().is_none(),
            folder => entry.parent() == folder,
        };
        wanted && place && page.matches(entry.name())
    });
    entries.sort_by(|a, b| b.updated().cmp(&a.updated()).then_with(|| a.id.cmp(&b.id)));
    if which.sort_mode.as_deref() == Some("folders_first") {
        entries.sort_by_key(|entry| !entry.is_folder);
    }
    let cut = page.cut(entries, |entry| &entry.id)?;
    Ok(listed("tests", cut, |entry| house.tests.line(&entry)))
}

async fn summaries(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let ids = body.get("test_ids").and_then(Value::as_array);
    let ids = ids.ok_or_else(|| Problem::missing("test_ids"))?;
    let entries = house.tests.entries();
    let tests: Map<String, Value> = ids
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|id| {
            let entry = entries
                .iter()
                .find(|entry| entry.id == id && !entry.is_folder)?;
            Some((id.to_owned(), house.tests.line(entry)))
        })
        .collect();
    Ok(Json(json!({ "tests": tests })))
}

async fn shelve(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let ids = body.get("entity_ids").and_then(Value::as_array);
    let ids = ids.ok_or_else(|| Problem::missing("entity_ids"))?;
    let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
    let folder = body.get("move_to").and_then(Value::as_str);
    house.tests.shelve(&ids, folder).await?;
    Ok(Json(json!({})))
}

fn name(body: &Value) -> Result<&str, Problem> {
    let name = body.get("name").and_then(Value::as_str).map(str::trim);
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| Problem::missing("name"))
}

async fn make_folder(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let name = name(&body)?;
    let parent = body.get("parent_folder_id").and_then(Value::as_str);
    let id = house.tests.make_folder(name, parent, now()).await?;
    Ok(Json(json!({"id": id, "name": name})))
}

async fn show_folder(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(house.tests.folder_view(&id)?))
}

async fn rename_folder(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    house.tests.rename_folder(&id, name(&body)?, now()).await?;
    Ok(Json(house.tests.folder_view(&id)?))
}

async fn delete_folder(
    State(house): House_,
    Path(id): Path<String>,
    Query(query): Query<Force>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    need_key(&house, &headers)?;
    house.tests.delete_folder(&id, query.is_set()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Orders runs. They are made after the answer: `/v1/convai/test-invocations/{id}` shows how they go.
async fn run(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let invocation = agent_tests::start(&house, &id, &body).await?;
    Ok(Json(agent_tests::invocation(&invocation)))
}
