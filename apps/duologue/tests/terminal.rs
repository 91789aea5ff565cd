//! What a person sees: the binary on a pseudo-terminal, made by `script` of util-linux.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use common::{Bench, DUOLOGUE};

/// A guard against hanging; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(90);

struct Terminal {
    child: Child,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn open(bench: &Bench, arguments: &str) -> Self {
        let mut command = Command::new("script");
        bench.prepare(&mut command);
        let mut child = command
            .args([
                "-qefc",
                &format!("stty rows 40 cols 100; {DUOLOGUE} {arguments}"),
            ])
            .arg("/dev/null")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 4_096];
            while let Ok(count @ 1..) = stdout.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            output,
            seen: String::new(),
        }
    }

    fn send(&mut self, keys: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys).unwrap();
        stdin.flush().unwrap();
    }

    /// Reads until `text` was shown, answering the question for the cursor's place as a terminal does.
    fn until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let Ok(piece) = self.output.recv_timeout(PATIENCE) else {
                panic!("{text:?} never came in: {}", self.seen);
            };
            self.take(&piece);
        }
    }

    fn take(&mut self, piece: &[u8]) {
        let piece = String::from_utf8_lossy(piece).into_owned();
        for _ in piece.matches("\x1b[6n") {
            self.send(b"\x1b[1;1R");
        }
        self.seen.push_str(&piece);
    }

    /// Everything up to the end, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        while let Ok(piece) = self.output.recv_timeout(PATIENCE) {
            self.take(&piece);
        }
        let code = self.child.wait().unwrap().code();
        (self.seen, code)
    }
}

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
