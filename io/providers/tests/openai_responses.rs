//! The Responses llm against a server of our own that checks what it is asked, over a real socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::http::{Answer, Asked, Server};
use providers::{
    ApiKey, ProviderError,
    http::Authorities,
    llm::{Event, Image, Llm, Message, Request, ToolCall, ToolSpec, Usage},
    openai::{Responses, Settings},
};
use serde_json::{Value, json};

const KEY: &str = "sk-made-up-key";

/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_mins(1);
/// For servers that never answer.
const IMPATIENCE: Duration = Duration::from_millis(300);

fn llm(server: &Server, patience: Duration) -> Responses {
    Responses::new(Settings {
        base_url: format!("{}/v1/", server.url),
        key: Some(ApiKey::new(KEY)),
        model: "tiny".to_owned(),
        headers: vec![("X-Team".to_owned(), ApiKey::new("blue-team-secret"))],
        first_piece: patience,
        next_piece: patience,
        authorities: Authorities::public(),
    })
    .unwrap()
}

/// What the reference asks of every request.
fn check(asked: &Asked) -> Value {
    assert_eq!(asked.line, "POST /v1/responses HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer sk-made-up-key"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-team"), Some("blue-team-secret"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        (&body["model"], &body["stream"], &body["store"]),
        (&json!("tiny"), &json!(true), &json!(false))
    );
    for item in body["input"].as_array().unwrap() {
        assert!(
            item.get("id").is_none(),
            "no ids of things that were never stored: {item}"
        );
        match item["type"].as_str() {
            None | Some("message") => {
                let role = item["role"].as_str().unwrap();
                assert!(["user", "assistant", "system", "developer"].contains(&role));
                assert!(item["content"].is_string() || item["content"].is_array());
            }
            Some("function_call") => {
                assert!(item["call_id"].is_string() && item["arguments"].is_string());
            }
            Some("function_call_output") => {
                assert!(item["call_id"].is_string() && item["output"].is_string());
            }
            other => panic!("{other:?}"),
        }
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        assert!(tool["name"].is_string() && tool.get("function").is_none());
        assert_eq!(tool["strict"], false);
    }
    body
}

/// An event as the wire has it.
fn event(number: usize, body: &Value) -> String {
    let mut body = body.clone();
    body["sequence_number"] = json!(number);
    let kind = body["type"].as_str().unwrap();
    format!("event: {kind}\ndata: {body}\n\n")
}

fn stream(bodies: &[Value]) -> Vec<String> {
    let events = bodies.iter().enumerate();
    let mut pieces = vec![common::http::SSE.to_owned()];
    pieces.extend(events.map(|(number, body)| event(number, body)));
    pieces
}

fn said(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
        "delta": text, "logprobs": [], "obfuscation": "xk2"})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "error": null, "output": [],
        "usage": {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 3, "total_tokens": 15}}})
}

async fn all(llm: &Responses, request: Request) -> Vec<Result<Event, ProviderError>> {
    let mut generation = llm.generate(request);
    let mut events = Vec::new();
    while let Some(event) = generation.recv().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn a_reply_streams_until_its_terminal_event_though_the_server_keeps_the_line() {
    let server = Server::start(vec![Answer::hang(stream(&[
        json!({"type": "response.created", "response": {"status": "in_progress"}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "msg_1", "type": "message", "content": []}}),
        json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": 0, "delta": "Hm."}),
        said("Good "),
        said("morning."),
        json!({"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": "Good morning."}),
        json!({"type": "response.brand_new", "anything": [1]}),
        completed(),
    ]))])
    .await;
    let request = Request {
        prompt: "Be brief.".into(),
        messages: vec![
            Message::Agent {
                text: "Hello, how".into(),
                calls: vec![],
            },
            Message::Seen {
                text: "What is this?".into(),
                images: vec![Image {
                    url: "data:image/png;base64,AA==".into(),
                    detail: None,
                }],
            },
        ],
        tools: vec![ToolSpec {
            name: "end_call".into(),
            description: "Ends it.".into(),
            parameters: json!({"type": "object"}),
        }],
        temperature: Some(0.5),
        extra_body: json!({"elevenlabs_extra_body": {"mood": "calm"}, "service_tier": "flex"})
            .as_object()
            .unwrap()
            .clone(),
        ..Request::default()
    };
    let events: Vec<Event> = all(&llm(&server, PATIENCE), request)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        events,
        [
            Event::Reasoning("Hm.".into()),
            Event::Text("Good ".into()),
            Event::Text("morning.".into()),
            Event::Usage(Usage {
                input_tokens: 12,
                cached_tokens: 4,
                output_tokens: 3
            }),
            Event::Done
        ]
    );
    let body = check(&server.asked().await);
    assert_eq!(body["instructions"], "Be brief.");
    assert_eq!(body["input"][1]["content"][0]["type"], "input_image");
    assert_eq!(body["service_tier"], "flex");
    assert_eq!(body["elevenlabs_extra_body"], json!({"mood": "calm"}));
}

#[tokio::test]
async fn a_call_and_its_result_go_there_and_back() {
    let item = |status: &str, arguments: &str| {
        json!({"id": "fc_1", "type": "function_call", "status": status,
        "call_id": "call_1", "name": "get_time", "arguments": arguments})
    };
    let delta = |text: &str| json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0, "delta": text});
    let server = Server::start(vec![
        Answer::close(stream(&[
            json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", "")}),
            delta("{\"ci"),
            delta("ty\":\"Rome\"}"),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed", "{\"city\":\"Rome\"}")}),
            completed(),
        ])),
        Answer::close(stream(&[said("Noon."), completed()])),
    ])
    .await;
    let llm = llm(&server, PATIENCE);
    let events = all(&llm, Request::default()).await;
    let Some(Ok(Event::Call(call))) = events
        .iter()
        .find(|event| matches!(event, Ok(Event::Call(_))))
    else {
        panic!("{events:?}");
    };
    let expected = ToolCall {
        id: "call_1".into(),
        name: "get_time".into(),
        arguments: json!({"city": "Rome"}),
    };
    assert_eq!(*call, expected);
    check(&server.asked().await);
    let request = Request {
        messages: vec![
            Message::Agent {
                text: String::new(),
                calls: vec![call.clone()],
            },
            Message::Tool {
                call_id: "call_1".into(),
                name: "get_time".into(),
                result: "12:00".into(),
                is_error: false,
            },
        ],
        ..Request::default()
    };
    all(&llm, request).await;
    let body = check(&server.asked().await);
    let kinds: Vec<&str> = body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["function_call", "function_call_output"]);
}

#[tokio::test]
async fn every_way_to_fail_is_one_error_of_its_kind() {
    type Is = fn(&ProviderError) -> bool;
    let refused = |status: &str, body: &str| {
        Answer::close(vec![format!(
            "HTTP/1.1 {status}\r\nretry-after-ms: 1500\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )])
    };
    let broken = |bodies: &[Value]| Answer::close(stream(bodies));
    let cases: Vec<(Answer, Is)> = vec![
        (
            refused(
                "401 Unauthorized",
                r#"{"error":{"message":"Incorrect key sk-made-up-key, blue-team-secret"}}"#,
            ),
            |error| matches!(error, ProviderError::Unauthorised { .. }),
        ),
        (
            refused("429 Too Many Requests", "{}"),
            |error| matches!(error, ProviderError::RateLimited { retry_after: Some(after), .. } if after.as_millis() == 1500),
        ),
        (
            refused(
                "429 Too Many Requests",
                r#"{"error":{"message":"empty","code":"insufficient_quota"}}"#,
            ),
            |error| matches!(error, ProviderError::Unauthorised { .. }),
        ),
        (
            broken(&[
                json!({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow"}}}),
            ]),
            |error| matches!(error, ProviderError::RateLimited { .. }),
        ),
        (
            broken(&[
                json!({"type": "error", "code": "server_error", "message": "oh", "param": null}),
            ]),
            |error| {
                matches!(error, ProviderError::Failed { .. }) && error.to_string().contains("oh")
            },
        ),
        (
            Answer::close(vec![common::http::SSE.into(), "data: <html>\n\n".into()]),
            |error| matches!(error, ProviderError::Failed { .. }),
        ),
        (Answer::hang(vec![]), |error| {
            matches!(error, ProviderError::TimedOut { .. })
        }),
    ];
    for (answer, is) in cases {
        let shown = answer.shown();
        let patience = if answer.hangs() { IMPATIENCE } else { PATIENCE };
        let server = Server::start(vec![answer]).await;
        let events = all(&llm(&server, patience), Request::default()).await;
        let [Err(error)] = events.as_slice() else {
            panic!("{shown}: {events:?}");
        };
        assert!(is(error), "{shown}: {error:?}");
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains(KEY) && !text.contains("blue-team-secret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_keeps_what_was_said() {
    for answer in [
        Answer::close(stream(&[said("One moment")])),
        Answer::hang(stream(&[said("One moment")])),
    ] {
        let patience = if answer.hangs() { IMPATIENCE } else { PATIENCE };
        let server = Server::start(vec![answer]).await;
        let events = all(&llm(&server, patience), Request::default()).await;
        assert!(
            matches!(events.as_slice(), [Ok(Event::Text(said)), Err(_)] if said == "One moment"),
            "{events:?}"
        );
    }
}
