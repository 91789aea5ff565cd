//! `/v1/workspace/webhooks` and `/v1/convai/settings`: who is told when a conversation is over.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    routing::{get, patch},
};
use serde_json::{Map, Value, json};
use store::{Document, Documents};

use super::{body::Body, conversations::trouble, need_key, records};
use crate::{
    Problem,
    agents::merge,
    http::{House, now},
    ids,
    records::{SETTINGS, WEBHOOK, last_failure},
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/workspace/webhooks", get(list).post(create))
        .route("/v1/workspace/webhooks/{id}", patch(update).delete(remove))
        .route("/v1/convai/settings", get(settings).patch(change_settings))
}

type House_ = State<Arc<House>>;

fn documents(house: &House) -> Result<Documents, Problem> {
    Ok(records(house)?.store().documents())
}

async fn create(State(house): House_, Body(body): Body) -> Result<Json<Value>, Problem> {
    let documents = documents(&house)?;
    let settings = body
        .get("settings")
        .filter(|settings| settings.is_object())
        .ok_or_else(|| Problem::missing("settings"))?;
    let text = |name: &str| {
        let text = settings.get(name).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty())
            .ok_or_else(|| Problem::missing(&format!("settings.{name}")))
    };
    let kind = settings
        .get("auth_type")
        .and_then(Value::as_str)
        .unwrap_or("hmac");
    if kind != "hmac" {
        return Err(
            Problem::invalid("Webhooks are signed: auth_type is \"hmac\".")
                .at("settings.auth_type"),
        );
    }
    let (name, url) = (text("name")?, text("webhook_url")?);
    check_url(url)?;
    let headers = headers_of(settings.get("request_headers"))?;
    let id = ids::new("wh_");
    let secret = ids::new("wsec_") + &ids::new("");
    let document = json!({
        "name": name, "webhook_url": url, "secret": secret, "auth_type": "hmac", "request_headers": headers,
        "is_disabled": false, "is_auto_disabled": false, "retry_enabled": true, "created_at_unix": now(),
    });
    documents
        .put(WEBHOOK, &id, &document)
        .await
        .map_err(|e| trouble(&e))?;
    Ok(Json(json!({ "webhook_id": id, "webhook_secret": secret })))
}

/// An operator's own webhooks may go anywhere, into the private network as well: only who has a key makes one.
fn check_url(url: &str) -> Result<(), Problem> {
    let fine = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']))
        && !url.contains(char::is_whitespace);
    if fine {
        Ok(())
    } else {
        Err(Problem::invalid("webhook_url is an http or https URL.").at("settings.webhook_url"))
    }
}

fn headers_of(headers: Option<&Value>) -> Result<Value, Problem> {
    match headers {
        None | Some(Value::Null) => Ok(json!({})),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => {
            Ok(Value::Object(map.clone()))
        }
        Some(_) => {
            Err(Problem::invalid("request_headers maps names to texts.").at("request_headers"))
        }
    }
}

async fn list(
    State(house): House_,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let documents = documents(&house)?;
    let with_usage = raw.is_some_and(|raw| raw.contains("include_usages=true"));
    let general = general_webhook(&documents).await?;
    let mut webhooks = Vec::new();
    for document in documents.all(WEBHOOK).await.map_err(|e| trouble(&e))? {
        let (code, at) = last_failure(records(&house)?, &document.id).await;
        let mut shown = show(&document);
        shown.insert("most_recent_failure_error_code".to_owned(), json!(code));
        shown.insert("most_recent_failure_timestamp".to_owned(), json!(at));
        if with_usage {
            let usage = usage(&house, &document.id, general.as_deref());
            shown.insert("usage".to_owned(), usage);
        }
        webhooks.push(Value::Object(shown));
    }
    Ok(Json(json!({ "webhooks": webhooks })))
}

/// All but the secret and the headers, which may be secrets too.
fn show(document: &Document) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("webhook_id".to_owned(), document.id.clone().into());
    for name in [
        "name",
        "webhook_url",
        "is_disabled",
        "is_auto_disabled",
        "created_at_unix",
        "auth_type",
        "retry_enabled",
        "events",
    ] {
        if let Some(value) = document.json.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    shown
}

fn usage(house: &House, id: &str, general: Option<&str>) -> Value {
    let of_agents = house.registry.all().into_values().filter(|agent| {
        let path = "/platform_settings/workspace_overrides/webhooks/post_call_webhook_id";
        agent.document.pointer(path).and_then(Value::as_str) == Some(id)
    });
    let mut usage = Vec::new();
    if general == Some(id) {
        usage.push(json!({ "usage_type": "ConvAI Settings" }));
    }
    if of_agents.count() > 0 {
        usage.push(json!({ "usage_type": "ConvAI Agent Settings" }));
    }
    usage.into()
}

async fn general_webhook(documents: &Documents) -> Result<Option<String>, Problem> {
    let found = documents
        .get(SETTINGS, SETTINGS)
        .await
        .map_err(|e| trouble(&e))?;
    let id = found.and_then(|found| {
        let id = found
            .json
            .pointer("/webhooks/post_call_webhook_id")?
            .as_str()?;
        Some(id.to_owned())
    });
    Ok(id)
}

async fn find(documents: &Documents, id: &str) -> Result<Document, Problem> {
    let found = documents.get(WEBHOOK, id).await.map_err(|e| trouble(&e))?;
    found.ok_or_else(|| Problem::no_webhook(id))
}

async fn update(
    State(house): House_,
    Path(id): Path<String>,
    Body(changes): Body,
) -> Result<Json<Value>, Problem> {
    let documents = documents(&house)?;
    let mut document = find(&documents, &id).await?.json;
    let Value::Object(fields) = &mut document else {
        return Err(Problem::no_webhook(&id));
    };
    for name in ["is_disabled", "retry_enabled"] {
        match changes.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Bool(value)) => {
                fields.insert(name.to_owned(), (*value).into());
            }
            Some(_) => return Err(Problem::invalid(format!("{name} is true or false.")).at(name)),
        }
    }
    if changes.get("is_disabled").and_then(Value::as_bool) == Some(false) {
        fields.insert("is_auto_disabled".to_owned(), false.into());
    }
    if let Some(name) = changes.get("name").and_then(Value::as_str) {
        fields.insert("name".to_owned(), name.into());
    }
    if let Some(headers) = changes
        .get("request_headers")
        .filter(|headers| !headers.is_null())
    {
        fields.insert("request_headers".to_owned(), headers_of(Some(headers))?);
    }
    if let Some(events) = changes.get("events").filter(|events| events.is_array()) {
        fields.insert("events".to_owned(), events.clone());
    }
    documents
        .put(WEBHOOK, &id, &document)
        .await
        .map_err(|e| trouble(&e))?;
    Ok(Json(json!({ "status": "ok" })))
}

async fn remove(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let documents = documents(&house)?;
    find(&documents, &id).await?;
    documents
        .remove(WEBHOOK, &id)
        .await
        .map_err(|e| trouble(&e))?;
    Ok(Json(json!({ "status": "ok" })))
}

async fn settings(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(all_settings(&documents(&house)?).await?))
}

async fn all_settings(documents: &Documents) -> Result<Value, Problem> {
    let mut all = json!({
        "conversation_initiation_client_data_webhook": null,
        "webhooks": { "post_call_webhook_id": null, "events": ["transcript"], "send_audio": null },
        "can_use_mcp_servers": false,
    });
    if let Some(found) = documents
        .get(SETTINGS, SETTINGS)
        .await
        .map_err(|e| trouble(&e))?
    {
        merge(&mut all, found.json);
    }
    Ok(all)
}

async fn change_settings(
    State(house): House_,
    Body(changes): Body,
) -> Result<Json<Value>, Problem> {
    let documents = documents(&house)?;
    if let Some(id) = changes
        .pointer("/webhooks/post_call_webhook_id")
        .and_then(Value::as_str)
    {
        find(&documents, id)
            .await
            .map_err(|problem| problem.at("webhooks.post_call_webhook_id"))?;
    }
    let found = documents
        .get(SETTINGS, SETTINGS)
        .await
        .map_err(|e| trouble(&e))?;
    let mut kept = found.map_or_else(|| json!({}), |found| found.json);
    merge(&mut kept, changes);
    documents
        .put(SETTINGS, SETTINGS, &kept)
        .await
        .map_err(|e| trouble(&e))?;
    Ok(Json(all_settings(&documents).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_are_urls() {
        for url in ["http://127.0.0.1:9/hook", "https://hooks.example/x?y=1"] {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "hooks.example",
            "ftp://x",
            "https://",
            "http:///x",
            "https://a b",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }
}
