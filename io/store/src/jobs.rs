//! What is still to be done, and by whom.
//!
//! A job is leased, done, and struck off. One whose lease ran out, or whose holder lives no more, is leased again: a job is
//! done at least once, and what it does must bear being done twice. Its id never changes.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;
use sqlx::{QueryBuilder, Row as _};

use crate::{
    StoreError,
    dialect::{self, Connection, Db, Pool, Row},
    holder, time,
};

/// Something to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewJob {
    /// Its id. A job with an id that is there already is not kept again.
    pub id: String,
    /// What kind of thing.
    pub kind: String,
    /// The conversation it is about; it is forgotten with it.
    pub conversation: Option<String>,
    /// What else there is to know. Never what was said: that stays with the conversation.
    pub payload: Value,
    /// Not before, in microseconds since 1970. 0: at once.
    pub due: i64,
}

/// A job that this process has leased.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What kind of thing.
    pub kind: String,
    /// The conversation it is about.
    pub conversation: Option<String>,
    /// What else there is to know.
    pub payload: Value,
    /// How often it was leased, this time included.
    pub attempts: u32,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
}

/// A job, to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct JobState {
    /// The job.
    pub job: Job,
    /// `waiting`, `leased`, `done` or `dead`.
    pub state: String,
    /// When it is to be done next, in microseconds since 1970.
    pub due: i64,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// The list of jobs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    pub(crate) writer: Pool,
    pub(crate) readers: Pool,
    pub(crate) holder: String,
    pub(crate) holders: PathBuf,
}

impl Jobs {
    /// Keeps a job.
    pub async fn add(&self, job: &NewJob) -> Result<(), StoreError> {
        let mut transaction = dialect::begin(&self.writer).await?;
        insert(&mut transaction, job).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Leases at most `limit` jobs that are due, for `lease`. Nobody else gets them until then.
    pub async fn lease(&self, lease: Duration, limit: u32) -> Result<Vec<Job>, StoreError> {
        let now = time::now();
        let rows = sqlx::query(
            "UPDATE jobs SET state = 'leased', holder = $1, lease_ends = $2, attempts = attempts + 1
             WHERE id IN (
                 SELECT id FROM jobs
                 WHERE (state = 'waiting' AND due <= $3) OR (state = 'leased' AND lease_ends <= $3)
                 ORDER BY due LIMIT $4)
             RETURNING id, kind, conversation, payload, attempts, created",
        )
        .bind(&self.holder)
        .bind(now.saturating_add(time::micros(lease)))
        .bind(now)
        .bind(i64::from(limit))
        .fetch_all(&self.writer)
        .await?;
        rows.iter().map(job).collect()
    }

    /// It is done. `next` is kept in the same step: never a job done without what follows from it.
    pub async fn done(&self, id: &str, next: &[NewJob]) -> Result<(), StoreError> {
        let mut transaction = dialect::begin(&self.writer).await?;
        finish(&mut transaction, id).await?;
        for job in next {
            insert(&mut transaction, job).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// It failed and is to be tried again after `wait`.
    pub async fn again(&self, id: &str, wait: Duration, trouble: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET state = 'waiting', holder = NULL, lease_ends = NULL, due = $2, trouble = $3
             WHERE id = $1 AND state = 'leased' AND holder = $4",
        )
        .bind(id)
        .bind(time::now().saturating_add(time::micros(wait)))
        .bind(trouble)
        .bind(&self.holder)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// It failed for good. It stays in the list, so that somebody can look at it.
    pub async fn dead(&self, id: &str, trouble: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET state = 'dead', holder = NULL, lease_ends = NULL, finished = $2, trouble = $3
             WHERE id = $1",
        )
        .bind(id)
        .bind(time::now())
        .bind(trouble)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Gives back what this process leased and has not done, as if it had never begun.
    pub async fn give_back(&self) -> Result<(), StoreError> {
        self.free(&self.holder).await
    }

    /// Gives back what processes leased that live no more. Says how many jobs that were.
    pub async fn take_over(&self) -> Result<(), StoreError> {
        let rows = sqlx::query("SELECT DISTINCT holder FROM jobs WHERE state = 'leased'")
            .fetch_all(&self.readers)
            .await?;
        for row in rows {
            let name: String = row.try_get(0)?;
            if name != self.holder && holder::is_gone(&self.holders, &name) {
                self.free(&name).await?;
            }
        }
        Ok(())
    }

    async fn free(&self, holder: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET state = 'waiting', holder = NULL, lease_ends = NULL
             WHERE state = 'leased' AND holder = $1",
        )
        .bind(holder)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// When the next job is due, in microseconds since 1970. None: nothing waits.
    pub async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT MIN(due) FROM jobs WHERE state = 'waiting'")
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// How many are waiting or being done.
    pub async fn open(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM jobs WHERE state IN ('waiting', 'leased')")
            .fetch_one(&self.readers)
            .await?;
        let count: i64 = row.try_get(0)?;
        Ok(count.unsigned_abs())
    }

    /// The jobs of a conversation, or all of them, the newest first; at most `limit`.
    pub async fn list(
        &self,
        conversation: Option<&str>,
        limit: u32,
    ) -> Result<Vec<JobState>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT id, kind, conversation, payload, attempts, created, state, due, trouble FROM jobs",
        );
        if let Some(conversation) = conversation {
            query
                .push(" WHERE conversation = ")
                .push_bind(conversation.to_owned());
        }
        query
            .push(" ORDER BY created DESC, id LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(JobState {
                    job: job(row)?,
                    state: row.try_get("state")?,
                    due: row.try_get("due")?,
                    trouble: row.try_get("trouble")?,
                })
            })
            .collect()
    }

    /// Forgets jobs that were done before `before` (microseconds since 1970). Dead ones stay.
    pub async fn sweep(&self, before: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM jobs WHERE state = 'done' AND finished < $1")
            .bind(before)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

fn job(row: &Row) -> Result<Job, StoreError> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(Job {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        conversation: row.try_get("conversation")?,
        payload: serde_json::from_str(row.try_get("payload")?)?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        created: row.try_get("created")?,
    })
}

pub(crate) async fn insert(db: &mut Connection, job: &NewJob) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO jobs (id, kind, conversation, payload, state, attempts, due, created)
         VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(&job.id)
    .bind(&job.kind)
    .bind(&job.conversation)
    .bind(job.payload.to_string())
    .bind(job.due)
    .bind(time::now())
    .execute(db)
    .await
    .map(drop)
}

pub(crate) async fn finish(db: &mut Connection, id: &str) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE jobs SET state = 'done', holder = NULL, lease_ends = NULL, finished = $2, trouble = NULL
         WHERE id = $1",
    )
    .bind(id)
    .bind(time::now())
    .execute(db)
    .await
    .map(drop)
}
