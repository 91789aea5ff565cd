//! What an agent can do besides talking: functions that run in this process.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, time::Duration};

use serde_json::Value;

use crate::llm::ToolSpec;

/// A function that the llm may call. One object serves every conversation.
pub trait Tool: Send + Sync {
    /// How the llm is told of it.
    fn spec(&self) -> ToolSpec;

    /// How long it may take. Default 20 s, as ElevenLabs' `response_timeout_secs`.
    fn timeout(&self) -> Duration {
        Duration::from_secs(20)
    }

    /// Runs it. Dropping the future stops it.
    fn call(&self, call: Invocation) -> ToolFuture<'_>;

    /// What the llm is told of a result, where that is not all of it.
    fn shown(&self, result: &Value) -> Value {
        result.clone()
    }
}

/// A tool under way: its result, or its error in words that the llm is told.
pub type ToolFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>>;

/// One call, as a tool sees it.
#[derive(Clone, Default, PartialEq)]
pub struct Invocation {
    /// Which conversation calls (`conv_…`): tools keep what belongs to a conversation under this name.
    pub conversation: String,
    /// A JSON object after the schema of [`Tool::spec`]; the tool checks it, for the llm may err.
    pub arguments: Value,
    /// The wall clock, as in [`crate::llm::Request::now`].
    pub now: String,
    /// The conversation's dynamic variables, those with `secret__` included: they may go to servers, never to an llm.
    pub variables: BTreeMap<String, Value>,
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables may be secrets.
        f.debug_struct("Invocation")
            .field("conversation", &self.conversation)
            .field("arguments", &self.arguments)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
