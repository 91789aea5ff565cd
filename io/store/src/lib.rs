//! What outlives a process: documents, conversations, jobs and files.
//!
//! [`Store::open`] takes a folder. In it are one `SQLite` database and, beside it, what is too large for a table. The store
//! knows how to keep things and how to find them again; what a conversation means is others' business.
//!
//! Every call that returns `Ok` after writing has brought it to the disk. Any number of processes may have the same
//! store open.

mod blobs;
mod conversations;
mod dialect;
mod documents;
mod entry;
mod error;
mod filter;
mod holder;
mod ids;
mod jobs;
mod log;
mod migrations;
pub mod prices;
mod time;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use blobs::Blobs;
pub use conversations::{Conversations, FileEntry, Findings, Summary, User, Whole};
pub use documents::{Document, Documents};
pub use entry::{Began, Ended, Entry, Note, Role, ToolCall, Turn, Usage};
pub use error::StoreError;
pub use filter::{After, Compare, Filter, Finding, FindingKind};
pub use jobs::{Job, JobState, Jobs, NewJob};
pub use log::Log;
pub use prices::Prices;
pub use time::now;

use dialect::Pool;
use holder::Holder;

/// Where the parts of a store are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What has no place of its own.
    pub folder: PathBuf,
    /// The database's file.
    pub database: PathBuf,
    /// The folder of the recordings.
    pub recordings: PathBuf,
}

impl Places {
    /// Everything in one folder: `duologue.db`, `recordings`, `journals`, `files`.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            database: folder.join("duologue.db"),
            recordings: folder.join("recordings"),
            folder,
        }
    }
}

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    places: Places,
    writer: Pool,
    readers: Pool,
    log: Log,
    holder: Holder,
}

impl Store {
    /// Opens the store in `folder`, and makes it if it is not there. Its writing runs as a task of the current tokio runtime.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_at(Places::in_folder(folder.as_ref())).await
    }

    /// The same with places for its parts.
    pub async fn open_at(places: Places) -> Result<Self, StoreError> {
        for folder in [
            Some(places.folder.as_path()),
            places.database.parent(),
            Some(&places.recordings),
            Some(&places.folder.join("journals")),
        ]
        .into_iter()
        .flatten()
        {
            std::fs::create_dir_all(folder).map_err(StoreError::file(folder))?;
        }
        let holders = places.folder.join("holders");
        let holder = Holder::new(&holders).map_err(StoreError::file(holders))?;
        let writer = dialect::writer(&places.database).await?;
        migrations::run(&writer).await?;
        let readers = dialect::readers(&places.database).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                log: Log::start(writer.clone(), holder.name.clone()),
                places,
                writer,
                readers,
                holder,
            }),
        })
    }

    /// Where its parts are.
    pub fn places(&self) -> &Places {
        &self.shared.places
    }

    /// JSON documents.
    pub fn documents(&self) -> Documents {
        Documents {
            writer: self.shared.writer.clone(),
            readers: self.shared.readers.clone(),
        }
    }

    /// Bytes, in the store's folder.
    pub fn blobs(&self) -> Blobs {
        Blobs::in_folder(self.shared.places.folder.join("files"))
    }

    /// Takes what is to be kept of conversations under way.
    pub fn log(&self) -> Log {
        self.shared.log.clone()
    }

    /// Conversations, to be found again.
    pub fn conversations(&self) -> Conversations {
        let places = &self.shared.places;
        Conversations {
            writer: self.shared.writer.clone(),
            readers: self.shared.readers.clone(),
            blobs: self.blobs(),
            recordings: places.recordings.clone(),
            journals: places.folder.join("journals"),
            holders: places.folder.join("holders"),
        }
    }

    /// What is still to be done.
    pub fn jobs(&self) -> Jobs {
        Jobs {
            writer: self.shared.writer.clone(),
            readers: self.shared.readers.clone(),
            holder: self.shared.holder.name.clone(),
            holders: self.shared.places.folder.join("holders"),
        }
    }

    /// Whether the database answers.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.shared.readers)
            .await?;
        Ok(())
    }

    /// Brings everything to the disk and closes the database. What is asked of it afterwards fails.
    pub async fn close(&self) {
        // It is closed already when nobody answers.
        let _ = self.shared.log.flush().await;
        self.shared.readers.close().await;
        self.shared.writer.close().await;
    }
}
