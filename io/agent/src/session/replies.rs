//! Replies: from the llm's words to sound on its way.

use std::{collections::VecDeque, time::Duration};

use audio::{Moment, Resampler, SampleRate};
use bytes::Bytes;
use protocol::agents::{
    AgentResponse, Alignment, AudioBytes, AudioEvent, ContextUsage, ErrorEvent, ErrorType, EventId,
    PartId, PartKind, ServerEvent, TextPart,
};
use providers::{
    ProviderError,
    asr::Expected,
    llm::{self, Message, Request, ToolCall},
    tts,
};
use tokio::{sync::mpsc, time::Instant};
use turn::{AlignedText, Input, Origin, ReplyId};

use super::{MOST_VOICE_FAILURES, Session};
use crate::{context, expected_kind, record::Fact, variables};

/// Said in place of an answer that could not be made.
const APOLOGY: &str = "I am sorry, I cannot answer that right now.";
/// No reply is longer, in bytes: an llm that writes on is cut off.
const LONGEST_REPLY: usize = 64 * 1024;
/// Sound is sent in pieces no longer than this, so that stopping and remembering are exact.
const LONGEST_PIECE: Duration = Duration::from_millis(500);
/// A voice that has aligned nothing after this much sound aligns nothing at all.
const UNALIGNED_AFTER: Duration = Duration::from_millis(500);
/// Sound for recordings.
const RECORDED: SampleRate = SampleRate::HZ_16000;
/// A voice may be silent so long before the caller at least reads what it was to say.
const UNEXPLAINED: Duration = Duration::from_secs(3);
/// llms that fail so often without an answer between end the conversation, after an apology.
const MOST_LLM_FAILURES: u32 = 3;

/// One attempt of the agent to say something.
#[expect(
    clippy::struct_excessive_bools,
    reason = "five things that happen independently, each once"
)]
pub(super) struct Reply {
    /// It is no speculation, or not any more.
    pub(super) adopted: bool,
    pub(super) text: String,
    pub(super) llm: Option<llm::Generation>,
    /// Until when the llm may be silent.
    pub(super) patience: Instant,
    pub(super) voice: Option<Voice>,
    /// Its text is complete.
    pub(super) written: bool,
    /// `agent_response` was sent.
    pub(super) announced: bool,
    /// Streamed text has begun.
    pub(super) streaming: bool,
    pub(super) first_event: Option<u64>,
    pub(super) called: bool,
    /// System tools of a speculative reply, to be told of when it is adopted.
    pub(super) unannounced: Vec<(ToolCall, bool)>,
    pub(super) expected: Option<Expected>,
    pub(super) first_token: Option<Moment>,
    pub(super) first_clause: Option<Moment>,
    pub(super) first_sound: Option<Moment>,
}

/// A reply being spoken.
pub(super) struct Voice {
    pub(super) session: tts::Session,
    /// What the voice has no room for yet.
    pub(super) waiting: VecDeque<tts::Input>,
    /// It was given all of the text.
    pub(super) ended: bool,
    /// Until when it may be silent.
    pub(super) patience: Instant,
    /// When its silence is explained by telling the text. None: it was heard, or the text was told.
    pub(super) explain: Option<Instant>,
    sound: Option<Sound>,
}

/// Sound on its way from the voice's rate to the edge's.
struct Sound {
    to_edge: Resampler,
    to_record: Option<Resampler>,
    /// What the voice has given, in its own time.
    taken: Duration,
    /// What was passed on, in the same time.
    given: Duration,
    /// Text whose sound has not been passed on, at its place in the whole.
    texts: VecDeque<AlignedText>,
    /// The voice says when its words sound.
    aligns: bool,
}

/// A chunk that waits for the machine's word.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) duration: Duration,
    pub(super) alignment: Vec<AlignedText>,
    pub(super) recorded: Vec<i16>,
}

impl Reply {
    fn new(adopted: bool, patience: Instant) -> Self {
        Self {
            adopted,
            text: String::new(),
            llm: None,
            patience,
            voice: None,
            written: false,
            announced: false,
            streaming: false,
            first_event: None,
            called: false,
            unannounced: Vec::new(),
            expected: None,
            first_token: None,
            first_clause: None,
            first_sound: None,
        }
    }
}

impl Sound {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        Self {
            to_edge: Resampler::new(from, to),
            to_record: (to != RECORDED).then(|| Resampler::new(from, RECORDED)),
            taken: Duration::ZERO,
            given: Duration::ZERO,
            texts: VecDeque::new(),
            aligns: false,
        }
    }

    fn take(&mut self, chunk: &tts::Chunk) -> (Vec<i16>, Vec<i16>) {
        self.aligns |= !chunk.alignment.is_empty();
        for piece in &chunk.alignment {
            self.texts.push_back(AlignedText {
                text: piece.text.clone(),
                start: self.taken + piece.start,
                duration: piece.duration,
            });
        }
        self.taken += chunk.rate.duration_of(chunk.samples.len());
        let edge = self.to_edge.push(&chunk.samples);
        let recorded = match &mut self.to_record {
            Some(resampler) => resampler.push(&chunk.samples),
            None => edge.clone(),
        };
        (edge, recorded)
    }

    fn flush(&mut self) -> (Vec<i16>, Vec<i16>) {
        let edge = self.to_edge.flush();
        let recorded = match &mut self.to_record {
            Some(resampler) => resampler.flush(),
            None => edge.clone(),
        };
        (edge, recorded)
    }

    /// The texts that begin within the next `duration`.
    fn texts_within(&mut self, duration: Duration, last: bool) -> Vec<AlignedText> {
        let end = self.given + duration;
        let mut texts = Vec::new();
        while let Some(text) = self.texts.pop_front_if(|text| last || text.start < end) {
            texts.push(AlignedText {
                start: text.start.saturating_sub(self.given),
                ..text
            });
        }
        self.given = end;
        texts
    }
}

impl Session {
    /// The machine wants a reply.
    pub(super) async fn generate(
        &mut self,
        id: ReplyId,
        origin: Origin,
        speculative: Option<String>,
    ) {
        let adopted = speculative.is_none();
        let mut reply = Reply::new(adopted, self.provider_deadline());
        if adopted && origin != Origin::Filler {
            self.context.begin(id);
        }
        let own_words = match &origin {
            Origin::Greeting => Some(self.plan.first_message.clone()),
            Origin::Filler => Some(self.plan.turn.filler.clone()),
            Origin::MaxDuration => Some(self.plan.parting_message.clone().unwrap_or_default()),
            Origin::Rest { text, .. } => Some(text.clone()),
            Origin::Tools { .. } => self.next_words.take(),
            Origin::Turn | Origin::ReEngage => None,
        };
        if own_words.is_none() {
            let request = self.request(id, &origin, speculative);
            reply.llm = Some(self.inner.providers.llm.generate(request));
        }
        self.replies.insert(id, reply);
        if let Some(text) = own_words {
            if !text.trim().is_empty() {
                self.on_text(id, text).await;
            }
            self.complete(id).await;
        }
    }

    fn request(&self, id: ReplyId, origin: &Origin, speculative: Option<String>) -> Request {
        let mut messages = self.context.messages();
        messages.extend(speculative.map(Message::User));
        if *origin == Origin::ReEngage {
            messages.push(Message::Context(context::RE_ENGAGE.to_owned()));
        }
        let mut variables = variables::shown(&self.plan.variables);
        let mut set =
            |name: &str, value: serde_json::Value| variables.insert(name.to_owned(), value);
        set(
            "system__call_duration_secs",
            self.clock.now().since_start().as_secs().into(),
        );
        set("system__agent_turns", self.summary.agent_turns.into());
        Request {
            prompt: self.plan.prompt.clone(),
            messages,
            tools: self.tool_specs(),
            variables,
            temperature: self.plan.temperature,
            max_tokens: self.plan.max_tokens,
            extra_body: self.plan.extra_body.clone(),
            language: self.plan.language.clone(),
            seed: self.options.seed.wrapping_add(id.0),
            now: self.wall_now(),
        }
    }

    /// A speculation was right.
    pub(super) async fn adopt(&mut self, id: ReplyId) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.adopted = true;
        let text = reply.text.clone();
        let written = reply.written;
        let unannounced = std::mem::take(&mut reply.unannounced);
        let expected = reply.expected.take();
        self.context.begin(id);
        self.context.say(id, &text);
        if let (Some(expected), Some(hearing)) = (expected, &mut self.hearing) {
            hearing.expected = expected;
        }
        for (call, ends) in unannounced {
            self.announce_system_call(id, call, ends).await;
        }
        if !text.is_empty() {
            self.stream_text(id, &text).await;
        }
        if written {
            self.on_written(id).await;
        }
    }

    pub(super) async fn on_llm(
        &mut self,
        id: ReplyId,
        event: Option<Result<llm::Event, ProviderError>>,
    ) {
        let now = self.clock.now();
        let patience = self.provider_deadline();
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.patience = patience;
        if matches!(event, Some(Ok(llm::Event::Text(_) | llm::Event::Call(_)))) {
            reply.first_token.get_or_insert(now);
        }
        match event {
            Some(Ok(llm::Event::Text(text))) => {
                if reply.text.len() + text.len() > LONGEST_REPLY {
                    self.warn("the llm wrote more than a reply can hold; it was cut off");
                    return self.complete(id).await;
                }
                self.on_text(id, text).await;
            }
            Some(Ok(llm::Event::Call(call))) => {
                reply.called = true;
                self.on_call(id, call).await;
            }
            Some(Ok(llm::Event::Expect(expected))) => {
                if let Some(kind) = &expected.kind {
                    let expected = expected_kind(kind);
                    self.facts.push_back((
                        Input::Expect {
                            reply: id,
                            expected,
                        },
                        None,
                    ));
                }
                if !reply.adopted {
                    reply.expected = Some(expected);
                } else if let Some(hearing) = &mut self.hearing {
                    hearing.expected = expected;
                }
            }
            Some(Ok(llm::Event::Usage(usage))) => self.on_usage(usage).await,
            Some(Ok(llm::Event::Done)) => {
                self.llm_failures = 0;
                self.complete(id).await;
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => self.llm_failed(id, &error).await,
            None => {
                let error = ProviderError::Failed {
                    provider: self.inner.providers.llm.name().to_owned(),
                    reason: "it closed in the middle of its answer".to_owned(),
                };
                self.llm_failed(id, &error).await;
            }
        }
    }

    async fn on_usage(&mut self, usage: llm::Usage) {
        self.summary.input_tokens += usage.input_tokens;
        self.summary.output_tokens += usage.output_tokens;
        let llm = self.inner.providers.llm.name().to_owned();
        self.options
            .recorder
            .record(&self.id, self.clock.now(), Fact::Usage { llm: &llm, usage });
        let event = ContextUsage {
            event_id: self.next_event(),
            model: llm,
            context_tokens: usage.input_tokens + usage.output_tokens,
            // Providers do not say how much they hold.
            context_limit_tokens: 0,
        };
        self.send(event.into()).await;
    }

    /// Text of a reply, from the llm or the agent's own.
    pub(super) async fn on_text(&mut self, id: ReplyId, text: String) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.text.push_str(&text);
        if reply.adopted {
            let so_far = reply.text.clone();
            self.context.say(id, &so_far);
            self.stream_text(id, &text).await;
        }
        self.tell(Input::ReplyText { reply: id, text });
    }

    /// The reply's text is complete.
    pub(super) async fn complete(&mut self, id: ReplyId) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.llm = None;
        reply.written = true;
        if reply.adopted {
            self.on_written(id).await;
        }
        self.tell(Input::ReplyComplete { reply: id });
    }

    /// An adopted reply is complete: what waited for its whole text is sent.
    async fn on_written(&mut self, id: ReplyId) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        if reply.streaming {
            reply.streaming = false;
            self.send_part(id, PartKind::Stop, "").await;
        }
        let Some(reply) = self.replies.get(&id) else {
            return;
        };
        if self.plan.text_only || reply.first_event.is_some() {
            self.announce(id).await;
        }
    }

    async fn stream_text(&mut self, id: ReplyId, text: &str) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        if !reply.streaming {
            reply.streaming = true;
            self.send_part(id, PartKind::Start, "").await;
        }
        self.send_part(id, PartKind::Delta, text).await;
    }

    async fn send_part(&mut self, id: ReplyId, kind: PartKind, text: &str) {
        let event = self.event_of(id);
        self.send(ServerEvent::AgentChatResponsePart {
            text_response_part: TextPart {
                text: text.to_owned(),
                kind,
                event_id: Some(PartId::from(event)),
            },
        })
        .await;
    }

    /// Tells the reply's text, once, under the id of its first sound.
    pub(super) async fn announce(&mut self, id: ReplyId) {
        let event = self.event_of(id);
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let text = reply.text.trim().to_owned();
        if reply.announced || text.is_empty() {
            return;
        }
        reply.announced = true;
        self.send(
            AgentResponse {
                agent_response: text,
                event_id: Some(event),
            }
            .into(),
        )
        .await;
        if self.plan.text_only {
            // Text turns have ids of their own, for there is no sound to name them by.
            self.last_event += 1;
        }
    }

    /// The id under which a reply goes: its first sound's, or the one that this will have.
    pub(super) fn event_of(&self, id: ReplyId) -> EventId {
        self.replies
            .get(&id)
            .and_then(|reply| reply.first_event)
            .map_or_else(|| self.next_event(), EventId)
    }

    /// The id that the next sound will have.
    pub(super) fn next_event(&self) -> EventId {
        EventId(self.last_event + 1)
    }

    async fn llm_failed(&mut self, id: ReplyId, error: &ProviderError) {
        self.llm_failures += 1;
        self.warn(&format!("the llm failed: {error}"));
        let fatal = !error.is_transient() || self.llm_failures >= MOST_LLM_FAILURES;
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.llm = None;
        if !reply.adopted || !reply.text.is_empty() || reply.called {
            reply.written = true;
            if reply.adopted {
                self.on_written(id).await;
            }
            return self.tell(Input::ReplyFailed { reply: id });
        }
        // Silence explains nothing: the caller hears that there is no answer.
        self.on_text(id, APOLOGY.to_owned()).await;
        if fatal {
            let error_type = if matches!(error, ProviderError::TimedOut { .. }) {
                ErrorType::LlmTimeout
            } else {
                ErrorType::LlmError
            };
            self.fatal.get_or_insert((error_type, error.to_string()));
            self.tell(Input::AgentEnds { reply: id });
        }
        self.complete(id).await;
    }

    pub(super) fn speak(&mut self, id: ReplyId, text: String) {
        let now = self.clock.now();
        let patience = self.provider_deadline();
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.first_clause.get_or_insert(now);
        let voice = reply.voice.get_or_insert_with(|| Voice {
            session: self.inner.providers.tts.start(tts::Options {
                voice: self.plan.voice.clone(),
                speed: self.plan.speed,
                rate: self.plan.output_format.1.rate(),
                language: self.plan.language.clone(),
            }),
            waiting: VecDeque::new(),
            ended: false,
            patience,
            explain: Some(Instant::now() + UNEXPLAINED),
            sound: None,
        });
        voice.waiting.push_back(tts::Input::Text(text));
        voice.feed();
    }

    pub(super) fn speak_end(&mut self, id: ReplyId) {
        let patience = self.provider_deadline();
        if let Some(voice) = self
            .replies
            .get_mut(&id)
            .and_then(|reply| reply.voice.as_mut())
        {
            voice.ended = true;
            voice.patience = patience;
            voice.waiting.push_back(tts::Input::End);
            voice.feed();
        }
    }

    /// Hands over what providers have room for.
    pub(super) fn feed(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.feed();
        }
        for voice in self
            .replies
            .values_mut()
            .filter_map(|reply| reply.voice.as_mut())
        {
            voice.feed();
        }
    }

    pub(super) async fn on_tts(
        &mut self,
        id: ReplyId,
        event: Option<Result<tts::Event, ProviderError>>,
    ) {
        let now = self.clock.now();
        let patience = self.provider_deadline();
        let rate = self.plan.output_format.1.rate();
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let Some(voice) = &mut reply.voice else {
            return;
        };
        voice.patience = patience;
        match event {
            Some(Ok(tts::Event::Chunk(chunk))) => {
                reply.first_sound.get_or_insert(now);
                voice.explain = None;
                self.voice_failures = 0;
                let sound = voice
                    .sound
                    .get_or_insert_with(|| Sound::new(chunk.rate, rate));
                let (edge, recorded) = sound.take(&chunk);
                self.pass_on(id, &edge, &recorded, false);
            }
            Some(Ok(tts::Event::Done)) => {
                let rest = voice.sound.as_mut().map(Sound::flush);
                if let Some((edge, recorded)) = rest {
                    self.pass_on(id, &edge, &recorded, true);
                }
                if let Some(reply) = self.replies.get_mut(&id) {
                    reply.voice = None;
                }
                self.tell(Input::SpeechComplete { reply: id });
            }
            Some(Err(error)) => self.voice_failed(id, &error).await,
            None => {
                let error = ProviderError::Failed {
                    provider: self.inner.providers.tts.name().to_owned(),
                    reason: "it closed before it had spoken everything".to_owned(),
                };
                self.voice_failed(id, &error).await;
            }
        }
    }

    /// Tells of sound in pieces of bearable length.
    fn pass_on(&mut self, id: ReplyId, edge: &[i16], recorded: &[i16], last: bool) {
        let format = self.plan.output_format.1;
        let Some(sound) = self
            .replies
            .get_mut(&id)
            .and_then(|reply| reply.voice.as_mut())
            .and_then(|voice| voice.sound.as_mut())
        else {
            return;
        };
        let length = format.rate().samples_in(LONGEST_PIECE);
        let count = edge.len().div_ceil(length);
        for (index, samples) in edge.chunks(length).enumerate() {
            let duration = format.rate().duration_of(samples.len());
            let alignment = sound.texts_within(duration, last && index + 1 == count);
            let mut told = alignment.clone();
            if told.is_empty() && (sound.aligns || sound.given <= UNALIGNED_AFTER) {
                // In this piece nothing begins. Without a word on that the machine would guess what is said in it.
                told.push(AlignedText {
                    text: String::new(),
                    start: Duration::ZERO,
                    duration: Duration::ZERO,
                });
            }
            let share = recorded.len() * index / count..recorded.len() * (index + 1) / count;
            self.facts.push_back((
                Input::Chunk {
                    reply: id,
                    duration,
                    alignment: told,
                },
                Some(Chunk {
                    bytes: format.encode(samples),
                    duration,
                    alignment,
                    recorded: recorded[share].to_vec(),
                }),
            ));
        }
    }

    async fn voice_failed(&mut self, id: ReplyId, error: &ProviderError) {
        self.voice_failures += 1;
        self.warn(&format!("the voice failed: {error}"));
        if let Some(reply) = self.replies.get_mut(&id) {
            reply.voice = None;
        }
        if !error.is_transient() || self.voice_failures >= MOST_VOICE_FAILURES {
            // There is no voice to say it with.
            self.announce(id).await;
            return self
                .fail(ErrorType::TtsCascadeError, error.to_string())
                .await;
        }
        self.announce(id).await;
        self.send(ServerEvent::Error {
            error_event: ErrorEvent::new(ErrorType::TtsCascadeError, error.to_string()),
        })
        .await;
        self.tell(Input::SpeechFailed { reply: id });
    }

    /// Sends a chunk under its id.
    pub(super) async fn play(&mut self, now: Moment, id: ReplyId, event: u64, chunk: Chunk) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let first = reply.first_event.is_none();
        reply.first_event.get_or_insert(event);
        let written = reply.written;
        if first && written {
            self.announce(id).await;
        }
        self.last_event = self.last_event.max(event);
        self.plays_until = self.plays_until.max(now) + chunk.duration;
        self.track.push(event, now, self.one_way, chunk.recorded);
        let alignment = (!chunk.alignment.is_empty()).then(|| letters(&chunk.alignment));
        self.send(
            AudioEvent {
                audio_base_64: AudioBytes(Bytes::from(chunk.bytes)),
                event_id: EventId(event),
                alignment,
                is_final: None,
            }
            .into(),
        )
        .await;
        if first {
            self.measure(now, id, event).await;
        }
    }

    /// The first sound after a user's turn: where did the time go?
    async fn measure(&mut self, now: Moment, id: ReplyId, event: u64) {
        let Some(mut moments) = self.turn_moments.take() else {
            return;
        };
        if let Some(reply) = self.replies.get(&id) {
            moments.first_token = reply.first_token;
            moments.first_clause = reply.first_clause;
            moments.first_sound = reply.first_sound;
        }
        moments.sent = Some(now);
        let stages = moments.stages();
        self.options.recorder.record(
            &self.id,
            now,
            Fact::Latency {
                event,
                stages: &stages,
            },
        );
        if self.wants_metrics {
            self.send(ServerEvent::DuologueMetrics {
                event_id: EventId(event),
                stages,
            })
            .await;
        }
    }

    /// Stops the work on a reply.
    pub(super) fn forget_reply(&mut self, id: ReplyId) {
        if let Some(reply) = self.replies.get_mut(&id) {
            reply.llm = None;
            reply.voice = None;
            if !reply.adopted {
                self.replies.remove(&id);
            }
        }
    }

    /// A voice that takes long: its text is told without it.
    async fn explain_silence(&mut self, now: Instant) {
        let mut mute = Vec::new();
        for (id, reply) in &mut self.replies {
            let written = reply.written;
            if let Some(voice) = &mut reply.voice
                && voice.explain.is_some_and(|at| at <= now)
            {
                voice.explain = (!written).then(|| now + UNEXPLAINED);
                if written {
                    mute.push(*id);
                }
            }
        }
        for id in mute {
            self.warn("the voice is slow; the caller reads what it was to say");
            self.announce(id).await;
        }
    }

    /// Somebody on the real clock has been silent for too long.
    pub(super) async fn on_hanging(&mut self) {
        let now = Instant::now();
        let after = self.options.provider_timeout;
        let late: Vec<(ReplyId, bool)> = self
            .replies
            .iter()
            .filter_map(|(id, reply)| {
                if reply.llm.is_some() && reply.patience <= now {
                    Some((*id, true))
                } else {
                    let voice = reply.voice.as_ref()?;
                    (voice.ended && voice.patience <= now).then_some((*id, false))
                }
            })
            .collect();
        self.explain_silence(now).await;
        for (id, is_llm) in late {
            if is_llm {
                let provider = self.inner.providers.llm.name().to_owned();
                self.llm_failed(id, &ProviderError::TimedOut { provider, after })
                    .await;
            } else {
                let provider = self.inner.providers.tts.name().to_owned();
                self.voice_failed(id, &ProviderError::TimedOut { provider, after })
                    .await;
            }
        }
        self.give_up_finals(now).await;
    }
}

impl Voice {
    fn feed(&mut self) {
        while let Some(input) = self.waiting.pop_front() {
            match self.session.input.try_send(input) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(input)) => {
                    self.waiting.push_front(input);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    // It says why, or closes, on the other channel.
                    self.waiting.clear();
                    return;
                }
            }
        }
    }
}

/// Aligned texts letter by letter, as the wire has them.
fn letters(alignment: &[AlignedText]) -> Alignment {
    let mut letters = Alignment::default();
    let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    for piece in alignment {
        let count = u32::try_from(piece.text.chars().count())
            .unwrap_or(u32::MAX)
            .max(1);
        for (index, letter) in (0..count).zip(piece.text.chars()) {
            let from = piece.start + piece.duration * index / count;
            let to = piece.start + piece.duration * (index + 1) / count;
            letters.chars.push(letter.to_string());
            letters.char_start_times_ms.push(millis(from));
            letters
                .char_durations_ms
                .push(millis(to).saturating_sub(millis(from)));
        }
    }
    letters
}
