//! Documents of one kind, in memory and on the shelf.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;
use tokio::sync::Mutex;

use super::{Kind, Shelf};
use crate::Problem;

/// All documents of one kind. Reading never waits; changes are made one after the other and are on the shelf when they
/// are done.
pub(crate) struct Collection {
    kind: Kind,
    shelf: Arc<dyn Shelf>,
    documents: RwLock<BTreeMap<String, Arc<Value>>>,
    changing: Mutex<()>,
}

impl Collection {
    pub(crate) async fn open(shelf: Arc<dyn Shelf>, kind: Kind) -> io::Result<Self> {
        let documents = shelf.all(kind).await?;
        Ok(Self {
            kind,
            shelf,
            documents: RwLock::new(
                documents
                    .into_iter()
                    .map(|(id, document)| (id, Arc::new(document)))
                    .collect(),
            ),
            changing: Mutex::new(()),
        })
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Value>> {
        let documents = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        documents.get(id).cloned()
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> Vec<(String, Arc<Value>)> {
        let documents = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        documents
            .iter()
            .map(|(id, document)| (id.clone(), Arc::clone(document)))
            .collect()
    }

    pub(crate) async fn put(&self, id: &str, document: Value) -> Result<Arc<Value>, Problem> {
        let _changing = self.changing.lock().await;
        self.keep(id, document).await
    }

    /// Changes a document. None: it is not there (any more).
    pub(crate) async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Option<Arc<Value>>, Problem> {
        let _changing = self.changing.lock().await;
        let Some(document) = self.get(id) else {
            return Ok(None);
        };
        let mut document = Value::clone(&document);
        change(&mut document);
        self.keep(id, document).await.map(Some)
    }

    /// Forgets a document. False: there was none.
    pub(crate) async fn remove(&self, id: &str) -> Result<bool, Problem> {
        let _changing = self.changing.lock().await;
        if self.get(id).is_none() {
            return Ok(false);
        }
        self.shelf
            .remove(self.kind, id)
            .await
            .map_err(|error| storage(&error))?;
        self.documents
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        Ok(true)
    }

    async fn keep(&self, id: &str, document: Value) -> Result<Arc<Value>, Problem> {
        self.shelf
            .put(self.kind, id, &document)
            .await
            .map_err(|error| storage(&error))?;
        let document = Arc::new(document);
        self.documents
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), Arc::clone(&document));
        Ok(document)
    }
}

/// What a shelf that fails is to a client.
pub(crate) fn storage(error: &io::Error) -> Problem {
    tracing::error!(%error, "the data folder cannot be written");
    Problem::storage("The server could not keep this. Nothing was changed.")
}
