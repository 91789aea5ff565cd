//! One conversation: waits for what happens, tells the machine, does what it decides.

mod client;
mod files;
mod hearing;
mod meter;
mod perform;
mod replies;
mod sending;
mod thoughts;
mod tools;
mod transfer;
mod voice;
mod waiting;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use audio::Moment;
use jiff::Zoned;
use protocol::agents::{
    CloseCode, ConversationMetadata, DuologueServer, DynamicVariable, ErrorEvent, ErrorType,
    Initiation, Ping, ServerEvent, ToolMockConfig,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use turn::{CloseReason, Input, ReplyId, ToolCallId};

use crate::{
    Clock, Link,
    agent::{EndReason, Ending, Handle, Inner, Options, Summary},
    clock::Alarm,
    context::Context,
    heard::Track,
    journal,
    keypad::Keys,
    latency::Moments,
    plan::{Basis, Plan, Refusal},
    record::Fact,
    variables::Variables,
};
use hearing::Hearing;
use replies::Reply;
use tools::Call;
use voice::{Chunk, StandIn};
use waiting::{Guard, Happening};

/// The version that is announced to clients.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Voices that fail so often in a row end the conversation: nobody could be told anything.
const MOST_VOICE_FAILURES: u32 = 2;

pub(crate) struct Session {
    inner: Arc<Inner>,
    options: Options,
    clock: Clock,
    id: String,
    wall: Zoned,
    plan: Plan,
    machine: turn::Conversation,
    /// What is still to be told, oldest first; a chunk's sound waits beside its fact.
    facts: VecDeque<(Input, Option<Chunk>)>,
    incoming: mpsc::Receiver<protocol::agents::ClientEvent>,
    outgoing: mpsc::Sender<ServerEvent>,
    end_requests: mpsc::Receiver<()>,
    probes: Option<mpsc::Receiver<crate::clock::Probe>>,
    /// Questions whether all is done that are not answered yet.
    asked: Vec<crate::clock::Probe>,
    alarm: Alarm,
    /// Guards against hanging providers, on the real clock.
    guard: Guard,
    hearing: Option<Hearing>,
    replies: BTreeMap<ReplyId, Reply>,
    calls: BTreeMap<ToolCallId, Call>,
    next_call: ToolCallId,
    running: JoinSet<(ToolCallId, Result<serde_json::Value, String>)>,
    context: Context,
    track: Track,
    /// When the edge will have played all it was sent, by reckoning.
    plays_until: Moment,
    paused: Option<Moment>,
    /// The highest audio id that was sent.
    last_event: u64,
    turn_moments: Option<Moments>,
    last_voice: Moment,
    last_final: Option<Moment>,
    one_way: Duration,
    next_ping: Moment,
    ping: u64,
    pings: VecDeque<(u64, Moment)>,
    ping_ms: Option<u64>,
    last_heard_of: Moment,
    reports_played: bool,
    wants_metrics: bool,
    voice_failures: u32,
    stand_in: StandIn,
    asr_failures: u32,
    llm_failures: u32,
    /// A failure that ends the conversation once the apology was heard.
    fatal: Option<(ErrorType, String)>,
    /// There is no recogniser any more, and the user has not been told.
    deaf: Option<(ErrorType, String)>,
    /// The `end_call` under way: its name and id.
    ending_call: Option<(String, String)>,
    /// What was heard of a reply that is just ending.
    correction: Option<(ReplyId, String, String)>,
    /// What an agent that has just taken over says first.
    next_words: Option<String>,
    /// Keys that sound when their call has been answered.
    next_keys: Option<Keys>,
    /// Which tools answer without running.
    mocks: ToolMockConfig,
    summary: Summary,
    over: Option<Over>,
}

/// How it ended, before it is told.
struct Over {
    reason: EndReason,
    code: CloseCode,
    error_type: Option<ErrorType>,
    message: String,
}

pub(crate) fn spawn(inner: Arc<Inner>, link: Link, options: Options) -> Handle {
    let id = options.conversation.clone().unwrap_or_else(new_id);
    let (end, end_requests) = mpsc::channel(1);
    let (told, ending) = watch::channel(None);
    let probes = options.clock.join();
    let handle = Handle {
        id: id.clone(),
        end,
        ending,
    };
    tokio::spawn(async move {
        let ending = Box::pin(run(inner, link, options, id, end_requests, probes)).await;
        told.send_replace(Some(ending));
    });
    handle
}

#[expect(clippy::too_many_lines, reason = "one field after the other")]
async fn run(
    inner: Arc<Inner>,
    mut link: Link,
    options: Options,
    id: String,
    mut end_requests: mpsc::Receiver<()>,
    mut probes: Option<mpsc::Receiver<crate::clock::Probe>>,
) -> Ending {
    let wall = options.wall.clone().unwrap_or_else(|| {
        let now = Zoned::now();
        match &inner.config.view.conversation_config.agent.prompt.timezone {
            Some(zone) => now.in_tz(zone).unwrap_or_else(|_| {
                tracing::warn!(
                    zone,
                    "the agent's time zone is not known; using this machine's"
                );
                Zoned::now()
            }),
            None => now,
        }
    });
    let Some((wishes, first)) = waiting::initiation(
        &mut link.incoming,
        &mut end_requests,
        probes.as_mut(),
        &options,
    )
    .await
    else {
        return Ending {
            conversation: id,
            reason: EndReason::UserEnded,
            code: CloseCode::Normal,
            error_type: None,
            message: "the user left before the conversation began".to_owned(),
            summary: Summary::default(),
        };
    };
    let plan = Plan::make(
        Basis {
            config: &inner.config,
            asr: &*inner.providers.asr,
            tts: &*inner.providers.tts,
            trusted: options.trusted,
            soft_timeout: options.soft_timeout,
            system: system_variables(&inner.id, &id, &wall),
        },
        &wishes,
    );
    let mut plan = match plan {
        Ok(plan) => plan,
        Err(refusal) => return refuse(&link, id, refusal, options.slow_edge).await,
    };
    if !options.history.is_empty() {
        // Whoever has talked already does not begin with a greeting.
        plan.first_message.clear();
        plan.turn.greets = false;
    }
    let hearing = if plan.text_only {
        None
    } else {
        match Hearing::new(&inner, &plan) {
            Ok(hearing) => Some(hearing),
            Err(refusal) => return refuse(&link, id, refusal, options.slow_edge).await,
        }
    };
    let clock = options.clock.clone();
    let now = clock.now();
    let mut session = Session {
        machine: turn::Conversation::new(plan.turn.clone()),
        alarm: clock.alarm(),
        guard: Guard::default(),
        facts: VecDeque::new(),
        incoming: link.incoming,
        outgoing: link.outgoing,
        end_requests,
        probes,
        asked: Vec::new(),
        hearing,
        replies: BTreeMap::new(),
        calls: BTreeMap::new(),
        next_call: ToolCallId(1),
        running: JoinSet::new(),
        context: Context::after(&options.history),
        track: Track::default(),
        plays_until: now,
        paused: None,
        last_event: 0,
        turn_moments: None,
        last_voice: now,
        last_final: None,
        one_way: Duration::ZERO,
        next_ping: now + options.ping_every,
        ping: 0,
        pings: VecDeque::new(),
        ping_ms: None,
        last_heard_of: now,
        reports_played: false,
        wants_metrics: false,
        voice_failures: 0,
        stand_in: StandIn::default(),
        asr_failures: 0,
        llm_failures: 0,
        fatal: None,
        deaf: None,
        ending_call: None,
        correction: None,
        next_words: None,
        next_keys: None,
        mocks: wishes.tool_mock_config.unwrap_or_default(),
        summary: Summary::default(),
        over: None,
        inner,
        clock,
        id,
        wall,
        plan,
        options,
    };
    session.begin().await;
    if let Some(event) = first {
        session.on_client(event).await;
    }
    Box::pin(session.converse()).await
}

/// An identity nobody can guess: the standard library's hasher keys are random per process and instance.
fn new_id() -> String {
    use std::{
        fmt::Write as _,
        hash::{BuildHasher, Hasher, RandomState},
    };
    let mut id = String::from("conv_");
    for _ in 0..2 {
        let number = RandomState::new().build_hasher().finish();
        let _ = write!(id, "{number:016x}");
    }
    id
}

fn system_variables(agent: &str, conversation: &str, wall: &Zoned) -> Variables {
    let text = |text: &str| DynamicVariable::Text(text.to_owned());
    [
        ("system__agent_id", text(agent)),
        ("system__current_agent_id", text(agent)),
        ("system__conversation_id", text(conversation)),
        ("system__caller_id", text("")),
        ("system__called_number", text("")),
        ("system__call_sid", text("")),
        (
            "system__call_duration_secs",
            DynamicVariable::Number(0.into()),
        ),
        ("system__agent_turns", DynamicVariable::Number(0.into())),
        ("system__time_utc", text(&wall.timestamp().to_string())),
        (
            "system__time",
            text(&wall.strftime("%A, %d %B %Y %H:%M").to_string()),
        ),
        (
            "system__timezone",
            text(wall.time_zone().iana_name().unwrap_or("UTC")),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

async fn refuse(link: &Link, id: String, refusal: Refusal, patience: Duration) -> Ending {
    let event = ErrorEvent::new(refusal.error_type.clone(), refusal.message.clone());
    let code = event.code.unwrap_or(CloseCode::Crashed);
    let _ = tokio::time::timeout(
        patience,
        link.outgoing
            .send(ServerEvent::Error { error_event: event }),
    )
    .await;
    Ending {
        conversation: id,
        reason: EndReason::Refused,
        code,
        error_type: Some(refusal.error_type),
        message: refusal.message,
        summary: Summary::default(),
    }
}

impl Session {
    async fn begin(&mut self) {
        let metadata = ConversationMetadata {
            conversation_id: self.id.clone(),
            agent_output_audio_format: self.plan.output_format.0.clone(),
            user_input_audio_format: self.plan.input_format.0.clone(),
            duologue_server: Some(DuologueServer {
                version: VERSION.to_owned(),
                played: true,
            }),
        };
        self.send(ServerEvent::ConversationInitiationMetadata {
            conversation_initiation_metadata_event: metadata,
        })
        .await;
        if self.hearing.is_some() {
            let ears = [
                ("provider", self.inner.providers.asr.name()),
                ("language", &self.plan.language),
            ];
            let asr_initiation_metadata_event = ears
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into_iter()
                .collect();
            self.send(ServerEvent::AsrInitiationMetadata {
                asr_initiation_metadata_event,
            })
            .await;
        }
        if let Some(journal) = &self.options.journal {
            journal.begin(&self.id, &self.plan.turn);
        }
        let wall = self.wall.to_string();
        let plan = &self.plan;
        self.options.recorder.record(
            &self.id,
            self.clock.now(),
            Fact::Started {
                agent: &self.inner.id,
                user: plan.user.as_deref(),
                wall: &wall,
                language: &plan.language,
                text_only: plan.text_only,
            },
        );
        self.tell(Input::Start);
        self.settle_facts().await;
    }

    async fn converse(mut self) -> Ending {
        while self.over.is_none() {
            let happening = self.next().await;
            self.react(happening).await;
            self.settle_facts().await;
            self.feed();
            self.heard_until_now();
            self.pass_on_trouble();
        }
        self.finish().await
    }

    async fn react(&mut self, happening: Happening) {
        match happening {
            Happening::Time => self.on_time().await,
            Happening::Frame => self.hear_spread().await,
            Happening::Client(Some(event)) => self.on_client(event).await,
            Happening::EndRequested | Happening::Client(None) => self.tell(Input::UserEnds),
            Happening::Asr(event) => self.on_asr(event).await,
            Happening::Llm(reply, event) => self.on_llm(reply, event).await,
            Happening::Tts(reply, event) => self.on_tts(reply, event).await,
            Happening::Tool(call, result) => self.on_tool(call, result),
            Happening::Hanging => self.on_hanging().await,
        }
    }

    /// Something for the machine.
    fn tell(&mut self, input: Input) {
        self.facts.push_back((input, None));
    }

    /// Tells the machine all that is known, and does what it decides.
    async fn settle_facts(&mut self) {
        while let Some((input, mut chunk)) = self.facts.pop_front() {
            if self.over.is_some() {
                return;
            }
            let now = self.clock.now();
            let mirror = self
                .options
                .journal
                .as_ref()
                .map(|_| journal::mirror(&input));
            let outputs: Vec<turn::Output> = self.machine.handle(now, input).collect();
            if let (Some(journal), Some(mirror)) = (&self.options.journal, mirror) {
                journal.note(now, mirror, &outputs);
            }
            for output in outputs {
                self.perform(now, output, &mut chunk).await;
            }
        }
    }

    async fn on_time(&mut self) {
        let now = self.clock.now();
        if self.machine.deadline().is_some_and(|at| at <= now) {
            self.tell(Input::Tick);
        }
        if now >= self.next_ping {
            self.next_ping = now + self.options.ping_every;
            self.ping += 1;
            self.pings.push_back((self.ping, now));
            if self.pings.len() > 8 {
                self.pings.pop_front();
            }
            let ping_event = Ping {
                event_id: self.ping.into(),
                ping_ms: self.ping_ms,
            };
            self.send(ServerEvent::Ping { ping_event }).await;
        }
        if now >= self.last_heard_of + self.options.receive_timeout {
            self.fail(
                ErrorType::TransportReceiveTimeout,
                format!(
                    "nothing came from the client for {} s",
                    self.options.receive_timeout.as_secs()
                ),
            )
            .await;
        }
    }

    /// The end of a conversation that cannot go on: the client is told once, and nothing follows.
    async fn fail(&mut self, error_type: ErrorType, message: String) {
        if self.over.is_some() {
            return;
        }
        let error_event = ErrorEvent::new(error_type.clone(), message.clone());
        let code = error_event.code.unwrap_or(CloseCode::Crashed);
        // Set first, so that a client that does not take the news cannot cause another ending.
        self.over = Some(Over {
            reason: EndReason::Failed,
            code,
            error_type: Some(error_type),
            message: message.clone(),
        });
        self.fail_calls(&message).await;
        self.send(ServerEvent::Error { error_event }).await;
    }

    fn end(&mut self, reason: CloseReason) {
        let (reason, message) = match reason {
            CloseReason::UserEnded => (EndReason::UserEnded, "the user ended the conversation"),

            CloseReason::Silence => (EndReason::Silence, "the user was silent for too long"),
            CloseReason::MaxDuration => (
                EndReason::MaxDuration,
                "the longest permitted duration was reached",
            ),
            _ => (EndReason::AgentEnded, "the agent ended the conversation"),
        };
        if self.over.is_none() {
            self.over = Some(Over {
                reason,
                code: CloseCode::Normal,
                error_type: (reason == EndReason::MaxDuration)
                    .then_some(ErrorType::MaxDurationExceeded),
                message: message.to_owned(),
            });
        }
    }

    async fn finish(mut self) -> Ending {
        let now = self.clock.now();
        let ids: Vec<ReplyId> = self.replies.keys().copied().collect();
        for reply in ids {
            self.forget_reply(reply);
        }
        self.running.abort_all();
        self.track.stop(now);
        self.heard_until_now();
        self.pass_on_trouble();
        let over = self.over.take().unwrap_or(Over {
            reason: EndReason::Failed,
            code: CloseCode::Crashed,
            error_type: Some(ErrorType::UnknownWebsocketCrash),
            message: "the conversation stopped".to_owned(),
        });
        self.summary.duration = now.since_start();
        self.options.recorder.record(
            &self.id,
            now,
            Fact::Ended {
                reason: over.reason.as_str(),
                code: over.code,
            },
        );
        if let Some(journal) = &self.options.journal {
            journal.flush().await;
        }
        Ending {
            conversation: self.id,
            reason: over.reason,
            code: over.code,
            error_type: over.error_type,
            message: over.message,
            summary: self.summary,
        }
    }

    /// Sound that has left the speaker by now goes to the recorder.
    fn heard_until_now(&mut self) {
        let now = self.clock.now();
        while let Some((from, samples)) = self.track.due(now) {
            self.options.recorder.record(
                &self.id,
                now,
                Fact::AgentAudio {
                    from,
                    samples: &samples,
                },
            );
        }
    }

    fn pass_on_trouble(&mut self) {
        if let Some(text) = self
            .options
            .journal
            .as_ref()
            .and_then(journal::Journal::trouble)
        {
            self.warn(&text);
        }
    }

    fn warn(&self, text: &str) {
        tracing::warn!(conversation = self.id, "{text}");
        self.options
            .recorder
            .record(&self.id, self.clock.now(), Fact::Warning { text });
    }

    /// The wall clock now.
    fn wall_now(&self) -> String {
        let elapsed =
            jiff::SignedDuration::try_from(self.clock.now().since_start()).unwrap_or_default();
        self.wall
            .checked_add(elapsed)
            .unwrap_or_else(|_| self.wall.clone())
            .to_string()
    }

    /// Until when an llm on the real clock may be silent.
    fn provider_deadline(&self) -> Instant {
        Instant::now() + self.options.provider_timeout
    }

    /// How long a voice may be silent. Where the conversation's clock waits for providers, nobody hears the silence.
    fn voice_patience(&self) -> Duration {
        if self.clock.is_driven() {
            self.options.provider_timeout
        } else {
            self.options.voice_timeout
        }
    }

    /// Until when a voice on the real clock may be silent.
    fn voice_deadline(&self) -> Instant {
        Instant::now() + self.voice_patience()
    }
}

/// What the client asked for when it said nothing.
fn no_wishes() -> Box<Initiation> {
    Box::default()
}
