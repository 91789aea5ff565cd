//! What a conversation is made of.

use sqlx::Row as _;

use super::{Conversations, count, json};
use crate::{Note, Role, StoreError, ToolCall, Turn, Usage, dialect::Row};

impl Conversations {
    /// The turns of a conversation, in order.
    pub async fn turns(&self, id: &str) -> Result<Vec<Turn>, StoreError> {
        let query = "SELECT number, at, role, text, heard, interrupted, reckoned, event, stages, score, files
             FROM turns WHERE conversation = $1 ORDER BY number";
        self.parts(id, query, |row| {
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
        .await
    }

    pub(super) async fn tools(&self, id: &str) -> Result<Vec<ToolCall>, StoreError> {
        let query = "SELECT number, at, call_id, name, arguments, result, is_error, took
             FROM tool_calls WHERE conversation = $1 ORDER BY number";
        self.parts(id, query, |row| {
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
        .await
    }

    pub(super) async fn usage(&self, id: &str) -> Result<Vec<Usage>, StoreError> {
        let query = "SELECT number, at, llm, input_tokens, cached_tokens, output_tokens, unmetered
             FROM usage WHERE conversation = $1 ORDER BY number";
        self.parts(id, query, |row| {
            Ok(Usage {
                number: count(row, "number")?,
                at: row.try_get("at")?,
                llm: row.try_get("llm")?,
                input_tokens: count(row, "input_tokens")?,
                cached_tokens: count(row, "cached_tokens")?,
                output_tokens: count(row, "output_tokens")?,
                unmetered: count(row, "unmetered")?,
            })
        })
        .await
    }

    pub(super) async fn notes(&self, id: &str) -> Result<Vec<Note>, StoreError> {
        let query = "SELECT number, at, text FROM notes WHERE conversation = $1 ORDER BY number";
        self.parts(id, query, |row| {
            Ok(Note {
                number: count(row, "number")?,
                at: row.try_get("at")?,
                text: row.try_get("text")?,
            })
        })
        .await
    }

    /// What `query` finds of the conversation, each row read by `read`.
    async fn parts<T>(
        &self,
        id: &str,
        query: &'static str,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = sqlx::query(query).bind(id).fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }
}
