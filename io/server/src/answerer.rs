//! Who answers.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use agent::Recorder;
use protocol::agents::{
    ClientEvent, CloseCode, EnclaveSetup, ErrorEvent, ErrorType, Initiation, ServerEvent,
};
use providers::llm::{Llm, Message};
use tokio::sync::mpsc;

use crate::{Registry, StoredAgent};

/// Begins conversations. One for the whole server.
pub trait Answerer: Send + Sync {
    /// Begins one, or says why not. The server waits for this before it says anything to the caller.
    fn answer(&self, call: Call) -> Answer<'_>;

    /// The llm that judges conversations with this agent when they are over; or why there is none, in a sentence for the
    /// record.
    fn llm(&self, agent: &StoredAgent) -> Result<Arc<dyn Llm>, String> {
        Err(format!(
            "Nobody here can judge conversations with {}.",
            agent.id
        ))
    }
}

/// A conversation, soon.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Begun, Refusal>> + Send + 'a>>;

/// All that is known about a conversation before it begins.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id, `conv_` and letters and digits.
    pub conversation_id: String,
    /// Who is called. At the self-hosted door an agent made of what the caller sent. Its tools are all by value.
    pub agent: Arc<StoredAgent>,
    /// All agents of the server: those to whom this one may hand over.
    pub registry: Arc<Registry>,
    /// What the caller of the self-hosted door sent.
    pub setup: Option<Box<EnclaveSetup>>,
    /// What the caller asks for. It is also the first message on the link.
    pub initiation: Box<Initiation>,
    /// The caller owns the agent and may override everything.
    pub trusted: bool,
    /// Set where the agent is only tried out: nothing is kept of such a conversation.
    pub rehearsal: Option<Rehearsal>,
}

/// What is special about a conversation that only tries an agent out.
#[derive(Clone)]
pub struct Rehearsal {
    /// What was said before. The agent goes on from there and does not greet; empty: it begins.
    pub history: Vec<Message>,
    /// Who is told what happens.
    pub watcher: Arc<dyn Recorder>,
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}

/// A conversation that has begun: the caller's end of it.
///
/// The server sends the initiation first, then what the caller says. The first answer must be
/// `conversation_initiation_metadata`, or an `error`. When `receiver` closes, the conversation is over, and `ending` says
/// how.
pub struct Begun {
    /// What the caller says. Bounded; dropping it hangs up.
    pub sender: mpsc::Sender<ClientEvent>,
    /// What the caller is told. Bounded; a caller who does not read holds the agent up until one of both gives up.
    pub receiver: mpsc::Receiver<ServerEvent>,
    /// How it ended. Awaited for a second at most.
    pub ending: Pin<Box<dyn Future<Output = Ending> + Send>>,
}

/// How a conversation ended, for the close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its code.
    pub code: CloseCode,
    /// Its reason, in a few words.
    pub reason: String,
}

/// Why a conversation did not begin, or cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The contract's word for it.
    pub error_type: ErrorType,
    /// The code of the close frame.
    pub code: CloseCode,
    /// What is wrong and what would be right, in a sentence or two the caller may see.
    pub message: String,
}

impl Refusal {
    /// With the code that the contract has for this type; 1008 where it has none.
    pub fn new(error_type: ErrorType, message: impl Into<String>) -> Self {
        let code = error_type.close_code().unwrap_or(CloseCode::Refused);
        Self {
            error_type,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn with_code(mut self, code: u16) -> Self {
        self.code = CloseCode::from(code);
        self
    }

    /// The message before the close. The contract's messages know four codes; a close frame may have others.
    pub(crate) fn to_event(&self) -> ServerEvent {
        let code = match self.code {
            CloseCode::Other(3008) => CloseCode::Refused,
            CloseCode::Other(_) => CloseCode::Failed,
            known => known,
        };
        ServerEvent::Error {
            error_event: ErrorEvent {
                code: Some(code),
                message: Some(self.message.clone()),
                error_type: Some(self.error_type.clone()),
                reason: Some(self.message.clone()),
                ..ErrorEvent::default()
            },
        }
    }
}
