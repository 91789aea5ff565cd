//! OpenAI-compatible speech against stand-ins for its two endpoints that check every request.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{
    KEY, hear,
    http::{Answer, Asked, SSE, Server},
    keeps_secrets, speak, speech,
};
use providers::{
    ApiKey, ProviderError,
    asr::{self, Asr},
    contract,
    openai::{Speech, SpeechSettings, TranscriptionSettings, Transcriptions},
    tts::Tts,
};
use serde_json::{Value, json};

/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_mins(1);
/// For servers that never answer.
const IMPATIENCE: Duration = Duration::from_millis(300);

fn ears(server: &Server, model: &str, patience: Duration) -> Transcriptions {
    Transcriptions::new(TranscriptionSettings {
        base_url: format!("{}/v1", server.url),
        key: Some(ApiKey::new(KEY)),
        model: model.to_owned(),
        patience,
        ..TranscriptionSettings::default()
    })
    .unwrap()
}

fn mouth(server: &Server, patience: Duration) -> Speech {
    Speech::new(SpeechSettings {
        base_url: format!("{}/v1", server.url),
        key: Some(ApiKey::new(KEY)),
        patience,
        ..SpeechSettings::default()
    })
    .unwrap()
}

/// The parts of a form: text by name, and the file's name, type and bytes.
fn form(asked: &Asked) -> (BTreeMap<String, String>, (String, String, Vec<u8>)) {
    let kind = asked.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let line = format!("--{boundary}\r\n").into_bytes();
    let end = format!("\r\n--{boundary}--\r\n").into_bytes();
    assert!(asked.body.starts_with(&line) && asked.body.ends_with(&end));
    let body = &asked.body[line.len()..asked.body.len() - end.len()];
    let between = format!("\r\n--{boundary}\r\n").into_bytes();
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(between.len()).position(|part| part == between) {
        parts.push(&rest[..at]);
        rest = &rest[at + between.len()..];
    }
    parts.push(rest);
    let mut fields = BTreeMap::new();
    let mut file = None;
    for part in parts {
        let at = part
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(part[..at].to_vec()).unwrap();
        let value = part[at + 4..].to_vec();
        let quoted = |name: &str| {
            let (_, rest) = head.split_once(&format!("; {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let name = quoted("name").unwrap();
        if let Some(file_name) = quoted("filename") {
            assert_eq!(name, "file");
            let (_, kind) = head.split_once("Content-Type: ").unwrap();
            file = Some((file_name, kind.to_owned(), value));
        } else {
            let value = String::from_utf8(value).unwrap();
            assert!(fields.insert(name, value).is_none(), "a field twice");
        }
    }
    (fields, file.unwrap())
}

/// Hears how many samples a recording has.
fn transcribe(asked: &Asked) -> Answer {
    assert_eq!(asked.line, "POST /v1/audio/transcriptions HTTP/1.1");
    assert_eq!(
        asked.header("authorization"),
        Some("Bearer made-up-key-1234")
    );
    let (fields, (name, kind, file)) = form(asked);
    assert_eq!(
        (name.as_str(), kind.as_str()),
        ("utterance.wav", "audio/wav")
    );
    assert_eq!(fields["response_format"], "json");
    assert_eq!(fields["language"], "en");
    for name in fields.keys() {
        assert!(
            ["model", "response_format", "language", "prompt", "stream"].contains(&name.as_str()),
            "{name}"
        );
    }
    assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(
        (number(24), file[22], file[34]),
        (16_000, 1, 16),
        "16 kHz, mono, 16 bit"
    );
    assert_eq!(number(4) as usize + 8, file.len());
    let samples = (file.len() - 44) / 2;
    let text = format!("{samples} samples");
    if fields.get("stream").map(String::as_str) != Some("true") {
        return Answer::body(
            "200 OK",
            "application/json",
            json!({"text": text}).to_string().as_bytes(),
        );
    }
    assert!(fields["model"].starts_with("gpt-"), "others do not stream");
    let mut pieces = vec![SSE.to_owned()];
    for delta in [text.split_at(2).0, text.split_at(2).1] {
        pieces.push(format!(
            "data: {}\n\n",
            json!({"type": "transcript.text.delta", "delta": delta})
        ));
    }
    pieces.push(format!(
        "data: {}\n\n",
        json!({"type": "transcript.text.done", "text": text, "usage": {}})
    ));
    Answer::close(pieces)
}

/// Speaks 60 ms a letter.
fn synthesise(asked: &Asked) -> Answer {
    assert_eq!(asked.line, "POST /v1/audio/speech HTTP/1.1");
    assert_eq!(
        asked.header("authorization"),
        Some("Bearer made-up-key-1234")
    );
    assert_eq!(asked.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    for name in body.as_object().unwrap().keys() {
        assert!(
            ["model", "input", "voice", "response_format", "speed"].contains(&name.as_str()),
            "{name}"
        );
    }
    assert_eq!(body["response_format"], "pcm");
    assert!(body["model"].is_string() && body["voice"].is_string());
    let input = body["input"].as_str().unwrap();
    let letters = input.chars().count();
    assert!((1..=4_096).contains(&letters));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\nconnection: close\r\n\r\n";
    let sound = vec![1_u8; letters * 24 * 60 * 2];
    // Cut in the middle of samples.
    let mut pieces = vec![head.as_bytes().to_vec()];
    pieces.extend(sound.chunks(4_801).map(<[u8]>::to_vec));
    Answer::bytes(pieces, false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_recognisers_keep_to_what_every_recogniser_keeps_to() {
    let server = Server::with(transcribe).await;
    for model in ["whisper-1", "gpt-4o-mini-transcribe"] {
        contract::asr(&ears(&server, model, PATIENCE), &speech())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_utterance_is_sent_once_it_is_over_and_streams_where_it_can() {
    let server = Server::with(transcribe).await;
    let asr = ears(&server, "gpt-4o-transcribe", PATIENCE);
    let mut session = asr.start(asr::Options {
        keywords: vec!["Ann".to_owned(), "Duologue".to_owned()],
        ..asr::Options::default()
    });
    let begin = asr::Input::Begin {
        utterance: 5,
        expected: asr::Expected::default(),
    };
    session.input.send(begin).await.unwrap();
    session
        .input
        .send(asr::Input::Audio(speech()))
        .await
        .unwrap();
    session.input.send(asr::Input::End).await.unwrap();
    let mut texts = Vec::new();
    while texts.len() < 3 {
        texts.push(match session.events.recv().await.unwrap().unwrap() {
            asr::Event::Partial { text, .. } | asr::Event::Final { text, .. } => text,
        });
    }
    assert_eq!(texts, ["24", "24000 samples", "24000 samples"]);
    let (fields, _) = form(&server.asked().await);
    assert_eq!(fields["prompt"], "Ann, Duologue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_to_what_every_voice_keeps_to() {
    let server = Server::with(synthesise).await;
    let mouth = mouth(&server, PATIENCE);
    contract::tts(&mouth).await.unwrap();
    assert!(mouth.estimates_alignment());
}

#[tokio::test]
async fn every_way_to_fail_is_one_error_of_its_kind() {
    type Is = fn(&ProviderError) -> bool;
    let refused: Is = |error| matches!(error, ProviderError::Unauthorised { .. });
    let limited: Is = |error| matches!(error, ProviderError::RateLimited { .. });
    let broken: Is = |error| {
        matches!(
            error,
            ProviderError::Failed { .. } | ProviderError::Unreachable { .. }
        )
    };
    let late: Is = |error| matches!(error, ProviderError::TimedOut { .. });
    let error = |status: &str, message: &str| {
        let body = json!({"error": {"message": message, "code": "x"}}).to_string();
        Answer::body(status, "application/json", body.as_bytes())
    };
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\ncontent-length: 100000\r\n\r\nxxxx";
    let cases: Vec<(Answer, Is)> = vec![
        (
            error("401 Unauthorized", "bad key made-up-key-1234"),
            refused,
        ),
        (error("429 Too Many Requests", "slow"), limited),
        (error("500 Internal Server Error", "oh"), broken),
        (Answer::body("200 OK", "text/html", b"<html>"), broken),
        (Answer::body("200 OK", "audio/pcm", b""), broken),
        (Answer::close(vec![cut.to_owned()]), broken),
        (Answer::hang(vec![]), late),
        (Answer::hang(vec![cut.to_owned()]), late),
    ];
    for (answer, is) in cases {
        let shown = answer.shown();
        let patience = if answer.hangs() { IMPATIENCE } else { PATIENCE };
        let server = Server::start(vec![answer]).await;
        let error = hear(&ears(&server, "whisper-1", patience), &speech())
            .await
            .unwrap_err();
        assert!(is(&error), "{shown}: {error:?}");
        keeps_secrets(&error);
        let (_, error) = speak(&mouth(&server, patience), "Good morning.").await;
        let error = error.unwrap();
        assert!(is(&error), "{shown}: {error:?}");
        keeps_secrets(&error);
    }
}

#[tokio::test]
async fn an_interruption_ends_the_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::with(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Answer::hang(vec![
            "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\n\r\n".to_owned(),
        ])
    })
    .await;
    let session = mouth(&server, PATIENCE).start(providers::tts::Options::default());
    let text = providers::tts::Input::Text("Good morning.".to_owned());
    session.input.send(text).await.unwrap();
    server.asked().await;
    let input = session.input.clone();
    drop(session.events);
    tokio::time::timeout(common::LIMIT, input.closed())
        .await
        .unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
