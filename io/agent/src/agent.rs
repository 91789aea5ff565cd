//! Agents and their conversations.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use jiff::Zoned;
use protocol::agents::{CloseCode, ErrorType};
use providers::{
    asr::Asr,
    llm::{Llm, Message},
    tool::Tool,
    tts::Tts,
    vad::Vad,
};
use tokio::sync::{mpsc, watch};

use crate::{
    Clock, Link,
    config::Config,
    journal::Journal,
    record::{NoRecorder, Recorder},
    session,
};

/// What an agent hears, thinks and speaks with.
#[derive(Clone)]
pub struct Providers {
    /// Whether somebody speaks.
    pub vad: Arc<dyn Vad>,
    /// What they say.
    pub asr: Arc<dyn Asr>,
    /// What to answer.
    pub llm: Arc<dyn Llm>,
    /// How it sounds.
    pub tts: Arc<dyn Tts>,
}

/// Somebody to talk to. Immutable and cheap to clone; holds any number of conversations at a time.
#[derive(Clone)]
pub struct Agent {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) id: String,
    pub(crate) config: Config,
    pub(crate) providers: Providers,
    pub(crate) tools: Vec<Arc<dyn Tool>>,
}

impl Agent {
    /// The agent `id`. `tools` run in this process; those that the configuration names as webhooks run only when one of
    /// that name is among them.
    pub fn new(
        id: impl Into<String>,
        config: Config,
        providers: Providers,
        tools: Vec<Arc<dyn Tool>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                id: id.into(),
                config,
                providers,
                tools,
            }),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// What writes its replies.
    pub fn llm(&self) -> Arc<dyn Llm> {
        Arc::clone(&self.inner.providers.llm)
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Begins a conversation over `link`, as a task of the current tokio runtime. It waits for the client's initiation
    /// for [`Options::initiation_wait`] and begins without one after that, or when the client says something else first.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(&self, link: Link, options: Options) -> Handle {
        session::spawn(Arc::clone(&self.inner), link, options)
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("id", &self.inner.id)
            .finish_non_exhaustive()
    }
}

/// A file that the user shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownFile {
    /// Its name, for people.
    pub name: String,
    /// What it is, such as `image/png`.
    pub mime: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl ShownFile {
    pub(crate) fn data_url(&self) -> String {
        let bytes = protocol::agents::AudioBytes::from(self.bytes.clone());
        let base64 = serde_json::to_value(&bytes).unwrap_or_default();
        format!(
            "data:{};base64,{}",
            self.mime,
            base64.as_str().unwrap_or_default()
        )
    }
}

/// A file, soon; None if it is not there.
pub type Finding = Pin<Box<dyn Future<Output = Option<ShownFile>> + Send>>;

/// Finds a file that the user shows: first the conversation's id, then the file's.
pub type FileFinder = Arc<dyn Fn(&str, &str) -> Finding + Send + Sync>;

/// Finds an agent by its id. Called from conversations' own tasks, so it must not block.
pub type Resolver = Arc<dyn Fn(&str) -> Option<Agent> + Send + Sync>;

/// How one conversation is held.
#[derive(Clone)]
pub struct Options {
    /// Its id, `conv_` and letters and digits. None (the default): a new one.
    pub conversation: Option<String>,
    /// Its time. Default: [`Clock::real`].
    pub clock: Clock,
    /// What time it is where the agent is, when the conversation begins. None (the default): now, in the agent's
    /// `timezone` or this machine's.
    pub wall: Option<Zoned>,
    /// Who keeps what was said. Default: nobody.
    pub recorder: Arc<dyn Recorder>,
    /// Who keeps every input and decision. Default: nobody.
    pub journal: Option<Journal>,
    /// Finds the agents that `transfer_to_agent` names. None (the default): nobody can be transferred.
    pub transfer: Option<Resolver>,
    /// Finds the files that `multimodal_message` names. None (the default): there are none.
    pub files: Option<FileFinder>,
    /// What was said before: the agent goes on from there, and has greeted already. Default: nothing.
    pub history: Vec<Message>,
    /// The client is the agent's owner and may override everything. Default false.
    pub trusted: bool,
    /// How long to wait for the client's initiation. Default 2 s.
    pub initiation_wait: Duration,
    /// How much sound the edge may have ahead of its speaker. More survives worse networks; less stops sooner and costs
    /// less memory. Default 1 s.
    pub lead: Duration,
    /// Silence after which an agent that sets no soft timeout of its own says that it takes a moment. None: never.
    /// Default 1.35 s, which with the longest wait for a user of whom it is not known whether he has finished, 1.6 s, is just
    /// less than three.
    pub soft_timeout: Option<Duration>,
    /// How long an llm may be silent before the agent apologises; after [`Options::soft_timeout`] the caller hears that it
    /// takes a moment. On the real clock always. Default 8 s.
    pub provider_timeout: Duration,
    /// How long a voice may be silent while it has something to say before it counts as failed: nothing else can explain
    /// its silence to somebody who only hears. On a driven clock [`Options::provider_timeout`] counts. Default 1.35 s, for
    /// the same reason.
    pub voice_timeout: Duration,
    /// How long an edge may leave its messages unread before the conversation ends. On the real clock always. Default 5 s.
    pub slow_edge: Duration,
    /// How often the edge is pinged. Default 5 s.
    pub ping_every: Duration,
    /// How long an edge may say nothing at all, not even a pong, before it counts as gone. Default 60 s.
    pub receive_timeout: Duration,
    /// Stands for chance. Default 0.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            conversation: None,
            clock: Clock::real(),
            wall: None,
            recorder: Arc::new(NoRecorder),
            journal: None,
            transfer: None,
            files: None,
            history: Vec::new(),
            trusted: false,
            initiation_wait: Duration::from_secs(2),
            lead: Duration::from_secs(1),
            soft_timeout: Some(Duration::from_millis(1_350)),
            provider_timeout: Duration::from_secs(8),
            voice_timeout: Duration::from_millis(1_350),
            slow_edge: Duration::from_secs(5),
            ping_every: Duration::from_secs(5),
            receive_timeout: Duration::from_mins(1),
            seed: 0,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("conversation", &self.conversation)
            .field("clock", &self.clock)
            .field("trusted", &self.trusted)
            .field("lead", &self.lead)
            .finish_non_exhaustive()
    }
}

/// A conversation under way. Dropping the handle leaves it going.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) id: String,
    pub(crate) end: mpsc::Sender<()>,
    pub(crate) ending: watch::Receiver<Option<Ending>>,
}

impl Handle {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks it to end, as if the user had hung up. Does not wait.
    pub fn end(&self) {
        // One request is as good as two.
        let _ = self.end.try_send(());
    }

    /// Waits until it is over.
    pub async fn ended(&mut self) -> Ending {
        match self.ending.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or_else(|| Ending::crashed(&self.id)),
            Err(_) => Ending::crashed(&self.id),
        }
    }
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Which.
    pub conversation: String,
    /// Why.
    pub reason: EndReason,
    /// The code a server closes its socket with.
    pub code: CloseCode,
    /// The wire's name of what went wrong, where something did.
    pub error_type: Option<ErrorType>,
    /// A sentence for people.
    pub message: String,
    /// What it was, in figures.
    pub summary: Summary,
}

impl Ending {
    fn crashed(id: &str) -> Self {
        Self {
            conversation: id.to_owned(),
            reason: EndReason::Failed,
            code: CloseCode::Crashed,
            error_type: Some(ErrorType::UnknownWebsocketCrash),
            message: "the conversation stopped without an ending".to_owned(),
            summary: Summary::default(),
        }
    }
}

/// Why a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The user hung up.
    UserEnded,
    /// The agent ended it, and its goodbye was heard.
    AgentEnded,
    /// The user said nothing for too long.
    Silence,
    /// The longest permitted duration was reached.
    MaxDuration,
    /// It was refused before it began: a wrong override, variable or setting.
    Refused,
    /// A provider, the edge or this program failed.
    Failed,
}

impl EndReason {
    /// A word for logs and wires.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserEnded => "user_ended",
            Self::AgentEnded => "agent_ended",
            Self::Silence => "silence",
            Self::MaxDuration => "max_duration",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A conversation in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How long it lasted, by its own clock.
    pub duration: Duration,
    /// Turns the user had.
    pub user_turns: u32,
    /// Replies of which something was heard.
    pub agent_turns: u32,
    /// How often the user interrupted.
    pub interruptions: u32,
    /// Tools that were called.
    pub tool_calls: u32,
    /// Tokens that the llm read.
    pub input_tokens: u64,
    /// Tokens that the llm wrote.
    pub output_tokens: u64,
}
