//! ElevenLabs' recogniser against a stand-in for its wire that checks every message.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{
    KEY, hear, keeps_secrets, speech,
    ws::{Connection, Fault, Server},
};
use futures_util::StreamExt;
use providers::{
    ApiKey, ProviderError,
    asr::{self, Asr},
    contract,
    elevenlabs::{Scribe, Settings},
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn scribe(server: &Server) -> Scribe {
    Scribe::new(Settings {
        base_url: server.url.clone(),
        ..Settings::new(ApiKey::new(KEY))
    })
    .unwrap()
}

/// Hears how much sound there was between commits.
async fn stand_in(mut connection: Connection) {
    let notes = connection.notes.clone();
    notes.check(connection.path == "/v1/speech-to-text/realtime", || {
        connection.path.clone()
    });
    connection.check_query(&[
        ("model_id", Some("scribe_v2_realtime")),
        ("audio_format", Some("pcm_16000")),
        ("commit_strategy", Some("manual")),
        ("include_timestamps", Some("false")),
        ("language_code", None),
        ("keyterms", None),
        ("enable_logging", None),
    ]);
    connection.check_header("xi-api-key", Some(KEY));
    connection.check_header("sec-websocket-protocol", None);
    for (name, value) in &connection.query {
        if name == "keyterms" {
            notes.saw(format!("keyterm {value}"));
        }
    }
    connection
        .say(&json!({"message_type": "session_started", "session_id": "s1", "config": {"sample_rate": 16_000}}))
        .await;
    let mut heard = 0;
    while let Some(Ok(message)) = connection.stream.next().await {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(frame) => {
                notes.check(
                    frame.is_some_and(|frame| u16::from(frame.code) == 1000),
                    || "closed without 1000".to_owned(),
                );
                notes.saw("closed");
                return;
            }
            other => {
                notes.check(other.is_ping() || other.is_pong(), || format!("{other:?}"));
                continue;
            }
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        let object = message.as_object().unwrap();
        let known = ["message_type", "audio_base_64", "commit", "sample_rate"];
        notes.check(
            object.keys().all(|key| known.contains(&key.as_str())),
            || text.to_string(),
        );
        notes.check(message["message_type"] == "input_audio_chunk", || {
            text.to_string()
        });
        notes.check(message["sample_rate"] == 16_000, || text.to_string());
        let sound = message["audio_base_64"]
            .as_str()
            .and_then(|sound| STANDARD.decode(sound).ok());
        notes.check(
            sound.as_ref().is_some_and(|sound| sound.len() % 2 == 0),
            || text.to_string(),
        );
        let sound = sound.unwrap_or_default().len() / 2;
        let commit = message["commit"].as_bool();
        notes.check(commit.is_some(), || text.to_string());
        notes.check(
            sound <= 16_000 && (sound > 0 || commit == Some(true)),
            || format!("{sound} samples"),
        );
        let before = heard;
        heard += sound;
        if before == 0 && heard > 0 && !connection.misbehave().await {
            return;
        }
        if before / 8_000 < heard / 8_000 {
            let text = format!("about {}", heard / 8_000);
            connection
                .say(&json!({"message_type": "partial_transcript", "text": text}))
                .await;
        }
        if commit == Some(true) {
            connection.say(&json!({"message_type": "committed_transcript", "text": format!("{heard} samples")})).await;
            heard = 0;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_to_what_every_recogniser_keeps_to() {
    let server = Server::start(Fault::None, stand_in).await;
    contract::asr(&scribe(&server), &speech()).await.unwrap();
    server.notes.verdict();
}

#[tokio::test]
async fn all_sound_of_an_utterance_arrives_and_partials_come_before_its_text() {
    let server = Server::start(Fault::None, stand_in).await;
    let asr = scribe(&server);
    let mut session = asr.start(asr::Options {
        keywords: vec!["Ann".to_owned(), "a term that is much too long".to_owned()],
        ..asr::Options::default()
    });
    for utterance in [3, 4] {
        let begin = asr::Input::Begin {
            utterance,
            expected: asr::Expected::default(),
        };
        session.input.send(begin).await.unwrap();
        for piece in speech().chunks(333) {
            session
                .input
                .send(asr::Input::Audio(piece.to_vec()))
                .await
                .unwrap();
        }
        session.input.send(asr::Input::End).await.unwrap();
        let mut events = Vec::new();
        while !matches!(events.last(), Some(asr::Event::Final { .. })) {
            events.push(session.events.recv().await.unwrap().unwrap());
        }
        assert_eq!(events.len(), 4, "{events:?}");
        let text = "24000 samples".to_owned();
        assert_eq!(events[3], asr::Event::Final { utterance, text });
    }
    drop(session);
    server.notes.until("closed").await;
    let seen = server.notes.seen();
    assert_eq!(seen.iter().filter(|what| *what == "connected").count(), 1);
    assert_eq!(
        seen.iter()
            .filter(|what| what.starts_with("keyterm"))
            .count(),
        1
    );
    server.notes.verdict();
}

#[tokio::test(start_paused = false)]
async fn every_way_to_fail_is_one_error_of_its_kind() {
    type Is = fn(&ProviderError) -> bool;
    let refused: Is = |error| matches!(error, ProviderError::Unauthorised { .. });
    let limited: Is = |error| matches!(error, ProviderError::RateLimited { .. });
    let failed: Is = |error| matches!(error, ProviderError::Failed { .. });
    let gone: Is = |error| matches!(error, ProviderError::Unreachable { .. });
    let late: Is = |error| matches!(error, ProviderError::TimedOut { .. });
    let cases: Vec<(Fault, Is)> = vec![
        (Fault::Status(401, "made-up-key-1234 is wrong"), refused),
        (Fault::Status(429, ""), limited),
        (Fault::Status(500, "oh"), failed),
        (
            Fault::Says(r#"{"message_type":"auth_error","error":"made-up-key-1234"}"#),
            refused,
        ),
        (
            Fault::Says(r#"{"message_type":"rate_limited","error":"slow"}"#),
            limited,
        ),
        (Fault::Says("<html>"), failed),
        (
            Fault::Says(r#"{"message_type":"transcriber_error","error":"oh"}"#),
            failed,
        ),
        (Fault::Closes(1008, "made-up-key-1234"), refused),
        (Fault::Closes(1011, "oh"), gone),
        (Fault::Cuts, gone),
        (Fault::Hangs, late),
        (Fault::HangsAtOnce, late),
    ];
    for (fault, is) in cases {
        let server = Server::start(fault.clone(), stand_in).await;
        let error = hear(&scribe(&server), &speech()).await.unwrap_err();
        assert!(is(&error), "{fault:?}: {error:?}");
        keeps_secrets(&error);
    }
}

#[test]
fn settings_do_not_show_their_key() {
    assert!(!format!("{:?}", Settings::new(ApiKey::new(KEY))).contains(KEY));
}
