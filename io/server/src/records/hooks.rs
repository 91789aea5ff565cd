//! Who is told about a conversation when it is over.

use protocol::agents::EnclaveSetup;
use serde_json::{Value, json};
use store::{Documents, StoreError};

/// The kind of the documents that describe webhooks.
pub(crate) const WEBHOOK: &str = "webhook";
/// The kind and id of the workspace's settings.
pub(crate) const SETTINGS: &str = "settings";

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// What was said and found.
    Transcript,
    /// How it sounded.
    Audio,
}

impl Event {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Transcript => "transcript",
            Self::Audio => "audio",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "transcript" => Some(Self::Transcript),
            "audio" => Some(Self::Audio),
            _ => None,
        }
    }
}

/// Where something is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Whether it is tried more than once.
    pub(crate) again: bool,
    pub(crate) disabled: bool,
}

impl Webhook {
    /// A webhook of the workspace, by its document.
    pub(crate) fn from_document(id: &str, document: &Value) -> Option<Self> {
        let text = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let flag = |name: &str| document.get(name).and_then(Value::as_bool);
        let headers = document.get("request_headers").and_then(Value::as_object);
        Some(Self {
            id: id.to_owned(),
            url: text("webhook_url")?,
            secret: text("secret")?,
            headers: headers
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            again: flag("retry_enabled").unwrap_or(true),
            disabled: flag("is_disabled").unwrap_or(false)
                || flag("is_auto_disabled").unwrap_or(false),
        })
    }
}

/// What the caller of the self-hosted door wants to be told, and where. It is checked when the caller comes.
pub(super) fn of_setup(setup: &EnclaveSetup) -> Value {
    let mut hooks = Vec::new();
    for (event, webhook) in [
        (Event::Transcript, setup.transcription_webhook()),
        (Event::Audio, setup.audio_webhook()),
    ] {
        if let Ok(Some(webhook)) = webhook {
            hooks.push(json!({
                "event": event.as_str(), "url": webhook.url, "secret": webhook.hmac_secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
            }));
        }
    }
    if hooks.is_empty() {
        Value::Null
    } else {
        json!({ "hooks": hooks })
    }
}

/// What is to be delivered about a conversation with this agent: each webhook's id and what it is told.
pub(super) async fn of_agent(
    documents: &Documents,
    agent: &Value,
) -> Result<Vec<(String, Event)>, StoreError> {
    let own = agent.pointer("/platform_settings/workspace_overrides/webhooks");
    let settings = documents.get(SETTINGS, SETTINGS).await?;
    let general = settings
        .as_ref()
        .and_then(|found| found.json.get("webhooks"));
    let id_of = |hooks: Option<&Value>| {
        let id = hooks?.get("post_call_webhook_id")?.as_str()?;
        (!id.is_empty()).then(|| id.to_owned())
    };
    let (id, hooks) = match (id_of(own), id_of(general)) {
        (Some(id), _) => (id, own),
        // An agent may choose what is told and leave where to the workspace.
        (None, Some(id)) => (
            id,
            own.filter(|own| own.get("events").is_some()).or(general),
        ),
        (None, None) => return Ok(Vec::new()),
    };
    let listed = hooks.and_then(|hooks| hooks.get("events")?.as_array());
    let mut events: Vec<Event> = match listed {
        Some(listed) => listed
            .iter()
            .filter_map(|event| Event::from_name(event.as_str()?))
            .collect(),
        None => vec![Event::Transcript],
    };
    let sends_audio = hooks.and_then(|hooks| hooks.get("send_audio")?.as_bool());
    if sends_audio == Some(true) && !events.contains(&Event::Audio) {
        events.push(Event::Audio);
    }
    Ok(events
        .into_iter()
        .map(|event| (id.clone(), event))
        .collect())
}
