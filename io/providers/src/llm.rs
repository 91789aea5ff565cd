//! Text to text: what the agent says next.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::{ProviderError, asr::Expected};

/// Writes replies.
pub trait Llm: Send + Sync {
    /// The name shown to users, such as `scripted` or `llama3.2 at http://localhost:11434`.
    fn name(&self) -> &str;
    /// Whether it can be asked about a conversation in words of one's own. A script cannot. Default true.
    fn can_judge(&self) -> bool {
        true
    }
    /// Whether nobody is ever paid for it, as for a script of this program. Default false: one that does not count tokens has
    /// then cost nobody knows what.
    fn is_free(&self) -> bool {
        false
    }
    /// Begins a reply. Events come as they are made; dropping the receiver cancels the request.
    fn generate(&self, request: Request) -> Generation;
}

/// Who writes, where one llm asks another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Its [`Llm::name`].
    pub name: String,
    /// Its [`Llm::is_free`].
    pub is_free: bool,
}

impl Author {
    /// The llm itself.
    pub fn of(llm: &dyn Llm) -> Self {
        Self {
            name: llm.name().to_owned(),
            is_free: llm.is_free(),
        }
    }
}

/// A reply under way.
pub type Generation = mpsc::Receiver<Result<Event, ProviderError>>;

/// All that a reply is made from. A provider keeps nothing between requests: the same request gives the same kind of
/// reply, so that a speculative reply can be thrown away without a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The system prompt, variables filled in.
    pub prompt: String,
    /// The conversation so far, oldest first, as it was heard.
    pub messages: Vec<Message>,
    /// The tools it may call.
    pub tools: Vec<ToolSpec>,
    /// Dynamic variables of the conversation (names without braces). `secret__` ones never come here.
    pub variables: BTreeMap<String, Value>,
    /// Sampling temperature, 0 to 2. None: the provider's own.
    pub temperature: Option<f32>,
    /// The most tokens to write. None: the provider's own.
    pub max_tokens: Option<u32>,
    /// More fields for the request's body (`custom_llm_extra_body`).
    pub extra_body: serde_json::Map<String, Value>,
    /// ISO 639-1 code of the language to answer in.
    pub language: String,
    /// A number that stands for chance where a provider needs any.
    pub seed: u64,
    /// The wall clock as RFC 3339 with its zone in brackets (`2026-11-21T10:00:00+01:00[Europe/Paris]`), for brains
    /// that compute with dates. Told, so that a replay gives the same answer.
    pub now: String,
}

/// One entry of the conversation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// What the user said or typed.
    User(String),
    /// What the user showed, and said or typed with it.
    Seen {
        /// The words; may be empty.
        text: String,
        /// The pictures, in order.
        images: Vec<Image>,
    },
    /// What the agent said, as far as it was heard, and the tools it called.
    Agent {
        /// Heard text; empty when it only called tools.
        text: String,
        /// The calls it made, in order.
        calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// Which call.
        call_id: String,
        /// Its name.
        name: String,
        /// Its result, or its error in words.
        result: String,
        /// Whether it failed.
        is_error: bool,
    },
    /// Something the agent should know that nobody said.
    Context(String),
}

/// A picture. Llms that cannot see refuse a request that holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `https://…`, or `data:image/png;base64,…` (PNG, JPEG, WebP or a still GIF). Local servers know only the latter.
    pub url: String,
    /// How closely to look: `low`, `high` or `auto`. None: the provider's own.
    pub detail: Option<String>,
}

/// A call of a tool by the llm.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The llm's id of the call.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// Its arguments, a JSON object.
    pub arguments: Value,
}

/// A tool as the llm is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// When to use it.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
}

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// What follows, its tokens included, is this one's work, and not that of the llm that was asked. May come again: one that
    /// failed after it had used tokens is told as well.
    By(Author),
    /// A piece of text to be said.
    Text(String),
    /// A piece of reasoning, never said.
    Reasoning(String),
    /// A whole tool call; pieces are put together by the provider.
    Call(ToolCall),
    /// What the user will probably say next; at most once.
    Expect(Expected),
    /// What it took to write the reply, once. An llm that counts nothing leaves it out: zeros would be a claim.
    Usage(Usage),
    /// The reply is complete. Always last; a stream that closes without it has failed.
    Done,
}

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read.
    pub input_tokens: u64,
    /// Of those, read from a cache.
    pub cached_tokens: u64,
    /// Written.
    pub output_tokens: u64,
}
