//! What a conversation with an agent elsewhere leaves behind, worked out from what its client is told.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use agent::{Fact, Recorder};
use audio::Moment;
use protocol::agents::{
    AgentResponse, CloseCode, Initiation, ServerEvent,
    client::{End, Output},
};
use serde_json::Value;

/// Tool calls that have not been answered.
const OPEN_TOOLS: usize = 64;
/// Things said while a correction is awaited.
const HELD_BACK: usize = 16;

/// Something that was said, and when.
enum Said {
    User(Moment, String),
    Agent(Moment, Reply),
}

/// Words of the agent, and what was heard of them.
struct Reply {
    event: Option<u64>,
    text: String,
    /// None until the server says so: heard whole, as far as this side knows.
    heard: Option<String>,
}

/// Tells a [`Recorder`] what this client sees of a conversation.
///
/// An agent's words are told once the user has spoken after them, for only then is it known what was heard of them; after
/// an interruption, once they were corrected.
pub(crate) struct Notes {
    recorder: Arc<dyn Recorder>,
    conversation: String,
    waiting: VecDeque<Said>,
    /// The user interrupted, and no correction has come.
    awaits_correction: bool,
    tools: HashMap<String, Moment>,
}

impl Notes {
    /// Notes of the conversation `id`, which has just begun.
    pub(crate) fn begin(
        recorder: Arc<dyn Recorder>,
        id: &str,
        agent: &str,
        initiation: &Initiation,
        text_only: bool,
    ) -> Self {
        let language = &initiation.conversation_config_override.agent.language;
        let fact = Fact::Started {
            agent,
            user: initiation.user_id.as_deref(),
            wall: &jiff::Zoned::now().to_string(),
            language: language.as_ref().map_or("", |language| language.as_str()),
            text_only,
        };
        recorder.record(id, Moment::ZERO, fact);
        Self {
            recorder,
            conversation: id.to_owned(),
            waiting: VecDeque::new(),
            awaits_correction: false,
            tools: HashMap::new(),
        }
    }

    /// Takes in what the agent's side reports.
    pub(crate) fn hear(&mut self, at: Moment, event: &Output) {
        match event {
            Output::Event(event) => self.event(at, event),
            Output::StopPlayback { .. } => {
                self.awaits_correction = self.waiting.iter().any(Said::is_the_agents);
            }
            Output::Correct { correction, .. } => self.correct(
                at,
                &correction.original_agent_response,
                &correction.corrected_agent_response,
            ),
            Output::Dropped(end) => {
                let text = format!("the connection broke: {}", why(end));
                self.tell_all();
                self.warn(at, &text);
            }
            Output::Continued { session, from, .. } => {
                let id = &session.conversation_id;
                self.warn(at, &format!("conversation {from} goes on as {id}"));
                self.conversation.clone_from(id);
            }
            _ => {}
        }
    }

    /// Takes in what the user typed.
    pub(crate) fn typed(&mut self, at: Moment, text: &str) {
        self.put(Said::User(at, text.to_owned()));
    }

    /// It is over.
    pub(crate) fn end(mut self, at: Moment, reason: &str, code: Option<CloseCode>) {
        self.tell_all();
        let code = code.unwrap_or(CloseCode::from(1006));
        self.tell(at, Fact::Ended { reason, code });
    }

    fn event(&mut self, at: Moment, event: &ServerEvent) {
        match event {
            ServerEvent::UserTranscript {
                user_transcription_event: transcript,
            } => self.put(Said::User(at, transcript.user_transcript.clone())),
            ServerEvent::AgentResponse {
                agent_response_event: response,
            } => {
                self.tell_all();
                self.put(Said::Agent(at, Reply::of(response)));
            }
            ServerEvent::AgentToolRequest {
                agent_tool_request: request,
            } if self.tools.len() < OPEN_TOOLS => {
                self.tools.insert(request.tool_call_id.clone(), at);
            }
            ServerEvent::AgentToolResponse {
                agent_tool_response: response,
            } => {
                let asked = self.tools.remove(&response.tool_call_id);
                let took = asked.map_or(Duration::ZERO, |asked| at - asked);
                let fact = Fact::ToolCall {
                    id: &response.tool_call_id,
                    name: &response.tool_name,
                    // The server keeps both to itself.
                    arguments: &Value::Null,
                    result: "",
                    is_error: response.is_error,
                    took,
                };
                self.tell(at, fact);
            }
            ServerEvent::DuologueMetrics { event_id, stages } => {
                let event = event_id.0;
                self.tell(at, Fact::Latency { event, stages });
            }
            ServerEvent::Error { error_event } => {
                let text = error_event.message.as_ref().or(error_event.reason.as_ref());
                self.warn(at, text.map_or("the agent reports an error", |text| text));
            }
            _ => {}
        }
    }

    /// Some servers correct words that were told already; then they are told again.
    fn correct(&mut self, at: Moment, original: &str, corrected: &str) {
        let found = self.waiting.iter_mut().rev().find_map(|said| match said {
            Said::Agent(_, reply) if reply.text.trim() == original.trim() => Some(reply),
            _ => None,
        });
        match found {
            Some(reply) => reply.heard = Some(corrected.to_owned()),
            None => self.put(Said::Agent(
                at,
                Reply {
                    event: None,
                    text: original.to_owned(),
                    heard: Some(corrected.to_owned()),
                },
            )),
        }
        self.awaits_correction = false;
        self.tell_what_is_known();
    }

    fn put(&mut self, said: Said) {
        self.waiting.push_back(said);
        if self.waiting.len() > HELD_BACK {
            self.tell_all();
        }
        self.tell_what_is_known();
    }

    /// Tells everything but the agent's last words, which may still be corrected.
    fn tell_what_is_known(&mut self) {
        if self.awaits_correction {
            return;
        }
        while self.waiting.len() > 1
            || self
                .waiting
                .front()
                .is_some_and(|said| !said.is_the_agents())
        {
            self.tell_next();
        }
    }

    fn tell_all(&mut self) {
        self.awaits_correction = false;
        while !self.waiting.is_empty() {
            self.tell_next();
        }
    }

    fn tell_next(&mut self) {
        match self.waiting.pop_front() {
            Some(Said::User(at, text)) => self.tell(at, Fact::UserTurn { text: &text }),
            Some(Said::Agent(at, reply)) => {
                let fact = Fact::AgentTurn {
                    event: reply.event,
                    text: &reply.text,
                    heard: reply.heard.as_ref().unwrap_or(&reply.text),
                    interrupted: reply.heard.is_some(),
                    reckoned: reply.heard.is_none(),
                };
                self.tell(at, fact);
            }
            None => {}
        }
    }

    fn warn(&self, at: Moment, text: &str) {
        self.tell(at, Fact::Warning { text });
    }

    fn tell(&self, at: Moment, fact: Fact<'_>) {
        self.recorder.record(&self.conversation, at, fact);
    }
}

impl Said {
    const fn is_the_agents(&self) -> bool {
        matches!(self, Self::Agent(..))
    }
}

impl Reply {
    fn of(response: &AgentResponse) -> Self {
        Self {
            event: response.event_id.map(|id| id.0),
            text: response.agent_response.clone(),
            heard: None,
        }
    }
}

/// Why a connection broke, in a few words.
pub(crate) fn why(end: &End) -> String {
    match (&end.code, end.reason.trim()) {
        (None, "") => "without a word".to_owned(),
        (None, reason) => reason.to_owned(),
        (Some(code), "") => format!("code {}", code.as_u16()),
        (Some(code), reason) => format!("{reason}, code {}", code.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use agent::MemoryRecorder;
    use protocol::agents::{AgentResponseCorrection, EventId, UserTranscript};

    use super::*;

    struct Book {
        recorder: Arc<MemoryRecorder>,
        notes: Notes,
    }

    impl Book {
        fn new() -> Self {
            let recorder = Arc::new(MemoryRecorder::default());
            let notes = Notes::begin(
                recorder.clone(),
                "conv_1",
                "desk",
                &Initiation::default(),
                false,
            );
            Self { recorder, notes }
        }

        fn hear(&mut self, event: &Output) {
            self.notes.hear(Moment::ZERO, event);
        }

        fn agent(&mut self, text: &str) {
            let mut response = AgentResponse::default();
            text.clone_into(&mut response.agent_response);
            self.hear(&Output::Event(response.into()));
        }

        fn user(&mut self, text: &str) {
            let mut transcript = UserTranscript::default();
            text.clone_into(&mut transcript.user_transcript);
            self.hear(&Output::Event(ServerEvent::UserTranscript {
                user_transcription_event: transcript,
            }));
        }

        fn corrected(&mut self, original: &str, corrected: &str) {
            self.hear(&Output::Correct {
                response: None,
                correction: AgentResponseCorrection {
                    original_agent_response: original.to_owned(),
                    corrected_agent_response: corrected.to_owned(),
                    event_id: None,
                },
            });
        }

        /// The lines after the first, which tells the wall clock.
        fn lines(&self) -> Vec<String> {
            self.recorder.memory().lines[1..].to_vec()
        }
    }

    #[test]
    fn an_interrupted_reply_is_kept_as_far_as_it_was_heard_and_in_its_place() {
        let mut book = Book::new();
        book.agent("It is open every day.");
        book.hear(&Output::StopPlayback { up_to: EventId(3) });
        book.user("wait");
        assert!(book.lines().is_empty(), "{:?}", book.lines());
        book.corrected("It is open every day.", "It is open");
        let lines = book.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("It is open"), "{lines:?}");
        assert!(lines[1].contains("wait"), "{lines:?}");
    }

    #[test]
    fn nothing_that_was_said_waits_beyond_the_end() {
        let mut book = Book::new();
        book.user("hello");
        book.agent("Good morning.");
        assert_eq!(book.lines().len(), 1);
        book.notes.end(Moment::ZERO, "user_ended", None);
        let lines = book.recorder.memory().lines;
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[2].contains("Good morning."), "{lines:?}");
    }

    #[test]
    fn a_correction_that_comes_late_is_told_as_well() {
        let mut book = Book::new();
        book.agent("One two three.");
        book.user("stop");
        book.corrected("One two three.", "One");
        book.agent("Yes?");
        let lines = book.lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].contains("One"), "{lines:?}");
    }
}
