//! ElevenLabs' voice against a stand-in for its wire that checks every message.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{
    KEY, keeps_secrets, speak,
    ws::{Connection, Fault, Server},
};
use futures_util::StreamExt;
use providers::{
    ApiKey, ProviderError, contract,
    elevenlabs::{DEFAULT_VOICE, Settings, StreamInput},
    tts::{self, Tts},
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn voice(server: &Server) -> StreamInput {
    StreamInput::new(Settings {
        base_url: server.url.clone(),
        ..Settings::new(ApiKey::new(KEY))
    })
    .unwrap()
    .with_patience(common::LIMIT)
}

/// Speaks 40 ms a letter.
async fn stand_in(mut connection: Connection) {
    let notes = connection.notes.clone();
    let steps: Vec<&str> = connection.path.split('/').collect();
    notes.check(
        matches!(steps.as_slice(), ["", "v1", "text-to-speech", voice, "stream-input"] if !voice.is_empty()),
        || connection.path.clone(),
    );
    notes.saw(format!("voice {}", steps[3]));
    connection.check_query(&[
        ("model_id", Some("eleven_flash_v2_5")),
        ("output_format", Some("pcm_16000")),
        ("inactivity_timeout", Some("180")),
        ("sync_alignment", Some("true")),
        ("auto_mode", Some("true")),
        ("language_code", Some("en")),
        ("enable_logging", None),
    ]);
    connection.check_header("xi-api-key", Some(KEY));
    let mut begun = false;
    while let Some(Ok(message)) = connection.stream.next().await {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => {
                notes.saw("closed");
                return;
            }
            other => {
                notes.check(!other.is_binary(), || format!("{other:?}"));
                continue;
            }
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        let said = message["text"].as_str();
        notes.check(said.is_some(), || text.to_string());
        let said = said.unwrap_or_default().to_owned();
        if !begun {
            begun = true;
            notes.check(said == " ", || format!("the first message is {text}"));
            if let Some(speed) = message.pointer("/voice_settings/speed") {
                notes.saw(format!("speed {speed}"));
            }
            continue;
        }
        notes.check(message.get("voice_settings").is_none(), || text.to_string());
        if said.is_empty() {
            connection
                .say(&json!({"isFinal": true, "audio": null}))
                .await;
            connection.close(1000, "").await;
            return;
        }
        if said == " " {
            notes.saw("kept alive");
            continue;
        }
        notes.check(said.ends_with(' ') || said.ends_with('\n'), || {
            format!("{said:?} ends without a space")
        });
        notes.check(message["flush"] == true, || text.to_string());
        if connection.fault != Fault::None {
            let half: String = said.chars().take(10).collect();
            sound(&mut connection, &half).await;
            if !connection.misbehave().await {
                return;
            }
        }
        let letters: Vec<char> = said.chars().collect();
        for part in letters.chunks(12) {
            if !sound(&mut connection, &part.iter().collect::<String>()).await {
                // Whoever is still speaking learns of the end by not being able to.
                notes.saw("closed");
                return;
            }
        }
    }
    notes.saw("closed");
}

async fn sound(connection: &mut Connection, text: &str) -> bool {
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let starts: Vec<usize> = (0..letters.len()).map(|at| at * 40).collect();
    let durations = vec![40; letters.len()];
    let sound = STANDARD.encode(vec![1_u8; letters.len() * 40 * 32]);
    let alignment =
        json!({"chars": letters, "charStartTimesMs": starts, "charDurationsMs": durations});
    connection
        .say(&json!({"audio": sound, "isFinal": null, "normalizedAlignment": alignment, "alignment": alignment}))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_to_what_every_voice_keeps_to() {
    let server = Server::start(Fault::None, stand_in).await;
    contract::tts(&voice(&server)).await.unwrap();
    server.notes.verdict();
    assert!(
        server
            .notes
            .seen()
            .contains(&format!("voice {DEFAULT_VOICE}"))
    );
}

#[tokio::test]
async fn a_clause_sounds_before_the_next_is_written() {
    let server = Server::start(Fault::None, stand_in).await;
    let mut session = voice(&server).start(tts::Options {
        voice: Some("a/b".to_owned()),
        speed: 1.1,
        ..tts::Options::default()
    });
    for text in ["Good morning.", "How are you?"] {
        let input = tts::Input::Text(text.to_owned());
        session.input.send(input).await.unwrap();
        let mut said = String::new();
        while said.trim() != text {
            match session.events.recv().await.unwrap().unwrap() {
                tts::Event::Chunk(chunk) => {
                    said.extend(chunk.alignment.into_iter().map(|word| word.text));
                }
                tts::Event::Done | tts::Event::TookOver(_) => panic!("{said:?}"),
            }
        }
    }
    session.input.send(tts::Input::End).await.unwrap();
    while let tts::Event::Chunk(chunk) = session.events.recv().await.unwrap().unwrap() {
        let said: String = chunk.alignment.into_iter().map(|word| word.text).collect();
        assert_eq!(said.trim(), "", "only the last space");
    }
    let seen = server.notes.seen();
    assert!(seen.contains(&"voice a%2Fb".to_owned()), "{seen:?}");
    assert!(seen.contains(&"speed 1.1".to_owned()), "{seen:?}");
    server.notes.verdict();
}

#[tokio::test]
async fn an_interruption_closes_the_connection() {
    let server = Server::start(Fault::None, stand_in).await;
    let mut session = voice(&server).start(tts::Options::default());
    let text = "This is a long reply that nobody lets the agent finish. ".repeat(20);
    session.input.send(tts::Input::Text(text)).await.unwrap();
    session.events.recv().await.unwrap().unwrap();
    drop(session);
    server.notes.until("closed").await;
    server.notes.verdict();
}

#[tokio::test]
async fn a_pause_of_the_text_does_not_lose_the_connection() {
    let server = Server::start(Fault::None, stand_in).await;
    let voice = voice(&server).with_keep_alive(Duration::from_millis(20));
    let session = voice.start(tts::Options::default());
    session
        .input
        .send(tts::Input::Text("One moment.".to_owned()))
        .await
        .unwrap();
    server.notes.until("kept alive").await;
    server.notes.verdict();
}

#[tokio::test]
async fn a_voice_that_says_nothing_is_given_up() {
    let server = Server::start(Fault::Hangs, stand_in).await;
    let voice = voice(&server).with_patience(Duration::from_millis(100));
    let (_, error) = speak(&voice, "Good morning.").await;
    assert!(
        matches!(error, Some(ProviderError::TimedOut { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_way_to_fail_is_one_error_of_its_kind_and_keeps_what_was_said() {
    type Is = fn(&ProviderError) -> bool;
    let refused: Is = |error| matches!(error, ProviderError::Unauthorised { .. });
    let limited: Is = |error| matches!(error, ProviderError::RateLimited { .. });
    let failed: Is = |error| matches!(error, ProviderError::Failed { .. });
    let unable: Is = |error| matches!(error, ProviderError::Unsupported { .. });
    let gone: Is = |error| matches!(error, ProviderError::Unreachable { .. });
    let late: Is = |error| matches!(error, ProviderError::TimedOut { .. });
    let cases: Vec<(Fault, Is, bool)> = vec![
        (Fault::Status(401, "made-up-key-1234"), refused, false),
        (Fault::Status(429, ""), limited, false),
        (
            Fault::Says(
                r#"{"message":"bad key made-up-key-1234","error":"invalid_api_key","code":1008}"#,
            ),
            refused,
            true,
        ),
        (
            Fault::Says(r#"{"message":"Too many concurrent requests","error":"x","code":1008}"#),
            limited,
            true,
        ),
        (
            Fault::Says(
                r#"{"message":"A voice with this id does not exist","error":"voice_id_does_not_exist","code":1008}"#,
            ),
            unable,
            true,
        ),
        (Fault::Says("<html>"), failed, true),
        (Fault::Says(r#"{"audio":"*"}"#), failed, true),
        (Fault::Closes(1011, "oh"), gone, true),
        (Fault::Cuts, gone, true),
        (Fault::HangsAtOnce, late, false),
    ];
    for (fault, is, heard) in cases {
        let server = Server::start(fault.clone(), stand_in).await;
        let (samples, error) = speak(&voice(&server), "Good morning to you.").await;
        let error = error.unwrap();
        assert!(is(&error), "{fault:?}: {error:?}");
        assert_eq!(samples > 0, heard, "{fault:?}");
        keeps_secrets(&error);
    }
}
