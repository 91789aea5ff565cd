//! Agents that are on this machine: bundled ones and files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agent::config::{AgentFile, FileError};

use crate::{
    files,
    problem::{Outcome, Problem},
    settings::{Settings, keys},
};

/// Where an agent is.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What it is called by.
    pub(crate) id: String,
    /// None: bundled.
    pub(crate) path: Option<PathBuf>,
}

impl Entry {
    fn bundled(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            path: None,
        }
    }

    fn file(path: PathBuf) -> Self {
        let id = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        Self {
            id: id.unwrap_or_default(),
            path: Some(path),
        }
    }

    /// Its file, or its id.
    pub(crate) fn shown(&self) -> String {
        self.path
            .as_ref()
            .map_or_else(|| self.id.clone(), |path| path.display().to_string())
    }

    /// Its text.
    pub(crate) fn text(&self) -> Outcome<String> {
        match &self.path {
            Some(path) => files::read_text(path),
            None => embedded::agents::by_id(&self.id)
                .map(|agent| agent.toml.to_owned())
                .ok_or_else(|| Problem::failure(format!("there is no agent {}", self.id))),
        }
    }
}

/// All agents there are: files of the agents folder win over bundled agents of the same id.
pub(crate) fn all(settings: &Settings) -> Vec<Entry> {
    let mut entries: Vec<Entry> = embedded::agents::ALL
        .iter()
        .map(|agent| Entry::bundled(agent.id))
        .collect();
    let folder = Path::new(settings.get(keys::AGENTS_DIR).unwrap_or("agents"));
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    found.sort();
    for entry in found.into_iter().map(Entry::file) {
        entries.retain(|known| known.id != entry.id);
        entries.push(entry);
    }
    entries
}

/// The agent that `name` stands for: a path is a file, everything else an id.
pub(crate) fn find(settings: &Settings, name: &str) -> Outcome<Entry> {
    let path = Path::new(name);
    if name.contains(std::path::MAIN_SEPARATOR)
        || path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("toml"))
    {
        return Ok(Entry::file(path.to_owned()));
    }
    let known = all(settings);
    let ids: Vec<_> = known.iter().map(|e| e.id.as_str()).collect();
    let ids = ids.join(", ");
    known
        .into_iter()
        .find(|entry| entry.id == name)
        .ok_or_else(|| {
            Problem::failure(format!("there is no agent {name:?} on this machine"))
                .because(format!("there are: {ids}"))
                .fix("choose one of them, or name a file: --agent ./my-agent.toml")
        })
}

/// Reads an agent, with the place of what is wrong with it.
pub(crate) fn load(entry: &Entry) -> Outcome<AgentFile> {
    parse(&entry.shown(), &entry.text()?)
}

/// Reads an agent's text; `name` is what its file is called.
pub(crate) fn parse(name: &str, text: &str) -> Outcome<AgentFile> {
    let file = AgentFile::parse(text).map_err(|error| match error {
        FileError::At {
            line,
            column,
            reason,
        } => broken(&format!("{name}:{line}:{column}"), &reason),
        other => broken(name, &other.to_string()),
    })?;
    embedded::script::Scripted::from_toml(text).map_err(|error| script_problem(name, &error))?;
    Ok(file)
}

/// What is wrong with the script of the agent file `name`.
pub(crate) fn script_problem(name: &str, error: &embedded::script::ScriptError) -> Problem {
    Problem::failure(format!(
        "{name}:{}:{}: the agent's script is broken",
        error.line, error.column
    ))
    .because(&error.what)
    .fix(&error.remedy)
}

fn broken(place: &str, why: &str) -> Problem {
    Problem::failure(format!("{place}: the agent file is broken"))
        .because(why)
        .fix("mend that place; `duologue agents show assistant` prints a file that works")
}
