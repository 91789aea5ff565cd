//! Those who do what is to be done when a conversation is over.

use std::{io, sync::Arc, time::Duration};

use providers::llm::Llm;
use serde_json::{Value, json};
use store::{Job, NewJob, StoreError};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    AFTER, Records,
    analysis::{Questions, no_answer},
    delivery, hooks,
};

/// Jobs at once.
const AT_ONCE: usize = 8;
/// How long a job may take before somebody else may begin it anew. Longer than any job takes.
const LEASE: Duration = Duration::from_mins(3);
/// How often the llm is asked before a conversation stays without analysis.
const MOST_QUESTIONS: u32 = 3;
/// How often a webhook is tried: for about half a day.
const MOST_DELIVERIES: u32 = 20;
/// The longest wait between two tries of a webhook.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// How often to look for jobs nobody has told of.
const LOOK: Duration = Duration::from_secs(5);
/// How often to look for what is past its time, and for what processes left behind that live no more.
const TIDY: Duration = Duration::from_mins(1);
/// How long jobs that were done are kept, in microseconds.
const KEEP_DONE: i64 = 24 * 3_600 * 1_000_000;
/// How long jobs under way may take when it is time to stop.
const LAST: Duration = Duration::from_secs(5);

/// The kind of the jobs that deliver webhooks.
const DELIVER: &str = "webhook";

/// Finds the llm that judges conversations of an agent, by its id and document; or says why there is none.
pub type Judge = Arc<dyn Fn(&str, &Value) -> Result<Arc<dyn Llm>, String> + Send + Sync>;

/// Does jobs until it is stopped.
#[derive(Debug)]
pub struct Workers {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Worker {
    records: Records,
    judge: Judge,
    client: reqwest::Client,
}

impl Workers {
    /// Begins to work, as a task of the current tokio runtime.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn start(records: Records, judge: Judge) -> io::Result<Self> {
        let worker = Worker::new(records, judge)?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(work(Arc::new(worker), stop.clone()));
        Ok(Self { stop, task })
    }

    /// Stops: jobs under way may finish for a few seconds, the others are left for the next time.
    pub async fn stop(self) {
        self.stop.cancel();
        // It has said what went wrong.
        let _ = self.task.await;
    }
}

/// Does what can be done now, for `limit` at most. Says how many jobs are left: those that wait to be tried again, and
/// those for which there was no time.
///
/// # Errors
/// TLS cannot be set up, or the store fails.
pub async fn drain(records: &Records, judge: Judge, limit: Duration) -> Result<u64, StoreError> {
    let until = Instant::now() + limit;
    let worker = Worker::new(records.clone(), judge)
        .map_err(|error| StoreError::Database(Box::new(error)))?;
    let worker = Arc::new(worker);
    let jobs = records.store().jobs();
    records.store().log().flush().await?;
    while Instant::now() < until {
        let leased = jobs.lease(LEASE, AT_ONCE as u32).await?;
        if leased.is_empty() {
            break;
        }
        let mut running = JoinSet::new();
        for job in leased {
            running.spawn(Arc::clone(&worker).run(job));
        }
        let left = until.saturating_duration_since(Instant::now());
        if timeout(left, async { while running.join_next().await.is_some() {} })
            .await
            .is_err()
        {
            running.abort_all();
        }
    }
    jobs.give_back().await?;
    jobs.open().await
}

async fn work(worker: Arc<Worker>, stop: CancellationToken) {
    let jobs = worker.records.store().jobs();
    let told = Arc::clone(&worker.records.shared.work);
    let mut running = JoinSet::new();
    let mut tidy = Instant::now();
    while !stop.is_cancelled() {
        if tidy <= Instant::now() {
            worker.tidy().await;
            tidy = Instant::now() + TIDY;
        }
        let free = AT_ONCE.saturating_sub(running.len());
        if free > 0 {
            match jobs.lease(LEASE, free as u32).await {
                Ok(leased) => {
                    for job in leased {
                        running.spawn(Arc::clone(&worker).run(job));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "jobs cannot be read; trying on");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
        let wait = match jobs.next_due().await {
            Ok(Some(due)) if running.len() < AT_ONCE => {
                let micros = due.saturating_sub(store::now()).max(0).unsigned_abs();
                Duration::from_micros(micros).min(LOOK)
            }
            _ => LOOK,
        };
        tokio::select! {
            () = told.notified() => {}
            Some(_) = running.join_next() => {}
            () = sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    let last = async { while running.join_next().await.is_some() {} };
    if timeout(LAST, last).await.is_err() {
        running.abort_all();
    }
    if let Err(error) = jobs.give_back().await {
        tracing::warn!(%error, "jobs under way are taken up again when their lease is over");
    }
}

impl Worker {
    fn new(records: Records, judge: Judge) -> io::Result<Self> {
        let client = providers::http::client(&records.shared.authorities);
        Ok(Self {
            client: client.map_err(io::Error::other)?,
            records,
            judge,
        })
    }

    async fn run(self: Arc<Self>, job: Job) {
        let outcome = match job.kind.as_str() {
            AFTER => self.after_call(&job).await,
            DELIVER => self.deliver(&job).await,
            other => {
                let jobs = self.records.store().jobs();
                jobs.dead(&job.id, &format!("nobody here does {other:?}"))
                    .await
            }
        };
        if let Err(error) = outcome {
            // The lease runs out, and it is tried again.
            tracing::warn!(job = job.id, %error, "how a job went could not be kept");
        }
    }

    /// Looks at a conversation that is over, and tells those who want to know.
    async fn after_call(&self, job: &Job) -> Result<(), StoreError> {
        let store = self.records.store();
        let jobs = store.jobs();
        let Some(id) = job.conversation.as_deref() else {
            return jobs.done(&job.id, &[]).await;
        };
        let Some(whole) = store.conversations().get(id).await? else {
            return jobs.done(&job.id, &[]).await;
        };
        let questions = Questions::of(&whole.agent_document);
        let nobody_spoke = !whole
            .turns
            .iter()
            .any(|turn| turn.role == store::Role::User);
        let findings = if nobody_spoke {
            questions.unanswered(&whole, "The user said nothing.")
        } else {
            match (self.judge)(&whole.summary.agent, &whole.agent_document) {
                Err(why) => questions.unanswered(&whole, &why),
                Ok(llm) => match questions.ask(&llm, &whole).await {
                    Ok(findings) => findings,
                    Err(trouble) if job.attempts < MOST_QUESTIONS => {
                        let wait = backoff(job.attempts, LONGEST_WAIT);
                        return jobs.again(&job.id, wait, &trouble).await;
                    }
                    Err(trouble) => questions.unanswered(&whole, &no_answer(&trouble)),
                },
            }
        };
        let status = match whole.summary.close_code {
            Some(1000 | 1001) => "done",
            _ => "failed",
        };
        let next = self
            .deliveries(id, &whole.agent_document, &job.payload)
            .await?;
        let conversations = store.conversations();
        conversations
            .found(id, &findings, status, Some(&job.id), &next)
            .await?;
        self.records.shared.work.notify_one();
        Ok(())
    }

    /// The jobs that tell others. Their ids follow from the conversation, so that they are the same whoever makes them.
    async fn deliveries(
        &self,
        conversation: &str,
        agent: &Value,
        payload: &Value,
    ) -> Result<Vec<NewJob>, StoreError> {
        let short = conversation.strip_prefix("conv_").unwrap_or(conversation);
        let new = |to: &str, event: &str, payload: Value| NewJob {
            id: format!("delivery_{short}_{event}_{to}"),
            kind: DELIVER.to_owned(),
            conversation: Some(conversation.to_owned()),
            payload,
            due: 0,
        };
        let documents = self.records.store().documents();
        let mut next: Vec<_> = hooks::of_agent(&documents, agent)
            .await?
            .into_iter()
            .map(|(id, event)| {
                let payload = json!({ "webhook": id, "event": event.as_str() });
                new(&id, event.as_str(), payload)
            })
            .collect();
        for hook in payload
            .get("hooks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let event = hook
                .get("event")
                .and_then(Value::as_str)
                .unwrap_or_default();
            next.push(new("setup", event, hook.clone()));
        }
        Ok(next)
    }

    async fn deliver(&self, job: &Job) -> Result<(), StoreError> {
        let jobs = self.records.store().jobs();
        match delivery::deliver(&self.records, &self.client, job).await {
            delivery::Outcome::Done => jobs.done(&job.id, &[]).await,
            delivery::Outcome::Again(trouble) if job.attempts < MOST_DELIVERIES => {
                tracing::info!(job = job.id, trouble, "a webhook is tried again later");
                let wait = backoff(job.attempts, LONGEST_WAIT);
                jobs.again(&job.id, wait, &trouble).await
            }
            delivery::Outcome::Again(trouble) | delivery::Outcome::Never(trouble) => {
                tracing::warn!(job = job.id, trouble, "a webhook is given up");
                jobs.dead(&job.id, &trouble).await
            }
        }
    }

    async fn tidy(&self) {
        let store = self.records.store();
        let done = async {
            self.records.mend().await?;
            store.conversations().sweep().await?;
            store.jobs().sweep(store::now() - KEEP_DONE).await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "the store could not be tidied");
        }
    }
}

/// How long to wait after the `attempts`th try: twice as long each time, half as long or half as long again by chance.
fn backoff(attempts: u32, longest: Duration) -> Duration {
    let base = Duration::from_secs(1)
        .saturating_mul(1 << attempts.saturating_sub(1).min(16))
        .min(longest);
    let chance = (crate::ids::seed() % 1_000) as f64 / 1_000.0;
    base.mul_f64(0.5 + chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        for attempt in 1..40 {
            let wait = backoff(attempt, LONGEST_WAIT);
            assert!(wait >= Duration::from_millis(500));
            assert!(wait <= LONGEST_WAIT.mul_f64(1.5));
        }
        assert!(backoff(8, LONGEST_WAIT) > backoff(1, LONGEST_WAIT));
    }
}
