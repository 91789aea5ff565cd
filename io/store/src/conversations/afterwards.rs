//! How conversations end, and what is found out about them then.

use serde_json::Value;
use sqlx::Row as _;

use super::{Conversations, Findings};
use crate::{Ended, NewJob, StoreError, dialect, holder, jobs, log};

impl Conversations {
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
}
