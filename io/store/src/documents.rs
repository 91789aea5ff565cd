//! JSON documents by kind and id: agents, tools, webhooks, settings, whatever has no table of its own.

use serde_json::Value;
use sqlx::Row as _;

use crate::{
    StoreError,
    dialect::{Pool, Row},
    time,
};

/// Keeps JSON documents, whole and as they came. Cheap to clone.
///
/// A document that was put is on the disk when the call returns.
#[derive(Clone, Debug)]
pub struct Documents {
    pub(crate) writer: Pool,
    pub(crate) readers: Pool,
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its id, unique within its kind.
    pub id: String,
    /// Itself.
    pub json: Value,
    /// When it was first put, in microseconds since 1970.
    pub created: i64,
    /// When it was last put, in microseconds since 1970.
    pub updated: i64,
}

impl Documents {
    /// Keeps a document, in the place of an earlier one of that id.
    pub async fn put(&self, kind: &str, id: &str, json: &Value) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO documents (kind, id, json, created, updated) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json, updated = excluded.updated",
        )
        .bind(kind)
        .bind(id)
        .bind(json.to_string())
        .bind(time::now())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// One document.
    pub async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, StoreError> {
        let row = sqlx::query(
            "SELECT id, json, created, updated FROM documents WHERE kind = $1 AND id = $2",
        )
        .bind(kind)
        .bind(id)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| document(&row)).transpose()
    }

    /// All of a kind, the oldest first.
    pub async fn all(&self, kind: &str) -> Result<Vec<Document>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, json, created, updated FROM documents WHERE kind = $1 ORDER BY created, id",
        )
        .bind(kind)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(document).collect()
    }

    /// Forgets a document. False if there was none.
    pub async fn remove(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM documents WHERE kind = $1 AND id = $2")
            .bind(kind)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn document(row: &Row) -> Result<Document, StoreError> {
    Ok(Document {
        id: row.try_get("id")?,
        json: serde_json::from_str(row.try_get("json")?)?,
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
    })
}
