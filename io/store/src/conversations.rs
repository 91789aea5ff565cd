//! Conversations as they are found again.

mod afterwards;
mod files;
mod forgetting;
mod parts;
mod shapes;

use std::path::PathBuf;

use serde_json::Value;
use sqlx::{QueryBuilder, Row as _};

pub use shapes::{FileEntry, Findings, Summary, User, Whole};

use crate::{
    After, Blobs, Filter, StoreError, Usage,
    dialect::{Db, Pool, Row},
    filter, ids,
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
        self.add_usage(&mut found).await?;
        Ok(found)
    }

    async fn add_usage(&self, found: &mut [Summary]) -> Result<(), StoreError> {
        if found.is_empty() {
            return Ok(());
        }
        // Postgres makes decimals of such sums.
        let mut query = QueryBuilder::<Db>::new(
            "SELECT conversation, llm, CAST(SUM(input_tokens) AS BIGINT) AS input_tokens,
             CAST(SUM(cached_tokens) AS BIGINT) AS cached_tokens, CAST(SUM(output_tokens) AS BIGINT) AS output_tokens,
             CAST(SUM(unmetered) AS BIGINT) AS unmetered
             FROM usage WHERE conversation IN (",
        );
        let mut list = query.separated(", ");
        for summary in found.iter() {
            list.push_bind(summary.id.clone());
        }
        query.push(") GROUP BY conversation, llm ORDER BY conversation, llm");
        for row in query.build().fetch_all(&self.readers).await? {
            let conversation: &str = row.try_get("conversation")?;
            if let Some(summary) = found.iter_mut().find(|s| s.id == conversation) {
                summary.usage.push(Usage {
                    llm: row.try_get("llm")?,
                    input_tokens: count(&row, "input_tokens")?,
                    cached_tokens: count(&row, "cached_tokens")?,
                    output_tokens: count(&row, "output_tokens")?,
                    unmetered: count(&row, "unmetered")?,
                    ..Usage::default()
                });
            }
        }
        Ok(())
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
        self.add_usage(&mut found).await?;
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
        usage: Vec::new(),
    })
}
