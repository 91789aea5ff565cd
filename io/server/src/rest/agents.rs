//! `/v1/convai/agents`.

use std::{cmp::Ordering, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, RawQuery, State},
    http::HeaderMap,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{body::Body, list::listed, need_key};
use crate::{
    Problem, StoredAgent,
    agents::PageQuery,
    http::{House, now},
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/convai/agents/create", post(create))
        .route("/v1/convai/agents", get(list))
        .route("/v1/convai/agents/summaries", get(summaries))
        .route(
            "/v1/convai/agents/{id}",
            get(show).patch(update).delete(delete),
        )
        .route("/v1/convai/agents/{id}/duplicate", post(duplicate))
}

type House_ = State<Arc<House>>;

async fn create(State(house): House_, Body(document): Body) -> Result<Json<Value>, Problem> {
    let agent = house.registry.create(document, now()).await?;
    Ok(Json(json!({ "agent_id": agent.id })))
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let agent = house.registry.need(&id)?;
    Ok(Json(agent.to_rest()))
}

async fn update(
    State(house): House_,
    Path(id): Path<String>,
    Body(changes): Body,
) -> Result<Json<Value>, Problem> {
    let agent = house.registry.update(&id, changes, now()).await?;
    if let Some(records) = &house.records {
        records.apply_retention(&agent.id, &agent.document).await;
    }
    Ok(Json(agent.to_rest()))
}

async fn delete(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    house.registry.delete(&id).await?;
    Ok(Json(json!({})))
}

async fn duplicate(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let name = body.get("name").and_then(Value::as_str);
    let agent = house.registry.duplicate(&id, name, now()).await?;
    Ok(Json(json!({ "agent_id": agent.id })))
}

async fn list(
    State(house): House_,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let archived = match query.archived.as_deref() {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    let mut agents: Vec<Arc<StoredAgent>> = house.registry.all().into_values().collect();
    agents.retain(|agent| {
        query.matches(agent.name())
            && archived.is_none_or(|archived| agent.is_archived() == archived)
    });
    agents.sort_by(|a, b| order(&query, a, b));
    let page = query.cut(agents, |agent| &agent.id)?;
    Ok(listed("agents", page, |agent| agent.summary()))
}

/// By name when asked, else the newest first; ids decide between equals, so that pages never overlap.
fn order(query: &PageQuery, a: &StoredAgent, b: &StoredAgent) -> Ordering {
    let (by_name, descending) = match (query.sort_by.as_deref(), query.sort_direction.as_deref()) {
        (Some("name"), direction) => (true, direction == Some("desc")),
        (_, direction) => (false, direction != Some("asc")),
    };
    let order = if by_name {
        a.name().cmp(b.name())
    } else {
        a.created.cmp(&b.created)
    };
    let order = if descending { order.reverse() } else { order };
    order.then_with(|| a.id.cmp(&b.id))
}

async fn summaries(
    State(house): House_,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let mut all = Map::new();
    let query = query.unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    // Ids are letters, digits, `_` and `-`, so there is nothing to decode.
    for (_, id) in pairs.filter(|(name, _)| *name == "agent_ids").take(100) {
        let entry = match house.registry.get(id) {
            Some(agent) => json!({"status": "success", "data": agent.summary()}),
            None => {
                json!({"status": "error", "code": 404, "message": Problem::no_agent(id).message()})
            }
        };
        all.insert(id.to_owned(), entry);
    }
    Ok(Json(Value::Object(all)))
}
