//! Every input of the machine and every decision, as JSON lines that replay to the same decisions.
//!
//! One line per input: `{"at":µs,"in":{…},"out":[…]}`, after a first line that names the format, the conversation and the
//! machine's settings, so that a journal needs nothing else to replay. The
//! words of this file's wire are its own (see `wire`); those of `turn` do not serialise.

mod replay;
mod settings;
mod wire;

use std::{io::Write, thread};

use audio::Moment;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use turn::{Input, Output};

pub use replay::{Difference, Replay, ReplayError, replay, replay_with};

/// Lines that may wait for the disk: some ten seconds of a conversation.
const WAITING_LINES: usize = 1024;

/// Writes journals from a thread of its own. Cheap to clone: clones write to the same place.
///
/// A disk that is full or slow loses lines, never the conversation; the loss is told by [`Journal::trouble`].
#[derive(Clone, Debug)]
pub struct Journal {
    lines: mpsc::Sender<Line>,
    trouble: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

#[derive(Debug)]
enum Line {
    Text(String),
    Flush(oneshot::Sender<()>),
}

#[derive(Serialize, Deserialize)]
struct Header {
    duologue_journal: u32,
    conversation: String,
    /// The machine's settings. Absent in journals that were written before they were kept.
    #[serde(default)]
    settings: Option<settings::Settings>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    at: u64,
    #[serde(rename = "in")]
    input: wire::Input,
    out: Vec<wire::Output>,
}

impl Journal {
    /// A journal that goes into `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let (lines, mut waiting) = mpsc::channel(WAITING_LINES);
        let trouble = std::sync::Arc::new(std::sync::Mutex::new(None));
        let told = std::sync::Arc::clone(&trouble);
        thread::spawn(move || {
            // Gone after the first failure: what follows a gap does not replay.
            let mut writer = Some(writer);
            while let Some(line) = waiting.blocking_recv() {
                let Some(open) = &mut writer else {
                    continue;
                };
                let (mut result, done) = match line {
                    Line::Text(text) => (open.write_all(text.as_bytes()), None),
                    Line::Flush(done) => (Ok(()), Some(done)),
                };
                if result.is_ok() && (done.is_some() || waiting.is_empty()) {
                    result = open.flush();
                }
                if let Err(error) = result {
                    writer = None;
                    complain(
                        &told,
                        format!("the journal cannot be written and stops here: {error}"),
                    );
                }
                if let Some(done) = done {
                    let _ = done.send(());
                }
            }
        });
        Self { lines, trouble }
    }

    /// What went wrong since this was last asked.
    pub fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }

    /// Waits until everything so far is written.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.lines.send(Line::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    pub(crate) fn begin(&self, conversation: &str, settings: &turn::Settings) {
        self.write(&Header {
            duologue_journal: 1,
            conversation: conversation.to_owned(),
            settings: Some(settings::Settings::from(settings)),
        });
    }

    pub(crate) fn note(&self, at: Moment, input: wire::Input, outputs: &[Output]) {
        self.write(&Entry {
            at: at.as_micros(),
            input,
            out: outputs.iter().map(wire::Output::from).collect(),
        });
    }

    fn write(&self, line: &impl Serialize) {
        let Ok(mut text) = serde_json::to_string(line) else {
            return;
        };
        text.push('\n');
        if let Err(mpsc::error::TrySendError::Full(_)) = self.lines.try_send(Line::Text(text)) {
            complain(
                &self.trouble,
                "the journal's disk is too slow; lines are missing and it will not replay"
                    .to_owned(),
            );
        }
    }
}

fn complain(trouble: &std::sync::Mutex<Option<String>>, words: String) {
    tracing::warn!("{words}");
    *trouble
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(words);
}

/// An input as the journal writes it, taken before the machine consumes it.
pub(crate) fn mirror(input: &Input) -> wire::Input {
    wire::Input::from(input)
}
