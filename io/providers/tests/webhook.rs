//! Webhook tools against servers on real sockets that look at every request.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use providers::{
    ApiKey,
    outbound::{AllowedHosts, Outbound},
    tool::{Invocation, Tool},
    webhook::Webhook,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A request as it came.
#[derive(Clone, Debug)]
struct Seen {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Clone)]
struct House {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl House {
    /// Answers the requests with these in turn, the last one again and again.
    async fn open(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let house = Self {
            address: listener.local_addr().unwrap().to_string(),
            seen: Arc::default(),
        };
        let seen = Arc::clone(&house.seen);
        tokio::spawn(async move {
            let mut answers = answers.into_iter().peekable();
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut text = String::new();
                let (head, body) = loop {
                    let mut piece = [0; 4096];
                    let read = socket.read(&mut piece).await.unwrap();
                    text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        assert!(read > 0, "closed before it asked");
                        continue;
                    };
                    let length = head.lines().find_map(|line| {
                        line.to_lowercase()
                            .strip_prefix("content-length: ")
                            .and_then(|length| length.parse::<usize>().ok())
                    });
                    if body.len() >= length.unwrap_or(0) {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                let mut lines = head.lines();
                seen.lock().unwrap().push(Seen {
                    line: lines.next().unwrap().to_owned(),
                    headers: lines
                        .filter_map(|line| line.split_once(": "))
                        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                        .collect(),
                    body,
                });
                let answer = match answers.len() {
                    1 => answers.peek().cloned(),
                    _ => answers.next(),
                };
                let _ = socket.write_all(answer.unwrap().as_bytes()).await;
            }
        });
        house
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn tool(config: &Value, allowed: &str) -> Webhook {
    let outbound = Outbound::new(AllowedHosts::parse(allowed).unwrap()).unwrap();
    let secrets = |id: &str| (id == "sec_crm").then(|| ApiKey::new("k-123"));
    Webhook::new(config, outbound, Arc::new(secrets)).unwrap()
}

async fn call(tool: &Webhook, arguments: Value) -> Result<Value, String> {
    let variables = [
        ("user".to_owned(), json!("u 7/8")),
        ("tier".to_owned(), json!(3)),
        ("secret__session".to_owned(), json!("s-9")),
        ("rooms".to_owned(), json!(["blue", "red"])),
    ];
    tool.call(Invocation {
        arguments,
        variables: variables.into(),
        ..Invocation::default()
    })
    .await
}

fn config(api: Value) -> Value {
    json!({"type": "webhook", "name": "book", "description": "Books a room.", "api_schema": api})
}

#[tokio::test]
async fn every_part_of_the_request_is_where_the_schema_puts_it() {
    let house = House::open(vec![answer("200 OK", r#"{"ok": true}"#)]).await;
    let tool = tool(
        &config(json!({
            "url": house.url("/users/{{user}}/rooms/{room}"), "method": "POST",
            "path_params_schema": {"room": {"type": "string", "description": "Which room."}},
            "query_params_schema": {"properties": {
                "tier": {"type": "integer", "dynamic_variable": "tier"},
                "lang": {"type": "string", "constant_value": "en"},
                "room": {"type": "string", "description": "Another room."},
                "left": {"type": "string", "is_omitted": true}}, "required": ["tier"]},
            "request_body_schema": {"type": "object", "required": ["guests", "guest"], "properties": {
                "guests": {"type": "integer", "description": "How many."},
                "guest": {"type": "object", "required": ["name"], "description": "Who.", "properties": {
                    "name": {"type": "string", "description": "Name."},
                    "source": {"type": "string", "constant_value": "voice for {{user}}"}}},
                "extras": {"type": "array", "description": "What else.", "items": {"type": "string", "description": "One."}}}},
            "request_headers": {"X-Plain": "for {{user}}", "Authorization": {"secret_id": "sec_crm"},
                "X-Session": "id {{secret__session}}", "X-Tier": {"variable_name": "tier"}}})),
        &house.address,
    );
    let spec = tool.spec();
    assert_eq!(
        spec.parameters,
        json!({"type": "object", "required": ["room", "guest", "guests"], "properties": {
            "room": {"type": "string", "description": "Which room."},
            "query_room": {"type": "string", "description": "Another room."},
            "guests": {"type": "integer", "description": "How many."},
            "guest": {"type": "object", "description": "Who.", "required": ["name"],
                "properties": {"name": {"type": "string", "description": "Name."}}},
            "extras": {"type": "array", "description": "What else.", "items": {"type": "string", "description": "One."}}}})
    );
    let arguments = json!({"room": "a/b?", "query_room": "c&d", "guests": "4",
        "guest": {"name": "Ada", "admin": true}, "extras": ["cake"], "unasked": 1});
    assert_eq!(call(&tool, arguments).await, Ok(json!({"ok": true})));
    let seen = &house.seen()[0];
    assert_eq!(
        seen.line,
        "POST /users/u%207%2F8/rooms/a%2Fb%3F?lang=en&room=c%26d&tier=3 HTTP/1.1"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({"guests": 4, "guest": {"name": "Ada", "source": "voice for u 7/8"}, "extras": ["cake"]})
    );
    for (name, value) in [
        ("x-plain", "for u 7/8"),
        ("authorization", "k-123"),
        ("x-session", "id s-9"),
        ("x-tier", "3"),
        ("content-type", "application/json"),
        ("host", &house.address),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn what_the_llm_gets_wrong_is_told_to_it_and_nothing_is_sent() {
    let house = House::open(vec![answer("200 OK", "{}")]).await;
    let tool = tool(
        &config(json!({"url": house.url("/x"), "method": "POST",
            "request_body_schema": {"type": "object", "required": ["n"], "properties": {
                "n": {"type": "integer", "description": "A number."},
                "size": {"type": "string", "description": "A size.", "enum": ["s", "m"]},
                "room": {"type": "string", "description": "A room.", "allowed_values_dynamic_variable": "rooms"}}}})),
        &house.address,
    );
    let wrong = [
        (json!({}), "n is missing"),
        (json!({"n": "many"}), "n must be of type integer"),
        (json!({"n": 1, "size": "xl"}), "size must be one of s, m"),
        (
            json!({"n": 1, "room": "green"}),
            "room must be one of blue, red",
        ),
    ];
    for (arguments, words) in wrong {
        let error = call(&tool, arguments).await.unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    assert!(house.seen().is_empty());
    assert!(
        call(&tool, json!({"n": 1, "size": "s", "room": "red"}))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn forms_are_sent_as_forms() {
    let house = House::open(vec![answer("200 OK", "done")]).await;
    let tool = tool(
        &config(
            json!({"url": house.url("/x"), "method": "PUT", "content_type": "application/x-www-form-urlencoded",
            "request_body_schema": {"type": "object", "properties": {"a": {"type": "string", "description": "A."},
                "b": {"type": "boolean", "constant_value": true}}}}),
        ),
        &house.address,
    );
    assert_eq!(call(&tool, json!({"a": "x y&z"})).await, Ok(json!("done")));
    let seen = &house.seen()[0];
    assert_eq!(seen.body, "a=x+y%26z&b=true");
    assert_eq!(
        seen.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
}

#[tokio::test]
async fn requests_that_may_be_repeated_are_and_others_are_not() {
    let busy = || answer("503 Service Unavailable", "no");
    let house = House::open(vec![busy(), busy(), answer("200 OK", "[1]")]).await;
    let get = tool(&config(json!({"url": house.url("/x")})), &house.address);
    assert_eq!(call(&get, json!({})).await, Ok(json!([1])));
    assert_eq!(house.seen().len(), 3);

    let house = House::open(vec![busy(), answer("200 OK", "[1]")]).await;
    let post = tool(
        &config(json!({"url": house.url("/x"), "method": "POST"})),
        &house.address,
    );
    let error = call(&post, json!({})).await.unwrap_err();
    assert!(error.contains("503"), "{error}");
    assert_eq!(house.seen().len(), 1);
}

#[tokio::test]
async fn the_agent_decides_how_much_the_llm_hears_of_an_error_and_of_an_answer() {
    let house = House::open(vec![answer("400 Bad Request", "the room is on fire")]).await;
    let told = async |mode: &str| {
        let mut config = config(json!({"url": house.url("/x")}));
        config["tool_error_handling_mode"] = mode.into();
        call(&tool(&config, &house.address), json!({}))
            .await
            .unwrap_err()
    };
    assert!(told("passthrough").await.contains("on fire"));
    assert!(told("auto").await.contains("400") && !told("auto").await.contains("fire"));
    assert_eq!(told("hide").await, "The tool failed.");
    let filtered = tool(
        &config(
            json!({"url": house.url("/x"), "response_filter": {"mode": "allow", "filters": ["a.b", "c"]}}),
        ),
        &house.address,
    );
    let result = json!({"a": {"b": 1, "x": 2}, "d": 3});
    assert_eq!(filtered.shown(&result), json!({"a": {"b": 1}}));
}

#[tokio::test]
async fn the_private_network_is_out_of_bounds_also_behind_a_redirect() {
    let inner = House::open(vec![answer("200 OK", "\"treasure\"")]).await;
    let port = inner.address.rsplit_once(':').unwrap().1.to_owned();
    for url in [
        inner.url("/x"),
        format!("http://localhost:{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        format!("http://0:{port}/x"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let error = call(&tool(&config(json!({"url": url})), ""), json!({}))
            .await
            .unwrap_err();
        assert!(error.contains("private network"), "{url}: {error}");
    }
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        inner.url("/x")
    );
    let outer = House::open(vec![redirect]).await;
    let mut follows = config(
        json!({"url": outer.url("/y"), "request_headers": {"X-Key": {"secret_id": "sec_crm"}}}),
    );
    let not_followed = call(&tool(&follows, &outer.address), json!({}))
        .await
        .unwrap_err();
    assert!(not_followed.contains("302"), "{not_followed}");
    follows["follow_redirects"] = true.into();
    let error = call(&tool(&follows, &outer.address), json!({}))
        .await
        .unwrap_err();
    assert!(error.contains("domain"), "{error}");
    follows["follow_redirects_allowed_domains"] = json!(["127.0.0.1"]);
    let error = call(&tool(&follows, &outer.address), json!({}))
        .await
        .unwrap_err();
    assert!(error.contains("private network"), "{error}");
    assert!(inner.seen().is_empty());
    let both = format!("{}, {}", outer.address, inner.address);
    assert_eq!(
        call(&tool(&follows, &both), json!({})).await,
        Ok(json!("treasure"))
    );
    assert!(
        !inner.seen()[0].headers.contains_key("x-key"),
        "secrets stay with the first server"
    );
}

#[tokio::test]
async fn answers_without_end_and_missing_secrets_are_errors() {
    let long = format!("\"{}\"", "x".repeat(300 * 1024));
    let house = House::open(vec![answer("200 OK", &long)]).await;
    let get = tool(&config(json!({"url": house.url("/x")})), &house.address);
    let error = call(&get, json!({})).await.unwrap_err();
    assert!(error.contains("longer than"), "{error}");
    let keyless = tool(
        &config(
            json!({"url": house.url("/x"), "request_headers": {"X-Key": {"secret_id": "gone"}}}),
        ),
        &house.address,
    );
    let error = call(&keyless, json!({})).await.unwrap_err();
    assert!(error.contains("no secret gone"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_named() {
    let outbound = Outbound::new(AllowedHosts::default()).unwrap();
    let reason = |api: Value| {
        Webhook::new(&config(api), outbound.clone(), Arc::new(|_| None))
            .unwrap_err()
            .path
    };
    assert_eq!(reason(json!({"url": "ftp://x"})), "api_schema.url");
    assert_eq!(
        reason(json!({"url": "http://{{host}}/x"})),
        "api_schema.url"
    );
    assert_eq!(
        reason(json!({"url": "http://x/{a}"})),
        "api_schema.path_params_schema"
    );
    assert_eq!(
        reason(json!({"url": "http://x", "method": "BREW"})),
        "api_schema.method"
    );
    assert_eq!(
        reason(json!({"url": "http://x", "auth_connection": {"id": "a"}})),
        "api_schema.auth_connection"
    );
}
