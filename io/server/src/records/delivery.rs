//! Webhooks on their way out.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use elevenlabs::webhook::{SIGNATURE_HEADER, Verifier};
use serde_json::{Value, json};
use store::Job;

use super::{Records, hooks::Event, hooks::WEBHOOK, hooks::Webhook, view};
use crate::http::now;

/// The header with the delivery's id: the same however often it is tried.
const DELIVERY_HEADER: &str = "Duologue-Delivery";
/// How long a receiver may take for its answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pieces of a body that is sent in chunks.
const CHUNK: usize = 64 * 1024;
/// Failures in a row after which a webhook is switched off, if there was no success for a week.
const TOO_MANY: u64 = 10;
/// A week in seconds.
const WEEK: u64 = 7 * 24 * 3_600;
/// The kind of the documents that say how webhooks fare.
const HEALTH: &str = "webhook_health";

/// How a delivery went.
pub(super) enum Outcome {
    /// It was taken, or there is nothing to deliver any more.
    Done,
    /// It may be taken later.
    Again(String),
    /// It will never be taken.
    Never(String),
}

/// Delivers once.
pub(super) async fn deliver(records: &Records, client: &reqwest::Client, job: &Job) -> Outcome {
    let Some(event) = job
        .payload
        .get("event")
        .and_then(Value::as_str)
        .and_then(Event::from_name)
    else {
        return Outcome::Never("the job does not say what to deliver".to_owned());
    };
    let webhook = match webhook(records, &job.payload).await {
        Ok(Some(webhook)) => webhook,
        Ok(None) => return Outcome::Never("the webhook was deleted".to_owned()),
        Err(error) => return Outcome::Again(error),
    };
    if webhook.disabled {
        return Outcome::Never("the webhook is switched off".to_owned());
    }
    let body = match body(records, event, job).await {
        Ok(Some(body)) => body,
        Ok(None) => return Outcome::Done,
        Err(error) => return Outcome::Again(error),
    };
    let sent = send(client, &webhook, event, &job.id, body).await;
    health(records, &webhook, sent.as_ref().err()).await;
    match sent {
        Ok(()) => Outcome::Done,
        Err(Failure {
            status: Some(410),
            words,
        }) => Outcome::Never(words),
        Err(failure) if !webhook.again => Outcome::Never(failure.words),
        Err(failure) => Outcome::Again(failure.words),
    }
}

async fn webhook(records: &Records, payload: &Value) -> Result<Option<Webhook>, String> {
    if let Some(id) = payload.get("webhook").and_then(Value::as_str) {
        let found = records.shared.store.documents().get(WEBHOOK, id).await;
        return match found {
            Ok(found) => Ok(found.and_then(|found| Webhook::from_document(id, &found.json))),
            Err(error) => Err(error.to_string()),
        };
    }
    // One that the caller of the self-hosted door gave, good for this conversation only.
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    Ok(text("url").map(|url| Webhook {
        id: String::new(),
        url: url.to_owned(),
        secret: text("secret").unwrap_or_default().to_owned(),
        headers: Vec::new(),
        again: true,
        disabled: false,
    }))
}

/// The body to send. None when there is nothing to tell: the conversation or its sound is gone.
async fn body(records: &Records, event: Event, job: &Job) -> Result<Option<Vec<u8>>, String> {
    let Some(id) = job.conversation.as_deref() else {
        return Ok(None);
    };
    let found = records.shared.store.conversations().get(id).await;
    let Some(whole) = found.map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let (kind, data) = match event {
        Event::Transcript => (
            "post_call_transcription",
            view::conversation(&whole, &records.prices()),
        ),
        Event::Audio => {
            let Some(path) = &whole.recording else {
                return Ok(None);
            };
            let sound = records.mp3(path).await.map_err(|error| error.to_string())?;
            let data = json!({
                "agent_id": whole.summary.agent,
                "conversation_id": id,
                "full_audio": base64(sound).await,
            });
            ("post_call_audio", data)
        }
    };
    // The time of the event, not of the attempt: every attempt sends the same bytes.
    let at = job.created / 1_000_000;
    let event = json!({ "type": kind, "event_timestamp": at, "data": data });
    serde_json::to_vec(&event)
        .map(Some)
        .map_err(|error| error.to_string())
}

/// Long recordings take a moment; nobody else should wait for that.
async fn base64(bytes: Vec<u8>) -> String {
    tokio::task::spawn_blocking(move || STANDARD.encode(bytes))
        .await
        .unwrap_or_default()
}

struct Failure {
    status: Option<u16>,
    words: String,
}

async fn send(
    client: &reqwest::Client,
    webhook: &Webhook,
    event: Event,
    delivery: &str,
    body: Vec<u8>,
) -> Result<(), Failure> {
    let mut request = client.post(&webhook.url).timeout(PATIENCE);
    for (name, value) in &webhook.headers {
        request = request.header(name, value);
    }
    request = request
        .header("content-type", "application/json")
        .header(DELIVERY_HEADER, delivery);
    if !webhook.secret.is_empty() {
        // Signed anew each time: receivers refuse old signatures.
        let signature = Verifier::new(&webhook.secret).sign(&body, now());
        request = request.header(SIGNATURE_HEADER, signature);
    }
    request = match event {
        Event::Transcript => request.body(body),
        // Sound goes in chunks, as the contract has it.
        Event::Audio => {
            let chunks: Vec<Vec<u8>> = body.chunks(CHUNK).map(<[u8]>::to_vec).collect();
            let stream =
                futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
            request.body(reqwest::Body::wrap_stream(stream))
        }
    };
    match request.send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => {
            let status = response.status().as_u16();
            Err(Failure {
                status: Some(status),
                words: format!("the receiver answered {status}"),
            })
        }
        Err(error) => Err(Failure {
            status: None,
            // The address may hold a secret.
            words: elevenlabs::http::explain(&error.without_url()),
        }),
    }
}

/// Notes how the webhook fares, and switches it off when nobody has listened for very long.
async fn health(records: &Records, webhook: &Webhook, failure: Option<&Failure>) {
    if webhook.id.is_empty() {
        return;
    }
    let documents = records.shared.store.documents();
    let kept = documents.get(HEALTH, &webhook.id).await.ok().flatten();
    let number = |name: &str| {
        let value = kept.as_ref().and_then(|kept| kept.json.get(name)?.as_u64());
        value.unwrap_or(0)
    };
    let state = match failure {
        None if kept.is_none() || number("failures") > 0 || now() > number("success") + 3_600 => {
            json!({ "failures": 0, "success": now() })
        }
        // Not worth a write for each of many.
        None => return,
        Some(failure) => json!({
            "failures": number("failures") + 1, "success": number("success"),
            "code": failure.status, "at": now(),
        }),
    };
    let too_many = state["failures"].as_u64() >= Some(TOO_MANY)
        && now().saturating_sub(number("success")) > WEEK;
    let noted = documents.put(HEALTH, &webhook.id, &state).await;
    if let Err(error) = noted {
        tracing::warn!(%error, "how a webhook fares could not be noted");
    }
    if too_many && let Ok(Some(mut found)) = documents.get(WEBHOOK, &webhook.id).await {
        found.json["is_auto_disabled"] = true.into();
        if documents
            .put(WEBHOOK, &webhook.id, &found.json)
            .await
            .is_ok()
        {
            tracing::warn!(
                webhook = webhook.id,
                "switched off: nobody has listened for a week"
            );
        }
    }
}

/// The last failure of a webhook: its status and when, in seconds since 1970.
pub(crate) async fn last_failure(records: &Records, webhook: &str) -> (Option<u64>, Option<u64>) {
    let kept = records.shared.store.documents().get(HEALTH, webhook).await;
    let kept = kept.ok().flatten();
    let number = |name: &str| kept.as_ref().and_then(|kept| kept.json.get(name)?.as_u64());
    (number("code"), number("at"))
}
