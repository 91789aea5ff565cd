//! What outlives a process: documents, conversations, jobs and files.
//!
//! [`Store::open`] takes a folder. In it are one SQLite database and, beside it, what is too large for a table. The store
//! knows how to keep things and how to find them again; what a conversation means is others' business.
//!
//! Every call that returns `Ok` after writing has brought it to the disk. Any number of processes may have the same
//! store open.

mod blobs;
mod dialect;
mod documents;
mod error;
mod holder;
mod ids;
mod migrations;
mod time;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use blobs::Blobs;
pub use documents::{Document, Documents};
pub use error::StoreError;
pub use time::now;

use dialect::Pool;
use holder::Holder;

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    writer: Pool,
    readers: Pool,
    holder: Holder,
}

impl Store {
    /// Opens the store in `folder`, and makes it if it is not there.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(StoreError::file(folder))?;
        Self::open_at(folder, &folder.join("duologue.db")).await
    }

    /// The same with the database in a file of its own.
    pub async fn open_at(folder: &Path, database: &Path) -> Result<Self, StoreError> {
        let holders = folder.join("holders");
        let holder = Holder::new(&holders).map_err(StoreError::file(holders))?;
        let writer = dialect::writer(database).await?;
        migrations::run(&writer).await?;
        let readers = dialect::readers(database).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                folder: folder.to_owned(),
                writer,
                readers,
                holder,
            }),
        })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
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
        Blobs::in_folder(self.shared.folder.join("files"))
    }

    /// Whether the database answers.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.shared.readers)
            .await?;
        Ok(())
    }

    /// Closes it. What is asked of it afterwards fails.
    pub async fn close(&self) {
        self.shared.readers.close().await;
        self.shared.writer.close().await;
    }
}
