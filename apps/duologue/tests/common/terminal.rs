//! A pseudo-terminal, made by `script` of util-linux.

use std::{
    ffi::OsString,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{Bench, DUOLOGUE};

/// A guard against hanging; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(90);

/// The binary on a pseudo-terminal.
pub(crate) struct Terminal {
    child: Child,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Runs a command line there.
    pub(crate) fn open(bench: &Bench, arguments: &str) -> Self {
        Self::open_with(bench, arguments, [])
    }

    /// As [`Terminal::open`], with more in its environment.
    pub(crate) fn open_with(
        bench: &Bench,
        arguments: &str,
        environment: impl IntoIterator<Item = (&'static str, OsString)>,
    ) -> Self {
        let mut command = Command::new("script");
        bench.prepare(&mut command);
        command.envs(environment);
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

    /// Presses keys.
    pub(crate) fn send(&mut self, keys: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys).unwrap();
        stdin.flush().unwrap();
    }

    /// Reads until `text` was shown, answering the question for the cursor's place as a terminal does.
    pub(crate) fn until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let Ok(piece) = self.output.recv_timeout(PATIENCE) else {
                panic!("{text:?} never came in: {}", self.seen);
            };
            self.take(&piece);
        }
    }

    /// Whether `text` is shown within `patience`.
    pub(crate) fn shows(&mut self, text: &str, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.seen.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(piece) = self.output.recv_timeout(left) else {
                return false;
            };
            self.take(&piece);
        }
        true
    }

    /// What was shown so far.
    pub(crate) fn seen(&mut self) -> &str {
        while let Ok(piece) = self.output.try_recv() {
            self.take(&piece);
        }
        &self.seen
    }

    fn take(&mut self, piece: &[u8]) {
        let piece = String::from_utf8_lossy(piece).into_owned();
        for _ in piece.matches("\x1b[6n") {
            self.send(b"\x1b[1;1R");
        }
        self.seen.push_str(&piece);
    }

    /// Everything up to the end, and the exit code.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        while let Ok(piece) = self.output.recv_timeout(PATIENCE) {
            self.take(&piece);
        }
        let code = self.child.wait().unwrap().code();
        (self.seen, code)
    }
}
