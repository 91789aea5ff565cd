//! Every example, run as a newcomer runs it, against this project's own server.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

#[path = "common/house.rs"]
mod house;

use std::{path::PathBuf, process::Stdio, time::Duration};

use house::{record, serve};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::Command,
    time::timeout,
};

/// Far longer than any of them takes.
const LONG: Duration = Duration::from_secs(90);

/// A program of `examples/`, which is built along with the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let built: PathBuf = test.parent().unwrap().parent().unwrap().join("examples");
    let mut command = Command::new(built.join(name));
    command
        .env_remove("ELEVENLABS_API_KEY")
        .env_remove("ELEVENLABS_BASE_URL")
        .env_remove("AGENT_ID")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What it printed. It has to succeed, and to end.
async fn printed(command: &mut Command) -> String {
    let output = timeout(LONG, command.output()).await.unwrap().unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{out}\n{error}");
    out
}

#[track_caller]
fn says(out: &str, parts: &[&str]) {
    for part in parts {
        assert!(out.contains(part), "no {part:?} in: {out}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_asks_a_question_and_prints_the_answer() {
    let url = serve("").await;
    let out = printed(example("text").args([&url, "receptionist", "Where are you?"])).await;
    says(
        &out,
        &[
            "agent: Hello",
            "user: Where are you?",
            "Mill Lane",
            "over: User",
        ],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wav_plays_a_recording_and_keeps_the_answer() {
    let url = serve("").await;
    let folder = tempfile::tempdir().unwrap();
    record(&folder.path().join("question.wav"), "What can you do?").await;
    let mut command = example("wav");
    command
        .args([&url, "assistant", "question.wav", "answer.wav", "6"])
        .current_dir(folder.path());
    let out = printed(&mut command).await;
    says(&out, &["agent: Hello"]);
    let answer = std::fs::read(folder.path().join("answer.wav")).unwrap();
    let loudest = answer[44..]
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs())
        .max();
    assert!(loudest > Some(1_000), "{loudest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microphone_brings_an_audio_interface_of_its_own() {
    let url = serve("").await;
    let out = printed(example("microphone").args([&url, "assistant"])).await;
    says(
        &out,
        &["agent: ", "stopped", " samples of the agent's voice"],
    );
    assert!(!out.contains("\n0 samples"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_are_shown_and_run() {
    let shown = printed(&mut example("tools")).await;
    says(&shown, &["\"roll_dice\"", "How many dice."]);
    let url = serve("").await;
    let out = printed(example("tools").args([&url, "gambler"])).await;
    says(
        &out,
        &["agent: Shall I roll", "agent: The dice have been rolled."],
    );
}

#[tokio::test]
async fn webhook_checks_its_own_signature_and_refuses_a_forged_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("body.json"),
        r#"{"type":"post_call_audio","event_timestamp":1,"data":{"conversation_id":"c"}}"#,
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let mut command = example("webhook");
        command.args(arguments).current_dir(folder.path());
        command
    };
    let signature = printed(&mut run(&["secret", "body.json"])).await;
    let read = printed(&mut run(&["secret", signature.trim(), "body.json"])).await;
    says(&read, &["post_call_audio: {\"conversation_id\":\"c\"}"]);
    let forged = run(&["other", signature.trim(), "body.json"])
        .output()
        .await;
    assert!(!forged.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_holds_a_conversation_with_whatever_agent_it_is_given() {
    let url = serve("dk_right").await;
    let mut command = example("live");
    command
        .env("ELEVENLABS_API_KEY", "dk_right")
        .env("ELEVENLABS_BASE_URL", &url)
        .env("AGENT_ID", "assistant");
    let out = printed(&mut command).await;
    says(
        &out,
        &["conversation conv_", "The conversation went as it should."],
    );
}

#[tokio::test]
async fn speech_speaks_and_writes_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Voices, sound and text, each for the request that belongs to it.
    let there = tokio::spawn(async move {
        let mut lines = Vec::new();
        while lines.len() < 3 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1 << 16];
            let count = socket.read(&mut request).await.unwrap();
            let head = String::from_utf8_lossy(&request[..count]).into_owned();
            assert!(head.contains("xi-api-key: sk_test\r\n"), "{head}");
            let line = head.lines().next().unwrap().to_owned();
            let body = if line.starts_with("GET /v2/voices") {
                json!({"voices": [{"voice_id": "v", "name": "Calm"}], "has_more": false})
                    .to_string()
            } else if line.starts_with("POST /v1/text-to-speech/v/stream?") {
                "sound".to_owned()
            } else {
                json!({"text": "Good morning."}).to_string()
            };
            lines.push(line);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        lines
    });
    let folder = tempfile::tempdir().unwrap();
    let mut command = example("speech");
    command
        .env("ELEVENLABS_API_KEY", "sk_test")
        .env("ELEVENLABS_BASE_URL", url)
        .current_dir(folder.path());
    let out = printed(&mut command).await;
    says(
        &out,
        &["voice: Calm", "speech.mp3: 5 bytes", "heard: Good morning."],
    );
    assert!(there.await.unwrap()[2].starts_with("POST /v1/speech-to-text "));
}
