//! Talking to an agent elsewhere from a terminal: over a socket, as to an agent of an account.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use common::{
    Bench,
    server::{KEY, Server},
    terminal::Terminal,
};

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
