//! What is kept of a conversation, as it comes.

use serde_json::Value;

use crate::NewJob;

/// Something about a conversation that is to be kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// It began. Nothing before this is kept.
    Began(Box<Began>),
    /// Somebody had a turn.
    Turn(Turn),
    /// A tool call is over.
    Tool(ToolCall),
    /// What a reply cost.
    Usage(Usage),
    /// What the user thinks of the answer with this event id; none: nothing any more.
    Score {
        /// The answer's id.
        event: u64,
        /// `like` or `dislike`.
        score: Option<String>,
    },
    /// Something went wrong and the conversation went on.
    Note(Note),
    /// It is over.
    Ended(Ended),
}

/// The beginning of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Began {
    /// The agent's id.
    pub agent: String,
    /// What people call the agent.
    pub agent_name: String,
    /// The caller's own id for the user.
    pub user: Option<String>,
    /// Where the call came from: the name of an SDK, or of a program.
    pub source: Option<String>,
    /// Whether it goes without sound.
    pub text_only: bool,
    /// ISO 639-1.
    pub language: String,
    /// When, in microseconds since 1970.
    pub started: i64,
    /// The same as RFC 3339 with its zone.
    pub wall: String,
    /// What the caller asked for.
    pub initiation: Value,
    /// The agent as it was then.
    pub agent_document: Value,
    /// When all of it is to be forgotten, in microseconds since 1970. None: never.
    pub erase: Option<i64>,
    /// When its sound is to be forgotten. None: with the rest.
    pub erase_sound: Option<i64>,
}

/// One party's hold of the floor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Its place among all that is kept of the conversation.
    pub number: u64,
    /// When, in microseconds from the beginning.
    pub at: i64,
    /// Whose.
    pub role: Role,
    /// What was said, or generated to be said.
    pub text: String,
    /// What was heard of it.
    pub heard: String,
    /// Whether the other party interrupted it.
    pub interrupted: bool,
    /// Whether `heard` was worked out and not reported.
    pub reckoned: bool,
    /// The answer's event id.
    pub event: Option<u64>,
    /// Where its time went.
    pub stages: Option<Value>,
    /// What the user thinks of it: `like` or `dislike`.
    pub score: Option<String>,
    /// Files that were shown with it.
    pub files: Option<Value>,
}

/// Whose turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The user's.
    #[default]
    User,
    /// The agent's.
    Agent,
}

impl Role {
    /// The word the tables and the wire have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
        }
    }
}

/// A tool call and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolCall {
    /// Its place among all that is kept of the conversation.
    pub number: u64,
    /// When it was over, in microseconds from the beginning.
    pub at: i64,
    /// Its id.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// What it was called with.
    pub arguments: Value,
    /// What came back.
    pub result: String,
    /// Whether it failed.
    pub is_error: bool,
    /// How long it took, in microseconds.
    pub took: i64,
}

/// Tokens of one reply, or of all replies of one llm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its place among all that is kept of the conversation.
    pub number: u64,
    /// When, in microseconds from the beginning.
    pub at: i64,
    /// The llm's name.
    pub llm: String,
    /// Read.
    pub input_tokens: u64,
    /// Of those, from a cache.
    pub cached_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Replies whose tokens the llm did not tell, and which are not among the others.
    pub unmetered: u64,
}

/// Something that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Its place among all that is kept of the conversation.
    pub number: u64,
    /// When, in microseconds from the beginning.
    pub at: i64,
    /// What.
    pub text: String,
}

/// The end of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// How long it lasted, in microseconds. None: until its last turn.
    pub duration: Option<i64>,
    /// Why, in words.
    pub termination: String,
    /// The close code of its socket.
    pub close_code: Option<u16>,
    /// What it is from now on: `processing`, `done` or `failed`.
    pub status: String,
    /// What is to be done about it. Kept in the same step: never an end without its jobs, nor jobs without the end.
    pub jobs: Vec<NewJob>,
}
