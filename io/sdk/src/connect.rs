//! From an agent's id to a conversation.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use elevenlabs::{Account, ApiError, SettingsError, SignedUrl, StartOptions, Url};
use protocol::agents::{
    ClientEventKind, ConfigOverride, DynamicVariable, EnclaveSetup, Language, Source, SourceInfo,
    ToolMockConfig,
    client::{Abilities, Settings},
};
use serde_json::{Map, Value};
use tokio::time::sleep;

use crate::{
    AudioInterface, AudioPieces, ConnectError, Conversation, Liveness, Tools, WebSocket, known,
    websocket::Address,
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

#[derive(Clone, Debug)]
enum Target {
    Agent(String),
    Signed(SignedUrl),
    Orchestrator(String),
}

/// A conversation that has not begun. [`Builder::connect`] begins it.
///
/// Most settings override those of the agent for this conversation; the agent has to allow each.
pub struct Builder {
    account: Account,
    target: Target,
    access: Access,
    settings: Settings,
    tools: Tools,
    audio: Option<Box<dyn AudioInterface>>,
    pieces: AudioPieces,
    check_agent: bool,
    connect_timeout: Duration,
    attempts: u32,
    liveness: Liveness,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("target", &self.target)
            .field("access", &self.access)
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
        self.access = access;
        self
    }

    /// Whether the agent's settings are read first (one request, with the key), so that missing variables and
    /// forbidden overrides are named before anything begins. Default yes; without a key never.
    #[must_use]
    pub const fn check_agent(mut self, check: bool) -> Self {
        self.check_agent = check;
        self
    }

    /// How long a connection may take to be made. Default 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long the server may take to name the conversation once connected. Default 10 s.
    #[must_use]
    pub const fn answer_timeout(mut self, limit: Duration) -> Self {
        self.settings.metadata_timeout = limit;
        self
    }

    /// How often it is attempted where that may help, at least once. Default 3, half a second and a second apart, with
    /// a little chance. Never again once the conversation has begun.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// When the connection counts as dead.
    #[must_use]
    pub const fn liveness(mut self, liveness: Liveness) -> Self {
        self.liveness = liveness;
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
        Box::pin(self.dial(true)).await.map(|(socket, _)| socket)
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
        if let Target::Agent(id) = &self.target
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
        let (socket, url) = self.dial(first).await?;
        Conversation::begin(socket, self.settings.clone())
            .await
            .map_err(|error| named(error, &url))
    }

    async fn dial(&self, first: bool) -> Result<(WebSocket, Url), ConnectError> {
        let has_key = self.account.api_key().is_some();
        let mut key = None;
        let mut subprotocol = true;
        let url = match &self.target {
            Target::Agent(id) => {
                if first && self.check_agent && has_key && self.access != Access::Public {
                    self.consult(id).await?;
                }
                match self.access {
                    Access::SignedUrl => self.signed(id).await?,
                    Access::Automatic if has_key => self.signed(id).await?,
                    Access::Automatic | Access::Public => self.plain(id),
                    Access::Key => {
                        key = Some(self.account.api_key().ok_or(ApiError::NoKey)?);
                        self.plain(id)
                    }
                }
            }
            Target::Signed(url) => url.expose().clone(),
            Target::Orchestrator(url) => {
                subprotocol = false;
                key = self
                    .account
                    .api_key()
                    .filter(|_| self.access == Access::Key);
                Url::parse(url).map_err(|error| ConnectError::Settings {
                    what: "the orchestrator's address".to_owned(),
                    reason: error.to_string(),
                })?
            }
        };
        let url = if subprotocol {
            self.introduced(url)
        } else {
            url
        };
        let address = Address {
            url: &url,
            key,
            subprotocol,
        };
        let socket = WebSocket::open(address, self.connect_timeout, self.liveness).await?;
        Ok((socket, url))
    }

    /// Reads the agent's settings. A key that may not read them may still talk.
    async fn consult(&self, id: &str) -> Result<(), ConnectError> {
        match self.account.agents().get(id).await {
            Ok(agent) => known::check(&agent, &self.settings.initiation),
            Err(ApiError::NotFound(said)) => Err(ConnectError::NoSuchAgent {
                agent: id.to_owned(),
                reason: said.to_string(),
            }),
            Err(ApiError::Forbidden(said)) => {
                tracing::debug!(%said, "the agent's settings may not be read");
                Ok(())
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    async fn signed(&self, id: &str) -> Result<Url, ConnectError> {
        let options = StartOptions {
            branch_id: self.settings.initiation.branch_id.clone(),
            environment: self.settings.initiation.environment.clone(),
            ..StartOptions::default()
        };
        match self.account.signed_url(id, &options).await {
            Ok(url) => Ok(url.expose().clone()),
            Err(ApiError::NotFound(said)) => Err(ConnectError::NoSuchAgent {
                agent: id.to_owned(),
                reason: said.to_string(),
            }),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: ApiError) -> ConnectError {
        match error {
            ApiError::Unauthorised(said) => ConnectError::Unauthorised {
                host: self
                    .account
                    .url("")
                    .host_str()
                    .unwrap_or_default()
                    .to_owned(),
                reason: said.to_string(),
            },
            error => error.into(),
        }
    }

    fn plain(&self, id: &str) -> Url {
        let mut url = self.account.socket_url("/v1/convai/conversation");
        let initiation = &self.settings.initiation;
        let mut query = url.query_pairs_mut();
        query.append_pair("agent_id", id);
        if let Some(branch) = &initiation.branch_id {
            query.append_pair("branch_id", branch);
        }
        drop(query);
        url
    }

    /// With what both SDKs add to every URL.
    fn introduced(&self, mut url: Url) -> Url {
        let initiation = &self.settings.initiation;
        let mut more: Vec<(&str, &str)> = Vec::new();
        if let Some(info) = &initiation.source_info {
            more.extend(
                info.source
                    .as_ref()
                    .map(|source| ("source", source.as_str())),
            );
            more.extend(
                info.version
                    .as_ref()
                    .map(|version| ("version", version.as_str())),
            );
        }
        if let Some(environment) = &initiation.environment
            && !url.query_pairs().any(|(name, _)| name == "environment")
        {
            more.push(("environment", environment));
        }
        if !more.is_empty() {
            url.query_pairs_mut().extend_pairs(more);
        }
        url
    }

    fn new(account: Account, target: Target) -> Self {
        Self {
            account,
            target,
            access: Access::Automatic,
            settings: Settings::default(),
            tools: Tools::new(),
            audio: None,
            pieces: AudioPieces::default(),
            check_agent: true,
            connect_timeout: Duration::from_secs(10),
            attempts: 3,
            liveness: Liveness::default(),
        }
    }
}

/// Puts the host in, which a conversation does not know.
fn named(error: ConnectError, url: &Url) -> ConnectError {
    match error {
        ConnectError::NotAnAgent { reason, .. } => ConnectError::NotAnAgent {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason,
        },
        error => error,
    }
}

/// Half a second, doubled each time, and up to half as much again, so that many clients do not come back at once.
fn wait(attempt: u32) -> Duration {
    let base = Duration::from_millis(500 << attempt.saturating_sub(1).min(4)).min(LONGEST_WAIT);
    let chance = RandomState::new().hash_one(attempt) % 500;
    base + base * chance as u32 / 1_000
}
