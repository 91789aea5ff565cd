//! Flags, environment, files and defaults, folded once.
//!
//! Later wins: defaults < `duologue.toml` < `.env` < environment < flags. Every value remembers where it came from.

pub(crate) mod keys;
mod sources;

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::problem::{Outcome, Problem};
pub(crate) use keys::Key;
pub(crate) use sources::Sources;
#[cfg(test)]
use sources::TextFile;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A file, under this path.
    File(String),
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Environment(name) => write!(f, "environment, {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    key: &'static Key,
    value: Option<String>,
    pub(crate) origin: Origin,
}

impl Setting {
    /// The value itself, secret or not.
    pub(crate) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The value as it may be shown.
    pub(crate) fn shown(&self) -> Option<&str> {
        match &self.value {
            Some(_) if self.key.secret => Some("***"),
            other => other.as_deref(),
        }
    }

    /// Which setting it is.
    pub(crate) fn key(&self) -> &'static Key {
        self.key
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {:?} ({})",
            self.key.name,
            self.shown(),
            self.origin
        )
    }
}

/// Everything that was chosen, by whatever way.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    values: Vec<Setting>,
    /// Values for `{{name}}` in agents' texts, each with its origin.
    pub(crate) variables: BTreeMap<String, (Value, Origin)>,
}

impl Settings {
    /// Folds the sources.
    pub(crate) fn fold(sources: &Sources) -> Outcome<Self> {
        let mut values = Vec::with_capacity(keys::ALL.len());
        let layers = sources.layers()?;
        for key in keys::ALL {
            let mut setting = Setting {
                key,
                value: key.default.map(str::to_owned),
                origin: Origin::Default,
            };
            for layer in &layers {
                if let Some((value, origin)) = layer.get(key.name) {
                    // An empty value means "as if it were not set", but for the one that can be switched off so.
                    setting.value = (!value.is_empty()).then(|| value.clone()).or_else(|| {
                        (*key != keys::OLLAMA_HOST)
                            .then(|| key.default.map(str::to_owned))
                            .flatten()
                    });
                    setting.origin = origin.clone();
                }
            }
            check(&setting)?;
            values.push(setting);
        }
        Ok(Self {
            values,
            variables: sources.variables()?,
        })
    }

    /// A setting, with its origin.
    pub(crate) fn setting(&self, key: &Key) -> &Setting {
        // Every key of the table has its place: `fold` made them from the same table.
        self.values
            .iter()
            .find(|s| s.key == key)
            .unwrap_or(&self.values[0])
    }

    /// A setting's value.
    pub(crate) fn get(&self, key: &Key) -> Option<&str> {
        self.setting(key).value()
    }

    /// Whether a setting that is `true` or `false` is true.
    pub(crate) fn is_on(&self, key: &Key) -> bool {
        self.get(key)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// All settings, in the order of the table.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Setting> {
        self.values.iter()
    }
}

fn check(setting: &Setting) -> Outcome<()> {
    let key = setting.key;
    let Some(value) = setting.value() else {
        return Ok(());
    };
    if key.one_of.is_empty() || key.one_of.contains(&value.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Problem::usage(format!(
        "{} cannot be {value:?} ({})",
        key.name, setting.origin
    ))
    .because("there is no such choice")
    .fix(format!("use one of: {}", key.one_of.join(", "))))
}

#[cfg(test)]
mod tests;
