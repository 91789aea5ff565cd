//! What pages need to show an agent: its widget's settings, and the link to talk to it.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::need_key;
use crate::{
    Problem, StoredAgent, access,
    http::{House, now},
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/convai/agents/{id}/widget", get(widget))
        .route("/v1/convai/agents/{id}/link", get(link))
}

type House_ = State<Arc<House>>;

#[derive(Deserialize)]
struct Signed {
    conversation_signature: Option<String>,
}

/// Public for public agents, as the agent's own conversations are: pages ask for it without a key.
async fn widget(
    State(house): House_,
    Path(id): Path<String>,
    Query(query): Query<Signed>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let agent = house.registry.need(&id)?;
    if agent.is_private() {
        let signed = query
            .conversation_signature
            .is_some_and(|signature| house.signer.verify(&signature, &id, None, now()).is_ok());
        if !signed {
            need_key(&house, &headers)?;
        }
    }
    if !agent.admits_origin(access::origin(&headers)) {
        return Err(Problem::forbidden(
            "Pages of this origin may not show this agent.",
        ));
    }
    Ok(Json(
        json!({"agent_id": id, "widget_config": config(&agent)}),
    ))
}

/// The agent's own settings before these defaults.
fn config(agent: &StoredAgent) -> Value {
    let at = |path: &str| {
        agent
            .document
            .pointer(path)
            .filter(|value| !value.is_null())
    };
    let mut config = json!({
        "variant": "full", "placement": "bottom-right", "expandable": "never", "feedback_mode": "none",
        "avatar": {"type": "orb", "color_1": "#2792dc", "color_2": "#9ce6e6"},
        "bg_color": "#ffffff", "text_color": "#000000", "btn_color": "#000000", "btn_text_color": "#ffffff",
        "border_color": "#e1e1e1", "focus_color": "#000000", "shareable_page_show_terms": false,
        "show_avatar_when_collapsed": false, "disable_banner": false, "mic_muting_enabled": false,
        "transcript_enabled": false, "text_input_enabled": true, "default_expanded": false, "always_expanded": false,
        "text_contents": {}, "styles": {},
    });
    if let (Value::Object(config), Some(Value::Object(own))) =
        (&mut config, at("/platform_settings/widget"))
    {
        config.extend(
            own.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    let presets = at("/conversation_config/language_presets").and_then(Value::as_object);
    let languages: Vec<&String> = presets
        .into_iter()
        .flat_map(|presets| presets.keys())
        .collect();
    let language = at("/conversation_config/agent/language").and_then(Value::as_str);
    let may = |path: &str| {
        at(&format!(
            "/platform_settings/overrides/conversation_config_override/{path}"
        )) == Some(&Value::Bool(true))
    };
    config["language"] = language.unwrap_or("en").into();
    config["supported_language_overrides"] = if may("agent/language") {
        json!(languages)
    } else {
        json!([])
    };
    config["text_only"] = at("/conversation_config/conversation/text_only")
        .cloned()
        .unwrap_or(false.into());
    config["supports_text_only"] = true.into();
    config["first_message"] = at("/conversation_config/agent/first_message")
        .cloned()
        .unwrap_or("".into());
    // There is no WebRTC here: the widget is to take the WebSocket.
    config["use_rtc"] = false.into();
    config
}

async fn link(
    State(house): House_,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let agent = house.registry.need(&id)?;
    let token = agent.is_private().then(|| {
        let begun = now();
        json!({"agent_id": id, "conversation_token": house.signer.sign(&id, None, begun),
            "expiration_time_unix_secs": begun + house.settings.limits.signed_url.as_secs(),
            "purpose": "shareable_link"})
    });
    Ok(Json(json!({"agent_id": id, "token": token})))
}
