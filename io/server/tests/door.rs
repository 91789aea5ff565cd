//! Who may come in, over the port.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Caller, House, open};
use serde_json::json;
use server::{BindError, Keys, Server, Settings};

fn keyed() -> Settings {
    Settings {
        keys: Keys::new(["first", "second"]),
        ..open()
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[tokio::test]
async fn convai_is_echoed_when_offered_and_nothing_when_not() {
    let house = House::open(open()).await;
    let mut request = house.request("agent_id=desk");
    request.headers_mut().insert(
        "sec-websocket-protocol",
        "convai, bearer.anything".parse().unwrap(),
    );
    assert_eq!(
        Caller::dial(house.address, request)
            .await
            .protocol
            .as_deref(),
        Some("convai")
    );
    assert_eq!(house.call("agent_id=desk").await.protocol, None);
}

#[tokio::test]
async fn an_unknown_agent_is_refused_in_words() {
    let house = House::open(open()).await;
    let (kind, code, reason) = house.call("agent_id=nobody").await.refused().await;
    assert_eq!((kind.as_str(), code), ("value_error", 1008));
    assert_eq!(reason, "There is no agent with the id nobody.");
}

#[tokio::test]
async fn a_strangers_page_and_name_are_refused_by_a_server_without_keys() {
    let house = House::open(open()).await;
    for (header, value) in [
        ("origin", "https://stranger.example"),
        ("host", "stranger.example"),
    ] {
        let mut request = house.request("agent_id=desk");
        request.headers_mut().insert(header, value.parse().unwrap());
        let (_, code, _) = Caller::dial(house.address, request).await.refused().await;
        assert_eq!(code, 1008, "{header}");
        let url = format!("http://{}/v1/convai/agents", house.address);
        let response = http().get(url).header(header, value).send().await.unwrap();
        assert_eq!(response.status(), 403, "{header}");
    }
    let mut request = house.request("agent_id=desk");
    request
        .headers_mut()
        .insert("origin", "http://localhost:5173".parse().unwrap());
    let mut caller = Caller::dial(house.address, request).await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data"}))
        .await;
    assert_eq!(
        caller.next().await["type"],
        "conversation_initiation_metadata"
    );
}

#[tokio::test]
async fn a_private_agent_wants_a_key_or_a_signed_url() {
    let house = House::open(keyed()).await;
    let (_, code, _) = house.call("agent_id=vault").await.refused().await;
    assert_eq!(code, 1008);
    for (header, value) in [
        ("xi-api-key", "first"),
        ("x-api-key", "second"),
        ("authorization", "Bearer first"),
        ("sec-websocket-protocol", "convai, bearer.second"),
    ] {
        let mut request = house.request("agent_id=vault");
        request.headers_mut().insert(header, value.parse().unwrap());
        let mut caller = Caller::dial(house.address, request).await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        assert_eq!(
            caller.next().await["type"],
            "conversation_initiation_metadata",
            "{header}"
        );
    }
    let mut request = house.request("agent_id=desk");
    request
        .headers_mut()
        .insert("xi-api-key", "wrong".parse().unwrap());
    let (_, code, _) = Caller::dial(house.address, request).await.refused().await;
    assert_eq!(code, 1008, "a wrong key is told, even for a public agent");
}

async fn signed(house: &House, query: &str) -> String {
    let url = format!(
        "http://{}/v1/convai/conversation/get-signed-url?{query}",
        house.address
    );
    let response = http()
        .get(url)
        .header("xi-api-key", "first")
        .send()
        .await
        .unwrap();
    let body: serde_json::Value = response.json().await.unwrap();
    let url = body["signed_url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with(&format!("ws://{}/v1/convai/conversation?", house.address)),
        "{url}"
    );
    url.split_once('?').unwrap().1.to_owned()
}

#[tokio::test]
async fn a_signed_url_opens_the_door_also_with_more_parameters_and_by_its_older_name() {
    let house = House::open(keyed()).await;
    let query = signed(&house, "agent_id=vault").await;
    let older = query
        .replace("conversation_signature=", "token=")
        .replace('.', "%2E");
    for query in [format!("{query}&source=python_sdk&version=2.59.0"), older] {
        let mut caller = house.call(&query).await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        assert_eq!(
            caller.next().await["type"],
            "conversation_initiation_metadata"
        );
    }
    for wrong in [
        query.replace("agent_id=vault", "agent_id=desk"),
        format!("{query}0"),
    ] {
        let (kind, code, _) = house.call(&wrong).await.refused().await;
        assert_eq!((kind.as_str(), code), ("value_error", 1008));
    }
}

#[tokio::test]
async fn a_signed_conversation_id_is_used_and_works_once() {
    let house = House::open(keyed()).await;
    let query = signed(&house, "agent_id=vault&include_conversation_id=true").await;
    let id = query.split_once("conversation_id=").unwrap().1.to_owned();
    let mut caller = house.call(&query).await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data"}))
        .await;
    let metadata = caller.next().await;
    assert_eq!(
        metadata["conversation_initiation_metadata_event"]["conversation_id"],
        id.as_str()
    );
    let (_, _, reason) = house.call(&query).await.refused().await;
    assert!(reason.contains("has been used"), "{reason}");
}

#[tokio::test]
async fn an_expired_signed_url_is_told_so() {
    let mut settings = keyed();
    settings.limits.signed_url = std::time::Duration::ZERO;
    let house = House::open(settings).await;
    let query = signed(&house, "agent_id=vault").await;
    let (_, _, reason) = house.call(&query).await.refused().await;
    assert!(reason.contains("has expired"), "{reason}");
}

#[tokio::test]
async fn an_allowlist_admits_its_pages_only() {
    let house = House::open(keyed()).await;
    let call = async |origin: &str| {
        let mut request = house.request("agent_id=shop");
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let mut caller = Caller::dial(house.address, request).await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        caller.next().await["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        call("https://shop.example").await,
        "conversation_initiation_metadata"
    );
    assert_eq!(call("https://other.example").await, "error");
}

#[tokio::test]
async fn the_self_hosted_door_takes_the_agent_along() {
    let house = House::open(open()).await;
    let mut caller = house.call("").await;
    caller.say(&json!({"type": "enclave_setup_config", "agent_config_dict": {"agent": {}}, "tools_config_list": null})).await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data", "user_id": "me"}))
        .await;
    assert_eq!(
        caller.next().await["type"],
        "conversation_initiation_metadata"
    );
    assert_eq!(caller.said().await, "user Some(\"me\")");
    let mut caller = house.call("").await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data"}))
        .await;
    assert_eq!(caller.refused().await.0, "missing_fields");
    let keyed = House::open(keyed()).await;
    assert_eq!(keyed.call("").await.refused().await.1, 1008);
}

#[tokio::test]
async fn a_server_that_others_can_reach_needs_a_key() {
    let settings = Settings {
        bind: "0.0.0.0:0".parse().unwrap(),
        ..open()
    };
    let bound = Server::bind(
        settings,
        common::nowhere().await,
        std::sync::Arc::new(common::Parrot),
    )
    .await;
    assert!(matches!(bound, Err(BindError::Open { .. })));
}

#[tokio::test]
async fn pages_see_what_they_may_see() {
    let house = House::open(keyed()).await;
    let get = async |path: &str, origin: &str| {
        let url = format!("http://{}{path}", house.address);
        let response = http()
            .get(url)
            .header("origin", origin)
            .send()
            .await
            .unwrap();
        let allowed = response.headers().get("access-control-allow-origin");
        (
            response.status().as_u16(),
            allowed.map(|v| v.to_str().unwrap().to_owned()),
        )
    };
    let stranger = "https://stranger.example";
    let token = "/v1/convai/conversation/token?agent_id=desk";
    assert_eq!(get(token, stranger).await, (501, Some(stranger.to_owned())));
    assert_eq!(get("/v1/convai/agents", stranger).await, (401, None));
    assert_eq!(
        get("/v1/convai/agents", "http://localhost:3000")
            .await
            .1
            .as_deref(),
        Some("http://localhost:3000")
    );
    assert_eq!(get("/health", stranger).await, (200, None));
}

#[tokio::test]
async fn a_signed_url_holds_after_a_restart_with_the_same_keys() {
    let before = House::open(keyed()).await;
    let query = signed(&before, "agent_id=vault").await;
    drop(before);
    let after = House::open(keyed()).await;
    let mut caller = after.call(&query).await;
    caller
        .say(&json!({"type": "conversation_initiation_client_data"}))
        .await;
    assert_eq!(
        caller.next().await["type"],
        "conversation_initiation_metadata"
    );
    let other = House::open(Settings {
        keys: Keys::new(["third"]),
        ..open()
    });
    let (kind, code, _) = other.await.call(&query).await.refused().await;
    assert_eq!((kind.as_str(), code), ("value_error", 1008));
}

#[tokio::test]
async fn one_key_cannot_take_all_places() {
    let mut settings = keyed();
    settings.limits.conversations_per_key = Some(1);
    let house = House::open(settings).await;
    let dial = async |key: &str| {
        let mut request = house.request("agent_id=vault");
        let headers = request.headers_mut();
        headers.insert("xi-api-key", key.parse().unwrap());
        let mut caller = Caller::dial(house.address, request).await;
        caller
            .say(&json!({"type": "conversation_initiation_client_data"}))
            .await;
        caller
    };
    let mut first = dial("first").await;
    assert_eq!(
        first.next().await["type"],
        "conversation_initiation_metadata"
    );
    let (kind, code, reason) = dial("first").await.refused().await;
    assert_eq!((kind.as_str(), code), ("unknown", 3008));
    assert!(reason.contains("with this API key"), "{reason}");
    let mut second = dial("second").await;
    assert_eq!(
        second.next().await["type"],
        "conversation_initiation_metadata"
    );
    drop(first);
    loop {
        let mut again = dial("first").await;
        if again.next().await["type"] == "conversation_initiation_metadata" {
            break;
        }
    }
}
