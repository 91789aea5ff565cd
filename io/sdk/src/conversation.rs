//! A conversation as a client sees it.

use std::collections::VecDeque;

use audio::Moment;
use protocol::agents::{
    ClientEvent,
    client::{Client, Command, EndedBy, Input, Output, Session, Settings},
};
use tokio::time::{Instant, sleep_until};

use crate::transport::Transport;

/// Why a conversation did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The agent refused, and said why. Trying again will not help.
    #[error("the agent refused the conversation: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The agent did not answer in time.
    #[error("the agent did not answer")]
    Silent,
    /// The connection broke before the conversation began.
    #[error("the connection broke before the conversation began: {reason}")]
    Lost {
        /// What the transport said; may be empty.
        reason: String,
    },
}

/// One conversation over one transport.
///
/// What the agent sends is pulled with [`Conversation::next_event`]; the client's duties (pings, stale sound, answers to
/// tools) are kept on the way. [`Output::Send`] and [`Output::Close`] never come out: they are carried out.
#[derive(Debug)]
pub struct Conversation<T> {
    transport: T,
    client: Client,
    began: Instant,
    outbox: VecDeque<ClientEvent>,
    events: VecDeque<Output>,
    session: Session,
}

impl<T: Transport> Conversation<T> {
    /// Begins a conversation: asks for what `settings` say and waits for the agent to name the conversation.
    pub async fn begin(transport: T, settings: Settings) -> Result<Self, ConnectError> {
        let mut conversation = Self {
            transport,
            client: Client::new(settings),
            began: Instant::now(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            session: Session {
                conversation_id: String::new(),
                input: protocol::agents::AudioFormat::Pcm16000,
                output: protocol::agents::AudioFormat::Pcm16000,
                server: None,
            },
        };
        conversation.tell(Input::Opened);
        loop {
            match conversation.next_event().await {
                Some(Output::Started(session)) => {
                    conversation.session = session;
                    return Ok(conversation);
                }
                Some(Output::Ended(end)) => {
                    let said = end
                        .error
                        .and_then(|error| error.message.or(error.reason))
                        .unwrap_or(end.reason);
                    return Err(match end.by {
                        EndedBy::Timeout => ConnectError::Silent,
                        EndedBy::Lost if said.is_empty() => ConnectError::Lost { reason: said },
                        _ => ConnectError::Refused { reason: said },
                    });
                }
                Some(_) => {}
                None => {
                    return Err(ConnectError::Lost {
                        reason: String::new(),
                    });
                }
            }
        }
    }

    /// What was agreed at the beginning.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The next thing the agent did; none after [`Output::Ended`]. May be cancelled without losing anything.
    pub async fn next_event(&mut self) -> Option<Output> {
        loop {
            self.flush().await;
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.client.is_over() {
                return None;
            }
            let deadline = self
                .client
                .deadline()
                .map(|at| self.began + at.since_start());
            let input = tokio::select! {
                received = self.transport.receive() => match received {
                    Some(event) => Input::Server(event),
                    None => self.gone(),
                },
                () = sleep_until(deadline.unwrap_or(self.began)), if deadline.is_some() => Input::Tick,
            };
            self.tell(input);
        }
    }

    /// What the agent did already, without waiting.
    pub fn try_next_event(&mut self) -> Option<Output> {
        while self.events.is_empty()
            && let Some(event) = self.transport.try_receive()
        {
            self.tell(Input::Server(event));
        }
        self.events.pop_front()
    }

    /// Says or does something. What was refused comes back as [`Output::Refused`].
    pub async fn command(&mut self, command: Command) {
        self.tell(Input::Command(command));
        self.flush().await;
    }

    /// The transport.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    fn gone(&self) -> Input {
        match self.transport.closed() {
            Some((code, reason)) => Input::Closed { code, reason },
            None => Input::Lost {
                reason: String::new(),
            },
        }
    }

    fn tell(&mut self, input: Input) {
        let now = Moment::ZERO + self.began.elapsed();
        for output in self.client.handle(now, input) {
            match output {
                Output::Send(event) => self.outbox.push_back(event),
                Output::Close { .. } => self.transport.hang_up(),
                other => self.events.push_back(other),
            }
        }
    }

    /// Sends what waits. An event leaves the outbox once there is room for it, so cancelling loses none.
    async fn flush(&mut self) {
        while !self.outbox.is_empty() {
            if self.transport.ready().await.is_err() {
                self.outbox.clear();
                return;
            }
            if let Some(event) = self.outbox.pop_front() {
                self.transport.send_now(event);
            }
        }
    }
}
