//! The chat-completions llm against a server of our own that misbehaves on request, over a real socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use providers::{
    ApiKey, ProviderError,
    http::Authorities,
    llm::{Event, Llm, Message, Request, ToolSpec},
    openai::{ChatCompletions, Settings, find_ollama, models},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
};

const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// Answers one request with `pieces`, then closes or, when told, hangs. Gives the request's head and body.
async fn server(pieces: Vec<String>, hang: bool) -> (String, oneshot::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (seen, request) = oneshot::channel();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        let (head, body) = loop {
            let mut piece = [0; 4096];
            let read = socket.read(&mut piece).await.unwrap();
            text.extend_from_slice(&piece[..read]);
            let all = String::from_utf8_lossy(&text).into_owned();
            let Some((head, body)) = all.split_once("\r\n\r\n") else {
                assert!(read > 0, "the client closed before it asked");
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")
                        .and_then(|length| length.parse().ok())
                })
                .unwrap_or(0);
            if body.len() >= length {
                break (head.to_owned(), body.to_owned());
            }
        };
        let _ = seen.send((head, serde_json::from_str(&body).unwrap_or(Value::Null)));
        for piece in pieces {
            if socket.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
        }
        if hang {
            // Until the client gives up and closes.
            let _ = socket.read(&mut [0; 16]).await;
        }
    });
    (url, request)
}

fn llm(url: &str) -> ChatCompletions {
    ChatCompletions::new(Settings {
        base_url: url.to_owned(),
        key: Some(ApiKey::new("sk-made-up-key")),
        model: "tiny".to_owned(),
        first_piece: Duration::from_millis(300),
        next_piece: Duration::from_millis(300),
        ..Settings::default()
    })
    .unwrap()
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn text(text: &str) -> String {
    data(&json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]}))
}

async fn all(llm: &ChatCompletions, request: Request) -> Vec<Result<Event, ProviderError>> {
    let mut generation = llm.generate(request);
    let mut events = Vec::new();
    while let Some(event) = generation.recv().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn a_reply_streams_and_the_request_says_what_was_heard() {
    let stop = data(&json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}));
    let (url, request) = server(
        vec![
            SSE.into(),
            ": keep-alive\n\n".into(),
            text("Good "),
            text("morning."),
            stop,
            "data: [DONE]\n\n".into(),
        ],
        false,
    )
    .await;
    let events = all(
        &llm(&url),
        Request {
            prompt: "Be brief.".into(),
            messages: vec![
                Message::Agent {
                    text: "Hello, how".into(),
                    calls: vec![],
                },
                Message::User("Morning".into()),
            ],
            tools: vec![ToolSpec {
                name: "end_call".into(),
                description: "Ends it.".into(),
                parameters: json!({"type": "object"}),
            }],
            ..Request::default()
        },
    )
    .await;
    let events: Vec<Event> = events.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        events,
        [
            Event::Text("Good ".into()),
            Event::Text("morning.".into()),
            Event::Done
        ]
    );

    let (head, body) = request.await.unwrap();
    assert!(head.starts_with("POST /v1/chat/completions "));
    assert!(head.contains("authorization: Bearer sk-made-up-key"));
    assert_eq!(body["stream"], true);
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["messages"][1]["content"], "Hello, how");
    assert_eq!(body["tools"][0]["function"]["name"], "end_call");
}

#[tokio::test]
async fn a_refused_key_is_not_repeated_to_anyone() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-made-up-key","code":"invalid_api_key"}}"#;
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (url, _) = server(vec![answer], false).await;
    let events = all(&llm(&url), Request::default()).await;
    let [Err(error @ ProviderError::Unauthorised { .. })] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert!(error.to_string().contains("Incorrect API key"));
    assert!(!format!("{error} {error:?}").contains("sk-made-up-key"));
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let answer = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let (url, _) = server(vec![answer.into()], false).await;
    let events = all(&llm(&url), Request::default()).await;
    assert!(
        matches!(
            events.as_slice(),
            [Err(ProviderError::RateLimited { retry_after: Some(after), .. })] if after.as_secs() == 7
        ),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let (url, _) = server(vec![], true).await;
    let events = all(&llm(&url), Request::default()).await;
    assert!(
        matches!(events.as_slice(), [Err(ProviderError::TimedOut { .. })]),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_server_that_stalls_in_mid_reply_keeps_what_was_said() {
    let (url, _) = server(vec![SSE.into(), text("One moment")], true).await;
    let events = all(&llm(&url), Request::default()).await;
    assert!(
        matches!(
            events.as_slice(),
            [Ok(Event::Text(said)), Err(ProviderError::TimedOut { .. })] if said == "One moment"
        ),
        "{events:?}"
    );
}

#[tokio::test]
async fn garbage_is_an_error_and_not_a_reply() {
    for garbage in ["data: <html>\n\n", "data: 17\n\n", "\u{fffd}\u{0}\n\n", ""] {
        let (url, _) = server(vec![SSE.into(), garbage.into()], false).await;
        let events = all(&llm(&url), Request::default()).await;
        assert!(
            matches!(events.as_slice(), [Err(ProviderError::Failed { .. })]),
            "{garbage:?}: {events:?}"
        );
    }
}

#[tokio::test]
async fn an_endless_line_does_not_fill_the_memory() {
    let flood = "x".repeat(1 << 20);
    let mut pieces = vec![SSE.to_owned(), "data: ".to_owned()];
    pieces.extend(std::iter::repeat_n(flood, 8));
    let (url, _) = server(pieces, true).await;
    let events = all(&llm(&url), Request::default()).await;
    let [Err(error)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let events = all(&llm(&url), Request::default()).await;
    assert!(
        matches!(events.as_slice(), [Err(ProviderError::Unreachable { .. })]),
        "{events:?}"
    );
}

#[tokio::test]
async fn dropping_the_generation_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let generation = llm(&url).generate(Request::default());
    let (mut socket, _) = listener.accept().await.unwrap();
    drop(generation);
    // The request may have been written first; after it comes the end.
    let mut rest = Vec::new();
    let end = socket.read_to_end(&mut rest).await;
    assert!(
        end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn an_address_that_is_no_url_is_refused_at_once() {
    let refused = ChatCompletions::new(Settings {
        base_url: "localhost:11434".to_owned(),
        ..Settings::default()
    });
    assert!(matches!(refused, Err(ProviderError::Unsupported { .. })));
}

#[tokio::test]
async fn an_ollama_is_found_by_its_first_chat_model() {
    let list =
        json!({"object": "list", "data": [{"id": "nomic-embed-text"}, {"id": "llama3.2:latest"}]})
            .to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}",
        list.len()
    );
    let (url, _) = server(vec![answer.clone()], false).await;
    assert_eq!(
        find_ollama(&url, &Authorities::public()).await.as_deref(),
        Some("llama3.2:latest")
    );

    let (url, _) = server(vec![answer], false).await;
    let all = models(&url, None, Duration::from_secs(5), &Authorities::public())
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(
        find_ollama("http://127.0.0.1:9/v1", &Authorities::public()).await,
        None
    );
}
