//! An llm of few lines behind OpenAI's wire. It reads what it is given: it chooses among the tools it is offered by what the
//! user has said, takes their arguments from there, tells what came back, and judges conversations by their transcript.

use serde_json::{Value, json};

use super::web::{Answer, Asked, Web};

/// A server with the llm.
pub(crate) fn start() -> Web {
    Web::start(|asked| {
        if asked.method != "POST" || asked.path != "/v1/chat/completions" {
            return ("404 Not Found", "text/plain", Vec::new());
        }
        let body = asked.json();
        assert_eq!(body["stream"], true, "{body}");
        streamed(&think(&body))
    })
}

/// What it was asked in conversations: not to judge one.
pub(crate) fn thoughts(web: &Web) -> Vec<Value> {
    let all = web.asked().iter().map(Asked::json).collect::<Vec<_>>();
    all.into_iter().filter(|body| !judges(body)).collect()
}

fn judges(body: &Value) -> bool {
    let first = body["messages"][0]["content"].as_str();
    first.is_some_and(|text| text.starts_with("You judge a conversation"))
}

fn streamed(delta: &Value) -> Answer {
    let event = |choice: Value| format!("data: {}\n\n", json!({ "choices": [choice] }));
    let usage =
        json!({ "choices": [], "usage": { "prompt_tokens": 100, "completion_tokens": 10 } });
    let text = [
        event(json!({ "index": 0, "delta": delta, "finish_reason": null })),
        event(json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
        format!("data: {usage}\n\ndata: [DONE]\n\n"),
    ];
    ("200 OK", "text/event-stream", text.concat().into_bytes())
}

fn think(body: &Value) -> Value {
    let messages = body["messages"].as_array().unwrap();
    let last = messages.last().unwrap();
    let text = last["content"].as_str().unwrap_or_default();
    if judges(body) {
        return json!({ "content": judgement(text).to_string() });
    }
    if last["role"] == "tool" {
        return json!({ "content": format!("I am told: {}", plain(text)) });
    }
    if last["role"] != "user" {
        return json!({ "content": "Are you still there?" });
    }
    let said = words(text);
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    let best = tools
        .iter()
        .map(|tool| &tool["function"])
        .max_by_key(|tool| shared(&tool["description"], &said))
        .filter(|tool| shared(&tool["description"], &said) > 0);
    let Some(tool) = best else {
        return json!({ "content": "I can look things up and call the warehouse." });
    };
    let asked_for = tool["parameters"]["properties"].as_object();
    let arguments: Value = asked_for
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), argument(name, schema, text)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({ "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "function": {
        "name": tool["name"], "arguments": arguments.to_string() } }] })
}

/// One of those that are allowed, if it was said; the keys or the number that were said; or all that was said.
fn argument(name: &str, schema: &Value, text: &str) -> Value {
    let said = words(text);
    if let Some(allowed) = schema["enum"].as_array() {
        let found = allowed.iter().find(|value| {
            said.iter()
                .any(|word| Some(word.as_str()) == value.as_str())
        });
        return found.cloned().unwrap_or_else(|| allowed[0].clone());
    }
    match name {
        "dtmf_tones" | "transfer_number" => said
            .iter()
            .filter_map(|word| key(word))
            .collect::<String>()
            .into(),
        _ => text.into(),
    }
}

fn key(word: &str) -> Option<char> {
    let digits = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let at = digits.iter().position(|digit| *digit == word);
    at.and_then(|at| char::from_digit(at as u32, 10))
        .or_else(|| (word == "star").then_some('*'))
}

/// Long words that a description shares with what was said.
fn shared(description: &Value, said: &[String]) -> usize {
    let mut description = words(description.as_str().unwrap_or_default());
    description.sort();
    description.dedup();
    description
        .iter()
        .filter(|word| word.len() > 3 && said.contains(word))
        .count()
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// JSON is not for speaking.
fn plain(text: &str) -> String {
    words(text).join(" ")
}

/// Judges by what stands in the transcript: whether the agent told a number, and which thing was asked for.
fn judgement(transcript: &str) -> Value {
    let said = words(transcript);
    let result = if said.iter().any(|word| word == "left") {
        "success"
    } else {
        "failure"
    };
    let item = said
        .iter()
        .find(|word| *word == "lamps" || *word == "doors");
    json!({
        "title": "Stock", "summary": "The caller asked for the stock.", "call_successful": result,
        "criteria": { "answered": { "result": result, "rationale": "The agent told what is left, or did not." } },
        "data": { "item": { "value": item, "rationale": "The caller named it." } },
    })
}
