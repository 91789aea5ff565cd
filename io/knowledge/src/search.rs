//! The tool with which an llm looks into the agent's knowledge.

use std::time::Duration;

use providers::{
    llm::ToolSpec,
    tool::{Invocation, Tool, ToolFuture},
};
use serde_json::{Value, json};

use crate::Library;

/// The tool's name.
pub const SEARCH: &str = "search_knowledge_base";
/// So many passages are given.
const MOST: usize = 5;

/// Looks for passages that fit a question. Each result says which document it is from, and where in it it stands.
#[derive(Clone, Debug)]
pub struct Search {
    library: Library,
    documents: Vec<String>,
}

impl Search {
    /// Over these documents and folders.
    pub fn new(library: Library, documents: Vec<String>) -> Self {
        Self { library, documents }
    }
}

impl Tool for Search {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: SEARCH.to_owned(),
            description: "Look up facts in the agent's own documents. Use it when the user asks for something that you do not know for certain."
                .to_owned(),
            parameters: json!({"type": "object", "required": ["query"], "properties": {"query":
                {"type": "string", "description": "What to look for, in words that would stand in the document."}}}),
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn call(&self, call: Invocation) -> ToolFuture<'_> {
        Box::pin(async move {
            let question = call
                .arguments
                .get("query")
                .and_then(Value::as_str)
                .filter(|question| !question.trim().is_empty())
                .ok_or("the argument query is missing")?;
            let hits = self
                .library
                .search(question, Some(&self.documents), MOST)
                .await
                .map_err(|error| error.to_string())?;
            if hits.is_empty() {
                return Ok(Value::String("Nothing in the documents fits.".to_owned()));
            }
            let passages: Vec<Value> = hits
                .iter()
                .map(|hit| {
                    json!({"document_id": hit.document, "document": hit.name,
                        "chunk_id": format!("{}:{}", hit.document, hit.passage), "text": hit.text})
                })
                .collect();
            Ok(json!({ "passages": passages }))
        })
    }
}
