//! Where settings come from, read but not yet folded.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Origin, keys};
use crate::{
    place::Place,
    problem::{Outcome, Problem},
};

/// The largest settings file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// One place's settings, by the setting's first name.
pub(super) type Layer = BTreeMap<&'static str, (String, Origin)>;

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextFile {
    /// As the user knows it.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// All places a setting can come from. Nothing here looks at the process: tests hand in what they like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// `duologue.toml`, where there is one.
    pub(crate) config: Option<TextFile>,
    /// `.env`, where there is one.
    pub(crate) dotenv: Option<TextFile>,
    /// The process's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Settings given as flags: the setting's name, its flag and the value.
    pub(crate) flags: Vec<(&'static str, &'static str, String)>,
    /// `--var name=value`, in order.
    pub(crate) variables: Vec<String>,
}

impl Sources {
    /// Reads the files in `folder`; a config file that was asked for must exist.
    pub(crate) fn read(
        folder: &Path,
        config: Option<&Path>,
        environment: BTreeMap<String, String>,
    ) -> Outcome<Self> {
        let config = match config {
            Some(path) => Some(read(path, path)?.ok_or_else(|| {
                Problem::usage(format!("there is no settings file {}", path.display()))
                    .fix("check the path after --config")
            })?),
            None => read(&folder.join("duologue.toml"), Path::new("duologue.toml"))?,
        };
        Ok(Self {
            config,
            dotenv: read(&folder.join(".env"), Path::new(".env"))?,
            environment,
            ..Self::default()
        })
    }

    /// The layers above the defaults, lowest first.
    pub(super) fn layers(&self) -> Outcome<Vec<Layer>> {
        let mut layers = Vec::new();
        if let Some(file) = &self.config {
            layers.push(from_toml(file)?);
        }
        if let Some(file) = &self.dotenv {
            let pairs = parse_dotenv(file)?;
            layers.push(from_pairs(&pairs, |_| Origin::File(file.path.clone())));
        }
        layers.push(from_pairs(&self.environment, |name| {
            Origin::Environment(name.to_owned())
        }));
        layers.push(
            self.flags
                .iter()
                .map(|(key, flag, value)| (*key, (value.clone(), Origin::Flag((*flag).to_owned()))))
                .collect(),
        );
        Ok(layers)
    }

    /// Variables for the agent's texts: the `[variables]` table, then `--var`.
    pub(super) fn variables(&self) -> Outcome<BTreeMap<String, (Value, Origin)>> {
        let mut variables = BTreeMap::new();
        if let Some(file) = &self.config
            && let Some(table) = parse_toml(file)?.get("variables")
        {
            let table = table.as_table().ok_or_else(|| {
                Problem::usage(format!("`variables` in {} is not a table", file.path))
                    .fix("write it as a table:\n[variables]\nname = \"Ada\"")
            })?;
            for (name, value) in table {
                let value = serde_json::to_value(value).map_err(|error| {
                    Problem::usage(format!("variable {name} in {} is not usable", file.path))
                        .because(error)
                })?;
                variables.insert(name.clone(), (value, Origin::File(file.path.clone())));
            }
        }
        for pair in &self.variables {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Problem::usage(format!("--var {pair:?} has no value"))
                    .fix("write --var name=value"));
            };
            variables.insert(
                name.trim().to_owned(),
                (guess(value), Origin::Flag("--var".to_owned())),
            );
        }
        if let Some(name) = variables.keys().find(|n| n.starts_with("system__")) {
            return Err(Problem::usage(format!("the variable {name} cannot be set"))
                .because("names that begin with system__ are filled in by the agent")
                .fix("choose another name"));
        }
        Ok(variables)
    }
}

/// Numbers and truth values stay what they are; everything else is text.
fn guess(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn read(path: &Path, shown: &Path) -> Outcome<Option<TextFile>> {
    let failed = || Problem::failure(format!("could not read {}", shown.display()));
    let size = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed().because_io(&error)),
    };
    if size > LARGEST_FILE {
        return Err(failed().because(format!("it has {size} bytes, too many for settings")));
    }
    let text = fs::read_to_string(PathBuf::from(path)).map_err(|e| failed().because_io(&e))?;
    Ok(Some(TextFile {
        path: shown.display().to_string(),
        text,
    }))
}

fn from_pairs(pairs: &BTreeMap<String, String>, origin: impl Fn(&str) -> Origin) -> Layer {
    let mut layer = Layer::new();
    for key in keys::ALL {
        // An empty preferred name does not hide an alias that has a value.
        let found: Vec<_> = key
            .names()
            .filter_map(|name| Some((name, pairs.get(name)?.trim())))
            .collect();
        let filled = found.iter().find(|(_, value)| !value.is_empty());
        if let Some((name, value)) = filled.or(found.first()) {
            layer.insert(key.name, ((*value).to_owned(), origin(name)));
        }
    }
    layer
}

fn parse_toml(file: &TextFile) -> Outcome<toml::Table> {
    file.text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map(|s| Place::of(&file.text, s.start));
        Problem::usage(format!(
            "{}{} is not valid TOML",
            file.path,
            place.map(|p| format!(":{p}")).unwrap_or_default()
        ))
        .because(error.message())
        .fix("mend the line; strings need quotes: llm = \"scripted\"")
    })
}

fn from_toml(file: &TextFile) -> Outcome<Layer> {
    let mut layer = Layer::new();
    for (name, value) in parse_toml(file)? {
        if name == "variables" {
            continue;
        }
        let Some(key) = keys::ALL.iter().find(|k| k.in_file() == name) else {
            let known: Vec<_> = keys::ALL.iter().map(|k| k.in_file()).collect();
            return Err(
                Problem::usage(format!("{} has an unknown setting {name:?}", file.path))
                    .because("a misspelt setting would be ignored without a word")
                    .fix(format!("use one of: {}, [variables]", known.join(", "))),
            );
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            _ => {
                return Err(Problem::usage(format!(
                    "{name} in {} is not a single value",
                    file.path
                ))
                .fix(format!("write {name} = \"…\"")));
            }
        };
        layer.insert(key.name, (text, Origin::File(file.path.clone())));
    }
    Ok(layer)
}

fn parse_dotenv(file: &TextFile) -> Outcome<BTreeMap<String, String>> {
    dotenvy::from_read_iter(file.text.as_bytes())
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(|error| {
            // The line itself may hold a key and is not shown.
            let line = match &error {
                dotenvy::Error::LineParse(line, _) => file
                    .text
                    .lines()
                    .position(|l| l.trim() == line.trim())
                    .map(|index| index + 1),
                _ => None,
            };
            Problem::usage(format!(
                "{}{} cannot be read",
                file.path,
                line.map(|n| format!(":{n}")).unwrap_or_default()
            ))
            .because("a line is not of the form NAME=value")
            .fix("put values with spaces or # in quotes: NAME=\"a value\"")
        })
}
