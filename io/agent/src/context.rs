//! What the agent remembers: what was heard, not what was generated.

use providers::llm::{Image, Message, ToolCall};
use turn::ReplyId;

/// Told to the llm when the user has been silent and the agent is to ask whether they are there.
///
/// Scripted brains compare it; others read it.
pub const RE_ENGAGE: &str =
    "The user has said nothing for a while. Ask briefly whether they are still there.";

/// What a call is worth while its tool has not answered.
const UNANSWERED: &str = "No result yet.";

/// Replies of an earlier conversation; those of this one count from 1.
const EARLIER: ReplyId = ReplyId(0);

/// Pictures that an llm is shown again with every reply.
const MOST_SHOWN: usize = 10;

/// The memory of one conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    entries: Vec<Entry>,
    /// Pictures that belong to what the user says next.
    shown: Vec<Image>,
}

#[derive(Clone, Debug)]
enum Entry {
    User {
        text: String,
        images: Vec<Image>,
    },
    Agent {
        reply: ReplyId,
        text: String,
        calls: Vec<Call>,
        over: bool,
    },
    Note {
        id: Option<String>,
        text: String,
    },
}

#[derive(Clone, Debug)]
struct Call {
    call: ToolCall,
    result: Option<ToolResult>,
}

/// How a tool call ended, as the llm is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolResult {
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

impl Context {
    /// The memory of somebody who goes on with a conversation. Results without a call are left out.
    pub(crate) fn after(history: &[Message]) -> Self {
        let mut context = Self::default();
        for message in history {
            match message {
                Message::User(text) => context.user(text),
                Message::Seen { text, images } => {
                    images.iter().cloned().for_each(|image| context.show(image));
                    context.user(text);
                }
                Message::Agent { text, calls } => context.entries.push(Entry::Agent {
                    reply: EARLIER,
                    text: text.clone(),
                    calls: calls
                        .iter()
                        .map(|call| Call {
                            call: call.clone(),
                            result: None,
                        })
                        .collect(),
                    over: true,
                }),
                Message::Tool {
                    call_id,
                    result,
                    is_error,
                    ..
                } => {
                    let result = ToolResult {
                        text: result.clone(),
                        is_error: *is_error,
                    };
                    context.answered(EARLIER, call_id, result);
                }
                Message::Context(text) => context.note(None, text.clone()),
                _ => {}
            }
        }
        context
    }

    /// The user's turn.
    pub(crate) fn user(&mut self, text: &str) {
        self.entries.push(Entry::User {
            text: text.to_owned(),
            images: std::mem::take(&mut self.shown),
        });
    }

    /// The user shows a picture, to go with what they say next. The last [`MOST_SHOWN`] are kept.
    pub(crate) fn show(&mut self, image: Image) {
        self.shown.push(image);
        let mut shown: Vec<&mut Vec<Image>> = self
            .entries
            .iter_mut()
            .filter_map(|entry| match entry {
                Entry::User { images, .. } if !images.is_empty() => Some(images),
                _ => None,
            })
            .collect();
        shown.push(&mut self.shown);
        let mut over = shown
            .iter()
            .map(|images| images.len())
            .sum::<usize>()
            .saturating_sub(MOST_SHOWN);
        for images in shown {
            let gone = over.min(images.len());
            images.drain(..gone);
            over -= gone;
        }
    }

    /// Something nobody said. One id has one text, the newest.
    pub(crate) fn note(&mut self, id: Option<String>, text: String) {
        if id.is_some() {
            self.entries
                .retain(|entry| !matches!(entry, Entry::Note { id: known, .. } if *known == id));
        }
        self.entries.push(Entry::Note { id, text });
    }

    /// A reply begins; what it says is added by [`Context::say`].
    pub(crate) fn begin(&mut self, reply: ReplyId) {
        self.entries.push(Entry::Agent {
            reply,
            text: String::new(),
            calls: Vec::new(),
            over: false,
        });
    }

    /// The reply's text so far, as it was generated. Until the reply is over that is the best that is known.
    pub(crate) fn say(&mut self, reply: ReplyId, so_far: &str) {
        if let Some(Entry::Agent { text, over, .. }) = self.agent(reply)
            && !*over
        {
            so_far.clone_into(text);
        }
    }

    /// The reply calls a tool.
    pub(crate) fn call(&mut self, reply: ReplyId, call: ToolCall) {
        if let Some(Entry::Agent { calls, .. }) = self.agent(reply) {
            calls.push(Call { call, result: None });
        }
    }

    /// A tool call of the reply is over. The first result stands.
    pub(crate) fn answered(&mut self, reply: ReplyId, id: &str, result: ToolResult) {
        if let Some(Entry::Agent { calls, .. }) = self.agent(reply)
            && let Some(call) = calls
                .iter_mut()
                .find(|known| known.call.id == id && known.result.is_none())
        {
            call.result = Some(result);
        }
    }

    /// The reply is over and this is what was heard of it; none: all of it.
    pub(crate) fn over(&mut self, reply: ReplyId, heard: Option<&str>) {
        let mut empty = false;
        if let Some(Entry::Agent {
            text, calls, over, ..
        }) = self.agent(reply)
        {
            if let Some(heard) = heard {
                heard.clone_into(text);
            }
            *over = true;
            empty = text.is_empty() && calls.is_empty();
        }
        if empty {
            self.entries.retain(
                |entry| !matches!(entry, Entry::Agent { reply: known, .. } if *known == reply),
            );
        }
    }

    fn agent(&mut self, wanted: ReplyId) -> Option<&mut Entry> {
        self.entries
            .iter_mut()
            .rev()
            .find(|entry| matches!(entry, Entry::Agent { reply, .. } if *reply == wanted))
    }

    /// The conversation as the llm reads it. Each tool result stands right behind the reply that called.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::with_capacity(self.entries.len() + 1);
        for entry in &self.entries {
            match entry {
                Entry::User { text, images } if images.is_empty() => {
                    messages.push(Message::User(text.clone()));
                }
                Entry::User { text, images } => messages.push(Message::Seen {
                    text: text.clone(),
                    images: images.clone(),
                }),
                Entry::Note { text, .. } => messages.push(Message::Context(text.clone())),
                Entry::Agent { text, calls, .. } => {
                    if text.is_empty() && calls.is_empty() {
                        continue;
                    }
                    messages.push(Message::Agent {
                        text: text.clone(),
                        calls: calls.iter().map(|call| call.call.clone()).collect(),
                    });
                    for Call { call, result } in calls {
                        messages.push(Message::Tool {
                            call_id: call.id.clone(),
                            name: call.name.clone(),
                            result: result.as_ref().map_or_else(
                                || UNANSWERED.to_owned(),
                                |result| result.text.clone(),
                            ),
                            is_error: result.as_ref().is_some_and(|result| result.is_error),
                        });
                    }
                }
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn memory_holds_what_was_heard() {
        let mut context = Context::default();
        context.user("hello");
        context.begin(ReplyId(1));
        context.say(ReplyId(1), "Good morning, how can I help?");
        context.over(ReplyId(1), Some("Good morning"));
        context.say(ReplyId(1), "a late piece");
        assert_eq!(
            context.messages(),
            [
                Message::User("hello".to_owned()),
                Message::Agent {
                    text: "Good morning".to_owned(),
                    calls: vec![]
                }
            ]
        );
    }

    #[test]
    fn what_was_said_before_is_remembered() {
        let history = [
            Message::User("is it open?".to_owned()),
            Message::Agent {
                text: String::new(),
                calls: vec![ToolCall {
                    id: "a".to_owned(),
                    name: "hours".to_owned(),
                    arguments: json!({}),
                }],
            },
            Message::Tool {
                call_id: "a".to_owned(),
                name: "hours".to_owned(),
                result: "nine to six".to_owned(),
                is_error: false,
            },
            Message::Context("rain".to_owned()),
            Message::Agent {
                text: "Until six.".to_owned(),
                calls: vec![],
            },
        ];
        let mut context = Context::after(&history);
        assert_eq!(context.messages(), history);
        context.begin(ReplyId(1));
        context.over(ReplyId(1), Some(""));
        assert_eq!(context.messages(), history);
    }

    #[test]
    fn a_reply_nobody_heard_leaves_no_trace() {
        let mut context = Context::default();
        context.begin(ReplyId(1));
        context.say(ReplyId(1), "Never mind");
        context.over(ReplyId(1), Some(""));
        assert!(context.messages().is_empty());
    }

    #[test]
    fn pictures_go_with_the_words_and_the_oldest_are_forgotten() {
        let mut context = Context::default();
        let image = |number: usize| Image {
            url: number.to_string(),
            detail: None,
        };
        context.show(image(0));
        context.user("look");
        for number in 1..=MOST_SHOWN {
            context.show(image(number));
        }
        context.user("and these");
        let messages = context.messages();
        assert_eq!(messages[0], Message::User("look".to_owned()));
        assert!(
            matches!(&messages[1], Message::Seen { images, .. } if images.len() == MOST_SHOWN && images[0] == image(1))
        );
    }

    #[test]
    fn only_the_newest_note_of_an_id_is_kept() {
        let mut context = Context::default();
        context.note(Some("page".to_owned()), "start".to_owned());
        context.note(None, "rain".to_owned());
        context.note(Some("page".to_owned()), "billing".to_owned());
        assert_eq!(
            context.messages(),
            [
                Message::Context("rain".to_owned()),
                Message::Context("billing".to_owned())
            ]
        );
    }

    #[test]
    fn results_stand_behind_their_calls_even_when_the_user_was_quicker() {
        let mut context = Context::default();
        context.begin(ReplyId(1));
        context.call(
            ReplyId(1),
            ToolCall {
                id: "a".to_owned(),
                name: "look".to_owned(),
                arguments: json!({}),
            },
        );
        context.user("hurry");
        context.answered(
            ReplyId(1),
            "a",
            ToolResult {
                text: "found".to_owned(),
                is_error: false,
            },
        );
        context.answered(
            ReplyId(1),
            "a",
            ToolResult {
                text: "again".to_owned(),
                is_error: false,
            },
        );
        let messages = context.messages();
        assert!(matches!(&messages[1], Message::Tool { result, .. } if result == "found"));
        assert!(matches!(&messages[2], Message::User(_)));
    }
}
