//! Where documents that were made over REST are kept.

mod collection;

use std::{
    fs,
    future::Future,
    io::{self, Write as _},
    path::{Path, PathBuf},
    pin::Pin,
};

use serde_json::Value;

pub(crate) use self::collection::{Collection, storage};

/// A shelf's answer, later.
pub type Kept<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// What kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An agent.
    Agent,
    /// A tool that agents share.
    Tool,
    /// A secret, with its value: what keeps it must keep it from others.
    Secret,
    /// A test of agents.
    Test,
    /// A folder of tests.
    TestFolder,
    /// Tests that were run, and how they went.
    TestInvocation,
}

/// Keeps JSON documents by kind and id, whole and unchanged. A document that was put survives a crash right after.
pub trait Shelf: Send + Sync {
    /// Everything of one kind, in no particular order.
    fn all(&self, kind: Kind) -> Kept<'_, Vec<(String, Value)>>;
    /// Keeps a document, in the place of an earlier one of that id.
    fn put<'a>(&'a self, kind: Kind, id: &'a str, document: &'a Value) -> Kept<'a, ()>;
    /// Forgets a document. Nothing happens if there is none.
    fn remove<'a>(&'a self, kind: Kind, id: &'a str) -> Kept<'a, ()>;
}

/// A shelf that forgets everything with the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Shelf for Nowhere {
    fn all(&self, _: Kind) -> Kept<'_, Vec<(String, Value)>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn put<'a>(&'a self, _: Kind, _: &'a str, _: &'a Value) -> Kept<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, _: Kind, _: &'a str) -> Kept<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// A folder with a folder per kind and a file per document, `<id>.json`. Files are written aside and renamed into their
/// place, so that a crash leaves the old or the new document, never half of one.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`; made when something is put into it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn of(&self, kind: Kind) -> PathBuf {
        self.0.join(match kind {
            Kind::Agent => "agents",
            Kind::Tool => "tools",
            Kind::Secret => "secrets",
            Kind::Test => "tests",
            Kind::TestFolder => "test-folders",
            Kind::TestInvocation => "test-invocations",
        })
    }
}

impl Shelf for Folder {
    fn all(&self, kind: Kind) -> Kept<'_, Vec<(String, Value)>> {
        let folder = self.of(kind);
        Box::pin(blocking(move || read_all(&folder)))
    }

    fn put<'a>(&'a self, kind: Kind, id: &'a str, document: &'a Value) -> Kept<'a, ()> {
        let (folder, id, document) = (self.of(kind), id.to_owned(), document.clone());
        Box::pin(blocking(move || write(&folder, &id, &document)))
    }

    fn remove<'a>(&'a self, kind: Kind, id: &'a str) -> Kept<'a, ()> {
        let (folder, id) = (self.of(kind), id.to_owned());
        Box::pin(blocking(move || {
            match fs::remove_file(folder.join(file_name(&id)?)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            }
        }))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

fn read_all(folder: &Path) -> io::Result<Vec<(String, Value)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut documents = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(id) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".json"))
        else {
            continue;
        };
        match serde_json::from_slice(&fs::read(&path)?) {
            Ok(document) => documents.push((id.to_owned(), document)),
            // One bad file must not take all the others away.
            Err(error) => tracing::error!(file = %path.display(), %error, "not JSON, left out"),
        }
    }
    Ok(documents)
}

fn write(folder: &Path, id: &str, document: &Value) -> io::Result<()> {
    let name = file_name(id)?;
    fs::create_dir_all(folder)?;
    let aside = folder.join(format!("{name}.new"));
    let mut file = create(&aside)?;
    file.write_all(&serde_json::to_vec_pretty(document)?)?;
    file.sync_all()?;
    fs::rename(&aside, folder.join(name))
}

/// A file that nobody else on this machine can read.
fn create(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Ids come from this server, but a name that could leave the folder is refused all the same.
fn file_name(id: &str) -> io::Result<String> {
    let plain = !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if plain {
        Ok(format!("{id}.json"))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not an id"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn documents_come_back_as_they_were() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Folder::new(home.path().join("data"));
        assert!(shelf.all(Kind::Agent).await.unwrap().is_empty());
        let document = json!({"b": 1.50, "a": null, "unheard_of": [{}]});
        shelf.put(Kind::Agent, "agent_1", &json!({})).await.unwrap();
        shelf.put(Kind::Agent, "agent_1", &document).await.unwrap();
        shelf.put(Kind::Tool, "tool_1", &document).await.unwrap();
        let again = Folder::new(home.path().join("data"));
        assert_eq!(
            again.all(Kind::Agent).await.unwrap(),
            [("agent_1".to_owned(), document)]
        );
        again.remove(Kind::Agent, "agent_1").await.unwrap();
        again.remove(Kind::Agent, "agent_1").await.unwrap();
        assert!(again.all(Kind::Agent).await.unwrap().is_empty());
        assert_eq!(again.all(Kind::Tool).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn half_a_file_takes_nothing_else_away() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Folder::new(home.path());
        shelf.put(Kind::Agent, "good", &json!({})).await.unwrap();
        fs::write(home.path().join("agents/bad.json"), "{\"name\": ").unwrap();
        fs::write(home.path().join("agents/good.json.new"), "{").unwrap();
        assert_eq!(shelf.all(Kind::Agent).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_id_cannot_leave_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Folder::new(home.path());
        for id in ["../x", "", "a/b", ".."] {
            assert!(
                shelf.put(Kind::Agent, id, &json!({})).await.is_err(),
                "{id}"
            );
        }
    }
}
