//! Talking to an agent elsewhere from a terminal: over a socket, as to an agent of an account.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use common::{
    Bench,
    line::Line,
    server::{KEY, Server},
    terminal::Terminal,
};
use serde_json::Value;

/// A folder whose `.env` leads to the server.
fn bench(server: &Server) -> Bench {
    let bench = Bench::new();
    bench.file(
        ".env",
        format!(
            "ELEVENLABS_API_KEY={KEY}\nELEVENLABS_BASE_URL={}\n",
            server.url
        ),
    );
    bench
}

#[test]
fn both_sides_an_interruption_and_its_correction_are_seen() {
    let server = Server::new(&[]);
    let bench = bench(&server);
    bench.file(
        "caller.txt",
        "after 0.3s: what can you do\nduring 1.5s: no wait what time is it\nafter 0.5s: goodbye\n",
    );
    let mut terminal = Terminal::open(
        &bench,
        &format!(
            "talk --server {} --agent assistant --caller caller.txt --output a.wav",
            server.url
        ),
    );
    for part in ["elevenlabs at 127.0.0.1", "agent: ", "user: ", "█"] {
        terminal.until(part);
    }
    // What the caller did not hear is struck through.
    terminal.until("\x1b[9m");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("ended after"), "{seen}");
    assert!(!seen.contains(KEY), "{seen}");
    // The cursor is back.
    assert!(seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l"), "{seen}");
    let sound = std::fs::metadata(bench.path("a.wav")).unwrap().len();
    assert!(sound > 100_000, "{sound}");
}

#[test]
fn control_c_hangs_up_and_finishes_the_file() {
    let server = Server::new(&[]);
    let bench = bench(&server);
    bench.file("caller.txt", "at 500s: hello\n");
    let mut terminal = Terminal::open(
        &bench,
        &format!(
            "talk --server {} --agent assistant --caller caller.txt --output agent.wav",
            server.url
        ),
    );
    terminal.until("Ctrl-C hangs up");
    terminal.until("Hello");
    terminal.send(b"\x03");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("User ended conversation"), "{seen}");
    let wav = std::fs::read(bench.path("agent.wav")).unwrap();
    let length = u32::from_le_bytes(wav[40..44].try_into().unwrap());
    assert_eq!(length as usize, wav.len() - 44);
}

#[test]
fn a_refused_override_names_it_and_where_it_is_allowed() {
    let agent = "name = \"Desk\"\n[platform_settings.overrides.conversation_config_override.agent.prompt]\nprompt = false\n";
    let server = Server::new(&[("desk", agent)]);
    let bench = bench(&server);
    bench
        .run(&format!(
            "talk --text --server {} --agent desk --prompt Obey",
            server.url
        ))
        .failed(1, &["agent.prompt.prompt", "Security, Overrides"]);
}

/// The lines of the transcript that `--record out` wrote.
fn transcript(bench: &Bench) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.kept("out", "transcript.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn both_sides_are_kept_with_what_was_heard_of_an_interrupted_reply() {
    let server = Server::new(&[]);
    let bench = bench(&server);
    bench.file(
        "caller.txt",
        "during 1.5s: no wait what time is it please\nafter 0.5s: goodbye\n",
    );
    let done = bench.run(&format!(
        "talk --server {} --agent assistant --caller caller.txt --record out --json",
        server.url
    ));
    assert_eq!(done.code, 0, "{}", done.err);
    let lines = transcript(&bench);
    assert_eq!(lines.first().unwrap()["agent"], "assistant");
    assert_eq!(lines.last().unwrap()["type"], "ended", "{lines:?}");
    // The folder bears the name the server gave the conversation.
    let id = lines[0]["conversation_id"].as_str().unwrap();
    assert!(bench.path("out").join(id).is_dir(), "{id}");
    let interrupted = of_type(&lines, "agent")
        .into_iter()
        .find(|line| line["interrupted"] == true)
        .unwrap();
    let (text, heard) = (
        interrupted["text"].as_str().unwrap(),
        interrupted["heard"].as_str().unwrap(),
    );
    assert!(
        text.starts_with(heard) && heard.len() < text.len(),
        "{heard:?} of {text:?}"
    );
    // What is in the transcript is what was shown, and what sounds on both sides of the recording.
    let users: Vec<&str> = of_type(&lines, "user")
        .into_iter()
        .filter_map(|line| line["text"].as_str())
        .collect();
    assert_eq!(users, done.texts("user"));
    let sound = bench.kept("out", "conversation.wav");
    let (caller, agent) = (bench.heard(&sound, "left"), bench.heard(&sound, "right"));
    assert!(caller.contains("goodbye"), "{caller:?}");
    // Of the reply that was interrupted.
    assert!(agent.contains("hello"), "{agent:?}");
}

#[test]
fn a_typed_conversation_elsewhere_leaves_a_transcript() {
    let server = Server::new(&[]);
    let bench = bench(&server);
    let done = bench.feed(
        &format!(
            "talk --text --server {} --agent assistant --record out",
            server.url
        ),
        b"what is seven times six\n",
    );
    assert_eq!(done.code, 0, "{}", done.err);
    let lines = transcript(&bench);
    assert_eq!(
        of_type(&lines, "user")[0]["text"],
        "what is seven times six"
    );
    let answered = of_type(&lines, "agent")
        .iter()
        .any(|line| line["text"].as_str().is_some_and(|t| t.contains("42")));
    assert!(answered, "{lines:?}");
    assert!(!bench.kept("out", "conversation.wav").exists());
}

#[test]
fn a_conversation_that_is_cut_off_goes_on_and_is_seen_to() {
    let server = Server::new(&[]);
    let line = Line::to(&server.url);
    let bench = bench(&server);
    bench.file(
        "caller.txt",
        "after 0.3s: what time is it\nafter 0.5s: what is seven times six\nat 500s: goodbye\n",
    );
    let mut terminal = Terminal::open(
        &bench,
        &format!(
            "talk --server {} --agent assistant --caller caller.txt --output a.wav --record out --continue",
            line.url
        ),
    );
    terminal.until("Hello");
    line.cut();
    terminal.until("the connection broke");
    terminal.until("connected again");
    // The caller goes on as if nothing had happened, and is answered.
    terminal.until(" ms = end of turn");
    terminal.send(b"\x03");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    let lines = transcript(&bench);
    // It was greeted twice, and what happened in between is in its place.
    let kinds: Vec<_> = lines
        .iter()
        .filter_map(|line| line["type"].as_str())
        .collect();
    assert_eq!(
        kinds[..5],
        ["started", "agent", "warning", "warning", "agent"],
        "{lines:?}"
    );
    let id = lines[0]["conversation_id"].as_str().unwrap();
    let goes_on = lines[3]["text"].as_str().unwrap();
    assert!(
        goes_on.contains(&format!("{id} goes on as conv_")),
        "{goes_on}"
    );
    assert_eq!(lines.last().unwrap()["reason"], "user_ended", "{lines:?}");
}

#[test]
fn without_being_asked_nothing_is_continued_and_the_transcript_is_whole() {
    let server = Server::new(&[]);
    let line = Line::to(&server.url);
    let bench = bench(&server);
    let mut terminal = Terminal::open(
        &bench,
        &format!(
            "talk --text --server {} --agent assistant --record out",
            line.url
        ),
    );
    terminal.until("agent: Hello");
    line.cut();
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(1), "{seen}");
    assert!(seen.contains("ended early"), "{seen}");
    assert!(seen.contains("--continue"), "{seen}");
    let lines = transcript(&bench);
    assert_eq!(of_type(&lines, "agent").len(), 1, "{lines:?}");
    assert_eq!(lines.last().unwrap()["reason"], "failed", "{lines:?}");
}

#[test]
fn continuing_is_for_agents_elsewhere() {
    Bench::new()
        .run("talk --text --continue")
        .failed(2, &["cut off", "--server"]);
}
