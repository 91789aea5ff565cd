//! The account against a stand-in that answers what it is told to and remembers what it was asked.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a stand-in that breaks fails the test"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use elevenlabs::{
    Account, AgentsQuery, ApiError, ApiKey, Recording, Settings, Speech, StartOptions, VoicesQuery,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the stand-in does with one request.
enum Turn {
    Say(&'static str, &'static str),
    Pieces(&'static [&'static str]),
    Silence,
}

struct StandIn {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    async fn new(turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            for turn in turns {
                let (mut socket, _) = listener.accept().await.unwrap();
                let request = read(&mut socket).await;
                log.lock().unwrap().push(request);
                match turn {
                    Turn::Say(status, body) => {
                        let head = format!(
                            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                            body.len()
                        );
                        socket.write_all(head.as_bytes()).await.unwrap();
                        socket.write_all(body.as_bytes()).await.unwrap();
                    }
                    Turn::Pieces(pieces) => {
                        let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncharacter-cost: 12\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
                        socket.write_all(head.as_bytes()).await.unwrap();
                        for piece in pieces {
                            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                            socket.write_all(chunk.as_bytes()).await.unwrap();
                        }
                        socket.write_all(b"0\r\n\r\n").await.unwrap();
                    }
                    Turn::Silence => std::future::pending().await,
                }
            }
        });
        Self { url, asked }
    }

    fn account(&self) -> Account {
        self.account_with(Settings::default())
    }

    fn account_with(&self, settings: Settings) -> Account {
        Account::new(Settings {
            api_key: Some(ApiKey::new("sk_hush")),
            base_url: Some(self.url.clone()),
            ..settings
        })
        .unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let count = socket.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return text;
            }
        }
        assert!(count > 0, "the request ended early: {text}");
    }
}

const OK: &str = "200 OK";

#[tokio::test]
async fn the_key_goes_with_every_request_and_ids_stay_in_their_place() {
    let there = StandIn::new(vec![Turn::Say(
        OK,
        r#"{"agent_id":"a/1","name":"Desk","conversation_config":{"agent":{}},"metadata":{"x":1}}"#,
    )])
    .await;
    let agent = there.account().agents().get("a/1").await.unwrap();
    assert_eq!(agent.name, "Desk");
    assert_eq!(agent.rest["metadata"]["x"], 1);
    let asked = &there.asked()[0];
    assert!(
        asked.starts_with("GET /v1/convai/agents/a%2F1 HTTP/1.1"),
        "{asked}"
    );
    assert!(asked.contains("xi-api-key: sk_hush"), "{asked}");
}

#[tokio::test]
async fn what_only_a_key_holder_may_do_is_not_sent_without_one() {
    let there = StandIn::new(vec![]).await;
    let account = Account::new(Settings {
        base_url: Some(there.url.clone()),
        ..Settings::default()
    })
    .unwrap();
    let error = account.models().await.unwrap_err();
    assert_eq!(error, ApiError::NoKey);
    assert!(there.asked().is_empty());
}

#[tokio::test]
async fn a_signed_url_is_fetched_with_what_was_asked() {
    let there = StandIn::new(vec![Turn::Say(
        OK,
        r#"{"signed_url":"ws://127.0.0.1:1/v1/convai/conversation?agent_id=a&conversation_signature=s"}"#,
    )])
    .await;
    let options = StartOptions {
        include_conversation_id: true,
        environment: Some("stage two".to_owned()),
        ..StartOptions::default()
    };
    let url = there.account().signed_url("a", &options).await.unwrap();
    assert_eq!(url.expose().host_str(), Some("127.0.0.1"));
    assert!(there.asked()[0].starts_with(
        "GET /v1/convai/conversation/get-signed-url?agent_id=a&include_conversation_id=true&environment=stage+two "
    ));
}

#[tokio::test]
async fn a_busy_platform_is_asked_again_when_it_said_so() {
    let there = StandIn::new(vec![
        Turn::Say("429 Too Many Requests\r\nretry-after-ms: 1", "{}"),
        Turn::Say("503 Service Unavailable\r\nretry-after-ms: 1", "{}"),
        Turn::Say(OK, "[]"),
    ])
    .await;
    assert_eq!(there.account().models().await.unwrap(), []);
    assert_eq!(there.asked().len(), 3);
}

#[tokio::test]
async fn it_is_asked_twice_more_and_no_oftener() {
    let busy = || {
        Turn::Say(
            "429 Too Many Requests\r\nretry-after-ms: 2",
            r#"{"detail":{"code":"system_busy","message":"Busy"}}"#,
        )
    };
    let there = StandIn::new(vec![busy(), busy(), busy()]).await;
    let error = there.account().models().await.unwrap_err();
    assert!(matches!(
        &error,
        ApiError::RateLimited { said, retry_after: Some(after) }
            if said.code.as_deref() == Some("system_busy") && *after == Duration::from_millis(2)
    ));
    assert_eq!(there.asked().len(), 3);
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    for (status, body, words) in [
        (
            "401 Unauthorized",
            r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#,
            "the API key was refused: Invalid API key; check",
        ),
        (
            "403 Forbidden",
            r#"{"detail":{"message":"missing convai_read"}}"#,
            "give it the permission",
        ),
        (
            "404 Not Found",
            r#"{"detail":{"code":"agent_not_found","message":"No agent"}}"#,
            "check the id",
        ),
        (
            "422 Unprocessable Entity",
            r#"{"detail":[{"loc":["body","name"],"msg":"Field required"}]}"#,
            "name: Field required",
        ),
    ] {
        let there = StandIn::new(vec![Turn::Say(status, body)]).await;
        let error = there.account().agents().get("a").await.unwrap_err();
        assert!(!error.is_transient(), "{status}");
        assert!(error.to_string().contains(words), "{status}: {error}");
    }
}

#[tokio::test]
async fn something_else_behind_the_url_is_no_panic() {
    let there = StandIn::new(vec![Turn::Say(OK, "<html>hello</html>")]).await;
    let error = there.account().user().await.unwrap_err();
    assert!(matches!(error, ApiError::Garbled { .. }), "{error}");
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    let there = StandIn::new(vec![Turn::Silence]).await;
    let account = there.account_with(Settings {
        timeout: Duration::from_millis(50),
        ..Settings::default()
    });
    let error = account.user().await.unwrap_err();
    assert!(matches!(error, ApiError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named() {
    let account = Account::new(Settings {
        api_key: Some(ApiKey::new("sk_hush")),
        base_url: Some("http://127.0.0.1:1".to_owned()),
        retries: 0,
        ..Settings::default()
    })
    .unwrap();
    let error = account.user().await.unwrap_err();
    assert!(matches!(&error, ApiError::Unreachable { host, .. } if host == "127.0.0.1"));
    assert!(!error.to_string().contains("sk_hush"));
}

#[tokio::test]
async fn speech_comes_piece_by_piece_and_leaves_no_trace_where_asked() {
    let there = StandIn::new(vec![Turn::Pieces(&["abc", "defg"])]).await;
    let account = there.account_with(Settings {
        zero_retention: true,
        ..Settings::default()
    });
    let speech = Speech {
        format: Some("pcm_16000".to_owned()),
        ..Speech::new("Good morning.")
    };
    let mut sound = account.speak_streaming("v", &speech).await.unwrap();
    assert_eq!(sound.content_type().as_deref(), Some("audio/mpeg"));
    assert_eq!(sound.character_cost(), Some(12));
    let mut all = Vec::new();
    while let Some(piece) = sound.next().await.unwrap() {
        all.extend_from_slice(&piece);
    }
    assert_eq!(all, b"abcdefg");
    let asked = &there.asked()[0];
    assert!(asked.starts_with(
        "POST /v1/text-to-speech/v/stream?output_format=pcm_16000&enable_logging=false "
    ));
    assert!(asked.ends_with(r#"{"text":"Good morning."}"#), "{asked}");
}

#[tokio::test]
async fn a_recording_is_sent_as_a_form() {
    let there = StandIn::new(vec![Turn::Say(
        OK,
        r#"{"text":"Hello.","language_code":"en","words":[{"text":"Hello.","type":"word","start":0.1,"end":0.4}]}"#,
    )])
    .await;
    let transcript = there
        .account()
        .transcribe(&Recording {
            bytes: "RIFF…".as_bytes().to_vec().into(),
            diarize: true,
            ..Recording::default()
        })
        .await
        .unwrap();
    assert_eq!(transcript.text, "Hello.");
    assert_eq!(transcript.words[0].start, Some(0.1));
    let asked = &there.asked()[0];
    assert!(
        asked.contains("name=\"model_id\"\r\n\r\nscribe_v2\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains("name=\"diarize\"\r\n\r\ntrue\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn lists_are_read_a_page_at_a_time() {
    let there = StandIn::new(vec![
        Turn::Say(OK, r#"{"voices":[{"voice_id":"v","labels":{"accent":"x"}}],"has_more":true,"next_page_token":"p2","total_count":2}"#),
        Turn::Say(OK, r#"{"agents":[{"agent_id":"a","name":"Desk"}],"has_more":false,"next_cursor":null}"#),
    ])
    .await;
    let account = there.account();
    let query = VoicesQuery {
        search: Some("calm & low".to_owned()),
        ..VoicesQuery::default()
    };
    let page = account.voices().list(&query).await.unwrap();
    assert_eq!(page.items[0].voice_id, "v");
    assert_eq!(page.next.as_deref(), Some("p2"));
    let page = account
        .agents()
        .list(&AgentsQuery::default())
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    assert!(there.asked()[0].starts_with("GET /v2/voices?search=calm+%26+low "));
}

#[tokio::test]
async fn agents_are_made_changed_copied_and_deleted() {
    let there = StandIn::new(vec![
        Turn::Say(OK, r#"{"agent_id":"new"}"#),
        Turn::Say(OK, r#"{"agent_id":"new","name":"Other"}"#),
        Turn::Say(OK, r#"{"agent_id":"copy"}"#),
        Turn::Say("204 No Content", ""),
    ])
    .await;
    let account = there.account();
    let agents = account.agents();
    assert_eq!(
        agents
            .create(&json!({"conversation_config": {}}))
            .await
            .unwrap(),
        "new"
    );
    assert_eq!(
        agents
            .update("new", &json!({"name": "Other"}))
            .await
            .unwrap()
            .name,
        "Other"
    );
    assert_eq!(agents.duplicate("new", None).await.unwrap(), "copy");
    agents.delete("copy").await.unwrap();
    let first: Vec<String> = there
        .asked()
        .iter()
        .map(|asked| asked.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        first,
        [
            "POST /v1/convai/agents/create HTTP/1.1",
            "PATCH /v1/convai/agents/new HTTP/1.1",
            "POST /v1/convai/agents/new/duplicate HTTP/1.1",
            "DELETE /v1/convai/agents/copy HTTP/1.1",
        ]
    );
}
