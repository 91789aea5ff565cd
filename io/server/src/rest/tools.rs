//! `/v1/convai/tools`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::get,
};
use serde_json::{Value, json};

use super::{
    body::Body,
    list::{Force, listed},
    need_key,
};
use crate::{
    Problem, StoredAgent,
    agents::{PageQuery, merge},
    http::House,
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/convai/tools", get(list).post(create))
        .route(
            "/v1/convai/tools/{id}",
            get(show).patch(update).delete(delete),
        )
        .route("/v1/convai/tools/{id}/dependent-agents", get(dependents))
}

type House_ = State<Arc<House>>;

async fn create(State(house): House_, Body(document): Body) -> Result<Json<Value>, Problem> {
    Ok(Json(
        house.registry.put_tool(None, document).await?.to_rest(),
    ))
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let tool = house
        .registry
        .tool(&id)
        .ok_or_else(|| Problem::no_tool(&id))?;
    Ok(Json(tool.to_rest()))
}

async fn update(
    State(house): House_,
    Path(id): Path<String>,
    Body(changes): Body,
) -> Result<Json<Value>, Problem> {
    let tool = house
        .registry
        .tool(&id)
        .ok_or_else(|| Problem::no_tool(&id))?;
    let mut document = tool.document.clone();
    merge(&mut document, changes);
    Ok(Json(
        house
            .registry
            .put_tool(Some(&id), document)
            .await?
            .to_rest(),
    ))
}

async fn delete(
    State(house): House_,
    Path(id): Path<String>,
    Query(query): Query<Force>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let users = house.registry.dependents(&id);
    if !users.is_empty() && !query.is_set() {
        let ids: Vec<&str> = users.iter().map(|agent| agent.id.as_str()).collect();
        return Err(Problem::conflict(format!(
            "The tool {id} is used by {}. Pass force=true to delete it all the same.",
            ids.join(", ")
        )));
    }
    house.registry.delete_tool(&id).await?;
    Ok(Json(json!({})))
}

async fn list(
    State(house): House_,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let mut tools = house.registry.tools();
    tools.retain(|tool| {
        let kind = tool
            .document
            .pointer("/tool_config/type")
            .and_then(Value::as_str);
        query.matches(tool.name())
            && query
                .types
                .as_deref()
                .is_none_or(|wanted| Some(wanted) == kind)
    });
    let page = query.cut(tools, |tool| &tool.id)?;
    Ok(listed("tools", page, |tool| tool.to_rest()))
}

async fn dependents(
    State(house): House_,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    if house.registry.tool(&id).is_none() {
        return Err(Problem::no_tool(&id));
    }
    let page = query.cut(house.registry.dependents(&id), |agent| &agent.id)?;
    Ok(listed("agents", page, |agent| used_by(&agent)))
}

/// An agent that uses something.
pub(super) fn used_by(agent: &StoredAgent) -> Value {
    json!({"type": "available", "id": agent.id, "name": agent.name(), "created_at_unix_secs": agent.created,
        "access_level": "admin"})
}
