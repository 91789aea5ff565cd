//! What is looked at before it is needed: keys of speech vendors, and what agents name.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use common::{Bench, Done};

const ASSEMBLYAI: &str = "aai-made-up-5678";
const OPENAI: &str = "sk-made-up-1234";

/// Both vendors' REST, as far as keys are concerned.
fn vendors() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            answer(socket);
        }
    });
    url
}

fn answer(mut socket: TcpStream) -> Option<()> {
    let lines: Vec<String> = BufReader::new(socket.try_clone().ok()?)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let says = |wanted: &str| lines.iter().any(|line| line.eq_ignore_ascii_case(wanted));
    let (opened, body) = match lines.first()?.as_str() {
        "GET /v3/token?expires_in_seconds=60 HTTP/1.1" => (
            says(&format!("authorization: {ASSEMBLYAI}")),
            r#"{"token":"t","expires_in_seconds":60}"#,
        ),
        "GET /v1/models HTTP/1.1" => (
            says(&format!("authorization: Bearer {OPENAI}")),
            r#"{"object":"list","data":[{"id":"gpt-4.1-mini","object":"model"}]}"#,
        ),
        other => panic!("not in the contract: {other}"),
    };
    let status = if opened { "200 OK" } else { "401 Unauthorized" };
    let body = if opened { body } else { "{}" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).ok()?;
    socket.write_all(body.as_bytes()).ok()
}

/// State and words of a finding.
fn found(done: &Done, name: &str) -> (String, String) {
    let objects = done.objects();
    let finding = objects
        .iter()
        .find(|object| object["type"] == "finding" && object["name"] == name)
        .unwrap();
    let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    (text("state"), format!("{} {}", text("says"), text("fix")))
}

#[test]
fn the_doctor_says_whether_speech_keys_are_there_and_taken() {
    let url = vendors();
    let speech_url = format!("{url}/v1");
    let bench = Bench::new();
    let doctor = |keys: &[(&'static str, &str)]| {
        let mut environment = vec![
            ("ASSEMBLYAI_BASE_URL", url.as_str()),
            ("OPENAI_BASE_URL", speech_url.as_str()),
        ];
        environment.extend(keys);
        bench.run_with("--json doctor", &environment)
    };

    let done = bench.run("--json doctor");
    for (name, key) in [
        ("assemblyai", "ASSEMBLYAI_API_KEY"),
        ("openai speech", "OPENAI_API_KEY"),
    ] {
        let (state, words) = found(&done, name);
        assert!(state == "note" && words.contains(key), "{state} {words}");
    }

    let right = [
        ("ASSEMBLYAI_API_KEY", ASSEMBLYAI),
        ("OPENAI_API_KEY", OPENAI),
    ];
    let done = doctor(&right);
    assert_eq!(done.code, 0, "{}", done.out);
    for name in ["assemblyai", "openai speech"] {
        assert_eq!(found(&done, name).0, "ok", "{}", done.out);
    }

    let wrong = [
        ("ASSEMBLYAI_API_KEY", "aai-made-up-wrong"),
        ("OPENAI_API_KEY", "sk-made-up-wrong"),
    ];
    let done = doctor(&wrong);
    assert_eq!(done.code, 1);
    for name in ["assemblyai", "openai speech"] {
        let (state, words) = found(&done, name);
        assert!(
            state == "missing" && words.contains("refused"),
            "{state} {words}"
        );
    }
    assert!(!done.out.contains("made-up"), "{}", done.out);
}

#[test]
fn checking_an_agent_looks_at_the_providers_it_names() {
    let bench = Bench::new();
    let check = |providers: &str, more: &str, environment: &[(&str, &str)]| {
        bench.file(
            "agent.toml",
            format!("name = \"Desk\"\n{more}\n[duologue_providers]\n{providers}\n"),
        );
        bench.run_with("--json agents check agent.toml", environment)
    };

    let done = check("asr = \"whisperer\"", "", &[]);
    let (state, words) = found(&done, "asr");
    assert!(
        state == "missing" && words.contains("whisperer") && words.contains("assemblyai"),
        "{words}"
    );
    assert_eq!(done.code, 1);

    // A key that is missing matters where nobody stands behind it.
    let done = check("asr = \"assemblyai\"", "", &[]);
    let (state, words) = found(&done, "asr");
    assert!(
        state == "missing" && words.contains("ASSEMBLYAI_API_KEY"),
        "{words}"
    );
    let done = check("asr = [\"assemblyai\", \"embedded\"]", "", &[]);
    assert_eq!(found(&done, "asr").0, "note", "{}", done.out);
    assert_eq!(done.code, 0, "{}", done.out);
    let key = [("ASSEMBLYAI_API_KEY", ASSEMBLYAI)];
    let done = check("asr = \"assemblyai\"", "", &key);
    assert_eq!(found(&done, "asr").0, "ok", "{}", done.out);
    assert!(!done.out.contains(ASSEMBLYAI), "{}", done.out);

    // Languages, those it may change to included, and formats.
    let french = "[conversation_config.agent]\nlanguage = \"fr\"";
    let done = check("asr = \"assemblyai\"", french, &key);
    assert_eq!(found(&done, "asr").0, "ok", "{}", done.out);
    let (state, words) = found(&done, "tts");
    assert!(
        state == "missing" && words.contains("\"fr\"") && words.contains("en"),
        "{words}"
    );
    let format = "[conversation_config.tts]\nagent_output_audio_format = \"opus_99\"";
    let done = check("", format, &[]);
    assert!(
        done.out.contains("agent_output_audio_format"),
        "{}",
        done.out
    );
    assert_eq!(done.code, 1);
}
