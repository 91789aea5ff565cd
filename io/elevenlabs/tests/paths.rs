//! Branches of agents, and calls that have no name here.

#![allow(clippy::unwrap_used, reason = "a stand-in that breaks fails the test")]

#[macro_use]
mod common;

use common::{answering, json_of};
use elevenlabs::{ApiError, Method};
use serde_json::{Value, json};

#[tokio::test]
async fn branches_are_listed_made_changed_and_merged() {
    let listed = call!(
        json!({"results": [{"id": "b1"}]}),
        |account| account.agents().branches("a/1").list(),
        "GET /v1/convai/agents/a%2F1/branches"
    );
    assert_eq!(listed["results"][0]["id"], "b1");
    call!(
        json!({"id": "b1"}),
        |account| account.agents().branches("a").get("b1"),
        "GET /v1/convai/agents/a/branches/b1"
    );
    let body = json!({"parent_version_id": "v1", "name": "bold", "description": "Says more."});
    call!(
        json!({"created_branch_id": "b2"}),
        |account| account.agents().branches("a").create(&body),
        "POST /v1/convai/agents/a/branches",
        body
    );
    let change = json!({"name": "shy"});
    call!(
        json!({"id": "b2"}),
        |account| account.agents().branches("a").update("b2", &change),
        "PATCH /v1/convai/agents/a/branches/b2",
        change
    );
    call!(
        json!(null),
        |account| account.agents().branches("a").merge("b2", "b1"),
        "POST /v1/convai/agents/a/branches/b2/merge?target_branch_id=b1"
    );
}

#[tokio::test]
async fn whatever_has_no_name_here_is_asked_for_by_its_path() {
    let found = call!(
        json!({"results": []}),
        |account| account
            .ask(Method::GET, "/v1/convai/conversations/messages/text-search")
            .query("text_query", "a refund")
            .answer(),
        "GET /v1/convai/conversations/messages/text-search?text_query=a+refund"
    );
    assert_eq!(found, json!({"results": []}));
    let body = json!({"tag_ids": ["t"]});
    let (account, asked) = answering("204 No Content", "").await;
    let call = account.ask(Method::POST, "/v1/convai/conversations/c/tags");
    let nothing = call.json(&body).unwrap().answer().await.unwrap();
    assert_eq!(nothing, Value::Null);
    assert_eq!(asked.await.unwrap().json(), body);
}

#[tokio::test]
async fn a_call_without_a_name_fails_as_all_others_do() {
    let refusal = json!({"detail": {"status": "not_found", "message": "no such tag"}});
    let (account, _) = answering("404 Not Found", refusal.to_string()).await;
    let refused = account.ask(Method::DELETE, "/v1/convai/tags/t").answer();
    let error = refused.await.unwrap_err();
    assert!(matches!(error, ApiError::NotFound(_)), "{error:?}");
    assert!(error.to_string().contains("no such tag"), "{error}");
}
