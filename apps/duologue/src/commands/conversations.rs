//! `duologue conversations`: what remains of conversations on this machine.

mod costs;

use std::{
    fs::{self, File},
    io::{BufReader, Write as _},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use sdk::source::Channel;
use serde_json::{Value, json};
use server::{conversation_view, summary_view};
use store::{Conversations, Filter, Role, Store, Whole};

use crate::{
    Context,
    cli::{Again, ConversationsCommand, ListConversations},
    files,
    problem::{Outcome, Problem},
    records,
    settings::keys,
};

/// Lines that are read from the store together.
const PAGE: u64 = 100;

/// Lists, shows, exports or replays conversations.
pub(crate) async fn run(
    context: &Context,
    data: Option<&Path>,
    command: &ConversationsCommand,
) -> Outcome<()> {
    let data = records::folder(&context.settings, data)?;
    let store = records::open_store(&context.settings, &data).await?;
    let desk = Desk {
        context,
        conversations: store.conversations(),
        data: &data,
    };
    let result = desk.run(command, &store).await;
    store.close().await;
    result
}

struct Desk<'a> {
    context: &'a Context,
    conversations: Conversations,
    data: &'a Path,
}

impl Desk<'_> {
    async fn run(&self, command: &ConversationsCommand, store: &Store) -> Outcome<()> {
        match command {
            ConversationsCommand::List(wanted) => self.list(wanted).await,
            ConversationsCommand::Show { conversation } => self.show(conversation).await,
            ConversationsCommand::Audio {
                conversation,
                output,
            } => self.audio(conversation, output).await,
            ConversationsCommand::Export { output, wanted } => {
                self.export(output.as_deref(), wanted).await
            }
            ConversationsCommand::Replay {
                conversation,
                again,
            } => {
                let whole = self.find(conversation).await?;
                if again.is_wanted() {
                    // The conversation that follows opens the store itself.
                    store.close().await;
                    self.again(&whole, again).await
                } else {
                    self.replay(&whole)
                }
            }
            ConversationsCommand::Delete { conversation } => self.delete(conversation).await,
        }
    }

    async fn find(&self, id: &str) -> Outcome<Whole> {
        let found = self.conversations.get(id).await;
        found
            .map_err(|error| records::failed(&error, self.data))?
            .ok_or_else(|| {
                Problem::failure(format!("there is no conversation {id}"))
                    .because(format!(
                        "it is not among the records in {}",
                        self.data.display()
                    ))
                    .fix("duologue conversations list shows those there are")
            })
    }

    async fn each(
        &self,
        wanted: &ListConversations,
        mut work: impl AsyncFnMut(&store::Summary) -> Outcome<()>,
    ) -> Outcome<u64> {
        let filter = filter(wanted);
        let mut after = None;
        let mut left = wanted.limit.unwrap_or(u64::MAX);
        let mut count = 0;
        while left > 0 {
            let page = self
                .conversations
                .list(&filter, after.as_ref(), left.min(PAGE))
                .await
                .map_err(|error| records::failed(&error, self.data))?;
            let Some(last) = page.last() else { break };
            after = Some(store::After {
                started: last.started,
                id: last.id.clone(),
            });
            left = left.saturating_sub(page.len() as u64);
            for line in &page {
                work(line).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn list(&self, wanted: &ListConversations) -> Outcome<()> {
        let out = self.context.out;
        let prices = records::prices(self.data)?;
        let count = self
            .each(wanted, async |line| {
                out.line(format!(
                    "{:<36} {} {:>5} s {:>3} turns {:>8}  {:<11} {:<14} {}",
                    line.id,
                    day_and_time(line.started),
                    (line.duration + 500_000) / 1_000_000,
                    line.messages,
                    costs::short(line, &prices),
                    line.status,
                    line.agent,
                    line.title.as_deref().unwrap_or_default(),
                ))?;
                let mut object = summary_view(line, true, &prices);
                object["type"] = "conversation".into();
                out.object(&object)
            })
            .await?;
        if count == 0 && !out.is_json() {
            out.line(format!("no conversations in {}", self.data.display()))?;
        }
        Ok(())
    }

    async fn show(&self, id: &str) -> Outcome<()> {
        let out = self.context.out;
        let whole = self.find(id).await?;
        if out.is_json() {
            return out.object(&self.object(&whole)?);
        }
        let summary = &whole.summary;
        out.line(format!(
            "{}  {}  {} ({})",
            summary.id,
            day_and_time(summary.started),
            summary.agent_name,
            summary.agent
        ))?;
        let mut tools = whole.tools.iter().peekable();
        for turn in &whole.turns {
            while let Some(tool) = tools.next_if(|tool| tool.number < turn.number) {
                let outcome = if tool.is_error { "failed" } else { "ok" };
                out.line(format!(
                    "{:>8.1}  tool {} {} ({outcome}): {}",
                    seconds(tool.at),
                    tool.name,
                    tool.arguments,
                    tool.result
                ))?;
            }
            let words = if turn.role == Role::Agent {
                &turn.heard
            } else {
                &turn.text
            };
            let mark = if turn.interrupted { " -" } else { "" };
            out.line(format!(
                "{:>8.1}  {}: {words}{mark}",
                seconds(turn.at),
                turn.role.as_str()
            ))?;
        }
        out.line(format!(
            "{:>8.1}  {}: {}",
            seconds(summary.duration),
            summary.status,
            summary.termination.as_deref().unwrap_or("under way")
        ))?;
        for note in &whole.notes {
            out.line(format!("{:>8.1}  warning: {}", seconds(note.at), note.text))?;
        }
        if let Some(analysis) = &whole.analysis {
            let text = |name: &str| {
                analysis
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            out.line(format!("result    {}", text("call_successful")))?;
            out.line(format!("summary   {}", text("transcript_summary")))?;
            for name in [
                "evaluation_criteria_results_list",
                "data_collection_results_list",
            ] {
                for found in analysis
                    .get(name)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    let id = found
                        .get("criteria_id")
                        .or_else(|| found.get("data_collection_id"));
                    let value = found.get("result").or_else(|| found.get("value"));
                    out.line(format!(
                        "          {} = {} ({})",
                        id.and_then(Value::as_str).unwrap_or_default(),
                        value.unwrap_or(&Value::Null),
                        found
                            .get("rationale")
                            .and_then(Value::as_str)
                            .unwrap_or_default()
                    ))?;
                }
            }
        }
        let prices = records::prices(self.data)?;
        for line in costs::lines(summary, &prices) {
            out.line(line)?;
        }
        if let Some(path) = &whole.recording {
            out.line(format!("recording {}", path.display()))?;
        }
        if let Some(path) = &whole.journal {
            out.line(format!("journal   {}", path.display()))?;
        }
        Ok(())
    }

    fn object(&self, whole: &Whole) -> Outcome<Value> {
        let mut object = conversation_view(whole, &records::prices(self.data)?);
        object["type"] = "conversation".into();
        Ok(object)
    }

    async fn audio(&self, id: &str, output: &Path) -> Outcome<()> {
        let whole = self.find(id).await?;
        let Some(recording) = &whole.recording else {
            return Err(Problem::failure(format!("no sound was kept of {id}"))
                .because("it went in text, its agent does not record, or its sound was erased"));
        };
        fs::copy(recording, output).map_err(|error| {
            Problem::failure(format!("could not write {}", output.display())).because_io(&error)
        })?;
        let out = self.context.out;
        out.line(format!(
            "{} (left the caller, right the agent)",
            output.display()
        ))?;
        out.object(&json!({ "type": "audio", "conversation_id": id, "file": output }))
    }

    async fn export(&self, output: Option<&Path>, wanted: &ListConversations) -> Outcome<()> {
        let failed = |path: &Path, error: &std::io::Error| {
            Problem::failure(format!("could not write {}", path.display())).because_io(error)
        };
        let mut file = match output {
            Some(path) => Some((
                path,
                std::io::BufWriter::new(File::create(path).map_err(|e| failed(path, &e))?),
            )),
            None => None,
        };
        let lines = crate::out::Out::new(true);
        let count = self
            .each(wanted, async |line| {
                let Some(whole) = self
                    .conversations
                    .get(&line.id)
                    .await
                    .map_err(|error| records::failed(&error, self.data))?
                else {
                    return Ok(());
                };
                let object = self.object(&whole)?;
                match &mut file {
                    Some((path, file)) => writeln!(file, "{object}").map_err(|e| failed(path, &e)),
                    None => lines.object(&object),
                }
            })
            .await?;
        if let Some((path, mut file)) = file {
            file.flush().map_err(|e| failed(path, &e))?;
            let out = self.context.out;
            out.line(format!("{count} conversations in {}", path.display()))?;
            out.object(&json!({ "type": "exported", "conversations": count, "file": path }))?;
        }
        Ok(())
    }

    /// Feeds the journal to the machine of today.
    fn replay(&self, whole: &Whole) -> Outcome<()> {
        let id = &whole.summary.id;
        let Some(path) = &whole.journal else {
            return Err(Problem::failure(format!("no journal was kept of {id}"))
                .fix("say --agent AGENT to let the same sound speak to an agent again"));
        };
        let file = File::open(path).map_err(|error| {
            Problem::failure(format!("could not read {}", path.display())).because_io(&error)
        })?;
        let replay = agent::journal::replay(BufReader::new(file)).map_err(|error| {
            Problem::failure(format!("{} cannot be replayed", path.display())).because(error)
        })?;
        let out = self.context.out;
        out.line(format!(
            "{id}: {} inputs, {} decisions the same{}",
            replay.inputs,
            replay.decisions,
            if replay.cut_off {
                "; the last line is cut off"
            } else {
                ""
            }
        ))?;
        let difference = replay.difference.as_ref();
        if let Some(other) = difference {
            out.line(format!(
                "first difference: line {}, {} s",
                other.line, other.at
            ))?;
            out.line(format!("  input {}", other.input))?;
            out.line(format!("  then  {}", other.then))?;
            out.line(format!("  now   {}", other.now))?;
        } else {
            out.line("no decision differs")?;
        }
        out.object(&json!({
            "type": "replayed", "conversation_id": id, "inputs": replay.inputs, "decisions": replay.decisions,
            "cut_off": replay.cut_off,
            "difference": difference.map(|other| json!({
                "line": other.line, "at": other.at.as_millis() as f64 / 1_000.0, "input": other.input,
                "then": other.then, "now": other.now,
            })),
        }))
    }

    /// Lets the caller's side of the recording speak to an agent once more.
    async fn again(&self, whole: &Whole, again: &Again) -> Outcome<()> {
        let id = &whole.summary.id;
        let Some(recording) = &whole.recording else {
            return Err(Problem::failure(format!("no sound was kept of {id}"))
                .because("only a caller who was heard can speak again"));
        };
        let folder = env_folder(id)?;
        let caller = folder.join("caller.wav");
        let result = match left_side(recording, &caller) {
            Ok(()) => {
                let agent = again.agent.as_deref().unwrap_or(&whole.summary.agent);
                self.talk(agent, &caller, again, &folder).await
            }
            Err(problem) => Err(problem),
        };
        // A folder of the system's own, emptied by it if not by us.
        let _ = fs::remove_dir_all(folder);
        result
    }

    /// As whoever calls `duologue talk`, for it is the same thing.
    async fn talk(&self, agent: &str, caller: &Path, again: &Again, folder: &Path) -> Outcome<()> {
        let failed = |error: &std::io::Error| {
            Problem::failure("could not begin the conversation").because_io(error)
        };
        let mut command =
            tokio::process::Command::new(std::env::current_exe().map_err(|e| failed(&e))?);
        if self.context.out.is_json() {
            command.arg("--json");
        }
        command.args(["talk", "--pace", "fast", "--agent", agent, "--input"]);
        command.arg(caller).arg("--output");
        let output = again.output.clone();
        command.arg(output.unwrap_or_else(|| folder.join("agent.wav")));
        let named = [
            ("--llm", again.llm.as_slice()),
            ("--asr", again.asr.as_slice()),
            ("--tts", again.tts.as_slice()),
        ];
        for (flag, values) in named {
            for value in values {
                command.args([flag, value]);
            }
        }
        // It is kept where the first one is.
        command.env(keys::DATA_DIR.name, self.data);
        let status = command.status().await.map_err(|e| failed(&e))?;
        if status.success() {
            Ok(())
        } else {
            Err(
                Problem::failure("the conversation did not come to a good end")
                    .because("the lines above say why"),
            )
        }
    }

    async fn delete(&self, id: &str) -> Outcome<()> {
        let whole = self.find(id).await?;
        if whole.summary.status == "in-progress" {
            return Err(Problem::failure(format!("{id} is under way")).fix("end it first"));
        }
        let erased = self.conversations.erase(id).await;
        erased.map_err(|error| records::failed(&error, self.data))?;
        let out = self.context.out;
        out.line(format!("{id} is forgotten"))?;
        out.object(&json!({ "type": "deleted", "conversation_id": id }))
    }
}

/// The caller's side of a recording, as a file of its own.
fn left_side(recording: &Path, caller: &Path) -> Outcome<()> {
    let mut source = files::open_sound(recording, Channel::Only(0))?;
    let mut target = files::create_sound(caller, 1)?;
    let mut frame = [0; 1_600];
    loop {
        let count = source.read(&mut frame).map_err(|error| {
            Problem::failure(format!("could not read {}", recording.display())).because_io(&error)
        })?;
        let Some(samples) = frame.get(..count).filter(|samples| !samples.is_empty()) else {
            break;
        };
        target
            .write(samples)
            .map_err(|error| files::write_failed(caller, &error))?;
    }
    target
        .finish()
        .map_err(|error| files::write_failed(caller, &error))
}

fn env_folder(id: &str) -> Outcome<PathBuf> {
    let folder = std::env::temp_dir().join(format!("duologue-{id}-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| {
        Problem::failure(format!("could not make {}", folder.display())).because_io(&error)
    })?;
    Ok(folder)
}

fn filter(wanted: &ListConversations) -> Filter {
    Filter {
        agent: wanted.agent.clone(),
        user: wanted.user_id.clone(),
        search: wanted.search.clone(),
        call_successful: wanted.result.clone(),
        ..Filter::default()
    }
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

/// When, in this machine's zone.
fn day_and_time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(
        |_| "?".to_owned(),
        |at| {
            at.to_zoned(TimeZone::system())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    )
}
