//! How conversations are forgotten.

use std::path::PathBuf;

use sqlx::Row as _;

use super::{Conversations, files::FILE};
use crate::{StoreError, dialect, time};

/// How long what is past its time waits for the jobs that still need it, in microseconds: a day.
const PATIENCE: i64 = 24 * 3_600 * 1_000_000;

impl Conversations {
    /// Forgets a conversation, its sound, files, journal and jobs. False if it is not there.
    pub async fn erase(&self, id: &str) -> Result<bool, StoreError> {
        for file in self.files(id).await? {
            self.blobs.remove(FILE, &file.id).await?;
        }
        remove(self.recording(id)?).await?;
        remove(self.journal(id)?).await?;
        let mut transaction = dialect::begin(&self.writer).await?;
        for statement in [
            "DELETE FROM files WHERE conversation = $1",
            "DELETE FROM jobs WHERE conversation = $1",
        ] {
            sqlx::query(statement)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        let done = sqlx::query("DELETE FROM conversations WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        dialect::forget_log(&self.writer).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Forgets the sound of a conversation.
    pub async fn erase_sound(&self, id: &str) -> Result<(), StoreError> {
        remove(self.recording(id)?).await?;
        sqlx::query("UPDATE conversations SET erase_sound = NULL WHERE id = $1")
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets all whose time has come, but for those under way; what is still to be done with a conversation is done first,
    /// for a day at most. Says how many conversations that were.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now = time::now();
        let mut count = 0;
        let whole = "SELECT id FROM conversations WHERE status <> 'in-progress' AND (erase <= $2 OR (erase <= $1 AND NOT EXISTS (
                     SELECT 1 FROM jobs WHERE conversation = conversations.id AND state IN ('waiting', 'leased'))))";
        for id in self.due(whole, now).await? {
            count += u64::from(self.erase(&id).await?);
        }
        let sound = "SELECT id FROM conversations WHERE status <> 'in-progress' AND (erase_sound <= $2 OR (erase_sound <= $1 AND NOT EXISTS (
                     SELECT 1 FROM jobs WHERE conversation = conversations.id AND state IN ('waiting', 'leased'))))";
        for id in self.due(sound, now).await? {
            self.erase_sound(&id).await?;
        }
        Ok(count)
    }

    /// The conversations that `query` finds. It is given the time, and the time before which nothing is waited for.
    async fn due(&self, query: &'static str, now: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(query)
            .bind(now)
            .bind(now.saturating_sub(PATIENCE))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Sets when the ended conversations of an agent are to be forgotten, counted from when each began.
    pub async fn keep_for(&self, agent: &str, micros: Option<i64>) -> Result<(), StoreError> {
        sqlx::query("UPDATE conversations SET erase = started + $2 WHERE agent = $1")
            .bind(agent)
            .bind(micros)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

async fn remove(path: PathBuf) -> Result<(), StoreError> {
    match tokio::fs::remove_file(&path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::file(path)(error))
        }
        _ => Ok(()),
    }
}
