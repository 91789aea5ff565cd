//! `/v1/convai/secrets`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::{get, patch},
};
use serde_json::{Value, json};

use super::{abilities, body::Body, list::listed, need_key};
use crate::{Problem, abilities::Secret, agents::PageQuery, http::House};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/convai/secrets", get(list).post(create))
        .route("/v1/convai/secrets/{id}", patch(update).delete(delete))
        .route(
            "/v1/convai/secrets/{id}/dependencies/{kind}",
            get(dependencies),
        )
}

type House_ = State<Arc<House>>;

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn stored(secret: &Secret) -> Value {
    json!({"type": "stored", "secret_id": secret.id, "name": secret.name})
}

async fn create(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let vault = abilities(&house)?.vault();
    let secret = vault
        .put(None, text(&body, "name"), text(&body, "value"))
        .await?;
    Ok(Json(stored(&secret)))
}

async fn update(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let vault = abilities(&house)?.vault();
    let secret = vault
        .put(Some(&id), text(&body, "name"), text(&body, "value"))
        .await?;
    Ok(Json(stored(&secret)))
}

async fn delete(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let secret = abilities(&house)?.vault().get(&id)?;
    let (tools, agents) = users(&house, &secret);
    if !tools.is_empty() || !agents.is_empty() {
        return Err(Problem::conflict(format!(
            "The secret {} is used by {} tools and {} agents.",
            secret.name,
            tools.len(),
            agents.len()
        )));
    }
    abilities(&house)?.vault().delete(&id).await?;
    Ok(Json(json!({})))
}

async fn list(
    State(house): House_,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let mut secrets = abilities(&house)?.vault().list();
    secrets.retain(|secret| query.matches(&secret.name));
    let page = query.cut(secrets, |secret| &secret.id)?;
    Ok(listed("secrets", page, |secret| {
        let (tools, agents) = users(&house, &secret);
        let mut object = stored(&secret);
        object["used_by"] =
            json!({"tools": tools, "agents": agents, "phone_numbers": [], "others": []});
        object
    }))
}

async fn dependencies(
    State(house): House_,
    Path((id, kind)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let secret = abilities(&house)?.vault().get(&id)?;
    let (tools, agents) = users(&house, &secret);
    let found = match kind.as_str() {
        "tools" => tools,
        "agents" => agents,
        _ => Vec::new(),
    };
    Ok(Json(json!({"dependencies": found, "next_cursor": null})))
}

/// Tools and agents that name the secret.
fn users(house: &House, secret: &Secret) -> (Vec<Value>, Vec<Value>) {
    let entry = |id: &str, name: &str| json!({"type": "available", "id": id, "name": name, "access_level": "admin", "created_at_unix_secs": 0});
    let tools = house
        .registry
        .tools()
        .iter()
        .filter(|tool| names(&tool.document, secret))
        .map(|tool| entry(&tool.id, tool.name()))
        .collect();
    let agents = house
        .registry
        .all()
        .values()
        .filter(|agent| names(&agent.document, secret))
        .map(|agent| entry(&agent.id, agent.name()))
        .collect();
    (tools, agents)
}

fn names(document: &Value, secret: &Secret) -> bool {
    match document {
        Value::Object(object) => object.iter().any(|(name, value)| {
            let named = matches!(name.as_str(), "secret_id" | "env_var_label")
                && value
                    .as_str()
                    .is_some_and(|id| id == secret.id || id == secret.name);
            named || names(value, secret)
        }),
        Value::Array(items) => items.iter().any(|item| names(item, secret)),
        _ => false,
    }
}
