//! What is told of conversations.

use std::path::PathBuf;

use serde_json::Value;

use crate::{FindingKind, Note, ToolCall, Turn, Usage};

/// A conversation in a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// The agent's id.
    pub agent: String,
    /// What people call the agent.
    pub agent_name: String,
    /// The caller's own id for the user.
    pub user: Option<String>,
    /// `in-progress`, `processing`, `done` or `failed`.
    pub status: String,
    /// Where the call came from.
    pub source: Option<String>,
    /// Whether it went without sound.
    pub text_only: bool,
    /// ISO 639-1.
    pub language: String,
    /// When it began, in microseconds since 1970.
    pub started: i64,
    /// The same as RFC 3339 with its zone.
    pub wall: String,
    /// How long it lasted, or has lasted until its last turn, in microseconds.
    pub duration: i64,
    /// How many turns it has.
    pub messages: u64,
    /// Why it ended, in words.
    pub termination: Option<String>,
    /// The close code of its socket.
    pub close_code: Option<u16>,
    /// `success`, `failure` or `unknown`.
    pub call_successful: String,
    /// What was said, in short.
    pub summary: Option<String>,
    /// The same in a few words.
    pub title: Option<String>,
    /// What the user thinks of it: `like` or `dislike`.
    pub score: Option<String>,
    /// The same, 1 to 5.
    pub rating: Option<i64>,
    /// The same in words.
    pub comment: Option<String>,
    /// When it is to be forgotten, in microseconds since 1970.
    pub erase: Option<i64>,
    /// When its sound is to be forgotten.
    pub erase_sound: Option<i64>,
    /// The tools that were called, each once.
    pub tools: Vec<String>,
    /// What its replies took, one sum for each llm.
    pub usage: Vec<Usage>,
}

/// A conversation with all that was kept of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// The line of the list.
    pub summary: Summary,
    /// What the caller asked for.
    pub initiation: Value,
    /// The agent as it was then.
    pub agent_document: Value,
    /// What was found afterwards.
    pub analysis: Option<Value>,
    /// The turns, in order.
    pub turns: Vec<Turn>,
    /// The tool calls, in order.
    pub tools: Vec<ToolCall>,
    /// What the replies cost, in order.
    pub usage: Vec<Usage>,
    /// What went wrong, in order.
    pub notes: Vec<Note>,
    /// The sound, if there is any: a stereo WAV, left the caller.
    pub recording: Option<PathBuf>,
    /// Every input and decision, if they were kept.
    pub journal: Option<PathBuf>,
}

/// What was found afterwards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// All of it, as it is shown.
    pub analysis: Value,
    /// `success`, `failure` or `unknown`.
    pub call_successful: String,
    /// What was said, in short.
    pub summary: Option<String>,
    /// The same in a few words.
    pub title: Option<String>,
    /// Kind, id and value of each finding; none: nothing was found.
    pub values: Vec<(FindingKind, String, Option<Value>)>,
}

/// A file of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileEntry {
    /// Its id.
    pub id: String,
    /// Its conversation.
    pub conversation: String,
    /// What it was called.
    pub name: String,
    /// What it is.
    pub mime: String,
    /// How long it is.
    pub bytes: u64,
}

/// Somebody who has called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The caller's own id for them.
    pub id: String,
    /// When the first of their conversations began, in microseconds since 1970.
    pub first: i64,
    /// When the last of them began.
    pub last: i64,
    /// How many there are.
    pub conversations: u64,
}
