//! Providers that do as they are told, and a caller on a driven clock.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::format_push_string,
    clippy::too_many_lines
)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::{Agent, Clock, Edge, Handle, MemoryRecorder, Options, Providers, config::Config};
use audio::{Format, SampleRate};
use protocol::agents::{AudioBytes, ClientEvent, EventId, Initiation, ServerEvent};
use providers::{
    ProviderError, asr,
    llm::{self, Event, Request},
    tool::Tool,
    tts, vad,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Loud frames are speech.
pub struct LoudVad;

impl vad::Vad for LoudVad {
    fn name(&self) -> &'static str {
        "loud"
    }
    fn detector(&self) -> Box<dyn vad::Detector> {
        Box::new(Loud)
    }
}

struct Loud;

impl vad::Detector for Loud {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_16000
    }
    fn frame_len(&self) -> usize {
        320
    }
    fn probability(&mut self, frame: &[i16]) -> f32 {
        let loud = frame
            .iter()
            .filter(|sample| sample.unsigned_abs() > 500)
            .count();
        if loud > frame.len() / 2 { 0.95 } else { 0.02 }
    }
}

/// What a recogniser does with the next utterance.
#[derive(Clone, Debug)]
pub enum Hears {
    Words(&'static str),
    Fails,
    Hangs,
    Closes,
}

/// Hears what it was told it would.
#[derive(Clone)]
pub struct ToldAsr(pub Arc<Mutex<VecDeque<Hears>>>);

impl ToldAsr {
    pub fn new(words: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new(
            words.iter().map(|words| Hears::Words(words)).collect(),
        )))
    }
}

impl asr::Asr for ToldAsr {
    fn name(&self) -> &'static str {
        "told"
    }
    fn languages(&self) -> &[&str] {
        &["en", "fr"]
    }
    fn start(&self, _options: asr::Options) -> asr::Session {
        let (input, mut sound) = mpsc::channel(64);
        let (texts, events) = mpsc::channel(64);
        let queue = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut now = (0, Hears::Words(""));
            let mut heard = 0;
            let mut told = 0;
            while let Some(input) = sound.recv().await {
                match input {
                    asr::Input::Begin { utterance, .. } => {
                        let next = queue
                            .lock()
                            .unwrap()
                            .pop_front()
                            .unwrap_or(Hears::Words(""));
                        now = (utterance, next);
                        heard = 0;
                        told = 0;
                    }
                    asr::Input::Audio(samples) => {
                        heard += samples.len();
                        if let Hears::Words(words) = now.1 {
                            // A word every 300 ms.
                            let count = (heard / 4_800).min(words.split(' ').count());
                            if count > told {
                                told = count;
                                let text =
                                    words.split(' ').take(count).collect::<Vec<_>>().join(" ");
                                let _ = texts
                                    .send(Ok(asr::Event::Partial {
                                        utterance: now.0,
                                        text,
                                    }))
                                    .await;
                            }
                        }
                    }
                    asr::Input::End => match now.1 {
                        Hears::Words(words) => {
                            let text = words.to_owned();
                            let _ = texts
                                .send(Ok(asr::Event::Final {
                                    utterance: now.0,
                                    text,
                                }))
                                .await;
                        }
                        Hears::Fails => {
                            let _ = texts
                                .send(Err(ProviderError::Failed {
                                    provider: "told".into(),
                                    reason: "as told".into(),
                                }))
                                .await;
                        }
                        Hears::Hangs => {}
                        Hears::Closes => return,
                    },
                    asr::Input::Drop => queue.lock().unwrap().push_front(now.1.clone()),
                }
            }
        });
        asr::Session { input, events }
    }
}

/// One step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    Event(Event),
    Wait(Duration),
    Fail(ProviderError),
    Hang,
    Close,
}

pub fn say(text: &str) -> Vec<Step> {
    vec![
        Step::Event(Event::Text(text.to_owned())),
        Step::Event(Event::Done),
    ]
}

pub fn call(name: &str, arguments: Value) -> Step {
    Step::Event(Event::Call(llm::ToolCall {
        id: format!("call_{name}"),
        name: name.to_owned(),
        arguments,
    }))
}

type Brain = dyn Fn(&Request) -> Vec<Step> + Send + Sync;

/// Answers as a function of the request.
pub struct FnLlm {
    pub clock: Clock,
    pub brain: Box<Brain>,
    pub asked: Arc<Mutex<Vec<Request>>>,
}

impl llm::Llm for FnLlm {
    fn name(&self) -> &'static str {
        "fn"
    }
    fn generate(&self, request: Request) -> llm::Generation {
        let steps = (self.brain)(&request);
        self.asked.lock().unwrap().push(request);
        let (events, generation) = mpsc::channel(8);
        let clock = self.clock.clone();
        tokio::spawn(async move {
            for step in steps {
                let sent = match step {
                    Step::Event(event) => events.send(Ok(event)).await,
                    Step::Fail(error) => events.send(Err(error)).await,
                    Step::Wait(time) => {
                        tokio::select! { () = clock.sleep(time) => Ok(()), () = events.closed() => return }
                    }
                    Step::Hang => {
                        events.closed().await;
                        return;
                    }
                    Step::Close => return,
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        generation
    }
}

/// How a voice behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Speaks,
    Fails,
    Hangs,
    Closes,
}

/// Takes 60 ms a letter, in chunks of 200 ms at `rate`.
#[derive(Clone)]
pub struct ToneTts {
    pub rate: SampleRate,
    pub manner: Arc<Mutex<Manner>>,
}

impl tts::Tts for ToneTts {
    fn name(&self) -> &'static str {
        "tone"
    }
    fn voices(&self) -> Vec<tts::Voice> {
        Vec::new()
    }
    fn languages(&self) -> &[&str] {
        &["en", "fr"]
    }
    fn start(&self, _options: tts::Options) -> tts::Session {
        let (input, mut texts) = mpsc::channel(8);
        let (chunks, events) = mpsc::channel(8);
        let rate = self.rate;
        let manner = *self.manner.lock().unwrap();
        tokio::spawn(async move {
            let letter = Duration::from_millis(60);
            while let Some(tts::Input::Text(text)) = texts.recv().await {
                match manner {
                    Manner::Speaks => {}
                    Manner::Hangs => {
                        chunks.closed().await;
                        return;
                    }
                    Manner::Closes => return,
                    Manner::Fails => {
                        let error = ProviderError::Failed {
                            provider: "tone".into(),
                            reason: "as told".into(),
                        };
                        let _ = chunks.send(Err(error)).await;
                        return;
                    }
                }
                let letters: Vec<char> = text.chars().collect();
                for part in letters.chunks(3) {
                    let alignment = part
                        .iter()
                        .zip(0..)
                        .map(|(c, index)| tts::Aligned {
                            text: c.to_string(),
                            start: letter * index,
                            duration: letter,
                        })
                        .collect();
                    let chunk = tts::Chunk {
                        samples: vec![6_000; rate.samples_in(letter * part.len() as u32)],
                        rate,
                        alignment,
                    };
                    if chunks.send(Ok(tts::Event::Chunk(chunk))).await.is_err() {
                        return;
                    }
                }
            }
            let _ = chunks.send(Ok(tts::Event::Done)).await;
        });
        tts::Session { input, events }
    }
}

type Work = dyn Fn() -> Result<Value, String> + Send + Sync;

/// A tool of this process that takes its time.
pub struct FnTool {
    pub name: &'static str,
    pub clock: Clock,
    pub takes: Duration,
    pub timeout: Duration,
    pub work: Box<Work>,
}

impl Tool for FnTool {
    fn spec(&self) -> llm::ToolSpec {
        llm::ToolSpec {
            name: self.name.to_owned(),
            description: "Does it.".to_owned(),
            parameters: json!({"type": "object", "properties": {}}),
        }
    }
    fn timeout(&self) -> Duration {
        self.timeout
    }
    fn call(&self, _call: providers::tool::Invocation) -> providers::tool::ToolFuture<'_> {
        Box::pin(async move {
            self.clock.sleep(self.takes).await;
            (self.work)()
        })
    }
}

/// Everything that makes a conversation in a test.
pub struct Setup {
    pub config: Value,
    pub hears: Vec<Hears>,
    pub brain: Box<Brain>,
    pub tools: Vec<Arc<dyn Tool>>,
    pub rate: SampleRate,
    pub manner: Manner,
    pub wishes: Initiation,
    pub options: Options,
    /// Agents that can be transferred to.
    pub others: Vec<(&'static str, Value)>,
}

impl Setup {
    pub fn new(
        hears: &[&'static str],
        brain: impl Fn(&Request) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self {
            config: config(json!({})),
            hears: hears.iter().map(|words| Hears::Words(words)).collect(),
            brain: Box::new(brain),
            tools: Vec::new(),
            rate: SampleRate::HZ_16000,
            manner: Manner::Speaks,
            wishes: Initiation::default(),
            others: Vec::new(),
            options: Options {
                clock: Clock::driven(),
                wall: Some(wall()),
                conversation: Some("conv_test".into()),
                ..Options::default()
            },
        }
    }

    pub async fn start(self) -> Caller {
        let clock = self.options.clock.clone();
        let recorder = Arc::new(MemoryRecorder::default());
        let asked = Arc::default();
        let manner = Arc::new(Mutex::new(self.manner));
        let providers = Providers {
            vad: Arc::new(LoudVad),
            asr: Arc::new(ToldAsr(Arc::new(Mutex::new(self.hears.into())))),
            llm: Arc::new(FnLlm {
                clock: clock.clone(),
                brain: self.brain,
                asked: Arc::clone(&asked),
            }),
            tts: Arc::new(ToneTts {
                rate: self.rate,
                manner: Arc::clone(&manner),
            }),
        };
        let config = Config::from_value(self.config).unwrap();
        let agent = Agent::new("agent_test", config, providers.clone(), self.tools);
        let others = self.others;
        let transfer: agent::Resolver = Arc::new(move |id| {
            let (id, config) = others.iter().find(|(known, _)| *known == id)?;
            let config = Config::from_value(config.clone()).unwrap();
            Some(Agent::new(*id, config, providers.clone(), Vec::new()))
        });
        let (link, edge) = agent::link();
        let options = Options {
            recorder: recorder.clone(),
            transfer: Some(transfer),
            ..self.options
        };
        let handle = agent.start(link, options);
        edge.sender
            .send(ClientEvent::ConversationInitiationClientData(Box::new(
                self.wishes,
            )))
            .await
            .unwrap();
        Caller {
            clock,
            edge,
            handle,
            recorder,
            asked,
            manner,
            log: Vec::new(),
            events: Vec::new(),
            answer_pings: true,
            format: Format::Pcm16000,
            player: None,
        }
    }
}

pub fn wall() -> jiff::Zoned {
    "2026-11-21T10:00:00+00:00[UTC]".parse().unwrap()
}

/// An agent that greets, hears every event and lets `more` change the rest.
pub fn config(more: Value) -> Value {
    let mut base = json!({
        "name": "test",
        "conversation_config": {
            "agent": {"first_message": "Hi, I am here.", "prompt": {"prompt": "Be brief."}},
            "turn": {"turn_timeout": -1, "soft_timeout_config": {"timeout_seconds": -1}},
            "conversation": {"client_events": ["audio", "interruption", "user_transcript", "agent_response",
                "agent_response_correction", "agent_tool_request", "agent_tool_response", "agent_chat_response_part"]},
        }
    });
    merge(&mut base, more);
    base
}

fn merge(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, more) => *base = more,
    }
}

/// A caller on the driven clock.
pub struct Caller {
    pub clock: Clock,
    pub edge: Edge,
    pub handle: Handle,
    pub recorder: Arc<MemoryRecorder>,
    pub asked: Arc<Mutex<Vec<Request>>>,
    pub manner: Arc<Mutex<Manner>>,
    /// What came, in words; sound is summed up.
    pub log: Vec<String>,
    pub events: Vec<ServerEvent>,
    pub answer_pings: bool,
    /// How this caller codes its sound.
    pub format: Format,
    pub player: Option<Player>,
}

/// A speaker that can pause and says what it played.
#[derive(Debug, Default)]
pub struct Player {
    /// Sound it has: id, length and what was played of it, in milliseconds.
    queue: VecDeque<(u64, u64, u64)>,
    /// It begins to play so long after the first sound of a reply.
    pub delay: u64,
    waits: u64,
    paused: bool,
    pub played: u64,
    pub pauses: u32,
}

impl Player {
    fn receive(&mut self, event: u64, ms: u64) {
        if self.queue.is_empty() {
            self.waits = self.delay;
        }
        self.queue.push_back((event, ms, 0));
    }

    /// Plays for 20 ms; what it reports.
    fn play(&mut self) -> Option<ClientEvent> {
        if self.paused || self.queue.is_empty() {
            return None;
        }
        if self.waits > 0 {
            self.waits -= 20;
            return None;
        }
        let mut left = 20;
        let mut report = None;
        while left > 0
            && let Some((event, length, played)) = self.queue.front_mut()
        {
            let part = left.min(*length - *played);
            *played += part;
            left -= part;
            self.played += part;
            report = Some(ClientEvent::DuologuePlayed {
                event_id: EventId(*event),
                ms: *played,
            });
            if played == length {
                self.queue.pop_front();
            }
        }
        report
    }
}

impl Caller {
    pub async fn send(&mut self, event: ClientEvent) {
        let _ = self.edge.sender.send(event).await;
        self.look().await;
    }

    pub async fn silent(&mut self, ms: u64) {
        self.sound(ms, 0).await;
    }

    pub async fn speak(&mut self, ms: u64) {
        self.sound(ms, 8_000).await;
    }

    /// Speaks and is silent, in long pieces that come when all of their sound has passed, as from the Python SDK.
    pub async fn in_pieces(&mut self, piece_ms: u64, parts: &[(u64, i16)]) {
        let samples: Vec<i16> = parts
            .iter()
            .flat_map(|(ms, level)| {
                let count = self.format.rate().samples_in(Duration::from_millis(*ms));
                std::iter::repeat_n(*level, count)
            })
            .collect();
        let piece = self
            .format
            .rate()
            .samples_in(Duration::from_millis(piece_ms));
        for piece in samples.chunks(piece) {
            for _ in 0..piece_ms / 10 {
                self.clock.advance(Duration::from_millis(10));
                self.look().await;
            }
            let chunk = ClientEvent::UserAudioChunk {
                user_audio_chunk: AudioBytes::from(self.format.encode(piece)),
            };
            self.send(chunk).await;
        }
    }

    async fn sound(&mut self, ms: u64, level: i16) {
        for _ in 0..ms / 20 {
            let count = self.format.rate().samples_in(Duration::from_millis(20));
            let bytes = self.format.encode(&vec![level; count]);
            let chunk = ClientEvent::UserAudioChunk {
                user_audio_chunk: AudioBytes::from(bytes),
            };
            if self.edge.sender.send(chunk).await.is_err() {
                return self.look().await;
            }
            self.clock.advance(Duration::from_millis(20));
            self.look().await;
            if let Some(report) = self.player.as_mut().and_then(Player::play) {
                self.send(report).await;
            }
        }
    }

    /// Becomes an edge that can pause and reports what it plays, `delay` milliseconds late.
    pub async fn plays(&mut self, delay: u64) {
        self.player = Some(Player {
            delay,
            ..Player::default()
        });
        self.send(ClientEvent::DuologueClient {
            can_pause: true,
            reports_played: true,
        })
        .await;
    }

    /// Lets time pass without sound.
    pub async fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.clock.advance(Duration::from_millis(20));
            self.look().await;
        }
    }

    pub async fn look(&mut self) {
        loop {
            self.clock.settled().await;
            let mut pongs = Vec::new();
            while let Ok(event) = self.edge.receiver.try_recv() {
                self.note(event, &mut pongs);
            }
            if pongs.is_empty() {
                return;
            }
            for pong in pongs {
                let _ = self.edge.sender.send(pong).await;
            }
        }
    }

    fn note(&mut self, event: ServerEvent, pongs: &mut Vec<ClientEvent>) {
        let now = self.clock.now();
        let line = match &event {
            ServerEvent::Audio { audio_event } => {
                let id = audio_event.event_id;
                if let Some(player) = &mut self.player {
                    player.receive(id.0, audio_event.audio_base_64.len() as u64 / 32);
                }
                if let Some(last) = self.log.last_mut()
                    && let Some(at) = last.find("audio ")
                {
                    let from = last[at + 6..]
                        .split("..")
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                    last.truncate(at);
                    last.push_str(&format!("audio {from}..{id}"));
                    self.events.push(event);
                    return;
                }
                format!("audio {id}")
            }
            ServerEvent::Ping { ping_event } => {
                if self.answer_pings {
                    pongs.push(ClientEvent::Pong {
                        event_id: ping_event.event_id,
                    });
                }
                return;
            }
            ServerEvent::AgentChatResponsePart { .. } => {
                self.events.push(event);
                return;
            }
            ServerEvent::ConversationInitiationMetadata { .. } => "metadata".to_owned(),
            ServerEvent::UserTranscript {
                user_transcription_event: t,
            } => format!("user: {}", t.user_transcript),
            ServerEvent::AgentResponse {
                agent_response_event: r,
            } => {
                format!(
                    "agent {}: {}",
                    r.event_id.unwrap_or_default(),
                    r.agent_response
                )
            }
            ServerEvent::AgentResponseCorrection {
                agent_response_correction_event: c,
            } => format!(
                "heard {}: {:?} of {:?}",
                c.event_id.unwrap_or_default(),
                c.corrected_agent_response,
                c.original_agent_response
            ),
            ServerEvent::DuologueDuck { .. } => {
                if let Some(player) = &mut self.player {
                    player.paused = true;
                    player.pauses += 1;
                }
                "duck".to_owned()
            }
            ServerEvent::DuologueResume { .. } => {
                if let Some(player) = &mut self.player {
                    player.paused = false;
                }
                "resume".to_owned()
            }
            ServerEvent::Interruption { interruption_event } => {
                if let Some(player) = &mut self.player {
                    player.queue.clear();
                    player.paused = false;
                }
                format!("interruption {}", interruption_event.event_id)
            }
            ServerEvent::ClientToolCall {
                client_tool_call: c,
            } => {
                format!(
                    "client_tool_call {} {} {}",
                    c.tool_call_id,
                    c.tool_name,
                    Value::Object(c.parameters.clone())
                )
            }
            ServerEvent::AgentToolRequest {
                agent_tool_request: r,
            } => format!("tool_request {}", r.tool_name),
            ServerEvent::AgentToolResponse {
                agent_tool_response: r,
            } => {
                format!(
                    "tool_response {}{}",
                    r.tool_name,
                    if r.is_error { " (error)" } else { "" }
                )
            }
            ServerEvent::Error { error_event: e } => format!(
                "error {} {}",
                e.code.map_or(0, protocol::agents::CloseCode::as_u16),
                e.error_type.as_ref().map_or("", |t| t.as_str())
            ),
            other => other.kind().to_owned(),
        };
        self.log.push(format!("{now} {line}"));
        self.events.push(event);
    }

    /// The log without times.
    pub fn lines(&self) -> Vec<&str> {
        self.log
            .iter()
            .map(|line| line.split_once(' ').map_or("", |(_, line)| line))
            .collect()
    }

    pub fn has(&self, wanted: &str) -> bool {
        self.lines().contains(&wanted)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}
