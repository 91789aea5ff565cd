//! The callers' files.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Somebody who calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// Unique within the file.
    pub id: String,
    /// The first utterance.
    pub opening: String,
    /// Further wishes.
    #[serde(default)]
    pub then: Vec<String>,
    /// The appointment that must be there before.
    #[serde(default)]
    pub existing: Option<Existing>,
    /// What must be true after.
    pub goal: Goal,
    /// What is said, by what is asked for.
    #[serde(default)]
    pub answers: BTreeMap<String, Answers>,
}

/// An appointment made before the call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Existing {
    /// Whose.
    pub name: String,
    /// A weekday, `tomorrow`, or `next` and a weekday.
    pub day: String,
    /// As `HH:MM`.
    pub time: String,
}

/// What a caller wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Which kind; see the README.
    pub kind: String,
    /// Whose appointment.
    #[serde(default)]
    pub name: String,
    /// Its day.
    #[serde(default)]
    pub day: String,
    /// Its time.
    #[serde(default)]
    pub time: String,
    /// The sum's result.
    #[serde(default)]
    pub result: Option<toml::Value>,
    /// The words a note must have.
    #[serde(default)]
    pub contains: Option<Answers>,
    /// What must be explained.
    #[serde(default)]
    pub topic: String,
}

/// One text, or several in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Answers {
    /// Said whenever it is asked for.
    One(String),
    /// In order; the last is repeated.
    Many(Vec<String>),
}

impl Answers {
    /// The text of a turn, from 0.
    pub fn at(&self, turn: usize) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(list) => list.get(turn).or(list.last()).map(String::as_str),
        }
    }

    /// Every text.
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(list) => list.iter().map(String::as_str).collect(),
        }
    }
}

/// Why a file of callers could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is not there.
    #[error("{} could not be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not keep to the README.
    #[error("{} is not a file of callers: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Where and what; the words of callers are left out.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callers {
    caller: Vec<Caller>,
}

/// The callers of a file.
///
/// # Errors
///
/// When it cannot be read, or does not keep to the README.
pub fn load(path: &Path) -> Result<Vec<Caller>, FileError> {
    let text = fs::read_to_string(path).map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let callers: Callers = toml::from_str(&text).map_err(|e| FileError::Format {
        path: path.to_owned(),
        reason: e.message().to_owned(),
    })?;
    Ok(callers.caller)
}
