//! What is kept of a conversation: a stereo WAV, a transcript and a journal, in a folder of its own.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use agent::{Fact, Recorder, journal::Journal};
use audio::Moment;
use sdk::wav;
use serde_json::{Value, json};

use crate::{
    files,
    problem::{Outcome, Problem},
};

/// Facts that wait for the disk.
const WAITING: usize = 1_024;

/// A folder for one conversation.
pub(crate) struct Keep {
    /// Left the caller, right what was heard of the agent.
    wav: Option<wav::Writer>,
    wav_path: PathBuf,
    transcript: PathBuf,
    /// Only of an agent of this machine: it is the machine's own.
    journal: Option<(PathBuf, Journal)>,
    pub(crate) recorder: Arc<Writer>,
    writer: Option<thread::JoinHandle<io::Result<()>>>,
}

impl Keep {
    /// Makes `folder`, in which conversations are kept.
    pub(crate) fn prepare(folder: &Path) -> Outcome<()> {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))
    }

    /// Makes the folder `conversation` in `folder`.
    pub(crate) fn create(
        folder: &Path,
        conversation: &str,
        sound: bool,
        journal: bool,
    ) -> Outcome<Self> {
        let folder = folder.join(conversation);
        Self::prepare(&folder)?;
        let create = |path: &Path| File::create(path).map_err(|error| failed(path, &error));
        let wav_path = folder.join("conversation.wav");
        let wav = if sound {
            Some(files::create_sound(&wav_path, 2)?)
        } else {
            None
        };
        let transcript = folder.join("transcript.jsonl");
        let journal = if journal {
            let path = folder.join("journal.jsonl");
            let journal = Journal::new(BufWriter::new(create(&path)?));
            Some((path, journal))
        } else {
            None
        };
        let (recorder, writer) = Writer::start(create(&transcript)?);
        Ok(Self {
            wav,
            wav_path,
            transcript,
            journal,
            recorder: Arc::new(recorder),
            writer: Some(writer),
        })
    }

    /// The journal, if there is one.
    pub(crate) fn journal(&self) -> Option<Journal> {
        self.journal.as_ref().map(|(_, journal)| journal.clone())
    }

    /// Keeps a frame of both sides.
    pub(crate) fn sound(&mut self, caller: &[i16], agent: &[i16]) -> Outcome<()> {
        let Some(wav) = &mut self.wav else {
            return Ok(());
        };
        wav.write(&audio::frame::interleave(caller, agent))
            .map_err(|error| files::write_failed(&self.wav_path, &error))
    }

    /// Finishes all files and names them. The first that failed is told.
    pub(crate) async fn finish(mut self) -> Outcome<Vec<(&'static str, String)>> {
        let mut kept = Vec::new();
        let mut result = Ok(());
        if let Some(wav) = self.wav.take() {
            result = wav
                .finish()
                .map_err(|error| files::write_failed(&self.wav_path, &error));
            kept.push(("recording", self.wav_path.display().to_string()));
        }
        self.recorder.close();
        if let Some(writer) = self.writer.take() {
            let written = tokio::task::spawn_blocking(move || writer.join()).await;
            if let Ok(Ok(Err(error))) = written {
                result = result.and(Err(failed(&self.transcript, &error)));
            }
        }
        kept.push(("transcript", self.transcript.display().to_string()));
        if let Some((path, journal)) = &self.journal {
            journal.flush().await;
            if let Some(trouble) = journal.trouble() {
                let problem = Problem::failure(format!("could not write {}", path.display()));
                result = result.and(Err(problem.because(trouble)));
            }
            kept.push(("journal", path.display().to_string()));
        }
        result.map(|()| kept)
    }
}

fn failed(path: &Path, error: &io::Error) -> Problem {
    Problem::failure(format!("could not write {}", path.display())).because_io(error)
}

/// Writes facts as JSON lines, from a thread of its own.
pub(crate) struct Writer {
    lines: Mutex<Option<mpsc::SyncSender<Value>>>,
}

impl Writer {
    fn start(file: File) -> (Self, thread::JoinHandle<io::Result<()>>) {
        let (sender, lines) = mpsc::sync_channel::<Value>(WAITING);
        let thread = thread::spawn(move || {
            let mut file = BufWriter::new(file);
            // Every line is on the disk before the next is waited for: a crash loses nothing that was said.
            for line in lines {
                writeln!(file, "{line}")?;
                file.flush()?;
            }
            Ok(())
        });
        let writer = Self {
            lines: Mutex::new(Some(sender)),
        };
        (writer, thread)
    }

    fn close(&self) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl Recorder for Writer {
    fn record(&self, conversation: &str, at: Moment, fact: Fact<'_>) {
        let mut line = match fact {
            Fact::Started {
                agent,
                user,
                wall,
                language,
                text_only,
            } => json!({
                "type": "started", "conversation_id": conversation, "agent": agent, "user": user,
                "wall": wall, "language": language, "text_only": text_only,
            }),
            Fact::UserTurn { text } => json!({ "type": "user", "text": text }),
            Fact::AgentTurn {
                event,
                text,
                heard,
                interrupted,
                reckoned,
            } => json!({
                "type": "agent", "event_id": event, "text": text, "heard": heard,
                "interrupted": interrupted, "reckoned": reckoned,
            }),
            Fact::ToolCall {
                id,
                name,
                arguments,
                result,
                is_error,
                took,
            } => json!({
                "type": "tool", "id": id, "name": name, "arguments": arguments, "result": result,
                "is_error": is_error, "took_ms": took.as_secs_f64() * 1_000.0,
            }),
            Fact::Usage { llm, usage } => json!({
                "type": "usage", "llm": llm,
                "input_tokens": usage.map(|usage| usage.input_tokens),
                "cached_tokens": usage.map(|usage| usage.cached_tokens),
                "output_tokens": usage.map(|usage| usage.output_tokens),
            }),
            Fact::Latency { event, stages } => {
                json!({ "type": "latency", "event_id": event, "stages": stages })
            }
            Fact::Warning { text } => json!({ "type": "warning", "text": text }),
            Fact::Ended { reason, code } => {
                json!({ "type": "ended", "reason": reason, "code": code.as_u16() })
            }
            // The edge keeps the sound itself, on its own sample clock.
            _ => return,
        };
        line["at"] = json!(at.as_millis() as f64 / 1_000.0);
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = lines.as_ref()
            && lines.try_send(line).is_err()
        {
            tracing::warn!("the disk is too slow; a line of the transcript was lost");
        }
    }
}
