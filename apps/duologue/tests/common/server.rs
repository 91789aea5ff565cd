//! `duologue serve`, as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::Child,
};

use serde_json::Value;

use super::Bench;

/// The key that opens it.
pub(crate) const KEY: &str = "dk_right";

/// `duologue serve` with a key.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    bench: Bench,
}

impl Server {
    /// Serves these agents beside the bundled ones.
    pub(crate) fn new(agents: &[(&str, &str)]) -> Self {
        Self::with(agents, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn with(agents: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        let bench = Bench::new();
        for (name, text) in agents {
            bench.file(&format!("agents/{name}.toml"), text);
        }
        let mut command = bench.command("--json serve --port 0 --llm scripted --data data");
        let mut child = command
            .env("API_KEYS", KEY)
            .env("HOST", "127.0.0.1")
            .envs(environment.iter().copied())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let url = started["url"].as_str().unwrap().to_owned();
        Self { child, url, bench }
    }

    /// Ends it, and leaves its data where they are.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.bench.path("data")
    }

    /// What a client needs to find it.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 2] {
        [
            ("ELEVENLABS_BASE_URL", &self.url),
            ("ELEVENLABS_API_KEY", KEY),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
