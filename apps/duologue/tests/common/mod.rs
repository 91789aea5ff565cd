//! The real binary in an empty folder, with an environment that holds nothing of this machine's.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

pub(crate) mod faulty;
pub(crate) mod line;
pub(crate) mod server;
pub(crate) mod terminal;
pub(crate) mod thinker;
pub(crate) mod tones;
pub(crate) mod web;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The binary under test.
pub(crate) const DUOLOGUE: &str = env!("CARGO_BIN_EXE_duologue");

/// A folder for one test, and commands that run in it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// What a command left behind.
pub(crate) struct Done {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command line `arguments`, split at spaces; quotation marks keep words together.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(DUOLOGUE);
        command.args(split(arguments));
        self.prepare(&mut command);
        command
    }

    /// Gives a command this folder and a clean environment.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            // Whatever model runs on this machine must not be found.
            .env("OLLAMA_HOST", "")
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    pub(crate) fn run(&self, arguments: &str) -> Done {
        finished(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn run_with(&self, arguments: &str, environment: &[(&str, &str)]) -> Done {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        finished(&command.output().unwrap())
    }

    /// Runs with this on standard input.
    pub(crate) fn feed(&self, arguments: &str, input: &[u8]) -> Done {
        self.feed_with(arguments, input, &[])
    }

    pub(crate) fn feed_with(
        &self,
        arguments: &str,
        input: &[u8],
        environment: &[(&str, &str)],
    ) -> Done {
        let mut child = self
            .command(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // The command may not want all of it.
            let _ = stdin.write_all(&input);
        });
        let done = finished(&child.wait_with_output().unwrap());
        writer.join().unwrap();
        done
    }

    /// What our own recogniser hears in a channel of a recording.
    pub(crate) fn heard(&self, recording: &Path, channel: &str) -> String {
        let done = self.run(&format!(
            "transcribe {} --channel {channel} --json",
            recording.display()
        ));
        assert_eq!(done.code, 0, "{}", done.err);
        let last = done.objects().pop().unwrap();
        last["text"].as_str().unwrap().to_owned()
    }

    /// The recording that `--record DIR` made.
    pub(crate) fn kept(&self, folder: &str, name: &str) -> PathBuf {
        let conversation = std::fs::read_dir(self.path(folder))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        conversation.path().join(name)
    }
}

impl Done {
    /// The JSON lines of standard output.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The texts of the JSON lines of one type.
    pub(crate) fn texts(&self, kind: &str) -> Vec<String> {
        self.objects()
            .iter()
            .filter(|object| object["type"] == kind)
            .map(|object| object["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Asserts the exit code and that the words are all in what was said on standard error.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in: {}", self.err);
        }
    }
}

fn finished(output: &Output) -> Done {
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn split(arguments: &str) -> Vec<String> {
    arguments
        .split('"')
        .enumerate()
        .flat_map(|(index, part)| -> Vec<String> {
            if index % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

/// The folder with the example callers.
pub(crate) fn example(name: &str) -> String {
    format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}
