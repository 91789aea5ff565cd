//! Conversations as they are found again.

use std::path::PathBuf;

use serde_json::Value;
use sqlx::{QueryBuilder, Row as _};

use crate::{
    After, Blobs, Ended, Filter, FindingKind, NewJob, Note, Role, StoreError, ToolCall, Turn,
    Usage, dialect,
    dialect::{Db, Pool, Row},
    filter, holder, ids, jobs, log, time,
};

const COLUMNS: &str = "id, agent, agent_name, user_id, status, source, text_only, language, started, wall, duration, \
     messages, termination, close_code, call_successful, summary, title, score, rating, comment, erase, erase_sound";

/// The conversations. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Conversations {
    pub(crate) writer: Pool,
    pub(crate) readers: Pool,
    pub(crate) blobs: Blobs,
    pub(crate) recordings: PathBuf,
    pub(crate) journals: PathBuf,
    pub(crate) holders: PathBuf,
}

/// A conversation in a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// The agent's id.
    pub agent: String,
    /// What people call the agent.
    pub agent_name: String,
    /// The caller's own id for the user.
    pub user: Option<String>,
    /// `in-progress`, `processing`, `done` or `failed`.
    pub status: String,
    /// Where the call came from.
    pub source: Option<String>,
    /// Whether it went without sound.
    pub text_only: bool,
    /// ISO 639-1.
    pub language: String,
    /// When it began, in microseconds since 1970.
    pub started: i64,
    /// The same as RFC 3339 with its zone.
    pub wall: String,
    /// How long it lasted, or has lasted until its last turn, in microseconds.
    pub duration: i64,
    /// How many turns it has.
    pub messages: u64,
    /// Why it ended, in words.
    pub termination: Option<String>,
    /// The close code of its socket.
    pub close_code: Option<u16>,
    /// `success`, `failure` or `unknown`.
    pub call_successful: String,
    /// What was said, in short.
    pub summary: Option<String>,
    /// The same in a few words.
    pub title: Option<String>,
    /// What the user thinks of it: `like` or `dislike`.
    pub score: Option<String>,
    /// The same, 1 to 5.
    pub rating: Option<i64>,
    /// The same in words.
    pub comment: Option<String>,
    /// When it is to be forgotten, in microseconds since 1970.
    pub erase: Option<i64>,
    /// When its sound is to be forgotten.
    pub erase_sound: Option<i64>,
    /// The tools that were called, each once.
    pub tools: Vec<String>,
}

/// A conversation with all that was kept of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// The line of the list.
    pub summary: Summary,
    /// What the caller asked for.
    pub initiation: Value,
    /// The agent as it was then.
    pub agent_document: Value,
    /// What was found afterwards.
    pub analysis: Option<Value>,
    /// The turns, in order.
    pub turns: Vec<Turn>,
    /// The tool calls, in order.
    pub tools: Vec<ToolCall>,
    /// What the replies cost, in order.
    pub usage: Vec<Usage>,
    /// What went wrong, in order.
    pub notes: Vec<Note>,
    /// The sound, if there is any: a stereo WAV, left the caller.
    pub recording: Option<PathBuf>,
    /// Every input and decision, if they were kept.
    pub journal: Option<PathBuf>,
}

/// What was found afterwards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// All of it, as it is shown.
    pub analysis: Value,
    /// `success`, `failure` or `unknown`.
    pub call_successful: String,
    /// What was said, in short.
    pub summary: Option<String>,
    /// The same in a few words.
    pub title: Option<String>,
    /// Kind, id and value of each finding; none: nothing was found.
    pub values: Vec<(FindingKind, String, Option<Value>)>,
}

/// A file of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileEntry {
    /// Its id.
    pub id: String,
    /// Its conversation.
    pub conversation: String,
    /// What it was called.
    pub name: String,
    /// What it is.
    pub mime: String,
    /// How long it is.
    pub bytes: u64,
}

/// How long what is past its time waits for the jobs that still need it, in microseconds: a day.
const PATIENCE: i64 = 24 * 3_600 * 1_000_000;

/// Somebody who has called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The caller's own id for them.
    pub id: String,
    /// When the first of their conversations began, in microseconds since 1970.
    pub first: i64,
    /// When the last of them began.
    pub last: i64,
    /// How many there are.
    pub conversations: u64,
}

/// What files of conversations are kept as.
const FILE: &str = "conversation";

impl Conversations {
    /// Those that fit, the newest first; at most `most`, after the place where the last page ended.
    pub async fn list(
        &self,
        wanted: &Filter,
        after: Option<&After>,
        most: u64,
    ) -> Result<Vec<Summary>, StoreError> {
        let mut query =
            QueryBuilder::<Db>::new(format!("SELECT {COLUMNS} FROM conversations WHERE 1 = 1"));
        wanted.push(&mut query);
        if let Some(after) = after {
            after.push(&mut query);
        }
        query.push(" ORDER BY started DESC, id DESC");
        filter::limit(&mut query, most);
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut found = rows.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        self.add_tools(&mut found).await?;
        Ok(found)
    }

    async fn add_tools(&self, found: &mut [Summary]) -> Result<(), StoreError> {
        if found.is_empty() {
            return Ok(());
        }
        let mut query = QueryBuilder::<Db>::new(
            "SELECT DISTINCT conversation, name FROM tool_calls WHERE conversation IN (",
        );
        let mut list = query.separated(", ");
        for summary in found.iter() {
            list.push_bind(summary.id.clone());
        }
        query.push(") ORDER BY conversation, name");
        for row in query.build().fetch_all(&self.readers).await? {
            let conversation: &str = row.try_get(0)?;
            if let Some(summary) = found.iter_mut().find(|s| s.id == conversation) {
                summary.tools.push(row.try_get(1)?);
            }
        }
        Ok(())
    }

    /// The line of the list of one conversation.
    pub async fn summary(&self, id: &str) -> Result<Option<Summary>, StoreError> {
        let mut query =
            QueryBuilder::<Db>::new(format!("SELECT {COLUMNS} FROM conversations WHERE id = "));
        query.push_bind(id.to_owned());
        let row = query.build().fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        let mut found = [summary(&row)?];
        self.add_tools(&mut found).await?;
        let [found] = found;
        Ok(Some(found))
    }

    /// One conversation, whole.
    pub async fn get(&self, id: &str) -> Result<Option<Whole>, StoreError> {
        let Some(summary) = self.summary(id).await? else {
            return Ok(None);
        };
        let row = sqlx::query(
            "SELECT initiation, agent_document, analysis FROM conversations WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.readers)
        .await?;
        // Forgotten since.
        let Some(row) = row else { return Ok(None) };
        let analysis: Option<&str> = row.try_get("analysis")?;
        let exists = |path: PathBuf| path.is_file().then_some(path);
        Ok(Some(Whole {
            initiation: serde_json::from_str(row.try_get("initiation")?)?,
            agent_document: serde_json::from_str(row.try_get("agent_document")?)?,
            analysis: analysis.map(serde_json::from_str).transpose()?,
            turns: self.turns(id).await?,
            tools: self.tools(id).await?,
            usage: self.usage(id).await?,
            notes: self.notes(id).await?,
            recording: exists(self.recording(id)?),
            journal: exists(self.journal(id)?),
            summary,
        }))
    }

    /// The turns of a conversation, in order.
    pub async fn turns(&self, id: &str) -> Result<Vec<Turn>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, at, role, text, heard, interrupted, reckoned, event, stages, score, files
             FROM turns WHERE conversation = $1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let role: &str = row.try_get("role")?;
                let event: Option<i64> = row.try_get("event")?;
                Ok(Turn {
                    number: count(row, "number")?,
                    at: row.try_get("at")?,
                    role: if role == "agent" {
                        Role::Agent
                    } else {
                        Role::User
                    },
                    text: row.try_get("text")?,
                    heard: row.try_get("heard")?,
                    interrupted: row.try_get("interrupted")?,
                    reckoned: row.try_get("reckoned")?,
                    event: event.map(i64::unsigned_abs),
                    stages: json(row, "stages")?,
                    score: row.try_get("score")?,
                    files: json(row, "files")?,
                })
            })
            .collect()
    }

    async fn tools(&self, id: &str) -> Result<Vec<ToolCall>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, at, call_id, name, arguments, result, is_error, took
             FROM tool_calls WHERE conversation = $1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ToolCall {
                    number: count(row, "number")?,
                    at: row.try_get("at")?,
                    call_id: row.try_get("call_id")?,
                    name: row.try_get("name")?,
                    arguments: serde_json::from_str(row.try_get("arguments")?)?,
                    result: row.try_get("result")?,
                    is_error: row.try_get("is_error")?,
                    took: row.try_get("took")?,
                })
            })
            .collect()
    }

    async fn usage(&self, id: &str) -> Result<Vec<Usage>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, at, llm, input_tokens, cached_tokens, output_tokens
             FROM usage WHERE conversation = $1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Usage {
                    number: count(row, "number")?,
                    at: row.try_get("at")?,
                    llm: row.try_get("llm")?,
                    input_tokens: count(row, "input_tokens")?,
                    cached_tokens: count(row, "cached_tokens")?,
                    output_tokens: count(row, "output_tokens")?,
                })
            })
            .collect()
    }

    async fn notes(&self, id: &str) -> Result<Vec<Note>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, at, text FROM notes WHERE conversation = $1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Note {
                    number: count(row, "number")?,
                    at: row.try_get("at")?,
                    text: row.try_get("text")?,
                })
            })
            .collect()
    }

    /// Who has called, by id; at most `most`, after the user of that id.
    pub async fn users(
        &self,
        wanted: &Filter,
        after: Option<&str>,
        most: u64,
    ) -> Result<Vec<User>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT user_id, MIN(started), MAX(started), COUNT(*) FROM conversations WHERE user_id IS NOT NULL",
        );
        wanted.push(&mut query);
        if let Some(after) = after {
            query.push(" AND user_id > ").push_bind(after.to_owned());
        }
        query.push(" GROUP BY user_id ORDER BY user_id");
        filter::limit(&mut query, most);
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let conversations: i64 = row.try_get(3)?;
                Ok(User {
                    id: row.try_get(0)?,
                    first: row.try_get(1)?,
                    last: row.try_get(2)?,
                    conversations: conversations.unsigned_abs(),
                })
            })
            .collect()
    }

    /// How many characters agents have spoken in conversations that began since `since` (microseconds since 1970).
    pub async fn characters(&self, since: i64) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT COALESCE(SUM(LENGTH(heard)), 0) FROM turns
             WHERE role = 'agent' AND conversation IN (SELECT id FROM conversations WHERE started >= $1)",
        )
        .bind(since)
        .fetch_one(&self.readers)
        .await?;
        let count: i64 = row.try_get(0)?;
        Ok(count.unsigned_abs())
    }

    /// Where the sound of a conversation is, or would be.
    pub fn recording(&self, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.recordings.join(format!("{}.wav", ids::plain(id)?)))
    }

    /// Where the journal of a conversation is, or would be.
    pub fn journal(&self, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.journals.join(format!("{}.jsonl", ids::plain(id)?)))
    }

    /// What the user thinks of the conversation. False if it is not there.
    pub async fn rate(
        &self,
        id: &str,
        score: Option<&str>,
        rating: Option<i64>,
        comment: Option<&str>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE conversations SET score = $2, rating = $3, comment = $4 WHERE id = $1",
        )
        .bind(id)
        .bind(score)
        .bind(rating)
        .bind(comment)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps what was found, strikes off the job that found it and keeps the jobs that follow, in one step.
    pub async fn found(
        &self,
        id: &str,
        findings: &Findings,
        status: &str,
        job: Option<&str>,
        next: &[NewJob],
    ) -> Result<(), StoreError> {
        let mut transaction = dialect::begin(&self.writer).await?;
        let done = sqlx::query(
            "UPDATE conversations SET analysis = $2, call_successful = $3, summary = $4, title = $5, status = $6
             WHERE id = $1",
        )
        .bind(id)
        .bind(findings.analysis.to_string())
        .bind(&findings.call_successful)
        .bind(&findings.summary)
        .bind(&findings.title)
        .bind(status)
        .execute(&mut *transaction)
        .await?;
        if let Some(job) = job {
            jobs::finish(&mut transaction, job).await?;
        }
        if done.rows_affected() > 0 {
            sqlx::query("DELETE FROM findings WHERE conversation = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            for (kind, name, value) in &findings.values {
                let text = value.as_ref().filter(|v| !v.is_null()).map(|v| match v {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                sqlx::query(
                    "INSERT INTO findings (conversation, kind, name, value, number)
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                )
                .bind(id)
                .bind(kind.as_str())
                .bind(name)
                .bind(text)
                .bind(value.as_ref().and_then(Value::as_f64))
                .execute(&mut *transaction)
                .await?;
            }
            for job in next {
                jobs::insert(&mut transaction, job).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Those that are under way in a process that lives no more.
    pub async fn abandoned(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, holder FROM conversations WHERE status = 'in-progress' ORDER BY started",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut gone = Vec::<(String, bool)>::new();
        let mut found = Vec::new();
        for row in rows {
            let name: String = row.try_get(1)?;
            let is_gone = if let Some((_, known)) = gone.iter().find(|(known, _)| *known == name) {
                *known
            } else {
                let is_gone = holder::is_gone(&self.holders, &name);
                gone.push((name, is_gone));
                is_gone
            };
            if is_gone {
                found.push(row.try_get(0)?);
            }
        }
        Ok(found)
    }

    /// Ends a conversation that is under way. False if it is not.
    pub async fn end(&self, id: &str, ended: &Ended) -> Result<bool, StoreError> {
        let mut transaction = dialect::begin(&self.writer).await?;
        let done = log::ended(&mut transaction, id, ended).await?;
        transaction.commit().await?;
        Ok(done)
    }

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
        let rows = sqlx::query(
            "SELECT id FROM conversations WHERE status <> 'in-progress' AND (erase <= $2 OR (erase <= $1 AND NOT EXISTS (
                 SELECT 1 FROM jobs WHERE conversation = conversations.id AND state IN ('waiting', 'leased'))))",
        )
        .bind(now)
        .bind(now.saturating_sub(PATIENCE))
        .fetch_all(&self.readers)
        .await?;
        for row in rows {
            let id: String = row.try_get(0)?;
            count += u64::from(self.erase(&id).await?);
        }
        let rows = sqlx::query(
            "SELECT id FROM conversations WHERE status <> 'in-progress' AND (erase_sound <= $2 OR (erase_sound <= $1 AND NOT EXISTS (
                 SELECT 1 FROM jobs WHERE conversation = conversations.id AND state IN ('waiting', 'leased'))))",
        )
        .bind(now)
        .bind(now.saturating_sub(PATIENCE))
        .fetch_all(&self.readers)
        .await?;
        for row in rows {
            let id: String = row.try_get(0)?;
            self.erase_sound(&id).await?;
        }
        Ok(count)
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

async fn remove(path: PathBuf) -> Result<(), StoreError> {
    match tokio::fs::remove_file(&path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::file(path)(error))
        }
        _ => Ok(()),
    }
}

fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column)?;
    Ok(number.unsigned_abs())
}

fn json(row: &Row, column: &str) -> Result<Option<Value>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    Ok(text.map(serde_json::from_str).transpose()?)
}

fn summary(row: &Row) -> Result<Summary, StoreError> {
    let close_code: Option<i64> = row.try_get("close_code")?;
    Ok(Summary {
        id: row.try_get("id")?,
        agent: row.try_get("agent")?,
        agent_name: row.try_get("agent_name")?,
        user: row.try_get("user_id")?,
        status: row.try_get("status")?,
        source: row.try_get("source")?,
        text_only: row.try_get("text_only")?,
        language: row.try_get("language")?,
        started: row.try_get("started")?,
        wall: row.try_get("wall")?,
        duration: row.try_get("duration")?,
        messages: count(row, "messages")?,
        termination: row.try_get("termination")?,
        close_code: close_code.and_then(|code| u16::try_from(code).ok()),
        call_successful: row.try_get("call_successful")?,
        summary: row.try_get("summary")?,
        title: row.try_get("title")?,
        score: row.try_get("score")?,
        rating: row.try_get("rating")?,
        comment: row.try_get("comment")?,
        erase: row.try_get("erase")?,
        erase_sound: row.try_get("erase_sound")?,
        tools: Vec::new(),
    })
}
