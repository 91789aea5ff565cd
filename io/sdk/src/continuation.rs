//! Going on in a new conversation when the connection of one broke.

use std::{collections::VecDeque, fmt, future::Future, pin::Pin, time::Duration};

use protocol::agents::{
    CloseCode, ErrorType,
    client::{Command, End, EndedBy, Output, Settings},
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{ConnectError, connect::wait, handle::COMMANDS, story::Story};

/// How a conversation whose connection broke is continued.
///
/// No server can resume a conversation, so a new one is begun with the same settings, and told what was said. Whoever
/// pulls events sees it happen: [`Event::Dropped`](crate::Event::Dropped), then
/// [`Event::Continued`](crate::Event::Continued), or [`Event::Ended`](crate::Event::Ended) where that did not work. Text
/// that is said in between is sent once the new conversation has begun; sound of that time is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// How many new conversations there may be, all told. Default 3.
    ///
    /// More outlives a worse network; a server that drops everybody is called as often.
    pub times: u32,
    /// How often each is attempted. Default 5, half a second apart at first, then longer.
    pub attempts: u32,
    /// How long all attempts after one drop may take together. Default 30 s.
    pub within: Duration,
    /// How many characters of what was said are told, the latest first. Default 4,000.
    pub longest_summary: usize,
    /// What the agent says first in a new conversation; empty lets it wait. The agent has to allow that override.
    /// Default: whatever it says first in every conversation.
    pub first_message: Option<String>,
}

impl Default for Continuation {
    fn default() -> Self {
        Self {
            times: 3,
            attempts: 5,
            within: Duration::from_secs(30),
            longest_summary: 4_000,
            first_message: None,
        }
    }
}

/// A connection that is being opened.
pub(crate) type Opening<T> = Pin<Box<dyn Future<Output = Result<T, ConnectError>> + Send>>;

/// What is known of a conversation that may have to be continued.
pub(crate) struct Renewal<T> {
    how: Continuation,
    settings: Settings,
    open: Box<dyn FnMut() -> Opening<T> + Send>,
    story: Story,
    state: State<T>,
}

enum State<T> {
    /// The connection is there.
    Whole,
    /// It is not.
    Broken { opening: Opening<T>, wound: Wound },
    /// There is a new one, on which the conversation has not been named.
    Greeting { wound: Wound },
}

/// What is kept from the break to the continuation.
struct Wound {
    /// How the old conversation ended.
    end: End,
    attempt: u32,
    until: Instant,
    /// What is to be said in the new one.
    waiting: VecDeque<Command>,
}

impl<T> fmt::Debug for Renewal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal")
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Renewal<T> {
    pub(crate) fn new(
        how: Continuation,
        mut settings: Settings,
        open: Box<dyn FnMut() -> Opening<T> + Send>,
    ) -> Self {
        if how.first_message.is_some() {
            let overrides = &mut settings.initiation.conversation_config_override;
            overrides.agent.first_message.clone_from(&how.first_message);
        }
        Self {
            how,
            settings,
            open,
            story: Story::default(),
            state: State::Whole,
        }
    }

    /// What the new conversation begins with.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Takes in what is said.
    pub(crate) fn hear(&mut self, event: &Output) {
        self.story.hear(event);
    }

    /// Takes in what the user types.
    pub(crate) fn typed(&mut self, command: &Command) {
        match command {
            Command::Text { text, .. } => self.story.typed(text),
            Command::Multimodal(message) => {
                if let Some(text) = &message.text {
                    self.story.typed(&text.text);
                }
            }
            _ => {}
        }
    }

    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken { .. })
    }

    /// Whether there is no conversation just now in which anything could be said.
    pub(crate) const fn is_between(&self) -> bool {
        !matches!(self.state, State::Whole)
    }

    /// A conversation has ended so. What is to be told instead of that end; none: nothing, it is tried again.
    pub(crate) fn ended(&mut self, end: End) -> Option<Output> {
        match std::mem::replace(&mut self.state, State::Whole) {
            State::Greeting { wound } if end.by != EndedBy::User => {
                let error = ConnectError::of(&end, &[]);
                self.failed(wound, &error)
            }
            State::Whole if self.how.times > 0 && is_a_drop(&end) => {
                self.how.times -= 1;
                let wound = Wound {
                    end: end.clone(),
                    attempt: 0,
                    until: Instant::now() + self.how.within,
                    waiting: VecDeque::new(),
                };
                self.try_again(wound);
                Some(Output::Dropped(end))
            }
            _ => Some(Output::Ended(end)),
        }
    }

    /// The new connection, once it is there; or what is to be told instead. Only where [`Renewal::is_broken`]; may be
    /// cancelled.
    pub(crate) async fn opened(&mut self) -> Result<T, Option<Output>> {
        let State::Broken { opening, .. } = &mut self.state else {
            return std::future::pending().await;
        };
        let opened = opening.as_mut().await;
        let State::Broken { wound, .. } = std::mem::replace(&mut self.state, State::Whole) else {
            return Err(None);
        };
        match opened {
            Ok(transport) => {
                self.state = State::Greeting { wound };
                Ok(transport)
            }
            Err(error) => Err(self.failed(wound, &error)),
        }
    }

    /// The new conversation has a name: what it is told first, and what was to be said in the meantime.
    pub(crate) fn begun(&mut self, old: &str) -> (String, VecDeque<Command>) {
        let summary = self.story.summary(old, self.how.longest_summary);
        match std::mem::replace(&mut self.state, State::Whole) {
            State::Greeting { wound } | State::Broken { wound, .. } => (summary, wound.waiting),
            State::Whole => (summary, VecDeque::new()),
        }
    }

    /// Keeps what is to be said in the new conversation. Gives back how it ends if that is what is wanted.
    pub(crate) fn keep(&mut self, command: Command) -> Option<Output> {
        let (State::Broken { wound, .. } | State::Greeting { wound }) = &mut self.state else {
            return None;
        };
        match command {
            Command::End => {
                let end = End {
                    by: EndedBy::User,
                    ..wound.end.clone()
                };
                self.state = State::Whole;
                return Some(Output::Ended(end));
            }
            command @ (Command::Text { .. }
            | Command::Multimodal(_)
            | Command::Context { .. }
            | Command::Activity)
                if wound.waiting.len() < COMMANDS =>
            {
                wound.waiting.push_back(command);
            }
            // Sound is stale, and the rest is about things of the old conversation.
            _ => {}
        }
        None
    }

    /// Whether more can be kept.
    pub(crate) fn has_room(&self) -> bool {
        match &self.state {
            State::Broken { wound, .. } | State::Greeting { wound } => {
                wound.waiting.len() < COMMANDS
            }
            State::Whole => true,
        }
    }

    fn failed(&mut self, wound: Wound, error: &ConnectError) -> Option<Output> {
        let more = wound.attempt < self.how.attempts && Instant::now() < wound.until;
        if more && error.is_transient() {
            tracing::info!(%error, "the conversation could not be continued; trying again");
            self.try_again(wound);
            return None;
        }
        self.how.times = 0;
        let mut end = wound.end;
        let was = std::mem::take(&mut end.reason);
        end.reason = if was.is_empty() {
            format!("it could not be continued: {error}")
        } else {
            format!("{was}; it could not be continued: {error}")
        };
        Some(Output::Ended(end))
    }

    fn try_again(&mut self, mut wound: Wound) {
        // The first attempt is made at once: most drops are the server's.
        let pause = (wound.attempt > 0).then(|| wait(wound.attempt));
        wound.attempt += 1;
        let opening = (self.open)();
        let until = wound.until;
        let within = self.how.within;
        let opening = async move {
            let attempt = async {
                if let Some(pause) = pause {
                    sleep(pause).await;
                }
                opening.await
            };
            timeout_at(until, attempt).await.unwrap_or_else(|_| {
                Err(ConnectError::TimedOut {
                    host: "the server".to_owned(),
                    after: within,
                })
            })
        };
        self.state = State::Broken {
            opening: Box::pin(opening),
            wound,
        };
    }
}

/// Whether a conversation ended so was cut off, and would not be so again for the same reason.
fn is_a_drop(end: &End) -> bool {
    let kind = end
        .error
        .as_ref()
        .and_then(|error| error.error_type.as_ref());
    let meant = matches!(
        kind,
        Some(
            ErrorType::SafetyViolation
                | ErrorType::TransportReceiveTimeout
                | ErrorType::MaxDurationExceeded
        )
    );
    match end.by {
        EndedBy::Lost => true,
        EndedBy::Error => end.code != Some(CloseCode::Refused) && !meant,
        EndedBy::User | EndedBy::Agent | EndedBy::Timeout => false,
    }
}

#[cfg(test)]
mod tests {
    use protocol::agents::ErrorEvent;

    use super::*;

    fn end(by: EndedBy, code: Option<u16>, kind: Option<ErrorType>) -> End {
        End {
            by,
            code: code.map(CloseCode::from),
            reason: String::new(),
            error: kind.map(|kind| ErrorEvent::new(kind, "")),
        }
    }

    #[test]
    fn only_what_was_cut_off_is_a_drop() {
        assert!(is_a_drop(&end(EndedBy::Lost, None, None)));
        assert!(is_a_drop(&end(EndedBy::Error, Some(1011), None)));
        assert!(is_a_drop(&end(
            EndedBy::Error,
            Some(1002),
            Some(ErrorType::LlmTimeout)
        )));
        assert!(!is_a_drop(&end(EndedBy::Agent, Some(1000), None)));
        assert!(!is_a_drop(&end(EndedBy::User, Some(1000), None)));
        assert!(!is_a_drop(&end(EndedBy::Error, Some(1008), None)));
        for meant in [
            ErrorType::SafetyViolation,
            ErrorType::TransportReceiveTimeout,
            ErrorType::MaxDurationExceeded,
        ] {
            assert!(!is_a_drop(&end(EndedBy::Error, Some(1002), Some(meant))));
        }
    }
}
