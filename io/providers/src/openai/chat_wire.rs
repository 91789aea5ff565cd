//! The shapes of chat completions, and what servers make of them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    chat::Settings,
    endpoint::Fault,
    reply::{self, Assemble},
};
use crate::llm::{Event, Image, Message, Request, Usage};

/// The request's body.
pub(super) fn body(settings: &Settings, request: &Request) -> Value {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.prompt.is_empty() {
        messages.push(json!({"role": "system", "content": request.prompt}));
    }
    messages.extend(request.messages.iter().map(message));

    let mut body = Map::new();
    body.insert("model".into(), json!(settings.model));
    body.insert("messages".into(), Value::Array(messages));
    body.insert("stream".into(), json!(true));
    body.insert("stream_options".into(), json!({"include_usage": true}));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(most) = request.max_tokens {
        // OpenAI has renamed the field; local servers know only the old name.
        let field = if settings.base_url.contains("openai.com") {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body.insert(field.into(), json!(most));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.parameters,
            }})
        });
        body.insert("tools".into(), tools.collect());
    }
    for (field, value) in &request.extra_body {
        body.insert(field.clone(), value.clone());
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    match message {
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Seen { text, images } => {
            let mut parts: Vec<Value> = images.iter().map(image).collect();
            if !text.is_empty() {
                parts.push(json!({"type": "text", "text": text}));
            }
            json!({"role": "user", "content": parts})
        }
        Message::Context(text) => json!({"role": "system", "content": text}),
        Message::Agent { text, calls } if calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Agent { text, calls } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|call| {
                    json!({"id": call.id, "type": "function", "function": {
                        "name": call.name, "arguments": call.arguments.to_string(),
                    }})
                })
                .collect();
            let content = if text.is_empty() {
                Value::Null
            } else {
                json!(text)
            };
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        Message::Tool {
            call_id,
            result,
            is_error,
            ..
        } => {
            let content = if *is_error {
                format!("Error: {result}")
            } else {
                result.clone()
            };
            json!({"role": "tool", "tool_call_id": call_id, "content": content})
        }
    }
}

fn image(image: &Image) -> Value {
    let mut url = json!({"url": image.url});
    if let Some(detail) = &image.detail {
        url["detail"] = json!(detail);
    }
    json!({"type": "image_url", "image_url": url})
}

/// The words of an error body: `{"error": {"message": …}}`, `{"error": "…"}` or `{"message": …}`.
pub(super) fn error_message(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let error = value.get("error").unwrap_or(&value);
    let message = error
        .get("message")
        .or(Some(error))
        .and_then(Value::as_str)?;
    Some(match error.get("code").and_then(Value::as_str) {
        Some(code) if !message.contains(code) => format!("{message} ({code})"),
        _ => message.to_owned(),
    })
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

/// Puts a streamed reply together.
#[derive(Default)]
pub(super) struct Assembly {
    calls: Vec<PartialCall>,
    finished: bool,
    spoke: bool,
    /// Some servers count along in every chunk; the last count is the whole.
    usage: Option<Usage>,
}

struct PartialCall {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

/// The most tool calls of one reply.
const MOST_CALLS: usize = 64;

impl Assemble for Assembly {
    /// One `data:` of the stream: what can be passed on at once.
    fn take(&mut self, _: Option<&str>, data: &str) -> Result<Vec<Event>, Fault> {
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| Fault::new(format!("it sent something that is no reply: {error}")))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Fault::reported(&json!({"error": error})));
        }
        let mut events = Vec::new();
        // Only the first choice is asked for; the usage chunk has none.
        if let Some(choice) = chunk.choices.into_iter().next() {
            let delta = choice.delta.unwrap_or_default();
            for reasoning in [delta.reasoning, delta.reasoning_content] {
                events.extend(
                    reasoning
                        .filter(|text| !text.is_empty())
                        .map(Event::Reasoning),
                );
            }
            for text in [delta.content, delta.refusal].into_iter().flatten() {
                if !text.is_empty() {
                    self.spoke = true;
                    events.push(Event::Text(text));
                }
            }
            for call in delta.tool_calls.unwrap_or_default() {
                self.call(call).map_err(Fault::new)?;
            }
            self.finished |= choice.finish_reason.is_some();
        }
        if let Some(usage) = chunk.usage {
            let cached = usage
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens);
            let count = reply::usage(usage.prompt_tokens, cached, usage.completion_tokens);
            self.usage = count.or(self.usage);
        }
        Ok(events)
    }

    /// The stream is over: the calls, whole, and the end.
    fn finish(self) -> Result<Vec<Event>, String> {
        if !self.finished && !self.spoke && self.calls.is_empty() {
            return Err("it closed the stream without a reply".to_owned());
        }
        if !self.finished {
            return Err("it closed the stream in the middle of a reply".to_owned());
        }
        let mut events = Vec::with_capacity(self.calls.len() + 2);
        events.extend(self.usage.map(Event::Usage));
        for (number, call) in self.calls.into_iter().enumerate() {
            events.push(reply::call(number, call.id, call.name, &call.arguments)?);
        }
        events.push(Event::Done);
        Ok(events)
    }
}

impl Assembly {
    fn call(&mut self, delta: CallDelta) -> Result<(), String> {
        let index = delta.index.unwrap_or(self.calls.len() as u64);
        let id = delta.id.unwrap_or_default();
        // Some servers give every call index 0 and tell them apart by their ids.
        let known = self
            .calls
            .iter()
            .rposition(|call| call.index == index && (id.is_empty() || call.id == id));
        let position = match known {
            Some(position) => position,
            None if self.calls.len() == MOST_CALLS => {
                return Err(format!("it called more than {MOST_CALLS} tools at once"));
            }
            None => {
                self.calls.push(PartialCall {
                    index,
                    id,
                    name: String::new(),
                    arguments: String::new(),
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[position];
        if let Some(function) = delta.function {
            call.name.push_str(&function.name.unwrap_or_default());
            match function.arguments {
                Some(Value::String(piece)) => call.arguments.push_str(&piece),
                // Already an object, where the wire wants it written out.
                Some(value @ Value::Object(_)) => call.arguments = value.to_string(),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::ToolCall;

    fn assembled(chunks: &[&str]) -> Result<Vec<Event>, String> {
        let mut assembly = Assembly::default();
        let mut events = Vec::new();
        for chunk in chunks {
            events.extend(assembly.take(None, chunk).map_err(|fault| fault.reason)?);
        }
        events.extend(assembly.finish()?);
        Ok(events)
    }

    #[test]
    fn fragments_of_a_tool_call_become_one_call() {
        let events = assembled(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"book","arguments":"{\"da"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"y\":2}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        ]);
        let call = ToolCall {
            id: "a".into(),
            name: "book".into(),
            arguments: json!({"day": 2}),
        };
        assert_eq!(events, Ok(vec![Event::Call(call), Event::Done]));
    }

    #[test]
    fn two_calls_that_share_an_index_are_told_apart_by_id() {
        let events = assembled(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"one","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"two","arguments":{"x":1}}}]},"finish_reason":"stop"}]}"#,
        ])
        .unwrap();
        assert_eq!(events.len(), 3);
        assert!(
            matches!(&events[1], Event::Call(call) if call.name == "two" && call.arguments == json!({"x": 1}))
        );
    }

    #[test]
    fn what_was_shown_is_sent_in_parts() {
        let seen = message(&Message::Seen {
            text: "What is this?".to_owned(),
            images: vec![Image {
                url: "data:image/png;base64,AA==".to_owned(),
                detail: Some("low".to_owned()),
            }],
        });
        assert_eq!(
            seen,
            json!({"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                {"type": "text", "text": "What is this?"},
            ]})
        );
    }

    #[test]
    fn a_stream_cut_in_the_middle_has_failed() {
        let cut = assembled(&[r#"{"choices":[{"delta":{"content":"I wan"}}]}"#]);
        assert!(cut.unwrap_err().contains("middle"));
        assert!(assembled(&[]).unwrap_err().contains("without a reply"));
    }

    #[test]
    fn an_error_inside_a_stream_keeps_its_words() {
        let error = assembled(&[r#"{"error":{"message":"out of memory","code":"oom"}}"#]);
        assert_eq!(error.unwrap_err(), "out of memory (oom)");
    }

    #[test]
    fn a_usage_chunk_without_choices_is_read() {
        let events = assembled(&[
            r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3}}}"#,
        ])
        .unwrap();
        assert!(events.contains(&Event::Usage(Usage {
            input_tokens: 8,
            cached_tokens: 3,
            output_tokens: 2
        })));
    }

    #[test]
    fn counts_that_grow_along_are_told_once_and_what_is_not_counted_is_not_told() {
        let counted = |usage: [&str; 2]| {
            let chunk = |usage: &str| {
                format!(
                    r#"{{"choices":[{{"delta":{{"content":"Hi"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
                )
            };
            let events = assembled(&[&chunk(usage[0]), &chunk(usage[1])]).unwrap();
            let told = events.into_iter().filter_map(|event| match event {
                Event::Usage(usage) => Some((usage.input_tokens, usage.output_tokens)),
                _ => None,
            });
            told.collect::<Vec<_>>()
        };
        let growing = [
            r#"{"prompt_tokens":8,"completion_tokens":1}"#,
            r#"{"prompt_tokens":8,"completion_tokens":2}"#,
        ];
        assert_eq!(counted(growing), [(8, 2)]);
        assert_eq!(counted(["null", "{}"]), []);
        let zeros = r#"{"prompt_tokens":0,"completion_tokens":0}"#;
        assert_eq!(counted(["null", zeros]), []);
        assert_eq!(counted(["null", r#"{"prompt_tokens":8}"#]), []);
    }
}
