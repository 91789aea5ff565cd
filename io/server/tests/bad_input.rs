//! What no caller should send, over the port: a documented error, a close that agrees, and the next caller is served.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Caller, House, open};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use server::Settings;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn every_kind_of_nonsense_is_refused_by_name() {
    let house = House::open(open()).await;
    for (text, kind) in [
        ("{", "invalid_message"),
        ("not json", "invalid_message"),
        ("[1, 2]", "invalid_message"),
        ("\"text\"", "invalid_message"),
        ("{}", "invalid_message"),
        (r#"{"type": 7}"#, "invalid_message"),
        (r#"{"type": ""}"#, "invalid_message"),
        (r#"{"user_audio_chunk": "!!!"}"#, "invalid_message"),
        (r#"{"user_audio_chunk": 7}"#, "invalid_message"),
        (r#"{"type": "pong"}"#, "missing_fields"),
        (r#"{"type": "pong", "event_id": "one"}"#, "invalid_message"),
        (r#"{"type": "contextual_update"}"#, "missing_fields"),
        (
            r#"{"type": "feedback", "event_id": 1, "score": "meh"}"#,
            "invalid_message",
        ),
        (r#"{"type": "multimodal_message"}"#, "missing_fields"),
        (
            r#"{"type": "client_tool_result", "result": "x", "is_error": false}"#,
            "missing_fields",
        ),
        (
            r#"{"type": "conversation_initiation_client_data"}"#,
            "invalid_message",
        ),
        (r#"{"type": "enclave_setup_config"}"#, "invalid_message"),
    ] {
        let mut caller = house.begin().await;
        caller.send(Message::text(text)).await;
        let (error, code, reason) = caller.refused().await;
        assert_eq!((error.as_str(), code), (kind, 1008), "{text}: {reason}");
    }
    house.begin().await;
}

#[tokio::test]
async fn nonsense_before_the_conversation_is_refused_as_well() {
    let house = House::open(open()).await;
    for text in [
        "{",
        r#"{"type": "conversation_initiation_client_data", "conversation_config_override": 7}"#,
    ] {
        let mut caller = house.call("agent_id=desk").await;
        caller.send(Message::text(text)).await;
        assert_eq!(caller.refused().await.1, 1008, "{text}");
    }
}

#[tokio::test]
async fn unknown_kinds_are_passed_over() {
    let house = House::open(open()).await;
    let mut caller = house.begin().await;
    caller
        .say(&json!({"type": "brand_new", "with": ["anything"]}))
        .await;
    caller
        .say(&json!({"type": "user_message", "text": "still here"}))
        .await;
    assert_eq!(caller.said().await, "still here");
}

#[tokio::test]
async fn binary_frames_and_broken_utf8_are_refused() {
    let house = House::open(open()).await;
    let mut caller = house.begin().await;
    caller.send(Message::binary(vec![0, 1, 2])).await;
    assert_eq!(caller.refused().await.0, "invalid_message");

    let caller = house.begin().await;
    let mut stream = caller.socket.into_inner();
    // A masked text frame of two bytes that are not UTF-8.
    stream
        .write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe])
        .await
        .unwrap();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&rest).contains("not UTF-8"),
        "the error message is readable"
    );
}

#[tokio::test]
async fn ten_megabytes_are_refused_and_the_sender_reads_why() {
    let house = House::open(open()).await;
    for pieces in [1, 40] {
        let mut caller = house.begin().await;
        if pieces == 1 {
            caller
                .send(Message::text(format!(
                    "{{\"user_audio_chunk\":\"{}\"}}",
                    "A".repeat(10 << 20)
                )))
                .await;
        } else {
            // The same as many frames of one message, which never ends.
            use tokio_tungstenite::tungstenite::protocol::frame::{
                Frame,
                coding::{Data, OpCode},
            };
            for piece in 0..pieces {
                let kind = if piece == 0 {
                    Data::Text
                } else {
                    Data::Continue
                };
                let frame = Frame::message(vec![b'A'; 256 << 10], OpCode::Data(kind), false);
                if caller.socket.send(Message::Frame(frame)).await.is_err() {
                    break;
                }
            }
        }
        let (kind, code, reason) = caller.refused().await;
        assert_eq!((kind.as_str(), code), ("invalid_message", 1008));
        assert_eq!(reason, "This message is too large.");
    }
    house.begin().await;
}

#[tokio::test]
async fn a_refusal_of_the_answerer_reaches_the_caller() {
    let house = House::open(open()).await;
    let mut caller = house.call("agent_id=desk").await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data", "user_id": "nobody"}))
        .await;
    let (kind, code, reason) = caller.refused().await;
    assert_eq!(
        (kind.as_str(), code, reason.as_str()),
        ("override_error", 1008, "Not you.")
    );
}

#[tokio::test]
async fn sound_before_the_initiation_is_kept() {
    let house = House::open(open()).await;
    let mut caller = house.call("agent_id=desk").await;
    caller.say(&json!({"user_audio_chunk": "AAAA"})).await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data", "user_id": "me"}))
        .await;
    assert_eq!(
        caller.next().await["type"],
        "conversation_initiation_metadata"
    );
    assert_eq!(caller.said().await, "user Some(\"me\")");
    assert_eq!(caller.said().await, "heard 3 bytes");
}

#[tokio::test]
async fn a_caller_who_skips_the_initiation_gets_the_defaults() {
    let mut settings = open();
    settings.limits.initiation = Duration::from_millis(50);
    let house = House::open(settings).await;
    let mut silent = house.call("agent_id=desk").await;
    assert_eq!(
        silent.next().await["type"],
        "conversation_initiation_metadata"
    );
    let mut hasty = house.call("agent_id=desk").await;
    hasty
        .say(&json!({"type": "user_message", "text": "hello"}))
        .await;
    assert_eq!(
        hasty.next().await["type"],
        "conversation_initiation_metadata"
    );
    assert_eq!(hasty.said().await, "user None");
    assert_eq!(hasty.said().await, "hello");
}

#[tokio::test]
async fn a_caller_who_says_nothing_is_let_go() {
    let mut settings = open();
    settings.limits.receive = Duration::from_millis(200);
    let house = House::open(settings).await;
    let mut caller = house.begin().await;
    let (kind, code, _) = caller.refused().await;
    assert_eq!((kind.as_str(), code), ("transport_receive_timeout", 1002));
}

#[tokio::test]
async fn a_caller_who_does_not_read_loses_only_their_own_call() {
    let mut settings = open();
    settings.limits.send = Duration::from_millis(300);
    settings.limits.conversations = 1;
    let house = House::open(settings).await;
    let mut deaf = house.begin().await;
    deaf.say(&json!({"type": "user_message", "text": "flood"}))
        .await;
    // The place becomes free although the deaf caller keeps the connection open.
    let mut next = loop {
        let mut caller = house.call("agent_id=desk").await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        if caller.next().await["type"] == "conversation_initiation_metadata" {
            break caller;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(next.said().await, "user None");
    drop(deaf);
}

#[tokio::test]
async fn one_conversation_too_many_is_told_so() {
    let mut settings = open();
    settings.limits.conversations = 2;
    let house = House::open(settings).await;
    let first = house.begin().await;
    let _second = house.begin().await;
    let (kind, code, reason) = house.call("agent_id=desk").await.refused().await;
    assert_eq!((kind.as_str(), code), ("unknown", 3008));
    assert!(reason.contains("Too many concurrent"), "{reason}");
    drop(first);
    loop {
        let mut caller = house.call("agent_id=desk").await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        if caller.next().await["type"] == "conversation_initiation_metadata" {
            break;
        }
    }
}

#[tokio::test]
async fn a_thousand_callers_at_once_are_served_or_refused() {
    let mut settings = open();
    settings.limits.conversations = 100;
    let house = House::open(settings).await;
    let calls = (0..1_000).map(|_| async {
        let mut caller = house.call("agent_id=desk").await;
        let begun = caller
            .socket
            .send(Message::text(
                r#"{"type":"conversation_initiation_client_data"}"#,
            ))
            .await;
        // A refused caller may find the socket closed while still talking.
        let _ = begun;
        match caller.next().await["type"].as_str() {
            Some("conversation_initiation_metadata") => true,
            Some("error") => false,
            other => panic!("{other:?}"),
        }
    });
    let outcomes: Vec<bool> = futures_util::stream::iter(calls)
        .buffer_unordered(1_000)
        .collect()
        .await;
    assert_eq!(outcomes.len(), 1_000);
    assert!(outcomes.iter().filter(|served| **served).count() >= 100);
    let _ = house.begin().await;
}

#[tokio::test]
async fn half_a_request_holds_no_connection_for_ever() {
    let mut settings = open();
    settings.limits.head = Duration::from_millis(200);
    let house = House::open(settings).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: 127")
        .await
        .unwrap();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut rest))
        .await
        .expect("hung")
        .unwrap();
}

#[tokio::test]
async fn a_stopped_server_lets_calls_finish_and_then_ends_them() {
    let mut settings = open();
    settings.limits.drain = Duration::from_millis(500);
    let mut house = House::open(settings).await;
    let mut finishing = house.begin().await;
    let mut lingering = house.begin().await;
    let _ = house.stop.take().unwrap().send(());
    finishing
        .say(&json!({"type": "user_message", "text": "one more"}))
        .await;
    assert_eq!(finishing.said().await, "one more");
    finishing
        .say(&json!({"type": "user_message", "text": "bye"}))
        .await;
    assert_eq!(finishing.ending().await, (None, 1000, "bye".to_owned()));
    assert!(
        TcpStream::connect(house.address).await.is_err(),
        "no new calls"
    );
    let (error, code, _) = lingering.ending().await;
    assert_eq!((error, code), (None, 1001));
    timeout(Duration::from_secs(10), house.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_agent_ends_with_1000_and_so_does_the_user() {
    let house = House::open(open()).await;
    let mut caller = house.begin().await;
    caller
        .say(&json!({"type": "user_message", "text": "bye"}))
        .await;
    assert_eq!(caller.ending().await, (None, 1000, "bye".to_owned()));
    let mut caller = house.begin().await;
    caller.socket.close(None).await.unwrap();
    while let Some(message) = caller.message().await {
        assert!(!matches!(message, Message::Text(_)));
    }
}

#[tokio::test]
async fn an_ordinary_request_to_the_socket_is_told_to_upgrade() {
    let house = House::open(Settings::default()).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let request = "GET /v1/convai/conversation?agent_id=desk HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    let _ = Caller::dial(house.address, house.request("agent_id=desk")).await;
}

/// Asks with `body` of a length that may be another. The answer, and whether the connection carries another question.
async fn asked(house: &House, head: &str, length: usize, body: &[u8]) -> (String, bool) {
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    let host = house.address;
    let question = format!("{head} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
    socket.write_all(question.as_bytes()).await.unwrap();
    // The body comes when the answer might be under way already.
    tokio::time::sleep(Duration::from_millis(30)).await;
    // Should the connection be gone, the answer says so.
    let _ = socket.write_all(body).await;
    let first = answer(&mut socket).await;
    let again = format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n");
    if socket.write_all(again.as_bytes()).await.is_err() {
        return (first, false);
    }
    let second = answer(&mut socket).await;
    (first, second.starts_with("HTTP/1.1 200"))
}

async fn answer(socket: &mut TcpStream) -> String {
    let mut piece = vec![0; 16 * 1024];
    let read = timeout(Duration::from_secs(30), socket.read(&mut piece)).await;
    let read = read.unwrap().unwrap_or_default();
    String::from_utf8_lossy(&piece[..read]).into_owned()
}

#[tokio::test]
async fn a_refused_question_leaves_the_connection_to_the_next() {
    let house = House::open(open()).await;
    let body = br#"{"prompt": "any"}"#;
    for head in [
        "POST /v1/music/compose",
        "POST /v1/convai/nothing/of/the/kind",
        "PUT /v1/convai/agents",
        "DELETE /v1/convai/agents/nobody",
    ] {
        let (first, again) = asked(&house, head, body.len(), body).await;
        assert!(first.starts_with("HTTP/1.1 "), "{head}: {first:?}");
        assert!(again, "{head}: {first}");
    }
}

#[tokio::test]
async fn a_refused_question_that_never_ends_is_told_that_the_connection_closes() {
    let house = House::open(open()).await;
    let (first, again) = asked(&house, "POST /v1/music/compose", 4 << 20, b"{").await;
    assert!(first.starts_with("HTTP/1.1 501"), "{first:?}");
    assert!(
        first.to_lowercase().contains("connection: close"),
        "{first}"
    );
    assert!(!again, "what follows would be read as the question's body");
}
