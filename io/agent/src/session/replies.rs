//! Replies: from the llm's words to what the client reads.

use std::time::Duration;

use audio::Moment;
use protocol::agents::{
    AgentResponse, ContextUsage, ErrorType, EventId, PartId, PartKind, ServerEvent, TextPart,
};
use providers::{
    ProviderError,
    asr::Expected,
    llm::{self, Message, Request, ToolCall},
};
use tokio::time::Instant;
use turn::{Input, Origin, ReplyId};

use super::{
    Session,
    meter::{Meter, is_count},
    voice::Voice,
};
use crate::{context, expected_kind, keypad::Keys, record::Fact, variables};

/// Said in place of an answer that could not be made.
const APOLOGY: &str = "I am sorry, I cannot answer that right now.";
/// An llm that has begun to speak may pause so long on the real clock: the caller waits in the middle of a sentence.
const LONGEST_PAUSE: Duration = Duration::from_millis(2_500);
/// Said after an answer that broke off.
const BROKEN_OFF: &str = "I am sorry, I lost my thread. Please ask me again.";
/// Said when the user spoke and the recogniser failed.
const UNHEARD: &str = "I am sorry, I could not hear that. Please say it again.";
/// Said when there is no recogniser any more.
const DEAF: &str = "I am sorry, I cannot hear you any more. Please try again later.";
/// No reply is longer, in bytes: an llm that writes on is cut off.
const LONGEST_REPLY: usize = 64 * 1024;
/// llms that fail so often without an answer between end the conversation, after an apology.
const MOST_LLM_FAILURES: u32 = 3;

/// An llm that fails sooner than this without a word is asked once more in the same turn: nobody waits long for it.
const SOON: Duration = Duration::from_secs(1);

/// One attempt of the agent to say something.
#[expect(
    clippy::struct_excessive_bools,
    reason = "six things that happen independently, each once"
)]
pub(super) struct Reply {
    /// It is no speculation, or not any more.
    pub(super) adopted: bool,
    pub(super) text: String,
    pub(super) llm: Option<llm::Generation>,
    /// What the llm takes. None: it was not asked.
    pub(super) meter: Option<Meter>,
    /// What the llm was asked, while it may be asked once more.
    again: Option<(Origin, Option<String>)>,
    asked: Instant,
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
    /// Streamed reasoning has begun.
    pub(super) reasoning: bool,
    /// System tools of a speculative reply, to be told of when it is adopted.
    pub(super) unannounced: Vec<(ToolCall, bool)>,
    pub(super) expected: Option<Expected>,
    /// It sounds like this, and no voice is asked.
    pub(super) keys: Option<Keys>,
    pub(super) first_token: Option<Moment>,
    pub(super) first_clause: Option<Moment>,
    pub(super) first_sound: Option<Moment>,
}

impl Reply {
    fn new(adopted: bool, patience: Instant) -> Self {
        Self {
            adopted,
            text: String::new(),
            llm: None,
            meter: None,
            again: None,
            asked: Instant::now(),
            patience,
            voice: None,
            written: false,
            announced: false,
            streaming: false,
            first_event: None,
            called: false,
            reasoning: false,
            unannounced: Vec::new(),
            expected: None,
            keys: None,
            first_token: None,
            first_clause: None,
            first_sound: None,
        }
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
            Origin::Tools { .. } => {
                reply.keys = self.next_keys.take();
                let keys = reply.keys.as_ref().map(Keys::shown);
                keys.or_else(|| self.next_words.take())
            }
            Origin::Unheard => Some(self.unheard_words(id)),
            Origin::Turn | Origin::ReEngage => None,
        };
        if own_words.is_none() {
            let request = self.request(id, &origin, speculative.clone());
            self.ask(&mut reply, request);
            reply.again = Some((origin, speculative));
        }
        self.replies.insert(id, reply);
        if let Some(text) = own_words {
            if !text.trim().is_empty() {
                self.on_text(id, text).await;
            }
            self.complete(id).await;
        }
    }

    fn ask(&self, reply: &mut Reply, request: Request) {
        let llm = &self.inner.providers.llm;
        reply.meter = Some(Meter::new(&**llm));
        reply.llm = Some(llm.generate(request));
    }

    /// What is said to somebody who was not heard. Where there is no recogniser left, these are the last words.
    fn unheard_words(&mut self, id: ReplyId) -> String {
        if let Some(failure) = self.deaf.take() {
            self.fatal.get_or_insert(failure);
        }
        // Also when these words were interrupted before: nobody would hear the answer.
        if !self.hearing.as_ref().is_some_and(super::Hearing::is_gone) {
            return UNHEARD.to_owned();
        }
        self.tell(Input::AgentEnds { reply: id });
        DEAF.to_owned()
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
        let pause = Instant::now() + LONGEST_PAUSE;
        let in_words =
            matches!(&event, Some(Ok(llm::Event::Text(text))) if !text.trim().is_empty());
        let is_real = !self.clock.is_driven();
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.patience = if is_real && in_words && !reply.called {
            patience.min(pause)
        } else {
            patience
        };
        if matches!(event, Some(Ok(llm::Event::Text(_) | llm::Event::Call(_)))) {
            reply.first_token.get_or_insert(now);
        }
        if let (Some(meter), Some(Ok(event))) = (&mut reply.meter, &event) {
            meter.note(event);
        }
        if !matches!(
            event,
            Some(Ok(llm::Event::Reasoning(_) | llm::Event::Usage(_)))
        ) {
            self.end_reasoning(id).await;
        }
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
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
            Some(Ok(llm::Event::Usage(usage))) => self.on_usage(id, usage).await,
            Some(Ok(llm::Event::Done)) => {
                self.llm_failures = 0;
                self.complete(id).await;
            }
            Some(Ok(llm::Event::Reasoning(text))) => self.on_reasoning(id, text).await,
            Some(Ok(llm::Event::By(author))) => self.goes_on_by(id, author),
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

    async fn on_usage(&mut self, id: ReplyId, usage: llm::Usage) {
        let meter = self.replies.get(&id).and_then(|reply| reply.meter.as_ref());
        let Some(llm) = meter.map(|meter| meter.llm().to_owned()) else {
            return;
        };
        if !is_count(&usage) {
            return;
        }
        self.summary.input_tokens += usage.input_tokens;
        self.summary.output_tokens += usage.output_tokens;
        self.options.recorder.record(
            &self.id,
            self.clock.now(),
            Fact::Usage {
                llm: &llm,
                usage: Some(usage),
            },
        );
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
        } else {
            let so_far = reply.text.clone();
            self.tell_tentative_answer(so_far).await;
        }
        self.tell(Input::ReplyText { reply: id, text });
    }

    /// The reply's text is complete.
    pub(super) async fn complete(&mut self, id: ReplyId) {
        self.hang_up(id);
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
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
        // What is typed is over with its text, and told when the recorder has it, unless a tool is still to run.
        let waits = self.plan.text_only && self.has_calls(id);
        if waits || reply.first_event.is_some() {
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
        if self.asks_again(id, error) {
            return;
        }
        self.llm_failures += 1;
        self.warn(&format!("the llm failed: {error}"));
        let fatal = !error.is_transient() || self.llm_failures >= MOST_LLM_FAILURES;
        self.hang_up(id);
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let broke_off = !reply.text.trim().is_empty();
        if !reply.adopted || reply.called {
            reply.written = true;
            if reply.adopted {
                self.on_written(id).await;
            }
            return self.tell(Input::ReplyFailed { reply: id });
        }
        // Silence explains nothing: the caller hears that there is no answer, or no more of it.
        let words = if broke_off {
            let ended = reply.text.trim_end().ends_with(['.', '!', '?', '…']);
            format!("{}{BROKEN_OFF}", if ended { " " } else { ", " })
        } else {
            APOLOGY.to_owned()
        };
        self.on_text(id, words).await;
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

    /// Asks the llm once more, where that costs little: it failed at once, before a word, and another try may do.
    fn asks_again(&mut self, id: ReplyId, error: &ProviderError) -> bool {
        let may_do = matches!(
            error,
            ProviderError::Failed { .. } | ProviderError::Unreachable { .. }
        );
        let Some(reply) = self.replies.get_mut(&id) else {
            return false;
        };
        let began = reply.called || !reply.text.trim().is_empty();
        let Some((origin, speculative)) = reply.again.take() else {
            return false;
        };
        if !may_do || began || reply.asked.elapsed() > SOON {
            return false;
        }
        // What was a guess at the user's words is theirs by now.
        let speculative = speculative.filter(|_| !reply.adopted);
        self.warn(&format!("the llm failed and is asked once more: {error}"));
        let request = self.request(id, &origin, speculative);
        let patience = self.provider_deadline();
        self.hang_up(id);
        if let Some(mut reply) = self.replies.remove(&id) {
            self.ask(&mut reply, request);
            reply.patience = patience;
            self.replies.insert(id, reply);
        }
        true
    }

    /// Stops the work on a reply.
    pub(super) fn forget_reply(&mut self, id: ReplyId) {
        self.hang_up(id);
        if let Some(reply) = self.replies.get_mut(&id) {
            reply.voice = None;
            if !reply.adopted {
                self.replies.remove(&id);
            }
        }
    }

    /// Somebody on the real clock has been silent for too long.
    pub(super) async fn on_hanging(&mut self) {
        let now = Instant::now();
        let late: Vec<(ReplyId, bool)> = self
            .replies
            .iter()
            .filter_map(|(id, reply)| {
                if reply.llm.is_some() && reply.patience <= now {
                    Some((*id, true))
                } else {
                    let voice = reply.voice.as_ref()?;
                    (voice.owes_sound() && voice.patience <= now).then_some((*id, false))
                }
            })
            .collect();
        self.explain_silence(now).await;
        for (id, is_llm) in late {
            if is_llm {
                let provider = self.inner.providers.llm.name().to_owned();
                let spoke = self
                    .replies
                    .get(&id)
                    .is_some_and(|reply| !reply.text.is_empty());
                let after = if spoke {
                    LONGEST_PAUSE.min(self.options.provider_timeout)
                } else {
                    self.options.provider_timeout
                };
                self.llm_failed(id, &ProviderError::TimedOut { provider, after })
                    .await;
            } else {
                let provider = self.inner.providers.tts.name().to_owned();
                let after = self.voice_patience();
                self.voice_failed(id, &ProviderError::TimedOut { provider, after })
                    .await;
            }
        }
        self.give_up_finals(now).await;
    }
}
