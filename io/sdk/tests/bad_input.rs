//! Whatever is on the other side: an error that says what to do, and never a wait without an end.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use std::time::Duration;

use common::{Line, StandIn, agents, ended, heard};
use duologue::{
    ConnectError, ConversationError, EndedBy, Event, Liveness, TlsTrouble, wire::CloseCode,
    wire::ServerEvent,
};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

/// What the connection to `there` comes to, at the first attempt.
async fn refusal(agents: &duologue::Agents) -> ConnectError {
    agents
        .conversation("agent_1")
        .attempts(1)
        .connect_timeout(Duration::from_millis(300))
        .answer_timeout(Duration::from_millis(300))
        .connect()
        .await
        .unwrap_err()
}

/// A port at which every caller gets the same bytes.
async fn port_that_says(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(bytes).await;
            kept.push(socket);
        }
    });
    host
}

#[tokio::test]
async fn a_wrong_key_is_called_so_and_not_shown() {
    let there = StandIn::new(
        |_| {
            (
                "401 Unauthorized",
                json!({"detail": {"status": "invalid_api_key", "message": "Invalid API key"}})
                    .to_string(),
            )
        },
        |_| async {},
    )
    .await;
    let error = refusal(&there.agents_with_key()).await;
    assert!(
        matches!(error, ConnectError::Unauthorised { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("check the API key"), "{error}");
    assert!(!format!("{error:?}").contains("sk_hush"));
}

#[tokio::test]
async fn a_wrong_agent_is_named() {
    let there = StandIn::new(
        |_| {
            (
                "404 Not Found",
                json!({"detail": {"code": "agent_not_found", "message": "No such agent"}})
                    .to_string(),
            )
        },
        |_| async {},
    )
    .await;
    let error = refusal(&there.agents_with_key()).await;
    assert!(
        matches!(&error, ConnectError::NoSuchAgent { agent, .. } if agent == "agent_1"),
        "{error:?}"
    );
    let nothing = there
        .agents()
        .conversation(" ")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(nothing, ConnectError::Settings { .. }),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn missing_variables_are_listed_before_anything_is_opened() {
    let there = StandIn::new(
        |_| ("200 OK", json!({"agent_id": "agent_1", "conversation_config": {"agent": {"first_message": "Hi {{name}}", "prompt": {"prompt": "{{plan}}"}}}}).to_string()),
        |_| async {},
    )
    .await;
    let error = refusal(&there.agents_with_key()).await;
    assert_eq!(
        error,
        ConnectError::MissingVariables {
            names: vec!["name".to_owned(), "plan".to_owned()]
        }
    );
    assert_eq!(there.asked().len(), 1);
}

#[tokio::test]
async fn what_the_server_refuses_is_told_with_its_reason() {
    let there = StandIn::holding(|line: Line| {
        line.refuse(
            1008,
            "override_error",
            "Override for field 'language' is not allowed by config.",
        )
    })
    .await;
    let error = there
        .agents()
        .conversation("agent_1")
        .language("fr")
        .prompt("Be brief.")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::OverrideRefused { paths, .. } if paths == &["agent.language"]),
        "{error:?}"
    );
    let there = StandIn::holding(|line: Line| {
        line.refuse(
            1008,
            "missing_dynamic_variable",
            "Missing required dynamic variables: {'name'}",
        )
    })
    .await;
    let error = refusal(&there.agents()).await;
    assert!(error.to_string().contains("'name'"), "{error}");
    // Nothing that will not help is tried again.
    assert_eq!(there.asked().len(), 1);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_then_reported() {
    let there = StandIn::holding(|line: Line| line.close(3008, "too many conversations")).await;
    let error = there
        .agents()
        .conversation("agent_1")
        .attempts(2)
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Busy { .. }), "{error:?}");
    assert_eq!(there.asked().len(), 2);
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named() {
    let error = refusal(&agents("http://127.0.0.1:1", None)).await;
    assert!(
        matches!(&error, ConnectError::Unreachable { host, .. } if host == "127.0.0.1"),
        "{error:?}"
    );
    let error = refusal(&agents("http://nowhere.invalid", None)).await;
    assert!(
        matches!(
            error,
            ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_without_tls_where_tls_is_wanted_is_a_tls_error() {
    let host = port_that_says(b"HTTP/1.1 400 Bad Request\r\n\r\nplain").await;
    let error = refusal(&agents(&format!("https://{host}"), None)).await;
    assert!(
        matches!(
            &error,
            ConnectError::Tls {
                trouble: TlsTrouble::NotTls,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("ws://"), "{error}");
}

#[tokio::test]
async fn another_kind_of_server_is_recognised() {
    let host = port_that_says(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    let error = refusal(&agents(&format!("http://{host}"), None)).await;
    assert!(
        matches!(error, ConnectError::NotAnAgent { .. }),
        "{error:?}"
    );
    let page = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let host = port_that_says(page).await;
    let error = refusal(&agents(&format!("http://{host}"), None)).await;
    assert!(
        matches!(error, ConnectError::NotAnAgent { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn garbage_instead_of_the_first_message_is_not_waited_out() {
    for garbage in ["", "]", "{}", "{\"type\":7}", "{\"type\":\"ping\"}"] {
        let there = StandIn::holding(move |mut line: Line| async move {
            line.next().await;
            line.text(garbage).await;
            while line.next_or_end().await.is_some() {}
        })
        .await;
        let error = refusal(&there.agents()).await;
        assert!(
            matches!(&error, ConnectError::NotAnAgent { host, .. } if host == "127.0.0.1"),
            "{garbage}: {error:?}"
        );
    }
}

#[tokio::test]
async fn whoever_answers_nothing_is_left() {
    // Nothing at all, not even an upgrade.
    let host = port_that_says(b"").await;
    let error = refusal(&agents(&format!("http://{host}"), None)).await;
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
    // An upgrade, and then nothing.
    let there = StandIn::holding(|mut line: Line| async move {
        line.next().await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(refusal(&there.agents()).await, ConnectError::Silent);
}

#[tokio::test]
async fn garbage_in_the_middle_is_an_event_and_the_conversation_goes_on() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        line.text("{\"type\":\"audio\",\"audio_event\":{\"audio_base_64\":\"!\",\"event_id\":1}}")
            .await;
        line.text("nonsense").await;
        line.send(&heard("Still here?")).await;
        while line.next_or_end().await.is_some() {}
    })
    .await;
    let mut conversation = there.call().await;
    for words in ["not base64", "not JSON"] {
        let Some(Event::Irregular(irregular)) = conversation.next_event().await else {
            panic!("garbage is told");
        };
        assert!(irregular.to_string().contains(words), "{irregular}");
    }
    let next = conversation.next_event().await;
    assert!(
        matches!(next, Some(Event::Event(ServerEvent::UserTranscript { .. }))),
        "{next:?}"
    );
}

#[tokio::test]
async fn a_drop_in_the_middle_is_told_with_code_and_reason_and_loses_no_transcript() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        line.send(&heard("One more thing.")).await;
        line.close(1011, "out of memory").await;
    })
    .await;
    let mut conversation = there.call().await;
    let first = conversation.next_event().await;
    assert!(
        matches!(
            first,
            Some(Event::Event(ServerEvent::UserTranscript { .. }))
        ),
        "{first:?}"
    );
    let Some(Event::Ended(end)) = conversation.next_event().await else {
        panic!("the end is told");
    };
    assert_eq!(
        (end.by, end.code),
        (EndedBy::Error, Some(CloseCode::Crashed))
    );
    let error = ConversationError::of(&end).unwrap();
    assert_eq!(
        error.to_string(),
        "the server ended the conversation with 1011: out of memory"
    );
    assert!(conversation.next_event().await.is_none());
}

#[tokio::test]
async fn a_cut_cable_ends_the_conversation() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        // Without a close.
        drop(line);
    })
    .await;
    let mut conversation = there.call().await;
    let end = ended(&mut conversation).await;
    assert_eq!((end.by, end.code), (EndedBy::Lost, None));
    assert!(!end.reason.is_empty());
}

#[tokio::test]
async fn a_server_that_stops_living_is_noticed() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        // Never read again, so that not even a ping of the socket is answered.
        std::future::pending::<()>().await;
        drop(line);
    })
    .await;
    let mut conversation = there
        .agents()
        .conversation("agent_1")
        .liveness(Liveness {
            quiet: Duration::from_millis(50),
            patience: Duration::from_millis(50),
        })
        .connect()
        .await
        .unwrap();
    let Some(Event::Ended(end)) = conversation.next_event().await else {
        panic!("the end is told");
    };
    assert_eq!(end.by, EndedBy::Lost);
    assert!(end.reason.contains("nothing was heard"), "{}", end.reason);
}

#[tokio::test]
async fn a_quiet_server_that_lives_is_left_in_peace() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        let mut pings = 0;
        // The library answers them; three are enough.
        while let Some(Ok(message)) = line.0.next().await {
            pings += i32::from(message.is_ping());
            if pings == 3 {
                break;
            }
        }
        line.close(1000, "").await;
    })
    .await;
    let mut conversation = there
        .agents()
        .conversation("agent_1")
        .liveness(Liveness {
            quiet: Duration::from_millis(20),
            patience: Duration::from_secs(10),
        })
        .connect()
        .await
        .unwrap();
    let Some(Event::Ended(end)) = conversation.next_event().await else {
        panic!("the end is told");
    };
    assert_eq!(end.by, EndedBy::Agent);
}
