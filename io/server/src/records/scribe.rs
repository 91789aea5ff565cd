//! Turns the facts of one conversation into entries of the store.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent::{Fact, Recorder};
use audio::Moment;
use protocol::agents::Score;
use serde_json::{Value, json};
use store::{Began, Ended, Entry, Log, Note, Role, StoreError, ToolCall, Turn, Usage, now};
use tokio::sync::Notify;

use super::{Beginning, Policy, Records, after_call, hooks};

/// Answers whose times or marks are told before the answer itself. More than these wait never; a conversation has one or
/// two answers under way.
const PENDING: usize = 32;

pub(super) struct Scribe {
    log: Log,
    work: Arc<Notify>,
    policy: Policy,
    began: Began,
    /// Where the caller of the self-hosted door wants reports.
    hooks: Value,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    began: bool,
    number: u64,
    stages: BTreeMap<u64, Value>,
    scores: BTreeMap<u64, Option<String>>,
    /// Entries that could not be handed over.
    lost: u64,
}

impl Scribe {
    pub(super) fn new(records: &Records, beginning: &Beginning<'_>, policy: Policy) -> Self {
        let initiation = serde_json::to_value(beginning.initiation).unwrap_or(Value::Null);
        let source = initiation
            .pointer("/source_info/source")
            .and_then(Value::as_str)
            .or(beginning.source)
            .map(str::to_owned);
        Self {
            log: records.shared.store.log(),
            work: Arc::clone(&records.shared.work),
            policy,
            began: Began {
                agent_name: beginning.agent_name.to_owned(),
                source,
                initiation: without_secrets(initiation),
                agent_document: beginning.agent_document.clone(),
                ..Began::default()
            },
            hooks: beginning.setup.map_or(Value::Null, hooks::of_setup),
            state: Mutex::default(),
        }
    }

    fn write(&self, state: &mut State, conversation: &str, entry: Entry) {
        match self.log.write(conversation, entry) {
            Ok(()) => {}
            Err(error) => {
                if state.lost == 0 {
                    tracing::error!(conversation, %error, "a part of the conversation is not kept");
                }
                state.lost += 1;
            }
        }
    }

    fn ended(&self, state: &mut State, conversation: &str, at: Moment, reason: &str, code: u16) {
        if state.lost > 0 {
            let text = format!("{} entries were lost: the disk was too slow", state.lost);
            let number = next(&mut state.number);
            let note = Note {
                number,
                at: micros(at.since_start()),
                text,
            };
            self.write(state, conversation, Entry::Note(note));
        }
        let ended = Ended {
            duration: Some(micros(at.since_start())),
            termination: reason.to_owned(),
            close_code: Some(code),
            status: "processing".to_owned(),
            jobs: vec![after_call(conversation, self.hooks.clone())],
        };
        let (log, work, conversation) = (
            self.log.clone(),
            Arc::clone(&self.work),
            conversation.to_owned(),
        );
        let entry = Entry::Ended(ended);
        let mut written = log.write(&conversation, entry.clone());
        tokio::spawn(async move {
            // The one entry that must not be lost: somebody would take the conversation for one under way.
            while let Err(StoreError::Full) = written {
                tokio::time::sleep(Duration::from_millis(50)).await;
                written = log.write(&conversation, entry.clone());
            }
            // What is there to do afterwards can be seen once it is kept.
            if log.flush().await.is_ok() {
                work.notify_one();
            }
        });
    }
}

impl Scribe {
    /// The beginning, once: an agent that hands over begins anew, the conversation does not.
    fn began(&self, state: &mut State, fact: &Fact<'_>) -> Option<Began> {
        let Fact::Started {
            agent,
            user,
            wall,
            language,
            text_only,
        } = fact
        else {
            return None;
        };
        if std::mem::replace(&mut state.began, true) {
            return None;
        }
        let started = now();
        let (erase, erase_sound) = self.policy.erasure(started);
        Some(Began {
            agent: (*agent).to_owned(),
            user: user.map(str::to_owned),
            text_only: *text_only,
            language: (*language).to_owned(),
            started,
            wall: (*wall).to_owned(),
            erase,
            erase_sound,
            ..self.began.clone()
        })
    }
}

impl Recorder for Scribe {
    fn record(&self, conversation: &str, at: Moment, fact: Fact<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let when = micros(at.since_start());
        let entry = match fact {
            Fact::Started { .. } => match self.began(state, &fact) {
                Some(began) => Entry::Began(Box::new(began)),
                None => return,
            },
            Fact::UserTurn { text } => Entry::Turn(Turn {
                number: next(&mut state.number),
                at: when,
                role: Role::User,
                text: text.to_owned(),
                heard: text.to_owned(),
                ..Turn::default()
            }),
            Fact::AgentTurn {
                event,
                text,
                heard,
                interrupted,
                reckoned,
            } => Entry::Turn(Turn {
                number: next(&mut state.number),
                at: when,
                role: Role::Agent,
                text: text.to_owned(),
                heard: heard.to_owned(),
                interrupted,
                reckoned,
                event,
                stages: event.and_then(|event| state.stages.remove(&event)),
                score: event.and_then(|event| state.scores.remove(&event).flatten()),
                files: None,
            }),
            Fact::ToolCall {
                id,
                name,
                arguments,
                result,
                is_error,
                took,
            } => Entry::Tool(ToolCall {
                number: next(&mut state.number),
                at: when,
                call_id: id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.clone(),
                result: result.to_owned(),
                is_error,
                took: micros(took),
            }),
            Fact::Usage { llm, usage } => {
                let unmetered = u64::from(usage.is_none());
                let usage = usage.unwrap_or_default();
                Entry::Usage(Usage {
                    number: next(&mut state.number),
                    at: when,
                    llm: llm.to_owned(),
                    input_tokens: usage.input_tokens,
                    cached_tokens: usage.cached_tokens,
                    output_tokens: usage.output_tokens,
                    unmetered,
                })
            }
            Fact::Latency { event, stages } => {
                state.stages.insert(event, json!(stages));
                while state.stages.len() > PENDING {
                    state.stages.pop_first();
                }
                return;
            }
            Fact::Feedback { event, score } => {
                let score = score.map(|score| match score {
                    Score::Like => "like".to_owned(),
                    Score::Dislike => "dislike".to_owned(),
                });
                state.scores.insert(event, score.clone());
                while state.scores.len() > PENDING {
                    state.scores.pop_first();
                }
                Entry::Score { event, score }
            }
            Fact::Warning { text } => Entry::Note(Note {
                number: next(&mut state.number),
                at: when,
                text: text.to_owned(),
            }),
            Fact::Ended { reason, code } => {
                return self.ended(state, conversation, at, reason, code.as_u16());
            }
            // Sound has its own place, and what is newer than this has none.
            _ => return,
        };
        self.write(state, conversation, entry);
    }
}

fn next(number: &mut u64) -> u64 {
    *number += 1;
    *number
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Secret variables are for tools only, and not for whoever reads the records.
fn without_secrets(mut initiation: Value) -> Value {
    if let Some(Value::Object(variables)) = initiation.get_mut("dynamic_variables") {
        for (name, value) in variables {
            if name.starts_with("secret__") {
                *value = "***".into();
            }
        }
    }
    initiation
}

/// A file that is made when something is written into it.
pub(super) struct LateFile {
    path: PathBuf,
    file: Option<io::BufWriter<File>>,
}

impl LateFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }
}

impl Write for LateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self
                .file
                .insert(io::BufWriter::new(File::create(&self.path)?)),
        };
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
