//! Documents survive the process that kept them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use serde_json::json;
use store::Store;

#[tokio::test]
async fn documents_come_back_as_they_were_after_reopening() {
    let home = tempfile::tempdir().unwrap();
    let document = json!({"b": 1.50, "a": null, "unheard_of": [{}], "text": "Grüße, 'quoted'"});
    let store = Store::open(home.path()).await.unwrap();
    let documents = store.documents();
    documents.put("agent", "a", &json!({})).await.unwrap();
    documents.put("agent", "a", &document).await.unwrap();
    documents.put("tool", "a", &json!(1)).await.unwrap();
    store.close().await;
    drop(store);

    let documents = Store::open(home.path()).await.unwrap().documents();
    let found = documents.get("agent", "a").await.unwrap().unwrap();
    assert_eq!(found.json, document);
    assert!(found.created <= found.updated);
    assert_eq!(documents.all("agent").await.unwrap(), [found]);
    assert!(documents.remove("agent", "a").await.unwrap());
    assert!(!documents.remove("agent", "a").await.unwrap());
    assert!(documents.get("agent", "a").await.unwrap().is_none());
    assert_eq!(documents.all("tool").await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_processes_may_have_the_same_store() {
    let home = tempfile::tempdir().unwrap();
    let one = Store::open(home.path()).await.unwrap();
    let other = Store::open(home.path()).await.unwrap();
    for step in 0..20 {
        let (a, b) = (format!("a{step}"), format!("b{step}"));
        let (first, second) = (one.documents(), other.documents());
        let value = json!(step);
        let (x, y) = tokio::join!(first.put("k", &a, &value), second.put("k", &b, &value));
        x.unwrap();
        y.unwrap();
    }
    assert_eq!(one.documents().all("k").await.unwrap().len(), 40);
}
