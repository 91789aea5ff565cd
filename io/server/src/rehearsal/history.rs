//! What was said before, as clients write it: transcript items.

use providers::llm::{Message, ToolCall};
use serde_json::Value;
use store::{Role, Turn, Whole};

use crate::Problem;

/// So many items are read.
const MOST: usize = 1_000;

/// What was said before.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    messages: Vec<Message>,
    whole: Whole,
    /// What the user said last, if nobody has answered it.
    last: Option<String>,
}

impl History {
    /// Reads a list of `{role, message, tool_calls, tool_results}`; nothing is an empty one. `field` is how it is called
    /// where it is wrong.
    pub(crate) fn read(items: Option<&Value>, field: &str) -> Result<Self, Problem> {
        let items = match items {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Problem::invalid(format!("{field} is a list.")).at(field)),
        };
        if items.len() > MOST {
            return Err(Problem::invalid(format!("{field} has {MOST} entries at most.")).at(field));
        }
        let mut history = Self::default();
        for (index, item) in items.iter().enumerate() {
            let text = item
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .trim();
            match item.get("role").and_then(Value::as_str) {
                Some("user") => history.user(text),
                Some("agent") => history.agent(text, item, items),
                _ => {
                    let words = format!("{field}.{index}.role is \"user\" or \"agent\".");
                    return Err(Problem::invalid(words).at(field));
                }
            }
        }
        // What nobody has answered is said once more, aloud.
        if let Some(Message::User(text)) = history.messages.last() {
            history.last = Some(text.clone());
            history.messages.pop();
            history.whole.turns.pop();
        }
        Ok(history)
    }

    fn user(&mut self, text: &str) {
        if !text.is_empty() {
            self.messages.push(Message::User(text.to_owned()));
            self.turn(Role::User, text);
        }
    }

    fn agent(&mut self, text: &str, item: &Value, items: &[Value]) {
        let calls = list(item, "tool_calls");
        let calls: Vec<ToolCall> = calls
            .map(|call| ToolCall {
                id: word(call, "request_id").to_owned(),
                name: word(call, "tool_name").to_owned(),
                arguments: serde_json::from_str(word(call, "params_as_json")).unwrap_or_default(),
            })
            .collect();
        if !calls.is_empty() {
            let results = |id: &str| {
                items
                    .iter()
                    .flat_map(|item| list(item, "tool_results"))
                    .find(|result| word(result, "request_id") == id)
            };
            let answers: Vec<Message> = calls
                .iter()
                .filter_map(|call| {
                    let result = results(&call.id)?;
                    Some(Message::Tool {
                        call_id: call.id.clone(),
                        name: call.name.clone(),
                        result: word(result, "result_value").to_owned(),
                        is_error: result.get("is_error") == Some(&Value::Bool(true)),
                    })
                })
                .collect();
            for (call, answer) in calls.iter().zip(&answers) {
                let Message::Tool {
                    result, is_error, ..
                } = answer
                else {
                    continue;
                };
                self.whole.tools.push(store::ToolCall {
                    number: self.next(),
                    call_id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: call.arguments.clone(),
                    result: result.clone(),
                    is_error: *is_error,
                    ..store::ToolCall::default()
                });
            }
            self.messages.push(Message::Agent {
                text: String::new(),
                calls,
            });
            self.messages.extend(answers);
        }
        if !text.is_empty() {
            self.messages.push(Message::Agent {
                text: text.to_owned(),
                calls: Vec::new(),
            });
            self.turn(Role::Agent, text);
        }
    }

    fn turn(&mut self, role: Role, text: &str) {
        self.whole.turns.push(Turn {
            number: self.next(),
            role,
            text: text.to_owned(),
            heard: text.to_owned(),
            ..Turn::default()
        });
    }

    fn next(&self) -> u64 {
        (self.whole.turns.len() + self.whole.tools.len()) as u64
    }

    /// As an llm reads it.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// As it would have been kept.
    pub(crate) fn whole(&self) -> &Whole {
        &self.whole
    }

    /// What the user said last, if nobody has answered it. It is not among the messages.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }
}

fn list<'a>(item: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    item.get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn word<'a>(item: &'a Value, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_stand_before_the_words_that_follow_from_them() {
        let items = json!([
            {"role": "agent", "message": "Hello."},
            {"role": "user", "message": "Is it open?"},
            {"role": "agent", "message": "Until six.", "tool_calls": [{"request_id": "a", "tool_name": "hours", "params_as_json": "{\"day\":1}"}],
                "tool_results": [{"request_id": "a", "result_value": "9-18", "is_error": false}]},
            {"role": "user", "message": " And on Sunday? "},
        ]);
        let history = History::read(Some(&items), "chat_history").unwrap();
        assert_eq!(history.last(), Some("And on Sunday?"));
        let kinds: Vec<_> = history
            .messages()
            .iter()
            .map(|message| match message {
                Message::User(text) => format!("user {text}"),
                Message::Agent { text, calls } => format!("agent {text}{}", calls.len()),
                Message::Tool { result, .. } => format!("tool {result}"),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "agent Hello.0",
                "user Is it open?",
                "agent 1",
                "tool 9-18",
                "agent Until six.0"
            ]
        );
        assert_eq!(
            (history.whole().turns.len(), history.whole().tools.len()),
            (3, 1)
        );
    }

    #[test]
    fn what_is_no_transcript_is_refused() {
        for items in [
            json!({}),
            json!([{"message": "x"}]),
            json!([{"role": "system", "message": "x"}]),
        ] {
            assert!(
                History::read(Some(&items), "chat_history").is_err(),
                "{items}"
            );
        }
        assert_eq!(History::read(None, "x").unwrap().last(), None);
    }
}
