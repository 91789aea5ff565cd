//! What can go wrong.

use std::{io, path::PathBuf};

/// Why something was not kept or not found again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database did not do it: the disk is full, another process holds it, or the file is damaged. Nothing of it was
    /// changed.
    #[error("the database failed: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file could not be read or written.
    #[error("could not use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in the database is not what this version writes there.
    #[error("the database holds something that is not JSON where JSON belongs: {0}")]
    Json(#[from] serde_json::Error),
    /// A name that could leave its folder.
    #[error("{0:?} is no id")]
    Id(String),
    /// More waits for the disk than may wait.
    #[error("the disk is too slow: too much waits to be kept")]
    Full,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Database(Box::new(error))
    }
}

impl StoreError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
