//! The REST that the SDKs need to start, over the port.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{House, open};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::{Keys, Settings};

struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<&'static str>,
}

impl Client {
    fn new(house: &House, key: Option<&'static str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = format!("http://{}/v1/convai", house.address);
        Self {
            http: reqwest::Client::new(),
            base,
            key,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(key) = self.key {
            request = request.header("xi-api-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

fn agent(name: &str) -> Value {
    json!({"name": name, "tags": ["t"], "conversation_config": {"agent": {"first_message": "Hi", "newer": [1, {"x": null}]}}, "newest": {"y": 1.5}})
}

#[tokio::test]
async fn an_agent_lives_from_creation_to_deletion() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    let id = client
        .post("/agents/create?enable_versioning=false", agent("Desk"))
        .await["agent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(id.starts_with("agent_"));
    let shown = client.get(&format!("/agents/{id}")).await;
    assert_eq!(
        shown["conversation_config"],
        agent("Desk")["conversation_config"]
    );
    assert_eq!(shown["newest"], json!({"y": 1.5}));
    assert!(shown["metadata"]["created_at_unix_secs"].as_u64().unwrap() > 0);
    let changes =
        json!({"conversation_config": {"agent": {"first_message": "Hello"}}, "name": "Front"});
    let (status, changed) = client
        .ask(Method::PATCH, &format!("/agents/{id}"), Some(changes))
        .await;
    assert_eq!(status, 200);
    assert_eq!(changed["name"], "Front");
    assert_eq!(
        changed["conversation_config"]["agent"],
        json!({"first_message": "Hello", "newer": [1, {"x": null}]})
    );
    let copy = client
        .post(&format!("/agents/{id}/duplicate"), json!({"name": "Copy"}))
        .await["agent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        client.get(&format!("/agents/{copy}")).await["newest"],
        json!({"y": 1.5})
    );
    let summaries = client
        .get(&format!("/agents/summaries?agent_ids={id}&agent_ids=gone"))
        .await;
    assert_eq!(summaries[&id]["data"]["name"], "Front");
    assert_eq!(summaries["gone"]["status"], "error");
    assert_eq!(
        client
            .ask(Method::DELETE, &format!("/agents/{id}"), None)
            .await
            .0,
        200
    );
    let (status, body) = client
        .ask(Method::GET, &format!("/agents/{id}"), None)
        .await;
    assert_eq!(status, 404);
    assert_eq!(body["detail"]["code"], "agent_not_found");
    assert_eq!(body["detail"]["status"], "agent_not_found");
    assert!(body["detail"]["request_id"].is_string());
}

#[tokio::test]
async fn lists_come_in_pages_sorted_and_searched() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    for name in ["Cello", "Alto", "Bass"] {
        client.post("/agents/create", agent(name)).await;
    }
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client
            .get(&format!(
                "/agents?page_size=2&sort_by=name&sort_direction=asc&cursor={cursor}"
            ))
            .await;
        names.extend(
            page["agents"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a["name"].as_str().unwrap().to_owned()),
        );
        if page["has_more"] == false {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        }
        cursor = page["next_cursor"].as_str().unwrap().to_owned();
    }
    assert_eq!(names, ["Alto", "Bass", "Cello", "Desk", "Shop", "Vault"]);
    let found = client.get("/agents?search=BAS").await;
    assert_eq!(found["agents"].as_array().unwrap().len(), 1);
    let (status, body) = client.ask(Method::GET, "/agents?page_size=0", None).await;
    assert_eq!(
        (status.as_u16(), body["detail"]["param"].as_str()),
        (400, Some("page_size"))
    );
}

#[tokio::test]
async fn files_are_agents_that_rest_may_read_but_not_write() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    let file = house.home.path().join("agents/kiosk.toml");
    std::fs::write(&file, "name = \"Kiosk\"\n[conversation_config.agent]\nfirst_message = \"Hi\"\n[duologue_script]\nx = 1\n").unwrap();
    let shown = client.get("/agents/kiosk").await;
    assert_eq!(shown["conversation_config"]["agent"]["first_message"], "Hi");
    assert!(shown.get("duologue_script").is_none());
    for (method, path) in [
        (Method::PATCH, "/agents/kiosk"),
        (Method::DELETE, "/agents/kiosk"),
        (Method::PATCH, "/agents/desk"),
    ] {
        let (status, body) = client.ask(method, path, Some(json!({"name": "x"}))).await;
        assert_eq!(
            (status.as_u16(), body["detail"]["type"].as_str()),
            (409, Some("conflict")),
            "{path}"
        );
    }
    assert!(file.exists());
}

#[tokio::test]
async fn what_was_made_outlives_the_server() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    let id = client.post("/agents/create", agent("Kept")).await["agent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let kept =
        std::fs::read_to_string(house.home.path().join(format!("data/agents/{id}.json"))).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["document"], agent("Kept"));
}

#[tokio::test]
async fn tools_are_made_changed_listed_and_deleted() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    let tool = json!({"tool_config": {"type": "client", "name": "open_page", "description": "Opens.", "newer": {}}, "response_mocks": []});
    let made = client.post("/tools", tool.clone()).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(made["tool_config"], tool["tool_config"]);
    let changes = json!({"tool_config": {"description": "Opens a page."}});
    let (_, changed) = client
        .ask(Method::PATCH, &format!("/tools/{id}"), Some(changes))
        .await;
    assert_eq!(changed["tool_config"]["description"], "Opens a page.");
    assert_eq!(
        client.get("/tools?types=client&search=open").await["tools"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let user = json!({"conversation_config": {"agent": {"prompt": {"tool_ids": [id]}}}});
    client.post("/agents/create", user).await;
    assert_eq!(
        client.get(&format!("/tools/{id}/dependent-agents")).await["agents"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        client
            .ask(Method::DELETE, &format!("/tools/{id}"), None)
            .await
            .0,
        409
    );
    assert_eq!(
        client
            .ask(Method::DELETE, &format!("/tools/{id}?force=true"), None)
            .await
            .0,
        200
    );
    assert_eq!(
        client
            .ask(Method::GET, &format!("/tools/{id}"), None)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn wrong_bodies_are_refused_with_the_place() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    let (status, body) = client
        .ask(Method::POST, "/agents/create", Some(json!({"name": "x"})))
        .await;
    assert_eq!(
        (status.as_u16(), body["detail"]["param"].as_str()),
        (422, Some("conversation_config"))
    );
    let (status, body) = client
        .ask(Method::POST, "/agents/create", Some(json!([1])))
        .await;
    assert_eq!(
        (status.as_u16(), body["detail"]["code"].as_str()),
        (400, Some("malformed_json"))
    );
    let wrong = json!({"conversation_config": {"tts": {"speed": "fast"}}});
    let (status, body) = client
        .ask(Method::POST, "/agents/create", Some(wrong))
        .await;
    assert_eq!(
        (status.as_u16(), body["detail"]["param"].as_str()),
        (400, Some("conversation_config.tts"))
    );
    let big = json!({"conversation_config": {}, "name": "x".repeat(5 << 20)});
    assert_eq!(
        client
            .ask(Method::POST, "/agents/create", Some(big))
            .await
            .0,
        413
    );
    let (status, body) = client.ask(Method::GET, "/nothing", None).await;
    assert_eq!(
        (status.as_u16(), body["detail"]["type"].as_str()),
        (404, Some("not_found"))
    );
}

#[tokio::test]
async fn with_keys_every_route_wants_one() {
    let settings = Settings {
        keys: Keys::new(["key"]),
        ..open()
    };
    let house = House::open(settings).await;
    for (method, path) in [
        (Method::GET, "/agents"),
        (Method::GET, "/agents/desk"),
        (Method::POST, "/agents/create"),
        (Method::PATCH, "/agents/desk"),
        (Method::DELETE, "/agents/desk"),
        (Method::POST, "/agents/desk/duplicate"),
        (Method::GET, "/agents/summaries"),
        (Method::GET, "/tools"),
        (Method::POST, "/tools"),
        (Method::GET, "/conversation/get-signed-url?agent_id=desk"),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let (status, answer) = Client::new(&house, None)
            .ask(method.clone(), path, body.clone())
            .await;
        assert_eq!(
            (status.as_u16(), answer["detail"]["code"].as_str()),
            (401, Some("missing_api_key")),
            "{path}"
        );
        let (status, answer) = Client::new(&house, Some("wrong"))
            .ask(method, path, body)
            .await;
        assert_eq!(
            (status.as_u16(), answer["detail"]["code"].as_str()),
            (401, Some("invalid_api_key")),
            "{path}"
        );
    }
    Client::new(&house, Some("key")).get("/agents").await;
    assert_eq!(
        reqwest::get(format!("http://{}/health", house.address))
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn tokens_do_not_exist_yet_and_say_what_does() {
    let house = House::open(open()).await;
    let client = Client::new(&house, None);
    let (status, body) = client
        .ask(Method::GET, "/conversation/token?agent_id=desk", None)
        .await;
    assert_eq!(status, 501);
    assert!(
        body["detail"]["message"]
            .as_str()
            .unwrap()
            .contains("websocket")
    );
    let (status, body) = client
        .ask(Method::GET, "/conversation/get-signed-url", None)
        .await;
    assert_eq!(
        (status.as_u16(), body["detail"]["param"].as_str()),
        (422, Some("agent_id"))
    );
}
