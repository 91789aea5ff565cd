//! AssemblyAI's recogniser against a stand-in for its wire that checks every message.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{
    KEY, hear, keeps_secrets, speech,
    ws::{Connection, Fault, Server},
};
use futures_util::StreamExt;
use providers::{
    ApiKey, ProviderError,
    asr::{self, Asr},
    assemblyai::{AssemblyAi, Settings},
    contract,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn assemblyai(server: &Server) -> AssemblyAi {
    AssemblyAi::new(Settings {
        base_url: server.url.clone(),
        ..Settings::new(ApiKey::new(KEY))
    })
    .unwrap()
}

fn turn(order: u64, text: &str, end: bool, formatted: bool) -> Value {
    let words: Vec<Value> = text
        .split_whitespace()
        .map(|word| json!({"text": word, "start": 0, "end": 10, "confidence": 0.9, "word_is_final": end}))
        .collect();
    let transcript = if end { text } else { "" };
    json!({"type": "Turn", "turn_order": order, "turn_is_formatted": formatted, "end_of_turn": end,
        "transcript": transcript, "utterance": "", "end_of_turn_confidence": 0.5, "words": words})
}

/// Hears how many milliseconds a turn had; sends the formatted twin of every turn that ended.
async fn stand_in(mut connection: Connection) {
    let notes = connection.notes.clone();
    notes.check(connection.path == "/v3/ws", || connection.path.clone());
    connection.check_query(&[
        ("sample_rate", Some("16000")),
        ("encoding", Some("pcm_s16le")),
        ("speech_model", None),
        ("format_turns", Some("false")),
        ("end_of_turn_confidence_threshold", Some("1")),
        ("max_turn_silence", Some("30000")),
        ("keyterms_prompt", None),
    ]);
    let models = [
        "universal-streaming-english",
        "universal-streaming-multilingual",
    ];
    let model = connection
        .query("speech_model")
        .unwrap_or_default()
        .to_owned();
    notes.check(models.contains(&model.as_str()), || model.clone());
    notes.saw(model.clone());
    if let Some(terms) = connection.query("keyterms_prompt") {
        let terms: Result<Vec<String>, _> = serde_json::from_str(terms);
        notes.check(terms.is_ok(), || {
            "keyterms_prompt is no JSON array".to_owned()
        });
        notes.saw(format!("terms {}", terms.unwrap_or_default().len()));
    }
    connection.check_header("authorization", Some(KEY));
    connection.check_header("assemblyai-version", Some("2025-05-12"));
    connection
        .say(&json!({"type": "Begin", "id": "s1", "expires_at": 1_790_010_800}))
        .await;
    let mut order = 0;
    let mut heard = 0;
    while let Some(Ok(message)) = connection.stream.next().await {
        match message {
            Message::Binary(sound) => {
                let ms = sound.len() / 32;
                notes.check(sound.len() % 2 == 0, || "half a sample".to_owned());
                if !(50..=1_000).contains(&ms) {
                    notes.check(false, || format!("a frame of {ms} ms"));
                    connection.close(3007, "frame duration").await;
                    return;
                }
                let before = heard;
                heard += ms;
                if before == 0 && !connection.misbehave().await {
                    return;
                }
                if before / 500 < heard / 500 {
                    connection
                        .say(&turn(
                            order,
                            &format!("about {}", heard / 500),
                            false,
                            false,
                        ))
                        .await;
                }
            }
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                match message["type"].as_str() {
                    Some("ForceEndpoint") => {
                        if heard > 0 {
                            let text = format!("{heard} ms");
                            connection.say(&turn(order, &text, true, false)).await;
                            connection
                                .say(&turn(order, &format!("{text}."), true, true))
                                .await;
                            order += 1;
                            heard = 0;
                        }
                    }
                    Some("Terminate") => {
                        notes.saw("terminated");
                        connection.say(&json!({"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 1})).await;
                        connection.close(1000, "").await;
                        return;
                    }
                    _ => notes.check(false, || text.to_string()),
                }
            }
            _ => {}
        }
    }
    notes.check(false, || "hung up without Terminate".to_owned());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_to_what_every_recogniser_keeps_to() {
    let server = Server::start(Fault::None, stand_in).await;
    contract::asr(&assemblyai(&server), &speech())
        .await
        .unwrap();
    server.notes.verdict();
}

#[tokio::test]
async fn a_turn_and_its_formatted_twin_are_one_text() {
    let server = Server::start(Fault::None, stand_in).await;
    let asr = assemblyai(&server);
    let mut session = asr.start(asr::Options {
        keywords: vec!["Ann".to_owned(), "x".repeat(60)],
        language: "fr".to_owned(),
        ..asr::Options::default()
    });
    for utterance in [1, 2, 3] {
        let begin = asr::Input::Begin {
            utterance,
            expected: asr::Expected::default(),
        };
        session.input.send(begin).await.unwrap();
        for piece in speech().chunks(320) {
            session
                .input
                .send(asr::Input::Audio(piece.to_vec()))
                .await
                .unwrap();
        }
        session.input.send(asr::Input::End).await.unwrap();
        let mut partials = 0;
        loop {
            match session.events.recv().await.unwrap().unwrap() {
                asr::Event::Partial {
                    utterance: of,
                    text,
                } => {
                    assert_eq!(of, utterance);
                    assert!(text.starts_with("about"));
                    partials += 1;
                }
                asr::Event::Final {
                    utterance: of,
                    text,
                } => {
                    assert_eq!((of, text.as_str()), (utterance, "1500 ms"));
                    break;
                }
            }
        }
        assert_eq!(partials, 3);
    }
    drop(session);
    server.notes.until("terminated").await;
    let seen = server.notes.seen();
    assert!(
        seen.contains(&"universal-streaming-multilingual".to_owned()),
        "{seen:?}"
    );
    assert!(seen.contains(&"terms 1".to_owned()), "{seen:?}");
    server.notes.verdict();
}

#[tokio::test]
async fn every_way_to_fail_is_one_error_of_its_kind() {
    type Is = fn(&ProviderError) -> bool;
    let refused: Is = |error| matches!(error, ProviderError::Unauthorised { .. });
    let limited: Is = |error| matches!(error, ProviderError::RateLimited { .. });
    let failed: Is = |error| matches!(error, ProviderError::Failed { .. });
    let gone: Is = |error| matches!(error, ProviderError::Unreachable { .. });
    let late: Is = |error| matches!(error, ProviderError::TimedOut { .. });
    let cases: Vec<(Fault, Is)> = vec![
        (Fault::Status(401, "made-up-key-1234"), refused),
        (
            Fault::Closes(1008, "unauthorized made-up-key-1234"),
            refused,
        ),
        (Fault::Closes(3009, "too many concurrent sessions"), limited),
        (Fault::Closes(1013, "later"), limited),
        (Fault::Closes(3005, "server error"), gone),
        (
            Fault::Says(r#"{"type":"Error","error_code":3006,"error":"oh"}"#),
            failed,
        ),
        (Fault::Says(r#"{"error":"oh"}"#), gone),
        (Fault::Says("<html>"), failed),
        (Fault::Says(r#"{"type":"Turn","turn_order":"one"}"#), failed),
        (Fault::Cuts, gone),
        (Fault::HangsAtOnce, late),
    ];
    for (fault, is) in cases {
        let server = Server::start(fault.clone(), stand_in).await;
        let error = hear(&assemblyai(&server), &speech()).await.unwrap_err();
        assert!(is(&error), "{fault:?}: {error:?}");
        keeps_secrets(&error);
    }
}

#[tokio::test]
async fn a_vendor_that_never_answers_gives_an_empty_text() {
    let server = Server::start(Fault::Hangs, stand_in).await;
    assert_eq!(hear(&assemblyai(&server), &speech()).await.unwrap(), "");
}
