//! From an agent's id to a conversation.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use elevenlabs::{Account, SettingsError, SignedUrl};
use protocol::agents::{
    ClientEventKind, ConfigOverride, DynamicVariable, EnclaveSetup, Language, Source, SourceInfo,
    ToolMockConfig,
    client::{Abilities, Settings},
};
use serde_json::{Map, Value};
use tokio::time::sleep;

use crate::{
    AudioInterface, AudioPieces, ConnectError, Continuation, Conversation, Door, Liveness, Tools,
    WebSocket,
    door::{Target, named},
};

/// The longest wait before another attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Agents of one account, or public ones, to be talked to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Agents {
    account: Account,
}

/// How the server is shown that this client may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// With a signed URL where the account has a key, else as [`Access::Public`]. The default.
    #[default]
    Automatic,
    /// Not at all: the agent is public.
    Public,
    /// With a URL that is signed for this one conversation.
    SignedUrl,
    /// With the key itself, in a header. For servers that are one's own.
    Key,
}

impl Agents {
    /// The agents that can be reached with `account`.
    pub const fn new(account: Account) -> Self {
        Self { account }
    }

    /// Public agents of the platform; no key is needed.
    pub fn public() -> Result<Self, SettingsError> {
        Account::new(elevenlabs::Settings::default()).map(Self::new)
    }

    /// The account behind it.
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// A conversation with an agent, to be furnished and begun.
    pub fn conversation(&self, agent_id: impl Into<String>) -> Builder {
        Builder::new(self.account.clone(), Target::Agent(agent_id.into()))
    }

    /// A conversation that somebody with a key has allowed by a signed URL.
    pub fn signed(&self, url: SignedUrl) -> Builder {
        Builder::new(self.account.clone(), Target::Signed(url))
    }

    /// A conversation with a self-hosted orchestrator, which is told agent, tools and knowledge at the beginning.
    pub fn orchestrator(&self, url: impl Into<String>, setup: EnclaveSetup) -> Builder {
        let mut builder = Builder::new(self.account.clone(), Target::Orchestrator(url.into()));
        builder.settings.enclave = Some(setup);
        builder
    }
}

/// A conversation that has not begun. [`Builder::connect`] begins it.
///
/// Most settings override those of the agent for this conversation; the agent has to allow each.
pub struct Builder {
    door: Door,
    settings: Settings,
    tools: Tools,
    audio: Option<Box<dyn AudioInterface>>,
    pieces: AudioPieces,
    attempts: u32,
    continuation: Option<Continuation>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

/// Settings of the agent for this conversation.
impl Builder {
    /// Another prompt.
    #[must_use]
    pub fn prompt(self, text: impl Into<String>) -> Self {
        self.change(|o| o.agent.prompt.prompt = Some(text.into()))
    }

    /// Another first message; empty lets the user speak first.
    #[must_use]
    pub fn first_message(self, text: impl Into<String>) -> Self {
        self.change(|o| o.agent.first_message = Some(text.into()))
    }

    /// Another language, such as `fr`.
    #[must_use]
    pub fn language(self, code: &str) -> Self {
        self.change(|o| o.agent.language = Some(Language::from(code)))
    }

    /// Another llm.
    #[must_use]
    pub fn llm(self, name: impl Into<String>) -> Self {
        self.change(|o| o.agent.prompt.llm = Some(name.into()))
    }

    /// Another voice.
    #[must_use]
    pub fn voice(self, voice_id: impl Into<String>) -> Self {
        self.change(|o| o.tts.voice_id = Some(voice_id.into()))
    }

    /// How even the voice is: 0 (lively) to 1.
    #[must_use]
    pub fn stability(self, stability: f64) -> Self {
        self.change(|o| o.tts.stability = Some(stability))
    }

    /// How fast it speaks: 0.7 to 1.2 times the normal speed.
    #[must_use]
    pub fn speed(self, speed: f64) -> Self {
        self.change(|o| o.tts.speed = Some(speed))
    }

    /// How near it is to the original: 0 to 1.
    #[must_use]
    pub fn similarity_boost(self, boost: f64) -> Self {
        self.change(|o| o.tts.similarity_boost = Some(boost))
    }

    /// No sound in either direction.
    #[must_use]
    pub fn text_only(self) -> Self {
        self.change(|o| o.conversation.text_only = Some(true))
    }

    /// Words to listen for.
    #[must_use]
    pub fn keywords(self, words: Vec<String>) -> Self {
        self.change(|o| o.asr.keywords = Some(words))
    }

    /// Which events the server sends. Default: those of the agent.
    #[must_use]
    pub fn client_events(self, events: Vec<ClientEventKind>) -> Self {
        self.change(|o| o.conversation.client_events = Some(events))
    }

    /// Any override there is. What was overridden before stays, unless it is changed here.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut ConfigOverride)) -> Self {
        change(&mut self.settings.initiation.conversation_config_override);
        self
    }

    /// A value for `{{name}}` in the agent's texts and tools.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<DynamicVariable>) -> Self {
        let variables = &mut self.settings.initiation.dynamic_variables;
        variables.insert(name.into(), value.into());
        self
    }

    /// Several values at once.
    #[must_use]
    pub fn variables(mut self, values: BTreeMap<String, DynamicVariable>) -> Self {
        self.settings.initiation.dynamic_variables.extend(values);
        self
    }

    /// The caller's own id for the person who speaks.
    #[must_use]
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.settings.initiation.user_id = Some(id.into());
        self
    }

    /// Merged into requests to a custom llm.
    #[must_use]
    pub fn extra_body(mut self, body: Map<String, Value>) -> Self {
        self.settings.initiation.custom_llm_extra_body = Some(body);
        self
    }

    /// Tools that answer without running, for tests.
    #[must_use]
    pub fn tool_mocks(mut self, mocks: ToolMockConfig) -> Self {
        self.settings.initiation.tool_mock_config = Some(mocks);
        self
    }

    /// A branch of the agent.
    #[must_use]
    pub fn branch(mut self, id: impl Into<String>) -> Self {
        self.settings.initiation.branch_id = Some(id.into());
        self
    }

    /// An environment, whose variables are used.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.settings.initiation.environment = Some(name.into());
        self
    }

    /// What kind of client this says it is. Default: nothing is said.
    #[must_use]
    pub fn source(mut self, source: &str, version: impl Into<String>) -> Self {
        self.settings.initiation.source_info = Some(SourceInfo {
            source: Some(Source::from(source)),
            version: Some(version.into()),
        });
        self
    }
}

/// How it is held.
impl Builder {
    /// Tools the agent may call here. Default: none.
    #[must_use]
    pub fn tools(mut self, tools: Tools) -> Self {
        self.tools = tools;
        self
    }

    /// Where sound comes from and goes to. Default: nowhere; sound comes out as events, and goes in by
    /// [`Handle::audio`](crate::Handle::audio).
    #[must_use]
    pub fn audio(mut self, interface: impl AudioInterface + 'static) -> Self {
        self.audio = Some(Box::new(interface));
        self
    }

    /// In which pieces the interface gives and gets sound.
    #[must_use]
    pub const fn audio_pieces(mut self, pieces: AudioPieces) -> Self {
        self.pieces = pieces;
        self
    }

    /// How the server is shown that this client may come in.
    #[must_use]
    pub const fn access(mut self, access: Access) -> Self {
        self.door.access = access;
        self
    }

    /// Whether the agent's settings are read first (one request, with the key), so that missing variables and
    /// forbidden overrides are named before anything begins. Default yes; without a key never.
    #[must_use]
    pub const fn check_agent(mut self, check: bool) -> Self {
        self.door.check_agent = check;
        self
    }

    /// How long a connection may take to be made. Default 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.door.connect_timeout = limit;
        self
    }

    /// How long the server may take to name the conversation once connected. Default 10 s.
    #[must_use]
    pub const fn answer_timeout(mut self, limit: Duration) -> Self {
        self.settings.metadata_timeout = limit;
        self
    }

    /// How often it is attempted where that may help, at least once. Default 3, half a second and a second apart, with
    /// a little chance. A conversation that has begun is another matter: [`Builder::continue_after_a_drop`].
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Has a conversation whose connection breaks continued in a new one, which is told what was said. Default: not; it
    /// ends.
    #[must_use]
    pub fn continue_after_a_drop(mut self, continuation: Continuation) -> Self {
        self.continuation = Some(continuation);
        self
    }

    /// When the connection counts as dead.
    #[must_use]
    pub const fn liveness(mut self, liveness: Liveness) -> Self {
        self.door.liveness = liveness;
        self
    }

    /// What the edge can do beyond the contract; told to servers of this project only. Default: what the audio
    /// interface can.
    #[must_use]
    pub const fn abilities(mut self, abilities: Abilities) -> Self {
        self.settings.abilities = abilities;
        self
    }

    /// Begins the conversation.
    pub async fn connect(mut self) -> Result<Conversation<WebSocket>, ConnectError> {
        self.check()?;
        if let Some(audio) = &self.audio {
            self.settings.abilities.can_pause |= audio.can_pause();
        }
        self.settings.tool_timeout = self.settings.tool_timeout.max(self.tools.patience());
        let mut attempt = 1;
        let mut conversation = loop {
            match Box::pin(self.attempt(attempt == 1)).await {
                Ok(conversation) => break conversation,
                Err(error) if error.is_transient() && attempt < self.attempts => {
                    let wait = wait(attempt);
                    tracing::info!(%error, ?wait, "connecting again");
                    sleep(wait).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        conversation = conversation.with_tools(self.tools);
        if let Some(continuation) = self.continuation {
            let door = self.door;
            let settings = self.settings;
            let initiation = settings.initiation.clone();
            conversation = conversation.with_continuation(continuation, settings, move || {
                let (door, initiation) = (door.clone(), initiation.clone());
                Box::pin(async move {
                    door.enter(&initiation, false)
                        .await
                        .map(|(socket, _)| socket)
                })
            });
        }
        if let Some(audio) = self.audio {
            let started = conversation.start_audio(audio, self.pieces);
            started.map_err(|error| ConnectError::Settings {
                what: "the audio interface".to_owned(),
                reason: error.to_string(),
            })?;
        }
        Ok(conversation)
    }

    /// Opens the connection and says nothing yet; for [`Conversation::begin`] with settings of one's own. Tried once.
    pub async fn open(self) -> Result<WebSocket, ConnectError> {
        self.check()?;
        let initiation = &self.settings.initiation;
        let (socket, _) = Box::pin(self.door.enter(initiation, true)).await?;
        Ok(socket)
    }

    /// The way to the agent, to be taken as often as wanted.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Takes everything the conversation begins with from `settings`, in the place of what was set so far.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// What the conversation begins with, as it stands.
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// What can be known to be wrong before anything is sent.
    fn check(&self) -> Result<(), ConnectError> {
        let wrong = |what: &str, reason: String| {
            Err(ConnectError::Settings {
                what: what.to_owned(),
                reason,
            })
        };
        let initiation = &self.settings.initiation;
        if let Target::Agent(id) = &self.door.target
            && (id.trim().is_empty() || id.contains(char::is_whitespace))
        {
            return wrong(
                "the agent id",
                format!("{id:?} is none; it looks like agent_… and stands in the agent's settings"),
            );
        }
        if let Err(problem) = initiation.conversation_config_override.check() {
            return wrong("an override", problem.to_string());
        }
        let reserved: Vec<&str> = initiation.reserved_variables().collect();
        if !reserved.is_empty() {
            return wrong(
                "the dynamic variables",
                format!(
                    "{} are set by the platform; choose other names",
                    reserved.join(", ")
                ),
            );
        }
        if let Some(setup) = &self.settings.enclave {
            let webhooks = setup
                .transcription_webhook()
                .and_then(|_| setup.audio_webhook());
            if let Err(error) = webhooks {
                return wrong("the orchestrator's webhooks", error.to_string());
            }
        }
        Ok(())
    }

    async fn attempt(&self, first: bool) -> Result<Conversation<WebSocket>, ConnectError> {
        let (socket, url) = self.door.enter(&self.settings.initiation, first).await?;
        Conversation::begin(socket, self.settings.clone())
            .await
            .map_err(|error| named(error, &url))
    }

    fn new(account: Account, target: Target) -> Self {
        Self {
            door: Door::new(account, target),
            settings: Settings::default(),
            tools: Tools::new(),
            audio: None,
            pieces: AudioPieces::default(),
            attempts: 3,
            continuation: None,
        }
    }
}

/// Half a second, doubled each time, and up to half as much again, so that many clients do not come back at once.
pub(crate) fn wait(attempt: u32) -> Duration {
    let base = Duration::from_millis(500 << attempt.saturating_sub(1).min(4)).min(LONGEST_WAIT);
    let chance = RandomState::new().hash_one(attempt) % 500;
    base + base * chance as u32 / 1_000
}
