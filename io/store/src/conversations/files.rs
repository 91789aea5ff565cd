//! Files that were shown in conversations.

use sqlx::Row as _;

use super::{Conversations, FileEntry, count};
use crate::{StoreError, log, time};

/// What files of conversations are kept as.
pub(super) const FILE: &str = "conversation";

impl Conversations {
    /// Keeps a file of a conversation.
    pub async fn add_file(&self, file: &FileEntry, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.blobs.put(FILE, &file.id, bytes).await?;
        sqlx::query(
            "INSERT INTO files (id, conversation, name, mime, bytes, created) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&file.id)
        .bind(&file.conversation)
        .bind(&file.name)
        .bind(&file.mime)
        .bind(log::signed(file.bytes))
        .bind(time::now())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The files of a conversation, the oldest first.
    pub async fn files(&self, conversation: &str) -> Result<Vec<FileEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, conversation, name, mime, bytes FROM files WHERE conversation = $1 ORDER BY created, id",
        )
        .bind(conversation)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(FileEntry {
                    id: row.try_get("id")?,
                    conversation: row.try_get("conversation")?,
                    name: row.try_get("name")?,
                    mime: row.try_get("mime")?,
                    bytes: count(row, "bytes")?,
                })
            })
            .collect()
    }

    /// The bytes of a file.
    pub async fn file(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.blobs.get(FILE, id).await
    }

    /// Forgets a file of a conversation. False if it is not there.
    pub async fn remove_file(&self, conversation: &str, id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM files WHERE conversation = $1 AND id = $2")
            .bind(conversation)
            .bind(id)
            .execute(&self.writer)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.blobs.remove(FILE, id).await?;
        Ok(true)
    }
}
