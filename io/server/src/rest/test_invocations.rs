//! `/v1/convai/test-invocations`: how tests of agents went.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    body::Body,
    list::{listed, page_of},
    need_key,
};
use crate::{
    Problem,
    agent_tests::{again, invocation, invocation_line},
    http::House,
};

pub(super) fn routes() -> Router<Arc<House>> {
    let place = "/v1/convai/test-invocations";
    Router::new()
        .route(place, get(list))
        .route(&format!("{place}/{{id}}"), get(show))
        .route(&format!("{place}/{{id}}/resubmit"), post(resubmit))
}

type House_ = State<Arc<House>>;

#[derive(Deserialize)]
struct Which {
    agent_id: Option<String>,
}

async fn list(
    State(house): House_,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let (page, which): (_, Which) = page_of(&query.unwrap_or_default())?;
    let mut invocations = house.tests.invocations();
    if let Some(agent) = &which.agent_id {
        invocations.retain(|(_, one)| one.get("agent_id").is_some_and(|id| id == agent));
    }
    let total = invocations.len();
    let cut = page.cut(invocations, |(id, _)| id)?;
    let mut list = listed("results", cut, |(id, one)| invocation_line(&id, &one));
    list.0["meta"] = json!({ "total": total });
    Ok(list)
}

async fn show(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(invocation(&*house.tests.invocation(&id)?)))
}

async fn resubmit(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    again(&house, &id, &body).await?;
    Ok(Json(json!({})))
}
