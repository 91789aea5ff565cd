//! Jobs are done, in spite of everything.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::Duration;

use serde_json::json;
use store::{NewJob, Store};

const MINUTE: Duration = Duration::from_mins(1);

fn job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "webhook".to_owned(),
        conversation: None,
        payload: json!({"to": "x"}),
        due: 0,
    }
}

#[tokio::test]
async fn a_job_is_leased_by_one_and_done_once() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let other = Store::open(home.path()).await.unwrap();
    store.jobs().add(&job("a")).await.unwrap();
    store.jobs().add(&job("a")).await.unwrap();
    let leased = store.jobs().lease(MINUTE, 10).await.unwrap();
    assert_eq!(leased.len(), 1);
    assert_eq!(leased[0].payload, json!({"to": "x"}));
    assert!(other.jobs().lease(MINUTE, 10).await.unwrap().is_empty());
    other.jobs().take_over().await.unwrap();
    assert!(
        other.jobs().lease(MINUTE, 10).await.unwrap().is_empty(),
        "its holder lives"
    );
    store.jobs().done("a", &[job("b")]).await.unwrap();
    assert_eq!(other.jobs().lease(MINUTE, 10).await.unwrap()[0].id, "b");
}

#[tokio::test]
async fn a_job_of_a_process_that_is_gone_is_taken_over_at_once() {
    let home = tempfile::tempdir().unwrap();
    let gone = Store::open(home.path()).await.unwrap();
    gone.jobs().add(&job("a")).await.unwrap();
    gone.jobs().lease(MINUTE, 10).await.unwrap();
    drop(gone);
    let store = Store::open(home.path()).await.unwrap();
    store.jobs().take_over().await.unwrap();
    let leased = store.jobs().lease(MINUTE, 10).await.unwrap();
    assert_eq!((leased[0].id.as_str(), leased[0].attempts), ("a", 2));
}

#[tokio::test]
async fn a_lease_that_ran_out_is_anybodys() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    store.jobs().add(&job("a")).await.unwrap();
    store.jobs().lease(Duration::ZERO, 10).await.unwrap();
    assert_eq!(store.jobs().lease(MINUTE, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_failed_job_waits_and_a_dead_one_stays_to_be_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let jobs = store.jobs();
    jobs.add(&job("a")).await.unwrap();
    jobs.lease(MINUTE, 10).await.unwrap();
    jobs.again("a", MINUTE, "503").await.unwrap();
    assert!(jobs.lease(MINUTE, 10).await.unwrap().is_empty());
    assert!(jobs.next_due().await.unwrap().unwrap() > store::now());
    jobs.dead("a", "410").await.unwrap();
    jobs.sweep(i64::MAX).await.unwrap();
    let states = jobs.list(None, 10).await.unwrap();
    assert_eq!(states[0].state, "dead");
    assert_eq!(states[0].trouble.as_deref(), Some("410"));
    assert_eq!(jobs.open().await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_given_back_can_be_leased_again() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    store.jobs().add(&job("a")).await.unwrap();
    store.jobs().lease(MINUTE, 10).await.unwrap();
    store.jobs().give_back().await.unwrap();
    assert_eq!(store.jobs().lease(MINUTE, 10).await.unwrap().len(), 1);
}
