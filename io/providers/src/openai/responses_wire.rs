//! The shapes of the Responses API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    chat::Settings,
    endpoint::Fault,
    reply::{self, Assemble},
};
use crate::llm::{Event, Image, Message, Request};

/// OpenAI refuses smaller limits.
const LEAST_TOKENS: u32 = 16;
/// The most output items of one reply.
const MOST_ITEMS: usize = 64;

/// The request's body.
pub(super) fn body(settings: &Settings, request: &Request) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), json!(settings.model));
    if !request.prompt.is_empty() {
        body.insert("instructions".into(), json!(request.prompt));
    }
    let input: Vec<Value> = request.messages.iter().flat_map(items).collect();
    // With nothing said yet there is still a question: what to begin with.
    let input = if input.is_empty() {
        vec![json!({"role": "user", "content": ""})]
    } else {
        input
    };
    body.insert("input".into(), Value::Array(input));
    body.insert("stream".into(), json!(true));
    body.insert("store".into(), json!(false));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(most) = request.max_tokens {
        body.insert("max_output_tokens".into(), json!(most.max(LEAST_TOKENS)));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            // Strict is the default here and refuses schemas that leave anything open.
            json!({"type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters, "strict": false})
        });
        body.insert("tools".into(), tools.collect());
    }
    for (field, value) in &request.extra_body {
        body.insert(field.clone(), value.clone());
    }
    Value::Object(body)
}

/// A message as input items.
fn items(message: &Message) -> Vec<Value> {
    match message {
        Message::User(text) => vec![json!({"role": "user", "content": text})],
        Message::Seen { text, images } => {
            let mut parts: Vec<Value> = images.iter().map(image).collect();
            if !text.is_empty() {
                parts.push(json!({"type": "input_text", "text": text}));
            }
            vec![json!({"role": "user", "content": parts})]
        }
        Message::Context(text) => vec![json!({"role": "system", "content": text})],
        Message::Agent { text, calls } => {
            let mut items = Vec::with_capacity(calls.len() + 1);
            if !text.is_empty() || calls.is_empty() {
                items.push(json!({"role": "assistant", "content": text}));
            }
            items.extend(calls.iter().map(|call| {
                json!({"type": "function_call", "call_id": call.id, "name": call.name,
                    "arguments": call.arguments.to_string()})
            }));
            items
        }
        Message::Tool {
            call_id,
            result,
            is_error,
            ..
        } => {
            let output = if *is_error {
                format!("Error: {result}")
            } else {
                result.clone()
            };
            vec![json!({"type": "function_call_output", "call_id": call_id, "output": output})]
        }
    }
}

fn image(image: &Image) -> Value {
    // A plain string here, where chat completions have an object.
    let mut part = json!({"type": "input_image", "image_url": image.url});
    if let Some(detail) = &image.detail {
        part["detail"] = json!(detail);
    }
    part
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    content_index: u64,
    #[serde(default)]
    delta: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
    #[serde(default)]
    item: Option<Item>,
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    call_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
    #[serde(default)]
    content: Option<Vec<Content>>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    output: Option<Vec<Item>>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

/// Puts a streamed reply together.
#[derive(Default)]
pub(super) struct Assembly {
    /// By `output_index`: the deltas of arguments name nothing else that is sure to be there.
    calls: BTreeMap<u64, PartialCall>,
    /// The text parts that came in deltas, by output and content index.
    streamed: Vec<(u64, u64)>,
    spoke: bool,
    over: bool,
}

impl Assemble for Assembly {
    /// One event of the stream: what can be passed on at once. `name` is the event's name where the data do not say.
    fn take(&mut self, name: Option<&str>, data: &str) -> Result<Vec<Event>, Fault> {
        let value: Value = serde_json::from_str(data).map_err(|error| no_reply(&error))?;
        if !value.is_object() {
            return Err(no_reply(&"it is no object"));
        }
        if value
            .get("error")
            .is_some_and(|error| error.is_object() || error.is_string())
        {
            return Err(Fault::reported(&value));
        }
        let mut piece: Piece =
            serde_json::from_value(value.clone()).map_err(|error| no_reply(&error))?;
        if piece.kind.is_empty() {
            piece.kind = name.unwrap_or_default().to_owned();
        }
        match piece.kind.as_str() {
            "error" => Err(Fault::reported(&value)),
            "response.failed" => {
                let error = piece.response.and_then(|response| response.error);
                Err(Fault::reported(&json!({"error": error})))
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                let part = (piece.output_index, piece.content_index);
                if !self.streamed.contains(&part) && self.streamed.len() < MOST_ITEMS {
                    self.streamed.push(part);
                }
                Ok(self.say(delta(piece.delta)))
            }
            // Servers that do not stream give a part of text only when it is whole.
            "response.output_text.done" | "response.refusal.done"
                if !self
                    .streamed
                    .contains(&(piece.output_index, piece.content_index)) =>
            {
                self.streamed
                    .push((piece.output_index, piece.content_index));
                Ok(self.say(piece.text.or(piece.refusal).unwrap_or_default()))
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let text = delta(piece.delta);
                Ok(if text.is_empty() {
                    Vec::new()
                } else {
                    vec![Event::Reasoning(text)]
                })
            }
            "response.output_item.added" | "response.output_item.done" => {
                if let Some(item) = piece.item {
                    self.item(piece.output_index, item)?;
                }
                Ok(Vec::new())
            }
            "response.function_call_arguments.delta" => {
                let text = delta(piece.delta);
                if let Some(call) = self.calls.get_mut(&piece.output_index) {
                    call.arguments.push_str(&text);
                }
                Ok(Vec::new())
            }
            "response.function_call_arguments.done" => {
                if let (Some(call), Some(arguments)) =
                    (self.calls.get_mut(&piece.output_index), piece.arguments)
                {
                    call.arguments = arguments;
                }
                Ok(Vec::new())
            }
            "response.completed" | "response.incomplete" => self.end(piece.response),
            _ => Ok(Vec::new()),
        }
    }

    /// The terminal event has come.
    fn is_over(&self) -> bool {
        self.over
    }

    /// The stream is over: the calls, whole, and the end.
    fn finish(self) -> Result<Vec<Event>, String> {
        if !self.over {
            return Err(if self.spoke || !self.calls.is_empty() {
                "it closed the stream in the middle of a reply".to_owned()
            } else {
                "it closed the stream without a reply".to_owned()
            });
        }
        let mut events = Vec::with_capacity(self.calls.len() + 1);
        for (index, call) in self.calls {
            events.push(reply::call(index, call.id, call.name, &call.arguments)?);
        }
        events.push(Event::Done);
        Ok(events)
    }
}

impl Assembly {
    fn say(&mut self, text: String) -> Vec<Event> {
        if text.is_empty() {
            return Vec::new();
        }
        self.spoke = true;
        vec![Event::Text(text)]
    }

    fn item(&mut self, index: u64, item: Item) -> Result<(), Fault> {
        if item.kind != "function_call" {
            return Ok(());
        }
        if self.calls.len() == MOST_ITEMS && !self.calls.contains_key(&index) {
            return Err(Fault::new(format!(
                "it called more than {MOST_ITEMS} tools at once"
            )));
        }
        let call = self.calls.entry(index).or_default();
        // What comes later is whole; what is missing then has been said before.
        for (known, new) in [
            (&mut call.id, item.call_id),
            (&mut call.name, item.name),
            (&mut call.arguments, item.arguments),
        ] {
            if let Some(new) = new.filter(|new| !new.is_empty()) {
                *known = new;
            }
        }
        Ok(())
    }

    /// The terminal event: the cost, and whatever was not streamed.
    fn end(&mut self, response: Option<Response>) -> Result<Vec<Event>, Fault> {
        self.over = true;
        let Some(response) = response else {
            return Ok(Vec::new());
        };
        let mut events = Vec::new();
        for (index, item) in (0..).zip(response.output.unwrap_or_default()) {
            if item.kind == "message" && !self.spoke {
                for part in item.content.unwrap_or_default() {
                    events.extend(self.say(part.text.or(part.refusal).unwrap_or_default()));
                }
            } else if item.kind == "function_call" && !self.calls.contains_key(&index) {
                self.item(index, item)?;
            }
        }
        let reason = response
            .incomplete_details
            .and_then(|details| details.reason);
        if let Some(reason) = reason
            && !self.spoke
            && self.calls.is_empty()
        {
            return Err(Fault::new(format!(
                "it stopped before it said anything: {reason}"
            )));
        }
        let usage = response.usage.and_then(|usage| {
            let cached = usage
                .input_tokens_details
                .and_then(|details| details.cached_tokens);
            reply::usage(usage.input_tokens, cached, usage.output_tokens)
        });
        events.extend(usage.map(Event::Usage));
        Ok(events)
    }
}

fn delta(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn no_reply(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(format!("it sent something that is no reply: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::ToolCall;

    fn assembled(pieces: &[Value]) -> Result<Vec<Event>, Fault> {
        let mut assembly = Assembly::default();
        let mut events = Vec::new();
        for piece in pieces {
            events.extend(assembly.take(None, &piece.to_string())?);
        }
        events.extend(assembly.finish().map_err(Fault::new)?);
        Ok(events)
    }

    fn completed() -> Value {
        json!({"type": "response.completed", "response": {"status": "completed", "error": null, "output": []}})
    }

    #[test]
    fn arguments_find_their_call_by_the_index_of_its_item() {
        let events = assembled(&[
            json!({"type": "response.output_item.added", "output_index": 1,
                "item": {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": ""}}),
            json!({"type": "response.output_item.added", "output_index": 2,
                "item": {"id": "fc_2", "type": "function_call", "call_id": "call_2", "name": "wait", "arguments": ""}}),
            json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": "{\"at\":"}),
            json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": "1}"}),
            json!({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 1, "arguments": "{\"at\":1}"}),
            completed(),
        ]);
        let call = |id: &str, name: &str, arguments: Value| {
            Event::Call(ToolCall {
                id: id.into(),
                name: name.into(),
                arguments,
            })
        };
        assert_eq!(
            events,
            Ok(vec![
                call("call_1", "look", json!({"at": 1})),
                call("call_2", "wait", json!({})),
                Event::Done
            ])
        );
    }

    #[test]
    fn text_that_was_streamed_is_not_said_again_when_it_is_done() {
        let said = |pieces: &[Value]| {
            assembled(pieces)
                .unwrap()
                .into_iter()
                .filter_map(|event| match event {
                    Event::Text(text) => Some(text),
                    _ => None,
                })
                .collect::<String>()
        };
        let delta = json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi."});
        let done = json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi."});
        let whole = json!({"type": "response.completed", "response": {"output": [
            {"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}]}});
        assert_eq!(said(&[delta, done.clone(), whole.clone()]), "Hi.");
        assert_eq!(said(&[done, whole.clone()]), "Hi.");
        assert_eq!(said(&[whole]), "Hi.");
    }

    #[test]
    fn a_failed_response_keeps_its_words_and_its_code() {
        let fault = assembled(&[
            json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": "rate_limit_exceeded", "message": "slow down"}}}),
        ])
        .unwrap_err();
        assert_eq!(fault.code, "rate_limit_exceeded");
        assert!(fault.reason.contains("slow down"));
        let flat = assembled(&[json!({"type": "error", "code": "server_error", "message": "oh"})]);
        assert!(flat.unwrap_err().reason.contains("oh"));
    }

    #[test]
    fn a_reply_cut_by_its_limit_stands_and_an_empty_one_has_failed() {
        let cut = json!({"type": "response.incomplete", "response": {"status": "incomplete", "error": null,
            "incomplete_details": {"reason": "max_output_tokens"}, "usage": {"input_tokens": 3, "output_tokens": 16}}});
        let delta = json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Well"});
        assert_eq!(assembled(&[delta, cut.clone()]).unwrap().len(), 3);
        assert!(assembled(&[cut]).unwrap_err().reason.contains("max_output"));
    }

    #[test]
    fn history_becomes_items_without_ids() {
        let request = Request {
            prompt: "Be brief.".into(),
            messages: vec![
                Message::User("look".into()),
                Message::Agent {
                    text: "One moment.".into(),
                    calls: vec![ToolCall {
                        id: "call_1".into(),
                        name: "look".into(),
                        arguments: json!({"at": 1}),
                    }],
                },
                Message::Tool {
                    call_id: "call_1".into(),
                    name: "look".into(),
                    result: "a cat".into(),
                    is_error: false,
                },
                Message::Seen {
                    text: String::new(),
                    images: vec![Image {
                        url: "https://example.com/a.png".into(),
                        detail: None,
                    }],
                },
            ],
            max_tokens: Some(4),
            ..Request::default()
        };
        let body = body(&Settings::default(), &request);
        assert_eq!(body["instructions"], "Be brief.");
        assert_eq!(body["max_output_tokens"], 16);
        assert_eq!(
            body["input"],
            json!([
                {"role": "user", "content": "look"},
                {"role": "assistant", "content": "One moment."},
                {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{\"at\":1}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
                {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]},
            ])
        );
    }
}
