//! What pages need to show an agent: its widget's settings, and the link to talk to it.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
    let language = at("/conversation_config/agent/language").and_then(Value::as_str);
    let may = |path: &str| {
        at(&format!(
            "/platform_settings/overrides/conversation_config_override/{path}"
        )) == Some(&Value::Bool(true))
    };
    let presets = language_presets(
        at("/conversation_config/language_presets"),
        config.get("language_presets"),
    );
    config["language"] = language.unwrap_or("en").into();
    config["supported_language_overrides"] = if may("agent/language") {
        presets.keys().cloned().collect()
    } else {
        json!([])
    };
    config["language_presets"] = presets.into();
    if let Some(html) = terms_html(&config) {
        config["terms_html"] = html.into();
    }
    let text_only = at("/conversation_config/conversation/text_only") == Some(&Value::Bool(true));
    config["text_only"] = text_only.into();
    // The widget asks for a conversation in text where it is told that there can be one.
    config["supports_text_only"] = (text_only || may("conversation/text_only")).into();
    config["first_message"] = at("/conversation_config/agent/first_message")
        .cloned()
        .unwrap_or("".into());
    // There is no WebRTC here: the widget is to take the WebSocket.
    config["use_rtc"] = false.into();
    config
}

/// What each language of the agent changes for the page: the widget's own words, and the greeting.
fn language_presets(agents: Option<&Value>, widgets: Option<&Value>) -> Map<String, Value> {
    let mut presets = Map::new();
    for (language, preset) in agents.and_then(Value::as_object).into_iter().flatten() {
        let mut shown = widgets
            .and_then(|widgets| widgets.get(language)?.as_object().cloned())
            .unwrap_or_default();
        let greeting = [
            "/overrides/agent/first_message",
            "/first_message_translation/text",
        ]
        .into_iter()
        .find_map(|path| preset.pointer(path)?.as_str());
        if let Some(greeting) = greeting {
            shown.insert("first_message".to_owned(), greeting.into());
        }
        let mut shown = Value::Object(shown);
        if let Some(html) = terms_html(&shown) {
            shown["terms_html"] = html.into();
        }
        presets.insert(language.clone(), shown);
    }
    presets
}

/// Terms as a page shows them. The widget asks nobody to agree to terms that come as text alone.
fn terms_html(config: &Value) -> Option<String> {
    let text = |name: &str| {
        let text = config.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    };
    if text("terms_html").is_some() {
        return None;
    }
    let plain = text("terms_text")?
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let paragraphs: Vec<&str> = plain
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    Some(format!(
        "<p>{}</p>",
        paragraphs.join("</p><p>").replace('\n', "<br>")
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    fn shown(document: Value) -> Value {
        config(&StoredAgent {
            id: "shop".to_owned(),
            document,
            script: None,
            text: None,
            origin: Origin::Created,
            created: 0,
            updated: 0,
        })
    }

    #[test]
    fn terms_come_as_a_page_shows_them_and_never_as_markup_of_their_own() {
        let widget = json!({"terms_text": "Be <b>kind</b> & brief.\nPlease.\n\nThanks."});
        let shown = shown(json!({"platform_settings": {"widget": widget}}));
        assert_eq!(
            shown["terms_html"],
            "<p>Be &lt;b&gt;kind&lt;/b&gt; &amp; brief.<br>Please.</p><p>Thanks.</p>"
        );
    }

    #[test]
    fn a_language_brings_its_greeting_and_the_widgets_words_for_it() {
        let shown = shown(json!({
            "conversation_config": {"language_presets": {"fr": {"overrides": {"agent": {"first_message": "Bonjour."}}}, "de": {}}},
            "platform_settings": {
                "widget": {"language_presets": {"fr": {"text_contents": {"start_call": "Appeler"}}}},
                "overrides": {"conversation_config_override": {"agent": {"language": true}}}}}));
        assert_eq!(
            shown["language_presets"],
            json!({"de": {}, "fr": {"first_message": "Bonjour.", "text_contents": {"start_call": "Appeler"}}})
        );
        assert_eq!(shown["supported_language_overrides"], json!(["de", "fr"]));
    }

    #[test]
    fn text_is_offered_where_the_agent_allows_it() {
        assert_eq!(shown(json!({}))["supports_text_only"], false);
        let text = json!({"conversation_config": {"conversation": {"text_only": true}}});
        assert_eq!(shown(text)["supports_text_only"], true);
        let allowed = json!({"platform_settings": {"overrides": {"conversation_config_override": {"conversation": {"text_only": true}}}}});
        assert_eq!(shown(allowed)["supports_text_only"], true);
    }
}
