//! Being told instead of asking.

use std::{fmt, time::Duration};

use protocol::agents::{
    Alignment, ServerEvent,
    client::{End, Output},
};

type Told<A> = Option<Box<dyn FnMut(A) + Send>>;
type Shown<A> = Option<Box<dyn FnMut(&A) + Send>>;
type Pair = Option<Box<dyn FnMut(&str, &str) + Send>>;

/// What to do when something happens, for [`Conversation::run`](crate::Conversation::run). Everything is optional.
///
/// They are called from the task that runs the conversation, and hold it up as long as they take.
#[derive(Default)]
pub struct Callbacks {
    agent_response: Shown<str>,
    correction: Pair,
    user_transcript: Shown<str>,
    tentative: Shown<str>,
    alignment: Shown<Alignment>,
    interruption: Told<()>,
    latency: Told<Duration>,
    drop: Shown<End>,
    continuation: Pair,
    event: Shown<Output>,
    end: Shown<End>,
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callbacks")
    }
}

impl Callbacks {
    /// Nobody is told anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The agent's words, as it begins to say them.
    #[must_use]
    pub fn on_agent_response(mut self, told: impl FnMut(&str) + Send + 'static) -> Self {
        self.agent_response = Some(Box::new(told));
        self
    }

    /// After an interruption: what the agent was to say, and what of it was heard.
    #[must_use]
    pub fn on_correction(mut self, told: impl FnMut(&str, &str) + Send + 'static) -> Self {
        self.correction = Some(Box::new(told));
        self
    }

    /// The user's words, once they are final.
    #[must_use]
    pub fn on_user_transcript(mut self, told: impl FnMut(&str) + Send + 'static) -> Self {
        self.user_transcript = Some(Box::new(told));
        self
    }

    /// The user's words while they may still change.
    #[must_use]
    pub fn on_tentative_transcript(mut self, told: impl FnMut(&str) + Send + 'static) -> Self {
        self.tentative = Some(Box::new(told));
        self
    }

    /// When each character of a piece of speech is spoken.
    #[must_use]
    pub fn on_alignment(mut self, told: impl FnMut(&Alignment) + Send + 'static) -> Self {
        self.alignment = Some(Box::new(told));
        self
    }

    /// The user interrupted the agent.
    #[must_use]
    pub fn on_interruption(mut self, mut told: impl FnMut() + Send + 'static) -> Self {
        self.interruption = Some(Box::new(move |()| told()));
        self
    }

    /// The server's estimate of the latency.
    #[must_use]
    pub fn on_latency(mut self, told: impl FnMut(Duration) + Send + 'static) -> Self {
        self.latency = Some(Box::new(told));
        self
    }

    /// The connection broke, and a new conversation is being begun; see [`Continuation`](crate::Continuation).
    #[must_use]
    pub fn on_drop(mut self, told: impl FnMut(&End) + Send + 'static) -> Self {
        self.drop = Some(Box::new(told));
        self
    }

    /// The conversation goes on in a new one: its id, and what the agent was told of the old one.
    #[must_use]
    pub fn on_continuation(mut self, told: impl FnMut(&str, &str) + Send + 'static) -> Self {
        self.continuation = Some(Box::new(told));
        self
    }

    /// Everything, after the callback of its own.
    #[must_use]
    pub fn on_event(mut self, told: impl FnMut(&Output) + Send + 'static) -> Self {
        self.event = Some(Box::new(told));
        self
    }

    /// The end.
    #[must_use]
    pub fn on_end(mut self, told: impl FnMut(&End) + Send + 'static) -> Self {
        self.end = Some(Box::new(told));
        self
    }

    pub(crate) fn tell(&mut self, event: &Output) {
        match event {
            Output::Event(ServerEvent::AgentResponse {
                agent_response_event,
            }) => tell(
                &mut self.agent_response,
                agent_response_event.agent_response.trim(),
            ),
            Output::Event(ServerEvent::UserTranscript {
                user_transcription_event,
            }) => tell(
                &mut self.user_transcript,
                user_transcription_event.user_transcript.trim(),
            ),
            Output::Event(ServerEvent::TentativeUserTranscript {
                tentative_user_transcription_event,
            }) => tell(
                &mut self.tentative,
                tentative_user_transcription_event.user_transcript.trim(),
            ),
            Output::Correct { correction, .. } => {
                if let Some(told) = &mut self.correction {
                    told(
                        &correction.original_agent_response,
                        &correction.corrected_agent_response,
                    );
                }
            }
            Output::Play(audio) => {
                if let (Some(told), Some(alignment)) = (&mut self.alignment, &audio.alignment) {
                    told(alignment);
                }
            }
            Output::StopPlayback { .. } => {
                if let Some(told) = &mut self.interruption {
                    told(());
                }
            }
            Output::Event(ServerEvent::Ping { ping_event }) => {
                if let (Some(told), Some(ms)) = (&mut self.latency, ping_event.ping_ms) {
                    told(Duration::from_millis(ms));
                }
            }
            Output::Dropped(end) => {
                if let Some(told) = &mut self.drop {
                    told(end);
                }
            }
            Output::Continued {
                session, summary, ..
            } => {
                if let Some(told) = &mut self.continuation {
                    told(&session.conversation_id, summary);
                }
            }
            Output::Ended(end) => {
                if let Some(told) = &mut self.end {
                    told(end);
                }
            }
            _ => {}
        }
        if let Some(told) = &mut self.event {
            told(event);
        }
    }
}

fn tell(told: &mut Shown<str>, text: &str) {
    if let Some(told) = told {
        told(text);
    }
}
