//! The client's half of the wire as a machine: no socket, no clock.
//!
//! It is told what the server said, what the application wants and what time it is, and answers with what to send, to
//! play and to report. It keeps the rules that every client must keep and gets wrong: metadata first and once, a pong
//! at once, nothing played that an interruption made stale, every tool call answered exactly once, nothing said after
//! the end.

mod ledger;
mod say;
mod watermark;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration, vec};

use audio::Moment;
use serde_json::Value;

use super::{
    AgentResponse, AgentResponseCorrection, ClientEvent, ClientToolCall, CloseCode,
    ConversationMetadata, DuologueServer, ErrorEvent, EventId, McpState, McpToolCall, Ping,
    ServerEvent,
};
use ledger::{Closing, Ledger, Opening};
pub use say::{
    Abandoned, Abilities, Command, End, EndedBy, Input, Irregularity, Output, Refusal, Session,
    Settings,
};
pub use watermark::Watermark;

/// How many responses are remembered for corrections.
const RESPONSES_KEPT: usize = 16;

/// One client's side of one conversation.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    phase: Phase,
    watermark: Watermark,
    tools: Ledger,
    approvals: Ledger,
    responses: VecDeque<AgentResponse>,
    latest: Option<EventId>,
    latency: Option<Duration>,
    error: Option<ErrorEvent>,
    outputs: Vec<Output>,
}

#[derive(Debug)]
enum Phase {
    /// The transport is not open.
    Closed,
    /// The initiation has been sent.
    Waiting { until: Moment },
    /// The metadata has come.
    Open {
        server: Option<DuologueServer>,
        agent_hangs_up: bool,
    },
    /// Nothing more is said.
    Over,
}

/// What the machine decided, in order. Nothing more can be said to it until these are read or dropped.
#[derive(Debug)]
pub struct Outputs<'a>(vec::Drain<'a, Output>);

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.0.next()
    }
}

impl Client {
    /// A client that has not been connected yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Closed,
            watermark: Watermark::default(),
            tools: Ledger::default(),
            approvals: Ledger::default(),
            responses: VecDeque::new(),
            latest: None,
            latency: None,
            error: None,
            outputs: Vec::new(),
        }
    }

    /// Tells the machine a fact and returns what it decided.
    pub fn handle(&mut self, now: Moment, input: Input) -> Outputs<'_> {
        match input {
            Input::Opened => self.open(now),
            Input::Server(event) if !self.is_over() => self.hear(now, event),
            Input::Command(command) => self.obey(command),
            Input::Closed { code, reason } => self.end(self.closed_by(code), Some(code), reason),
            Input::Lost { reason } => self.end(EndedBy::Lost, None, reason),
            Input::Server(_) | Input::Tick => {}
        }
        self.expire(now);
        Outputs(self.outputs.drain(..))
    }

    /// When to say [`Input::Tick`] if nothing else happens; none: never.
    pub fn deadline(&self) -> Option<Moment> {
        let metadata = match self.phase {
            Phase::Waiting { until } => Some(until),
            _ => None,
        };
        [metadata, self.tools.deadline(), self.approvals.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the conversation is over.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Which audio is stale; for audio that was handed out before an interruption and has not been played.
    pub fn watermark(&self) -> Watermark {
        self.watermark
    }

    /// How many tool calls wait for an answer.
    pub fn open_calls(&self) -> usize {
        self.tools.len()
    }

    /// The server's estimate of the latency, smoothed over about eight pings; none until it gave one.
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// The id that a rating without one applies to: of the agent's latest audio or response.
    pub fn latest_event_id(&self) -> Option<EventId> {
        self.latest
    }

    fn open(&mut self, now: Moment) {
        if !matches!(self.phase, Phase::Closed) {
            return;
        }
        if let Some(setup) = self.settings.enclave.take() {
            self.send(ClientEvent::EnclaveSetupConfig(Box::new(setup)));
        }
        let initiation = self.settings.initiation.clone();
        self.send(ClientEvent::ConversationInitiationClientData(Box::new(
            initiation,
        )));
        self.phase = Phase::Waiting {
            until: now + self.settings.metadata_timeout,
        };
    }

    fn hear(&mut self, now: Moment, event: ServerEvent) {
        match event {
            ServerEvent::Ping { ping_event } => self.pong(ping_event),
            ServerEvent::Error { error_event } => {
                self.error = Some(error_event.clone());
                self.outputs
                    .push(Output::Event(ServerEvent::Error { error_event }));
            }
            ServerEvent::QueueStatus { .. } | ServerEvent::Unknown(_) => {
                self.outputs.push(Output::Event(event));
            }
            ServerEvent::ConversationInitiationMetadata {
                conversation_initiation_metadata_event: metadata,
            } => self.begin(metadata),
            event if matches!(self.phase, Phase::Open { .. }) => self.converse(now, event),
            event => self.irregular(Irregularity::BeforeMetadata {
                kind: event.kind().to_owned(),
            }),
        }
    }

    fn begin(&mut self, metadata: ConversationMetadata) {
        if matches!(self.phase, Phase::Open { .. }) {
            return self.irregular(Irregularity::SecondMetadata);
        }
        let server = metadata.duologue_server;
        self.outputs.push(Output::Started(Session {
            conversation_id: metadata.conversation_id,
            input: metadata.user_input_audio_format,
            output: metadata.agent_output_audio_format,
            server: server.clone(),
        }));
        if server.is_some() {
            let Abilities {
                can_pause,
                reports_played,
            } = self.settings.abilities;
            self.send(ClientEvent::DuologueClient {
                can_pause,
                reports_played,
            });
        }
        self.phase = Phase::Open {
            server,
            agent_hangs_up: false,
        };
    }

    fn converse(&mut self, now: Moment, event: ServerEvent) {
        let output = match event {
            ServerEvent::Audio { audio_event } => {
                if self.watermark.silences(audio_event.event_id) || self.is_text_only() {
                    return;
                }
                self.latest = Some(audio_event.event_id);
                Output::Play(audio_event)
            }
            ServerEvent::Interruption { interruption_event } => {
                self.watermark.raise(interruption_event.event_id);
                Output::StopPlayback {
                    up_to: self
                        .watermark
                        .event_id()
                        .unwrap_or(interruption_event.event_id),
                }
            }
            ServerEvent::DuologueDuck { event_id } => Output::Duck { event_id },
            ServerEvent::DuologueResume { event_id } => Output::Resume { event_id },
            ServerEvent::AgentResponse {
                agent_response_event: response,
            } => {
                self.remember(response.clone());
                ServerEvent::from(response).into()
            }
            ServerEvent::AgentResponseCorrection {
                agent_response_correction_event: correction,
            } => Output::Correct {
                response: self.response_of(&correction),
                correction,
            },
            ServerEvent::ClientToolCall { client_tool_call } => {
                return self.call_tool(now, client_tool_call);
            }
            ServerEvent::McpToolCall { mcp_tool_call } => return self.approve(now, mcp_tool_call),
            ServerEvent::AgentToolResponse {
                agent_tool_response: ref response,
            } => {
                let hangs_up =
                    response.tool_name == "end_call" && response.is_called && !response.is_error;
                return self.tool_finished(event, hangs_up);
            }
            ServerEvent::AgentToolResponseFullPayload {
                agent_tool_response_full_payload: ref full,
            } => {
                let response = &full.response;
                let hangs_up = response.tool_name == "end_call"
                    && response.is_called
                    && !response.is_error
                    && !full.is_blocked;
                return self.tool_finished(event, hangs_up);
            }
            event => Output::Event(event),
        };
        self.outputs.push(output);
    }

    fn pong(&mut self, ping: Ping) {
        if let Some(ms) = ping.ping_ms {
            // A day is far beyond any latency and keeps the average from overflowing.
            let sample = Duration::from_millis(ms.min(86_400_000));
            self.latency = Some(match self.latency {
                Some(average) => (average * 7 + sample) / 8,
                None => sample,
            });
        }
        self.send(ClientEvent::Pong {
            event_id: ping.event_id,
        });
    }

    fn call_tool(&mut self, now: Moment, call: ClientToolCall) {
        let until = now + self.settings.tool_timeout;
        match self.tools.open(&call.tool_call_id, until) {
            Opening::New => self.outputs.push(Output::CallTool(call)),
            Opening::Repeated => self.irregular(Irregularity::RepeatedCall(call.tool_call_id)),
            Opening::Full => {
                self.answer_with_error(call.tool_call_id.clone(), "too many tools are running");
                self.irregular(Irregularity::TooManyCalls(call.tool_call_id));
            }
        }
    }

    fn tool_finished(&mut self, event: ServerEvent, hangs_up: bool) {
        self.outputs.push(Output::Event(event));
        if let Phase::Open { agent_hangs_up, .. } = &mut self.phase
            && hangs_up
            && !*agent_hangs_up
        {
            *agent_hangs_up = true;
            self.outputs.push(Output::AgentHangsUp);
        }
    }

    fn approve(&mut self, now: Moment, call: McpToolCall) {
        if let McpState::AwaitingApproval {
            approval_timeout_secs,
        } = call.state
        {
            let until = now + Duration::from_secs(u64::from(approval_timeout_secs));
            match self.approvals.open(&call.tool_call_id, until) {
                Opening::New => self.outputs.push(Output::AskApproval(call)),
                Opening::Repeated => self.irregular(Irregularity::RepeatedCall(call.tool_call_id)),
                // Silence means no, so nothing need be sent.
                Opening::Full => self.irregular(Irregularity::TooManyCalls(call.tool_call_id)),
            }
            return;
        }
        if self.approvals.close(&call.tool_call_id) == Closing::Closed {
            self.outputs.push(Output::WithdrawApproval {
                tool_call_id: call.tool_call_id.clone(),
            });
        }
        let event = ServerEvent::McpToolCall {
            mcp_tool_call: call,
        };
        self.outputs.push(Output::Event(event));
    }

    fn remember(&mut self, response: AgentResponse) {
        if let Some(id) = response.event_id {
            self.latest = Some(id);
        }
        if self.responses.len() == RESPONSES_KEPT {
            self.responses.pop_front();
        }
        self.responses.push_back(response);
    }

    /// Its own id if it has one; else the newest response with the same words; else the newest.
    fn response_of(&self, correction: &AgentResponseCorrection) -> Option<EventId> {
        if correction.event_id.is_some() {
            return correction.event_id;
        }
        let original = &correction.original_agent_response;
        self.responses
            .iter()
            .rev()
            .find(|response| response.agent_response == *original)
            .or(self.responses.back())
            .and_then(|response| response.event_id)
    }

    fn obey(&mut self, command: Command) {
        let server = match &self.phase {
            Phase::Open { server, .. } => server.as_ref(),
            Phase::Over => return self.refuse(Refusal::Ended),
            Phase::Closed | Phase::Waiting { .. } => {
                return match command {
                    Command::End => self.hang_up(),
                    _ => self.refuse(Refusal::NotStarted),
                };
            }
        };
        let event = match command {
            Command::Audio(_) if self.is_text_only() => return self.refuse(Refusal::TextOnly),
            Command::Audio(audio) => ClientEvent::audio(audio),
            Command::Text {
                text,
                rich_content_id,
            } => ClientEvent::UserMessage {
                text: Some(text),
                rich_content_id,
            },
            Command::Multimodal(message) if message.is_empty() => {
                return self.refuse(Refusal::EmptyMessage);
            }
            Command::Multimodal(message) => ClientEvent::MultimodalMessage(message),
            Command::Activity => ClientEvent::UserActivity,
            Command::Context { text, context_id } => {
                ClientEvent::ContextualUpdate { text, context_id }
            }
            Command::Rate { score, event_id } => match event_id.or(self.latest) {
                Some(event_id) => ClientEvent::Feedback { event_id, score },
                None => return self.refuse(Refusal::NothingToRate),
            },
            Command::ToolResult {
                tool_call_id,
                result,
                is_error,
            } => match self.tools.close(&tool_call_id) {
                Closing::Closed => ClientEvent::ClientToolResult {
                    tool_call_id,
                    result,
                    is_error,
                },
                missing => return self.refuse(no_such_call(missing, tool_call_id)),
            },
            Command::Approve {
                tool_call_id,
                is_approved,
            } => match self.approvals.close(&tool_call_id) {
                Closing::Closed => ClientEvent::McpToolApprovalResult {
                    tool_call_id,
                    is_approved,
                },
                missing => return self.refuse(no_such_call(missing, tool_call_id)),
            },
            Command::Played { event_id, ms } => {
                if !server.is_some_and(|server| server.played) {
                    return self.refuse(Refusal::NotUnderstood);
                }
                ClientEvent::DuologuePlayed { event_id, ms }
            }
            Command::End => return self.hang_up(),
        };
        self.send(event);
    }

    fn hang_up(&mut self) {
        let (by, reason) = match self.phase {
            Phase::Open {
                agent_hangs_up: true,
                ..
            } => (EndedBy::Agent, "Agent ended conversation"),
            _ => (EndedBy::User, "User ended conversation"),
        };
        self.close(reason);
        self.end(by, Some(CloseCode::Normal), reason.to_owned());
    }

    fn expire(&mut self, now: Moment) {
        for id in self.tools.expire(now) {
            self.answer_with_error(id.clone(), "the tool did not answer in time");
            self.outputs.push(Output::AbandonTool {
                tool_call_id: id,
                why: Abandoned::TimedOut,
            });
        }
        for tool_call_id in self.approvals.expire(now) {
            self.outputs.push(Output::WithdrawApproval { tool_call_id });
        }
        if let Phase::Waiting { until } = self.phase
            && until <= now
        {
            let reason = "the server did not name the conversation in time";
            self.close(reason);
            self.end(EndedBy::Timeout, Some(CloseCode::Normal), reason.to_owned());
        }
    }

    /// A close with 1000 is the agent's doing, unless the server reported an error before it. (The contract closes
    /// with 1000 after the longest duration, and both SDKs call that an error.)
    fn closed_by(&self, code: CloseCode) -> EndedBy {
        let failed = self
            .error
            .as_ref()
            .is_some_and(|error| error.error_type == Some(super::ErrorType::MaxDurationExceeded));
        if code.is_error() || failed {
            EndedBy::Error
        } else {
            EndedBy::Agent
        }
    }

    fn end(&mut self, by: EndedBy, code: Option<CloseCode>, reason: String) {
        if self.is_over() {
            return;
        }
        self.phase = Phase::Over;
        for tool_call_id in self.tools.close_all() {
            self.outputs.push(Output::AbandonTool {
                tool_call_id,
                why: Abandoned::Ended,
            });
        }
        for tool_call_id in self.approvals.close_all() {
            self.outputs.push(Output::WithdrawApproval { tool_call_id });
        }
        self.outputs.push(Output::Ended(End {
            by,
            code,
            reason,
            error: self.error.take(),
        }));
    }

    fn answer_with_error(&mut self, tool_call_id: String, message: &str) {
        self.send(ClientEvent::ClientToolResult {
            tool_call_id,
            result: Value::from(message),
            is_error: true,
        });
    }

    fn is_text_only(&self) -> bool {
        self.settings
            .initiation
            .conversation_config_override
            .is_text_only()
    }

    fn send(&mut self, event: ClientEvent) {
        self.outputs.push(Output::Send(event));
    }

    fn close(&mut self, reason: &'static str) {
        self.outputs.push(Output::Close {
            code: CloseCode::Normal,
            reason,
        });
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.outputs.push(Output::Refused(refusal));
    }

    fn irregular(&mut self, irregularity: Irregularity) {
        self.outputs.push(Output::Irregular(irregularity));
    }
}

impl From<ServerEvent> for Output {
    fn from(event: ServerEvent) -> Self {
        Self::Event(event)
    }
}

fn no_such_call(closing: Closing, id: String) -> Refusal {
    match closing {
        Closing::AlreadyClosed | Closing::Closed => Refusal::AlreadyAnswered(id),
        Closing::NeverOpened => Refusal::NoSuchCall(id),
    }
}
