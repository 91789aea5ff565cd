//! Agents with an llm of their own, over the port: chat completions, streamed, with a backup.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use common::{
    House,
    fakes::{Fake, text},
    open,
};
use providers::ApiKey;
use serde_json::{Value, json};
use server::{InProcess, Origin, StoredAgent};

#[derive(Clone, Default)]
struct Endpoint {
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
    broken: bool,
}

async fn complete(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    endpoint.asked.lock().unwrap().push((headers, body.clone()));
    if endpoint.broken {
        return (StatusCode::INTERNAL_SERVER_ERROR, "no").into_response();
    }
    let asks = body["messages"].as_array().unwrap();
    let last = asks.last().unwrap();
    let deltas = if last["role"] == "tool" {
        vec![
            json!({"content": "It is "}),
            json!({"content": last["content"]}),
        ]
    } else {
        let call = |part: Value| json!({"tool_calls": [part]});
        vec![
            call(
                json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"wh"}}),
            ),
            call(json!({"index": 0, "function": {"arguments": "at\": \"sky\"}"}})),
        ]
    };
    let mut stream = String::new();
    for delta in deltas {
        let chunk = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        stream.extend(["data: ", &chunk.to_string(), "\n\n"]);
    }
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 5}});
    stream.extend([end, usage].map(|part| format!("data: {part}\n\n")));
    stream.push_str("data: [DONE]\n\n");
    ([("content-type", "text/event-stream")], stream).into_response()
}

async fn house(endpoint: Endpoint, prompt: Value) -> House {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/v1/chat/completions",
        listener.local_addr().unwrap()
    );
    let app = Router::new()
        .route("/v1/chat/completions", post(complete))
        .with_state(endpoint);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut agent = StoredAgent::from_file("desk", "name = \"Desk\"", Origin::Bundled).unwrap();
    let mut section = json!({"prompt": "Be brief.", "llm": "custom-llm",
        "tools": [{"type": "client", "name": "look", "description": "Looks.", "expects_response": true}],
        "custom_llm": {"url": url, "model_id": "tiny", "api_key": {"secret_id": "llm"}, "request_headers": {"X-Team": "blue"}}});
    section
        .as_object_mut()
        .unwrap()
        .extend(prompt.as_object().unwrap().clone());
    agent.document["conversation_config"] = json!({"agent": {"first_message": "", "prompt": section}, "conversation": {"text_only": true}});
    agent.document["platform_settings"] = json!({"overrides": {"custom_llm_extra_body": true}});
    let settings = open();
    let secrets = BTreeMap::from([("llm".to_owned(), ApiKey::new("s3cret"))]);
    let engine = Fake(|_| vec![text("The backup speaks.")]);
    let answerer = InProcess::new(Arc::new(engine), secrets, &settings.limits);
    House::with(settings, Arc::new(answerer), vec![agent]).await
}

#[tokio::test]
async fn replies_and_tool_calls_come_from_the_agents_own_endpoint() {
    let endpoint = Endpoint::default();
    let house = house(endpoint.clone(), json!({})).await;
    let mut caller = house.call("agent_id=desk").await;
    caller.say(&json!({"type": "conversation_initiation_client_data", "custom_llm_extra_body": {"mood": "calm"}})).await;
    caller
        .say(&json!({"type": "user_message", "text": "what do you see"}))
        .await;
    let call = loop {
        let message = caller.next().await;
        assert_ne!(message["type"], "error", "{message}");
        if message["type"] == "client_tool_call" {
            break message["client_tool_call"].clone();
        }
    };
    assert_eq!(
        call["parameters"],
        json!({"what": "sky"}),
        "pieces of arguments are put together"
    );
    caller.say(&json!({"type": "client_tool_result", "tool_call_id": call["tool_call_id"], "result": "blue", "is_error": false})).await;
    assert_eq!(caller.said().await, "It is blue");
    let asked = endpoint.asked.lock().unwrap();
    let (headers, body) = &asked[0];
    assert_eq!(
        (
            headers["authorization"].to_str().unwrap(),
            headers["x-team"].to_str().unwrap()
        ),
        ("Bearer s3cret", "blue")
    );
    assert_eq!(
        (body["model"].as_str(), &body["elevenlabs_extra_body"]),
        (Some("tiny"), &json!({"mood": "calm"}))
    );
}

#[tokio::test]
async fn the_servers_llm_answers_when_the_agents_own_fails() {
    let broken = Endpoint {
        broken: true,
        ..Endpoint::default()
    };
    let house = house(broken.clone(), json!({})).await;
    let mut caller = house.call("agent_id=desk").await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data"}))
        .await;
    caller
        .say(&json!({"type": "user_message", "text": "hello"}))
        .await;
    assert_eq!(caller.said().await, "The backup speaks.");
    assert!(!broken.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_agent_may_want_no_backup() {
    let broken = Endpoint {
        broken: true,
        ..Endpoint::default()
    };
    let house = house(
        broken,
        json!({"backup_llm_config": {"preference": "disabled"}}),
    )
    .await;
    let mut caller = house.call("agent_id=desk").await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data"}))
        .await;
    caller
        .say(&json!({"type": "user_message", "text": "hello"}))
        .await;
    assert_ne!(
        caller.said().await,
        "The backup speaks.",
        "an apology, and no backup"
    );
}
