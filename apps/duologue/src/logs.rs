//! Logs go to standard error, or wait while a terminal view has the screen.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::settings::{Settings, keys};

/// Lines that are kept while the screen is taken; older ones are dropped.
const KEPT: usize = 500;

/// Rooms of this house, by the name in their logs. Others are heard from warnings on.
const OURS: [&str; 8] = [
    "agent",
    "audio",
    "duologue",
    "embedded",
    "protocol",
    "providers",
    "sdk",
    "turn",
];

/// A handle on the log's way out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs {
    held: Arc<Mutex<Option<VecDeque<Vec<u8>>>>>,
}

impl Logs {
    /// Starts logging as the settings say.
    pub(crate) fn start(settings: &Settings) -> Self {
        let logs = Self::default();
        let level = match settings.get(keys::LOG_LEVEL).unwrap_or("info") {
            level if level.eq_ignore_ascii_case("warning") => "warn".to_owned(),
            level => level.to_lowercase(),
        };
        let others = if matches!(level.as_str(), "error" | "off" | "trace") {
            level.as_str()
        } else {
            "warn"
        };
        let ours = OURS.map(|room| format!("{room}={level}")).join(",");
        // The client of the sound server calls every closed connection an error.
        let filter = EnvFilter::new(format!("{others},pulseaudio=off,{ours}"));
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(logs.clone());
        let json = settings
            .get(keys::LOG_FORMAT)
            .is_some_and(|f| f.eq_ignore_ascii_case("json"));
        // A second call within one process (tests) keeps the first.
        let _ = if json {
            builder.json().try_init()
        } else {
            builder
                .with_target(false)
                .with_ansi(std::io::IsTerminal::is_terminal(&io::stderr()))
                .try_init()
        };
        logs
    }

    /// Keeps lines back until [`Logs::release`].
    pub(crate) fn hold(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_default();
    }

    /// Writes what was kept back, and everything after it at once.
    pub(crate) fn release(&self) {
        let lines = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for line in lines.into_iter().flatten() {
            let _ = io::stderr().write_all(&line);
        }
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

/// One line on its way.
pub(crate) struct Line(Logs);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = held.as_mut() {
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(bytes.to_vec());
            Ok(bytes.len())
        } else {
            io::stderr().write(bytes)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
