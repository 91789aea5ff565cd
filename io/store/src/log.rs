//! Conversations on their way to the disk: a bounded queue, and one task that writes all that waits in one step.

use std::time::Duration;

use sqlx::Row as _;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Began, Ended, Entry, StoreError, Turn,
    dialect::{self, Connection, Pool},
    jobs,
};

/// Entries that may wait. A conversation makes a few in a second, and thousands are written in one.
const WAITING: usize = 16_384;
/// Entries that are written in one step.
const BATCH: usize = 512;
/// How long to wait before a step that failed is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// Takes entries without waiting. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    sender: mpsc::Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Entry(String, Entry),
    Flush(oneshot::Sender<()>),
}

impl Log {
    pub(crate) fn start(pool: Pool, holder: String) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write_all(pool, holder, waiting));
        Self { sender }
    }

    /// Hands an entry over. It is on the disk a few milliseconds later, in order; [`Log::flush`] waits for that.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the disk has stood still for very long, [`StoreError::Closed`] after the store was closed.
    pub fn write(&self, conversation: &str, entry: Entry) -> Result<(), StoreError> {
        self.sender
            .try_send(Message::Entry(conversation.to_owned(), entry))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Full,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            })
    }

    /// Waits until all that was handed over before is on the disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (done, flushed) = oneshot::channel();
        self.sender
            .send(Message::Flush(done))
            .await
            .map_err(|_| StoreError::Closed)?;
        flushed.await.map_err(|_| StoreError::Closed)
    }
}

async fn write_all(pool: Pool, holder: String, mut waiting: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(BATCH);
    let mut entries = Vec::with_capacity(BATCH);
    let mut flushes = Vec::new();
    loop {
        messages.clear();
        if waiting.recv_many(&mut messages, BATCH).await == 0 {
            return;
        }
        for message in messages.drain(..) {
            match message {
                Message::Entry(conversation, entry) => entries.push((conversation, entry)),
                Message::Flush(done) => flushes.push(done),
            }
        }
        if !keep(&pool, &holder, &entries).await {
            return;
        }
        entries.clear();
        for done in flushes.drain(..) {
            // Whoever asked may not wait any more.
            let _ = done.send(());
        }
    }
}

/// Writes the entries, however long it takes. False when the store was closed.
async fn keep(pool: &Pool, holder: &str, entries: &[(String, Entry)]) -> bool {
    let mut told = false;
    loop {
        match step(pool, holder, entries).await {
            Ok(()) => return true,
            Err(sqlx::Error::PoolClosed) => return false,
            Err(error) if is_of_the_data(&error) => {
                return one_by_one(pool, holder, entries).await;
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::error!(%error, "conversations cannot be kept; trying on");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// One entry that cannot be kept must not take the others along.
async fn one_by_one(pool: &Pool, holder: &str, entries: &[(String, Entry)]) -> bool {
    for entry in entries {
        loop {
            match step(pool, holder, std::slice::from_ref(entry)).await {
                Ok(()) => break,
                Err(sqlx::Error::PoolClosed) => return false,
                Err(error) if is_of_the_data(&error) => {
                    tracing::error!(conversation = entry.0, %error, "an entry cannot be kept");
                    break;
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
    true
}

/// Whether trying again is of no use.
fn is_of_the_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.is_unique_violation()
                || error.is_foreign_key_violation()
                || error.is_check_violation()
        }
        sqlx::Error::Encode(_) | sqlx::Error::TypeNotFound { .. } => true,
        _ => false,
    }
}

async fn step(pool: &Pool, holder: &str, entries: &[(String, Entry)]) -> sqlx::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut transaction = dialect::begin(pool).await?;
    for (conversation, entry) in entries {
        write(&mut transaction, holder, conversation, entry).await?;
    }
    transaction.commit().await
}

async fn write(
    db: &mut Connection,
    holder: &str,
    conversation: &str,
    entry: &Entry,
) -> sqlx::Result<()> {
    match entry {
        Entry::Began(began) => self::began(db, holder, conversation, began).await,
        Entry::Turn(turn) => self::turn(db, conversation, turn).await,
        Entry::Tool(tool) => {
            sqlx::query(
                "INSERT INTO tool_calls (conversation, number, at, call_id, name, arguments, result, is_error, took)
                 SELECT id, $2, $3, $4, $5, $6, $7, $8, $9 FROM conversations WHERE id = $1
                 ON CONFLICT DO NOTHING",
            )
            .bind(conversation)
            .bind(signed(tool.number))
            .bind(tool.at)
            .bind(&tool.call_id)
            .bind(&tool.name)
            .bind(tool.arguments.to_string())
            .bind(&tool.result)
            .bind(tool.is_error)
            .bind(tool.took)
            .execute(db)
            .await
            .map(drop)
        }
        Entry::Usage(usage) => {
            sqlx::query(
                "INSERT INTO usage (conversation, number, at, llm, input_tokens, cached_tokens, output_tokens, unmetered)
                 SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM conversations WHERE id = $1
                 ON CONFLICT DO NOTHING",
            )
            .bind(conversation)
            .bind(signed(usage.number))
            .bind(usage.at)
            .bind(&usage.llm)
            .bind(signed(usage.input_tokens))
            .bind(signed(usage.cached_tokens))
            .bind(signed(usage.output_tokens))
            .bind(signed(usage.unmetered))
            .execute(db)
            .await
            .map(drop)
        }
        Entry::Score { event, score } => {
            sqlx::query("UPDATE turns SET score = $3 WHERE conversation = $1 AND event = $2")
                .bind(conversation)
                .bind(signed(*event))
                .bind(score)
                .execute(db)
                .await
                .map(drop)
        }
        Entry::Note(note) => {
            sqlx::query(
                "INSERT INTO notes (conversation, number, at, text)
                 SELECT id, $2, $3, $4 FROM conversations WHERE id = $1
                 ON CONFLICT DO NOTHING",
            )
            .bind(conversation)
            .bind(signed(note.number))
            .bind(note.at)
            .bind(&note.text)
            .execute(db)
            .await
            .map(drop)
        }
        Entry::Ended(ended) => self::ended(db, conversation, ended).await.map(drop),
    }
}

async fn began(
    db: &mut Connection,
    holder: &str,
    conversation: &str,
    began: &Began,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO conversations (id, holder, agent, agent_name, user_id, status, source, text_only, language,
             started, wall, duration, messages, initiation, agent_document, call_successful, erase, erase_sound)
         VALUES ($1, $2, $3, $4, $5, 'in-progress', $6, $7, $8, $9, $10, 0, 0, $11, $12, 'unknown', $13, $14)
         ON CONFLICT DO NOTHING",
    )
    .bind(conversation)
    .bind(holder)
    .bind(&began.agent)
    .bind(&began.agent_name)
    .bind(&began.user)
    .bind(&began.source)
    .bind(began.text_only)
    .bind(&began.language)
    .bind(began.started)
    .bind(&began.wall)
    .bind(began.initiation.to_string())
    .bind(began.agent_document.to_string())
    .bind(began.erase)
    .bind(began.erase_sound)
    .execute(db)
    .await
    .map(drop)
}

async fn turn(db: &mut Connection, conversation: &str, turn: &Turn) -> sqlx::Result<()> {
    let done = sqlx::query(
        "INSERT INTO turns (conversation, number, at, role, text, heard, interrupted, reckoned, event, stages, score, files)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM conversations WHERE id = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(conversation)
    .bind(signed(turn.number))
    .bind(turn.at)
    .bind(turn.role.as_str())
    .bind(&turn.text)
    .bind(&turn.heard)
    .bind(turn.interrupted)
    .bind(turn.reckoned)
    .bind(turn.event.map(signed))
    .bind(turn.stages.as_ref().map(ToString::to_string))
    .bind(&turn.score)
    .bind(turn.files.as_ref().map(ToString::to_string))
    .execute(&mut *db)
    .await?;
    if done.rows_affected() > 0 {
        sqlx::query(
            "UPDATE conversations SET messages = messages + 1, duration = $2
             WHERE id = $1 AND status = 'in-progress'",
        )
        .bind(conversation)
        .bind(turn.at)
        .execute(db)
        .await?;
    }
    Ok(())
}

/// Ends a conversation that is under way, and keeps its jobs. False when it was over already, or is not there.
pub(crate) async fn ended(
    db: &mut Connection,
    conversation: &str,
    ended: &Ended,
) -> sqlx::Result<bool> {
    let row = sqlx::query(
        "UPDATE conversations
         SET status = $2, termination = $3, close_code = $4, duration = COALESCE($5, duration)
         WHERE id = $1 AND status = 'in-progress' RETURNING id",
    )
    .bind(conversation)
    .bind(&ended.status)
    .bind(&ended.termination)
    .bind(ended.close_code.map(i64::from))
    .bind(ended.duration)
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let _: &str = row.try_get(0)?;
    for job in &ended.jobs {
        jobs::insert(db, job).await?;
    }
    Ok(true)
}

/// The tables have signed numbers. Those that are counted here never come near the end of either.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
