//! Agents between an account and the folder of agent files.

use std::{fs, path::PathBuf};

use sdk::{
    Account,
    account::{AgentsQuery, ApiError},
};
use serde_json::{Value, json};

use super::written::{self, Remote};
use crate::{
    Context, account,
    agents::{self, Entry},
    files,
    problem::{Outcome, Problem},
    settings::keys,
};

/// The most pages of agents that are read: ten thousand agents.
const PAGES: usize = 100;

/// An agent file and what it says.
struct Local {
    path: PathBuf,
    content: Value,
    remote: Option<Remote>,
}

/// What became of one agent.
enum Done {
    Unchanged,
    Pulled,
    Pushed,
    Created,
    /// Changed here and not there: nothing to pull.
    Ahead,
    /// Changed there and not here: nothing to push.
    Behind,
    /// Changed on both sides.
    Conflict,
}

impl Done {
    const fn word(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Pulled => "pulled",
            Self::Pushed => "pushed",
            Self::Created => "created",
            Self::Ahead => "changed here",
            Self::Behind => "changed there",
            Self::Conflict => "conflict",
        }
    }
}

/// Brings agents of the account into the folder: those that are named, else all.
pub(super) async fn pull(context: &Context, wanted: &[String], force: bool) -> Outcome<()> {
    let account = account::of(&context.settings)?;
    let host = account::host(&account);
    let locals = locals(context);
    let ids = if wanted.is_empty() {
        all(&account).await?
    } else {
        wanted
            .iter()
            .map(|name| id_of(&locals, &host, name))
            .collect()
    };
    if ids.is_empty() {
        context.out.line(format!("{host} has no agents"))?;
    }
    let mut conflicts = Vec::new();
    for id in ids {
        let there = get(&account, &id).await?;
        let content = written::content(&there);
        let revision = written::revision(&content);
        let known = locals.iter().find(|local| belongs(local, &host, &id));
        let (path, done) = match known {
            None => (free_path(context, &there, &id), Done::Pulled),
            Some(local) => {
                let (changed_here, changed_there) = changes(local, &revision);
                let done = match (changed_here, changed_there) {
                    (false, false) => Done::Unchanged,
                    _ if force => Done::Pulled,
                    (false, true) => Done::Pulled,
                    (true, false) => Done::Ahead,
                    (true, true) if written::revision(&local.content) == revision => Done::Pulled,
                    (true, true) => Done::Conflict,
                };
                (local.path.clone(), done)
            }
        };
        if matches!(done, Done::Pulled) {
            let remote = Remote {
                host: host.clone(),
                agent_id: id.clone(),
                here: revision.clone(),
                there: revision,
                json: None,
            };
            let text = written::to_toml(&content, &remote)
                .map_err(|error| unwritten(&path).because(error))?;
            write(&path, &text)?;
        }
        if matches!(done, Done::Conflict) {
            conflicts.push(path.display().to_string());
        }
        tell(context, &path, &id, &done, &[])?;
    }
    settle(
        &conflicts,
        "keep the account's: duologue agents pull --force; keep the file's: duologue agents push --force",
    )
}

/// Brings agents of the folder to the account: those that are named, else all that came from there.
pub(super) async fn push(context: &Context, wanted: &[String], force: bool) -> Outcome<()> {
    let account = account::of(&context.settings)?;
    let host = account::host(&account);
    let mut locals = locals(context);
    if wanted.is_empty() {
        locals.retain(|local| {
            local
                .remote
                .as_ref()
                .is_some_and(|remote| remote.host == host)
        });
        if locals.is_empty() {
            return Err(Problem::usage("there is nothing to push")
                .because(format!("no file of the agents folder came from {host}"))
                .fix(
                    "name a file to make a new agent of it: duologue agents push agents/mine.toml",
                ));
        }
    } else {
        locals = wanted
            .iter()
            .map(|name| read(&agents::find(&context.settings, name)?))
            .collect::<Outcome<_>>()?;
    }
    let mut conflicts = Vec::new();
    for local in locals {
        let remote = local.remote.clone().filter(|remote| remote.host == host);
        let (id, there, done) = match remote {
            None => {
                let id = create(&account, &local).await?;
                let there = get(&account, &id).await?;
                (id, there, Done::Created)
            }
            Some(remote) => {
                let id = remote.agent_id;
                let there = get(&account, &id).await?;
                let theirs = written::revision(&written::content(&there));
                let done = match changes(&local, &theirs) {
                    (false, false) => Done::Unchanged,
                    _ if force => Done::Pushed,
                    (true, false) => Done::Pushed,
                    (false, true) => Done::Behind,
                    (true, true) if written::revision(&local.content) == theirs => Done::Pushed,
                    (true, true) => Done::Conflict,
                };
                let there = if matches!(done, Done::Pushed) {
                    let agent = account.agents().update(&id, &local.content).await;
                    let agent = agent.map_err(|error| {
                        account::refused(&format!("{} was not taken", local.path.display()), &error)
                    })?;
                    serde_json::to_value(agent).unwrap_or_default()
                } else {
                    there
                };
                (id, there, done)
            }
        };
        let left_out = match done {
            Done::Pushed | Done::Created => {
                let theirs = written::content(&there);
                let left_out = written::left_out(&local.content, &theirs);
                let remote = Remote {
                    host: host.clone(),
                    agent_id: id.clone(),
                    here: written::revision(&local.content),
                    there: written::revision(&theirs),
                    json: local.remote.as_ref().and_then(|remote| remote.json.clone()),
                };
                let text = written::moved(&files::read_text(&local.path)?, &remote)
                    .map_err(|error| unwritten(&local.path).because(error))?;
                write(&local.path, &text)?;
                left_out
            }
            _ => Vec::new(),
        };
        if matches!(done, Done::Conflict) {
            conflicts.push(local.path.display().to_string());
        }
        tell(context, &local.path, &id, &done, &left_out)?;
    }
    settle(
        &conflicts,
        "keep the file's: duologue agents push --force; keep the account's: duologue agents pull --force",
    )
}

fn settle(conflicts: &[String], fix: &str) -> Outcome<()> {
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(
        Problem::failure(format!("{} changed on both sides", conflicts.join(", ")))
            .because("neither side was touched, since one of the changes would be lost")
            .fix(fix),
    )
}

fn tell(
    context: &Context,
    path: &std::path::Path,
    id: &str,
    done: &Done,
    left_out: &[String],
) -> Outcome<()> {
    context
        .out
        .line(format!("{:<14} {:<32} {id}", done.word(), path.display()))?;
    if !left_out.is_empty() {
        context.out.line(format!(
            "               what the file left out stays as the server has it: {}",
            left_out.join(", ")
        ))?;
    }
    context.out.object(&json!({
        "type": "agent", "file": path, "agent_id": id, "state": done.word(), "left_out": left_out,
    }))
}

async fn all(account: &Account) -> Outcome<Vec<String>> {
    let failed = |error: ApiError| account::refused("the agents could not be listed", &error);
    let mut ids = Vec::new();
    let mut query = AgentsQuery {
        page_size: Some(100),
        ..AgentsQuery::default()
    };
    for _ in 0..PAGES {
        let page = account.agents().list(&query).await.map_err(failed)?;
        ids.extend(page.items.into_iter().map(|agent| agent.agent_id));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(ids)
}

async fn get(account: &Account, id: &str) -> Outcome<Value> {
    let agent = account
        .agents()
        .get(id)
        .await
        .map_err(|error| account::refused(&format!("agent {id} could not be read"), &error))?;
    serde_json::to_value(agent)
        .map_err(|error| Problem::failure(format!("agent {id} could not be read")).because(error))
}

async fn create(account: &Account, local: &Local) -> Outcome<String> {
    let mut body = local.content.clone();
    if let Value::Object(body) = &mut body {
        body.entry("conversation_config").or_insert(json!({}));
    }
    account.agents().create(&body).await.map_err(|error| {
        account::refused(
            &format!("no agent could be made of {}", local.path.display()),
            &error,
        )
    })
}

/// The files of the folder. One that cannot be read is nobody's agent and stays as it is.
fn locals(context: &Context) -> Vec<Local> {
    agents::all(&context.settings)
        .iter()
        .filter(|entry| entry.path.is_some())
        .filter_map(|entry| read(entry).ok())
        .collect()
}

fn read(entry: &Entry) -> Outcome<Local> {
    let Some(path) = entry.path.clone() else {
        return Err(
            Problem::usage(format!("{} is a bundled agent, not a file", entry.id)).fix(format!(
                "make a file of it: duologue agents show {0} > agents/my-{0}.toml",
                entry.id
            )),
        );
    };
    let file = agents::load(entry)?;
    let mut agent = file.config.value;
    // These are part of the agent for servers of ours; others keep or drop what they do not know.
    if let Value::Object(agent) = &mut agent {
        agent.extend(
            file.script
                .map(|script| ("duologue_script".to_owned(), script)),
        );
        agent.extend(
            file.providers
                .map(|providers| ("duologue_providers".to_owned(), providers)),
        );
    }
    let (content, remote) = written::from_file(&agent);
    Ok(Local {
        path,
        content,
        remote,
    })
}

fn belongs(local: &Local, host: &str, id: &str) -> bool {
    local
        .remote
        .as_ref()
        .is_some_and(|remote| remote.host == host && remote.agent_id == id)
}

/// An agent's id, or the id of the agent of a file.
fn id_of(locals: &[Local], host: &str, name: &str) -> String {
    locals
        .iter()
        .filter(|local| {
            local.path.file_stem().is_some_and(|stem| stem == name)
                || local.path.as_os_str() == name
        })
        .filter_map(|local| local.remote.as_ref())
        .find(|remote| remote.host == host)
        .map_or_else(|| name.to_owned(), |remote| remote.agent_id.clone())
}

/// A path for a new file, after the agent's name.
fn free_path(context: &Context, agent: &Value, id: &str) -> PathBuf {
    let folder = PathBuf::from(context.settings.get(keys::AGENTS_DIR).unwrap_or("agents"));
    let name = agent.get("name").and_then(Value::as_str).unwrap_or(id);
    let mut stem: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    while stem.contains("--") {
        stem = stem.replace("--", "-");
    }
    let stem = match stem.trim_matches('-') {
        "" => "agent",
        stem => stem,
    };
    let stem: String = stem.chars().take(60).collect();
    let mut path = folder.join(format!("{stem}.toml"));
    for number in 2.. {
        if !path.exists() {
            break;
        }
        path = folder.join(format!("{stem}-{number}.toml"));
    }
    path
}

/// Whether the file and the account's agent have changed since they were brought together.
fn changes(local: &Local, there: &str) -> (bool, bool) {
    let base = local.remote.as_ref();
    let here = written::revision(&local.content);
    (
        base.is_none_or(|base| base.here != here),
        base.is_none_or(|base| base.there != there),
    )
}

fn unwritten(path: &std::path::Path) -> Problem {
    Problem::failure(format!("could not write {}", path.display()))
}

fn write(path: &std::path::Path, text: &str) -> Outcome<()> {
    let failed = |error: std::io::Error| unwritten(path).because_io(&error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    files::replace(path, text.as_bytes(), 0o644).map_err(failed)
}
