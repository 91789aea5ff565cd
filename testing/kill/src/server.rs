//! The program that is killed.

use std::{path::Path, process::Stdio, time::Duration, time::Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts it with its records in `home`, where it finds those of its predecessors.
    pub(crate) async fn start(binary: &Path, home: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(binary)
            .args([
                "--json",
                "serve",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--llm",
                "scripted",
            ])
            .arg("--data")
            .arg(home.join("data"))
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("OLLAMA_HOST", "")
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", binary.display()))?;
        let output = child.stdout.take().context("the server says nothing")?;
        let mut lines = BufReader::new(output).lines();
        let serving = async {
            while let Some(line) = lines.next_line().await? {
                let said: Value = serde_json::from_str(&line).unwrap_or_default();
                if let (Some("serving"), Some(url)) = (said["type"].as_str(), said["url"].as_str())
                {
                    return Ok(url.to_owned());
                }
            }
            bail!("the server ended before it served")
        };
        let url = timeout(PATIENCE, serving)
            .await
            .context("the server did not come up in time")??;
        Ok(Self { child, url })
    }

    /// Kills it (9), and says when.
    pub(crate) async fn kill(mut self) -> anyhow::Result<Instant> {
        let now = Instant::now();
        self.child.kill().await.context("it cannot be killed")?;
        Ok(now)
    }
}
