//! What the client machine is told, and what it answers.

use std::time::Duration;

use serde_json::Value;

use crate::agents::{
    AgentResponseCorrection, AudioBytes, AudioEvent, AudioFormat, ClientEvent, ClientToolCall,
    CloseCode, DecodeError, DuologueServer, EnclaveSetup, ErrorEvent, EventId, Initiation,
    McpToolCall, MultimodalMessage, Score, ServerEvent,
};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is asked for at the beginning. Default: nothing special.
    pub initiation: Initiation,
    /// What a self-hosted orchestrator is told before that. Default: nothing.
    pub enclave: Option<EnclaveSetup>,
    /// How long the server may take to name the conversation. Default 10 s.
    ///
    /// Shorter fails early on a dead server; longer suffers a slow one.
    pub metadata_timeout: Duration,
    /// How long a client tool may run before the machine answers for it with an error. Default 19 s.
    ///
    /// A server waits 20 s unless the tool says otherwise (1 to 120 s); an answer after that is lost.
    pub tool_timeout: Duration,
    /// What the edge can do; told to servers of ours. Default: neither.
    pub abilities: Abilities,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            initiation: Initiation::default(),
            enclave: None,
            metadata_timeout: Duration::from_secs(10),
            tool_timeout: Duration::from_secs(19),
            abilities: Abilities::default(),
        }
    }
}

/// What an edge can do beyond the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It can pause playback and resume at the exact sample.
    pub can_pause: bool,
    /// It knows how much of an audio event was heard, and says so.
    pub reports_played: bool,
}

/// A fact for the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The transport is open.
    Opened,
    /// The server said something.
    Server(ServerEvent),
    /// The application wants something.
    Command(Command),
    /// The server closed the connection.
    Closed {
        /// The close code.
        code: CloseCode,
        /// The close reason; often empty.
        reason: String,
    },
    /// The connection broke without a close.
    Lost {
        /// What the transport said.
        reason: String,
    },
    /// The time is [`Client::deadline`](super::Client::deadline) or later.
    Tick,
}

/// What an application wants from a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Send a piece of the user's sound, in the negotiated format.
    Audio(AudioBytes),
    /// Send text as a user turn.
    Text {
        /// The words.
        text: String,
        /// The rich content whose button was pressed.
        rich_content_id: Option<String>,
    },
    /// Send text, files or both as a user turn.
    Multimodal(MultimodalMessage),
    /// The user is typing.
    Activity,
    /// Tell the agent something without asking for an answer.
    Context {
        /// The words.
        text: String,
        /// Only the newest text of one id is kept.
        context_id: Option<String>,
    },
    /// Rate an answer; without an id, the latest.
    Rate {
        /// The opinion; none takes it back.
        score: Option<Score>,
        /// The answer.
        event_id: Option<EventId>,
    },
    /// Answer a tool call.
    ToolResult {
        /// The call.
        tool_call_id: String,
        /// The result, or text that says what failed.
        result: Value,
        /// Whether it failed.
        is_error: bool,
    },
    /// Answer a request for approval.
    Approve {
        /// The call.
        tool_call_id: String,
        /// Whether it may run.
        is_approved: bool,
    },
    /// Report how much of an audio event was heard.
    Played {
        /// The audio event.
        event_id: EventId,
        /// Milliseconds that have left the speaker.
        ms: u64,
    },
    /// End the conversation.
    End,
}

/// What the machine decided.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Send this.
    Send(ClientEvent),
    /// The conversation has begun.
    Started(Session),
    /// Play this. Audio that an interruption made stale never comes here.
    Play(AudioEvent),
    /// Stop playback at once and forget what is queued.
    StopPlayback {
        /// The highest id that is stale.
        up_to: EventId,
    },
    /// Pause playback.
    Duck {
        /// The audio that plays.
        event_id: EventId,
    },
    /// Go on from the sample where playback paused.
    Resume {
        /// The audio that was paused.
        event_id: EventId,
    },
    /// An earlier response was only partly heard.
    Correct {
        /// The id of the response it applies to, as far as the machine can tell.
        response: Option<EventId>,
        /// Both texts.
        correction: AgentResponseCorrection,
    },
    /// Run this tool and answer with [`Command::ToolResult`].
    CallTool(ClientToolCall),
    /// Stop running this tool: it has been answered for, or nobody waits any more.
    AbandonTool {
        /// The call.
        tool_call_id: String,
        /// Why.
        why: Abandoned,
    },
    /// Ask the user and answer with [`Command::Approve`].
    AskApproval(McpToolCall),
    /// The question is out of date.
    WithdrawApproval {
        /// The call.
        tool_call_id: String,
    },
    /// The agent wants to hang up. When its last words have been played, say [`Command::End`].
    AgentHangsUp,
    /// Everything else the server says: transcripts, responses, scores, errors, kinds this crate does not know.
    Event(ServerEvent),
    /// A command was not carried out.
    Refused(Refusal),
    /// The server broke a rule of the wire; the message was ignored.
    Irregular(Irregularity),
    /// Close the connection.
    Close {
        /// With this code.
        code: CloseCode,
        /// And this reason.
        reason: &'static str,
    },
    /// The connection broke, and a new conversation is being begun. Said by shells that continue conversations.
    Dropped(End),
    /// The conversation goes on in a new one. Said by shells that continue conversations; event ids begin again.
    Continued {
        /// What was agreed at the beginning of the new one.
        session: Session,
        /// The id of the old one.
        from: String,
        /// What the agent was told of it.
        summary: String,
    },
    /// The conversation is over. Comes once and last.
    Ended(End),
}

/// What was agreed at the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The conversation's id.
    pub conversation_id: String,
    /// How the user's sound must be coded.
    pub input: AudioFormat,
    /// How the agent's sound is coded.
    pub output: AudioFormat,
    /// Whether the server is one of ours.
    pub server: Option<DuologueServer>,
}

/// Why a tool need not run any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// It took longer than [`Settings::tool_timeout`]; an error was sent in its place.
    TimedOut,
    /// The conversation ended.
    Ended,
}

/// Why a command was not carried out. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The conversation has not begun.
    #[error("the conversation has not begun")]
    NotStarted,
    /// The conversation is over.
    #[error("the conversation is over")]
    Ended,
    /// This conversation has no sound.
    #[error("the conversation is text only")]
    TextOnly,
    /// Neither text nor file.
    #[error("the message has neither text nor file")]
    EmptyMessage,
    /// No answer has been given that could be rated.
    #[error("there is no answer to rate yet")]
    NothingToRate,
    /// The call was answered before, or its time was up.
    #[error("call {0} has been answered already")]
    AlreadyAnswered(String),
    /// The server made no such call.
    #[error("there is no call {0}")]
    NoSuchCall(String),
    /// The server did not announce that it wants this.
    #[error("the server takes no playback reports")]
    NotUnderstood,
}

/// A rule the server broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Irregularity {
    /// Something that needs a conversation came before the metadata.
    #[error("{kind} came before the conversation's metadata")]
    BeforeMetadata {
        /// What came.
        kind: String,
    },
    /// Something came that is no message. Said by the shell, which reads the messages.
    #[error("what came is no message: {0}")]
    Garbled(DecodeError),
    /// The metadata came twice.
    #[error("the conversation's metadata came twice")]
    SecondMetadata,
    /// A call came twice.
    #[error("call {0} came twice")]
    RepeatedCall(String),
    /// More calls were open than a client keeps; this one was answered with an error.
    #[error("too many calls are open; {0} was not run")]
    TooManyCalls(String),
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Who ended it.
    pub by: EndedBy,
    /// The close code, if there was a close.
    pub code: Option<CloseCode>,
    /// The close reason, or what the transport said.
    pub reason: String,
    /// The last error the server reported.
    pub error: Option<ErrorEvent>,
}

/// Who ended a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The application.
    User,
    /// The agent: it hung up, or the server closed with 1000 without an error.
    Agent,
    /// The server, with an error.
    Error,
    /// Nobody: the connection broke.
    Lost,
    /// The client: the server never named the conversation.
    Timeout,
}
