//! Agents as files, read again when they change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use super::{Origin, StoredAgent};

/// How long a look at the folder is good for.
const FRESH: Duration = Duration::from_millis(500);

/// A folder of `<id>.toml` files.
///
/// The folder is looked at when somebody asks and the last look is older than half a second. A file that cannot be read
/// is told of once and its last good version stays, so that a slip of the editor ends no service.
pub(super) struct AgentFolder {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    looked: Option<Instant>,
    files: BTreeMap<String, File>,
}

struct File {
    stamp: Stamp,
    agent: Option<Arc<StoredAgent>>,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl AgentFolder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            state: Mutex::default(),
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<StoredAgent>> {
        self.with(|files| files.get(id)?.agent.clone())
    }

    pub(super) fn all(&self) -> BTreeMap<String, Arc<StoredAgent>> {
        self.with(|files| {
            let good = |(id, file): (&String, &File)| Some((id.clone(), file.agent.clone()?));
            files.iter().filter_map(good).collect()
        })
    }

    fn with<T>(&self, ask: impl FnOnce(&BTreeMap<String, File>) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.is_none_or(|looked| looked.elapsed() > FRESH) {
            look(&self.path, &mut state.files);
            state.looked = Some(Instant::now());
        }
        ask(&state.files)
    }

    #[cfg(test)]
    pub(super) fn look_again(&self) {
        self.state.lock().unwrap().looked = None;
    }
}

fn look(folder: &Path, files: &mut BTreeMap<String, File>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the agents folder cannot be read");
            return;
        }
    };
    let mut seen = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(id) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".toml"))
        else {
            continue;
        };
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        seen.push(id.to_owned());
        let stamp = Stamp {
            modified: metadata.modified().ok(),
            length: metadata.len(),
        };
        let known = files.get(id);
        if known.is_some_and(|file| file.stamp == stamp) {
            continue;
        }
        let agent = read(id, &path, stamp).or_else(|| known?.agent.clone());
        files.insert(id.to_owned(), File { stamp, agent });
    }
    files.retain(|id, _| seen.contains(id));
}

fn read(id: &str, path: &Path, stamp: Stamp) -> Option<Arc<StoredAgent>> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .inspect_err(|error| tracing::warn!(file = %shown, %error, "agent file cannot be read"))
        .ok()?;
    let mut agent = StoredAgent::from_file(id, &text, Origin::File)
        .inspect_err(|error| tracing::warn!(file = %shown, %error, "agent file is wrong"))
        .ok()?;
    let modified = stamp
        .modified
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    agent.updated = modified.map_or(0, |time| time.as_secs());
    agent.created = agent.updated;
    Some(Arc::new(agent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_again_when_they_change_and_forgotten_when_they_go() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("desk.toml");
        let folder = AgentFolder::new(home.path().to_owned());
        let name = || {
            folder.look_again();
            folder.get("desk").map(|agent| agent.name().to_owned())
        };
        assert_eq!(name(), None);
        fs::write(&path, "name = \"Desk\"").unwrap();
        assert_eq!(name().as_deref(), Some("Desk"));
        fs::write(&path, "name = \"Front desk\"").unwrap();
        assert_eq!(name().as_deref(), Some("Front desk"));
        fs::write(&path, "name = = broken").unwrap();
        assert_eq!(
            name().as_deref(),
            Some("Front desk"),
            "the last good version stays"
        );
        fs::remove_file(&path).unwrap();
        assert_eq!(name(), None);
    }
}
