//! What a person sees: the binary on a pseudo-terminal, made by `script` of util-linux.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Bench, terminal::Terminal};

#[test]
fn both_sides_are_shown_as_they_speak_and_the_terminal_is_given_back() {
    let bench = Bench::new();
    bench.file(
        "caller.txt",
        "after 0.3s: what can you do\nduring 1.5s: no wait what time is it\nafter 0.5s: goodbye\n",
    );
    let mut terminal = Terminal::open(
        &bench,
        "talk --caller caller.txt --pace fast --output a.wav",
    );
    // Choices, what is being said, how loud it is, and the latency of the last turn.
    for part in ["brain: ", "user: ", "agent: ", "█", " ms = end of turn"] {
        terminal.until(part);
    }
    // What the caller did not hear is struck through.
    terminal.until("\x1b[9m");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("ended after"), "{seen}");
    // What is told at the end begins at the beginning of a line.
    let (before, _) = seen.split_once("latency, from").unwrap();
    let place = before.rfind('H').unwrap();
    assert!(before[..place].ends_with(";1"), "{before:?}");
    let between = &before[place + 1..];
    assert!(!between.contains(['a', ':']), "{between:?}");
    // The cursor is back.
    assert!(seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l"), "{seen}");
}

#[test]
fn control_c_ends_politely() {
    let bench = Bench::new();
    bench.file("caller.txt", "at 500s: hello\n");
    let mut terminal = Terminal::open(&bench, "talk --caller caller.txt --output agent.wav");
    terminal.until("Ctrl-C hangs up");
    terminal.send(b"\x03");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("the user ended the conversation"), "{seen}");
    // The file is finished: its header says how long it is.
    let wav = std::fs::read(bench.path("agent.wav")).unwrap();
    let length = u32::from_le_bytes(wav[40..44].try_into().unwrap());
    assert_eq!(length as usize, wav.len() - 44);
}
