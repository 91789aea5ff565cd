use serde_json::json;

use super::*;
use crate::shelf::{Folder, Nowhere};

fn bundled() -> StoredAgent {
    StoredAgent::from_file(
        "assistant",
        "name = \"Assistant\"\n[duologue_script]\nstart = \"x\"",
        Origin::Bundled,
    )
    .unwrap()
}

async fn registry() -> Registry {
    Registry::open(vec![bundled()], None, Arc::new(Nowhere))
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_created_is_there_after_a_restart_with_its_unknown_fields() {
    let home = tempfile::tempdir().unwrap();
    let shelf = || Arc::new(Folder::new(home.path()));
    let registry = Registry::open(Vec::new(), None, shelf()).await.unwrap();
    let document = json!({"name": "demo", "conversation_config": {"agent": {"brand_new": {"deep": [1, null]}}}, "more": 7});
    let id = registry
        .create(document.clone(), 5)
        .await
        .unwrap()
        .id
        .clone();
    let again = Registry::open(Vec::new(), None, shelf()).await.unwrap();
    let agent = again.get(&id).unwrap();
    assert_eq!(agent.document, document);
    assert_eq!(agent.created, 5);
    let shown = agent.to_rest();
    assert_eq!(shown["more"], 7);
    assert_eq!(
        shown["conversation_config"],
        document["conversation_config"]
    );
    assert_eq!(shown["agent_id"], id.as_str());
}

#[tokio::test]
async fn bundled_agents_can_be_duplicated_but_not_changed() {
    let registry = registry().await;
    assert!(
        registry
            .update("assistant", json!({"name": "x"}), 1)
            .await
            .is_err()
    );
    assert!(registry.delete("assistant").await.is_err());
    let copy = registry.duplicate("assistant", None, 1).await.unwrap();
    assert_eq!(copy.name(), "Assistant (copy)");
    assert_eq!(
        copy.script,
        Some(json!({"start": "x"})),
        "a copy answers like the original"
    );
    let changed = registry
        .update(
            &copy.id,
            json!({"name": "Mine", "conversation_config": {}}),
            2,
        )
        .await
        .unwrap();
    assert_eq!(changed.name(), "Mine");
    registry.delete(&copy.id).await.unwrap();
    assert!(registry.get(&copy.id).is_none());
}

#[tokio::test]
async fn an_agent_that_cannot_work_is_refused_with_the_place() {
    let registry = registry().await;
    assert!(registry.create(json!({"name": "x"}), 0).await.is_err());
    let wrong = json!({"conversation_config": {"turn": {"turn_timeout": "soon"}}});
    let problem = registry.create(wrong, 0).await.unwrap_err();
    assert!(problem.message().contains("soon"));
}

#[tokio::test]
async fn the_allowlist_compares_hosts_with_ports() {
    let mut agent = bundled();
    assert!(agent.admits_origin(Some("https://anywhere.example")));
    agent.document =
        json!({"platform_settings": {"auth": {"allowlist": [{"hostname": "shop.example:8443"}]}}});
    assert!(agent.admits_origin(Some("https://shop.example:8443")));
    assert!(!agent.admits_origin(Some("https://shop.example")));
    assert!(agent.admits_origin(None), "a program sends no origin");
    agent.document["platform_settings"]["auth"]["require_origin_header"] = json!(true);
    assert!(!agent.admits_origin(None));
}

#[tokio::test]
async fn tools_know_their_agents() {
    let registry = registry().await;
    assert!(
        registry
            .put_tool(
                None,
                json!({"tool_config": {"type": "client", "name": "has space"}})
            )
            .await
            .is_err()
    );
    let tool = registry
        .put_tool(
            None,
            json!({"tool_config": {"type": "client", "name": "go"}}),
        )
        .await
        .unwrap();
    let document = json!({"conversation_config": {"agent": {"prompt": {"tool_ids": [tool.id]}}}});
    let agent = registry.create(document, 0).await.unwrap();
    assert_eq!(registry.dependents(&tool.id)[0].id, agent.id);
    registry.delete_tool(&tool.id).await.unwrap();
    assert!(registry.tool(&tool.id).is_none());
}
