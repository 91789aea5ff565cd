//! Folders of tests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{AgentTests, TestKind, document};
use crate::{Problem, ids};

/// Folders within folders are followed so far.
const DEEPEST: usize = 32;

/// A test or a folder in a list.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) is_folder: bool,
    record: Arc<Value>,
}

impl Entry {
    pub(crate) fn name(&self) -> &str {
        let named = if self.is_folder {
            &self.record
        } else {
            document(&self.record)
        };
        named
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `llm`, `tool`, `simulation` or `folder`.
    pub(crate) fn kind(&self) -> &'static str {
        match TestKind::of(document(&self.record)) {
            _ if self.is_folder => "folder",
            Some(kind) => kind.as_str(),
            None => TestKind::Llm.as_str(),
        }
    }

    pub(crate) fn parent(&self) -> Option<&str> {
        self.record.get("parent_folder_id")?.as_str()
    }

    pub(crate) fn updated(&self) -> u64 {
        let at = self.record.get("last_updated_at_unix_secs");
        at.and_then(Value::as_u64).unwrap_or(0)
    }
}

impl AgentTests {
    /// All tests and folders.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entry = |is_folder| {
            move |(id, record)| Entry {
                id,
                is_folder,
                record,
            }
        };
        let folders = self.folders.all().into_iter().map(entry(true));
        folders
            .chain(self.tests.all().into_iter().map(entry(false)))
            .collect()
    }

    /// One line of a list.
    pub(crate) fn line(&self, entry: &Entry) -> Value {
        let children = |id: &str| {
            self.entries()
                .iter()
                .filter(|one| one.parent() == Some(id))
                .count()
        };
        json!({
            "id": entry.id,
            "name": entry.name(),
            "access_info": {"is_creator": true, "creator_name": "", "creator_email": "", "role": "admin"},
            "created_at_unix_secs": entry.record.get("created_at_unix_secs"),
            "last_updated_at_unix_secs": entry.record.get("last_updated_at_unix_secs"),
            "type": entry.kind(),
            "entity_type": if entry.is_folder { "folder" } else { "test" },
            "folder_parent_id": entry.parent(),
            "folder_path": self.path(entry.parent()),
            "children_count": entry.is_folder.then(|| children(&entry.id)),
            "conversation_initiation_source": document(&entry.record).get("conversation_initiation_source"),
        })
    }

    /// The folders from the top to this one.
    fn path(&self, folder: Option<&str>) -> Vec<Value> {
        let mut path = Vec::new();
        let mut next = folder.map(str::to_owned);
        while let Some(id) = next.take().filter(|_| path.len() < DEEPEST) {
            let Some(folder) = self.folders.get(&id) else {
                break;
            };
            path.push(json!({"id": id, "name": folder.get("name")}));
            next = folder
                .get("parent_folder_id")
                .and_then(Value::as_str)
                .map(str::to_owned);
        }
        path.reverse();
        path
    }

    /// A folder by its id, as a parent: `root` and none are the top.
    pub(super) fn target(&self, id: Option<&str>) -> Result<Value, Problem> {
        match id.filter(|id| !id.is_empty() && *id != "root") {
            None => Ok(Value::Null),
            Some(id) => self.folder(id).map(|_| id.into()),
        }
    }

    fn folder(&self, id: &str) -> Result<Arc<Value>, Problem> {
        self.folders
            .get(id)
            .ok_or_else(|| Problem::none_of("folder", id, "folder_id"))
    }

    /// The folder as it is shown.
    pub(crate) fn folder_view(&self, id: &str) -> Result<Value, Problem> {
        let record = self.folder(id)?;
        let entry = Entry {
            id: id.to_owned(),
            is_folder: true,
            record,
        };
        Ok(self.line(&entry))
    }

    pub(crate) async fn make_folder(
        &self,
        name: &str,
        parent: Option<&str>,
        now: u64,
    ) -> Result<String, Problem> {
        let id = ids::new("tfld_");
        let record = json!({"name": name, "parent_folder_id": self.target(parent)?,
            "created_at_unix_secs": now, "last_updated_at_unix_secs": now});
        self.folders.put(&id, record).await?;
        Ok(id)
    }

    pub(crate) async fn rename_folder(
        &self,
        id: &str,
        name: &str,
        now: u64,
    ) -> Result<(), Problem> {
        self.folder(id)?;
        self.folders
            .change(id, |folder| {
                folder["name"] = name.into();
                folder["last_updated_at_unix_secs"] = now.into();
            })
            .await
            .map(drop)
    }

    /// Deletes a folder. One that holds something is deleted with all of it, when `force` says so.
    pub(crate) async fn delete_folder(&self, id: &str, force: bool) -> Result<(), Problem> {
        self.folder(id)?;
        let entries = self.entries();
        let mut within = vec![id.to_owned()];
        let mut tests = Vec::new();
        let mut at = 0;
        while let Some(folder) = within.get(at).cloned() {
            at += 1;
            for entry in entries
                .iter()
                .filter(|entry| entry.parent() == Some(&folder))
            {
                let list = if entry.is_folder {
                    &mut within
                } else {
                    &mut tests
                };
                if !list.contains(&entry.id) {
                    list.push(entry.id.clone());
                }
            }
        }
        if !force && within.len() + tests.len() > 1 {
            return Err(Problem::conflict(format!(
                "The folder {id} is not empty. Pass force=true to delete it with all that is in it."
            )));
        }
        for test in tests {
            self.tests.remove(&test).await?;
        }
        for folder in within.iter().rev() {
            self.folders.remove(folder).await?;
        }
        Ok(())
    }

    /// Moves tests and folders. A folder does not go into itself.
    pub(crate) async fn shelve(&self, ids: &[&str], folder: Option<&str>) -> Result<(), Problem> {
        let target = self.target(folder)?;
        let above = self.path(target.as_str());
        for id in ids {
            if self.tests.get(id).is_none() && self.folders.get(id).is_none() {
                return Err(Problem::none_of("test or folder", id, "entity_ids"));
            }
            if above.iter().any(|folder| folder["id"] == *id) {
                let words = format!("The folder {id} cannot be moved into itself.");
                return Err(Problem::invalid(words).at("move_to"));
            }
        }
        for id in ids {
            for place in [&self.tests, &self.folders] {
                place
                    .change(id, |one| one["parent_folder_id"] = target.clone())
                    .await?;
            }
        }
        Ok(())
    }
}
