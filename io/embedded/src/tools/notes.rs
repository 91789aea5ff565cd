//! Notes that a conversation keeps.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use providers::{
    llm::ToolSpec,
    tool::{Invocation, Tool, ToolFuture},
};
use serde_json::json;

use super::{schema, text};

/// The most notes of one conversation.
const MOST: usize = 100;
/// The most conversations whose notes are kept; the oldest go first.
const CONVERSATIONS: usize = 10_000;

/// The notes of every conversation, by its id. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    kept: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl Notes {
    /// The notes of a conversation, oldest first.
    pub fn of(&self, conversation: &str) -> Vec<String> {
        self.with(|kept| kept.get(conversation).cloned().unwrap_or_default())
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Vec<String>>) -> T) -> T {
        // A panic elsewhere leaves whole notes behind: a vector is pushed to or cleared, never half written.
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `add_note`, `list_notes` and `delete_notes`.
pub fn note_tools(notes: &Notes) -> Vec<Arc<dyn Tool>> {
    [Work::Add, Work::List, Work::Delete]
        .into_iter()
        .map(|work| {
            Arc::new(NoteTool {
                notes: notes.clone(),
                work,
            }) as Arc<dyn Tool>
        })
        .collect()
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Add,
    List,
    Delete,
}

#[derive(Debug)]
struct NoteTool {
    notes: Notes,
    work: Work,
}

impl Tool for NoteTool {
    fn spec(&self) -> ToolSpec {
        let (name, description, parameters) = match self.work {
            Work::Add => (
                "add_note",
                "Keeps a note for this conversation.",
                schema(&[("text", "the words of the note", true)]),
            ),
            Work::List => (
                "list_notes",
                "Reads the notes of this conversation.",
                schema(&[]),
            ),
            Work::Delete => (
                "delete_notes",
                "Deletes every note of this conversation.",
                schema(&[]),
            ),
        };
        ToolSpec {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters,
        }
    }

    fn call(&self, call: Invocation) -> ToolFuture<'_> {
        Box::pin(async move {
            match self.work {
                Work::Add => {
                    let note: String = text(&call, "text")?.chars().take(1000).collect();
                    self.notes.with(|kept| {
                        if kept.len() >= CONVERSATIONS && !kept.contains_key(&call.conversation) {
                            kept.pop_first();
                        }
                        let notes = kept.entry(call.conversation).or_default();
                        if notes.len() >= MOST {
                            return Err(format!(
                                "there are {MOST} notes already; delete them first"
                            ));
                        }
                        notes.push(note.clone());
                        Ok(json!({ "text": note, "count": notes.len() }))
                    })
                }
                Work::List => {
                    let notes = self.notes.of(&call.conversation);
                    let spoken = notes
                        .iter()
                        .map(|n| format!("{}.", n.trim_end_matches('.')))
                        .collect::<Vec<_>>()
                        .join(" And: ");
                    Ok(json!({ "count": notes.len(), "notes": notes, "spoken": spoken }))
                }
                Work::Delete => {
                    let deleted = self
                        .notes
                        .with(|kept| kept.remove(&call.conversation).map_or(0, |n| n.len()));
                    Ok(json!({ "deleted": deleted }))
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(
        tools: &[Arc<dyn Tool>],
        at: usize,
        conversation: &str,
        arguments: serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        tools[at]
            .call(Invocation {
                conversation: conversation.to_owned(),
                arguments,
                ..Invocation::default()
            })
            .await
    }

    #[tokio::test]
    async fn notes_belong_to_their_conversation() {
        let notes = Notes::default();
        let tools = note_tools(&notes);
        run(&tools, 0, "conv_a", json!({ "text": "water the plants" }))
            .await
            .expect("kept");
        assert_eq!(
            run(&tools, 1, "conv_a", json!({})).await.expect("listed")["count"],
            1
        );
        assert_eq!(
            run(&tools, 1, "conv_b", json!({})).await.expect("listed")["count"],
            0
        );
        assert_eq!(
            run(&tools, 2, "conv_a", json!({})).await.expect("deleted")["deleted"],
            1
        );
        assert!(notes.of("conv_a").is_empty());
        assert!(
            run(&tools, 0, "conv_a", json!({ "text": " " }))
                .await
                .is_err()
        );
    }
}
