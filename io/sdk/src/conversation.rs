//! A conversation as a client sees it.

use std::{collections::VecDeque, io};

use audio::Moment;
use protocol::agents::{
    AudioFormat, ClientEvent, CloseCode, DecodeError, ServerEvent,
    client::{Client, Command, End, EndedBy, Input, Irregularity, Output, Session, Settings},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    AudioInterface, AudioPieces, Callbacks, ConnectError, Continuation, Handle, Tools,
    audio_interface::AudioLink,
    continuation::{Opening, Renewal},
    tools::Toolbox,
    transport::{Received, Transport},
};

/// The id of the context that tells of a conversation that is continued.
const CONTINUATION: &str = "duologue_continuation";

/// One conversation over one transport, or over several one after the other: see [`Continuation`].
///
/// What the agent does is pulled with [`Conversation::next_event`]; the client's duties (pings, stale sound, answers to
/// tools) are kept on the way, so somebody has to keep pulling. [`Output::Send`] and [`Output::Close`] never come out:
/// they are carried out.
#[derive(Debug)]
pub struct Conversation<T> {
    transport: T,
    client: Client,
    began: Instant,
    outbox: VecDeque<Outgoing>,
    events: VecDeque<Output>,
    session: Session,
    overrides: Vec<String>,
    handle: Handle,
    commands: mpsc::Receiver<Command>,
    toolbox: Toolbox,
    audio: Option<AudioLink>,
    renewal: Option<Renewal<T>>,
    hang_up_at: Option<Instant>,
    hanging_up: bool,
}

#[derive(Debug)]
enum Outgoing {
    Message(ClientEvent),
    Close(CloseCode, &'static str),
}

impl<T: Transport + 'static> Conversation<T> {
    /// Begins a conversation: asks for what `settings` say and waits for the agent to name the conversation.
    pub async fn begin(transport: T, settings: Settings) -> Result<Self, ConnectError> {
        let overrides = settings.initiation.conversation_config_override.paths();
        let (handle, commands) = Handle::new();
        let mut conversation = Self {
            transport,
            client: Client::new(settings),
            began: Instant::now(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            session: Session {
                conversation_id: String::new(),
                input: AudioFormat::Pcm16000,
                output: AudioFormat::Pcm16000,
                server: None,
            },
            overrides,
            handle,
            commands,
            toolbox: Toolbox::new(Tools::new()),
            audio: None,
            renewal: None,
            hang_up_at: None,
            hanging_up: false,
        };
        conversation.tell(Input::Opened);
        loop {
            match conversation.next_event().await {
                Some(Output::Started(session)) => {
                    conversation.session = session;
                    return Ok(conversation);
                }
                Some(Output::Ended(end)) => {
                    return Err(ConnectError::of(&end, &conversation.overrides));
                }
                Some(Output::Irregular(Irregularity::Garbled(error))) => {
                    return Err(not_an_agent(&error));
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

    /// Answers the agent's tool calls with `tools`. Calls still come out as [`Output::CallTool`], to be seen.
    #[must_use]
    pub fn with_tools(mut self, tools: Tools) -> Self {
        self.toolbox = Toolbox::new(tools);
        self
    }

    /// Hears the user through `interface` and plays the agent to it, and hangs up when the agent has said goodbye.
    /// Fails where the interface cannot begin, or the agent's sound cannot be coded.
    pub fn with_audio(
        mut self,
        interface: impl AudioInterface + 'static,
        pieces: AudioPieces,
    ) -> io::Result<Self> {
        self.start_audio(Box::new(interface), pieces)?;
        Ok(self)
    }

    pub(crate) fn start_audio(
        &mut self,
        interface: Box<dyn AudioInterface>,
        pieces: AudioPieces,
    ) -> io::Result<()> {
        self.audio = Some(AudioLink::start(interface, &self.session, pieces)?);
        Ok(())
    }

    /// Continues in a new conversation, begun with `settings` over a transport that `open` opens, when the connection
    /// of this one breaks. [`Builder::continue_after_a_drop`](crate::Builder::continue_after_a_drop) is the easy way.
    #[must_use]
    pub fn with_continuation(
        mut self,
        how: Continuation,
        settings: Settings,
        open: impl FnMut() -> Opening<T> + Send + 'static,
    ) -> Self {
        self.renewal = Some(Renewal::new(how, settings, Box::new(open)));
        self
    }

    /// What was agreed at the beginning.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Says and does things from elsewhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The next thing the agent did; none after [`Output::Ended`]. May be cancelled without losing anything.
    pub async fn next_event(&mut self) -> Option<Output> {
        loop {
            self.flush().await;
            if let Some(event) = self.pop() {
                return Some(event);
            }
            if self.renewal.as_ref().is_some_and(Renewal::is_broken) {
                self.reopen().await;
                continue;
            }
            if self.client.is_over() {
                return None;
            }
            let deadline = self
                .client
                .deadline()
                .map(|at| self.began + at.since_start())
                .into_iter()
                .chain(self.hang_up_at)
                .min();
            let has_room = self.renewal.as_ref().is_none_or(Renewal::has_room);
            let input = tokio::select! {
                received = self.transport.receive() => match received {
                    Some(received) => match self.read(received) {
                        Some(event) => Input::Server(event),
                        None => continue,
                    },
                    None => self.gone(),
                },
                // The handle in `self` keeps this channel open.
                Some(command) = self.commands.recv(), if has_room => {
                    self.obey(command);
                    continue;
                }
                answer = self.toolbox.next() => Input::Command(answer),
                sound = next_sound(self.audio.as_mut()) => {
                    self.obey(Command::Audio(sound));
                    continue;
                }
                () = sleep_until(deadline.unwrap_or(self.began)), if deadline.is_some() => self.due(),
            };
            self.tell(input);
        }
    }

    /// What the agent did already, without waiting.
    pub fn try_next_event(&mut self) -> Option<Output> {
        while self.events.is_empty()
            && let Some(received) = self.transport.try_receive()
        {
            if let Some(event) = self.read(received) {
                self.tell(Input::Server(event));
            }
        }
        self.pop()
    }

    /// Pulls events until the conversation has ended, and hands each to whoever wanted to be told.
    ///
    /// Hangs up by itself when the agent wants to and its last words have been played.
    pub async fn run(mut self, callbacks: &mut Callbacks) -> End {
        while let Some(event) = self.next_event().await {
            if matches!(event, Output::AgentHangsUp) && self.hang_up_at.is_none() {
                self.hang_up_at = Some(Instant::now());
            }
            callbacks.tell(&event);
            if let Output::Ended(end) = event {
                return end;
            }
        }
        // Only a conversation that was over before comes here.
        End {
            by: EndedBy::Lost,
            code: None,
            reason: String::new(),
            error: None,
        }
    }

    /// Says or does something. What was refused comes back as [`Output::Refused`].
    pub async fn command(&mut self, command: Command) {
        self.obey(command);
        self.flush().await;
    }

    /// The transport.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// The next event that waits, as it is to be seen.
    fn pop(&mut self) -> Option<Output> {
        while let Some(event) = self.events.pop_front() {
            if let Some(event) = self.renewed(event) {
                self.heed(&event);
                return Some(event);
            }
        }
        None
    }

    /// What an event means where a conversation may be continued; none: nothing.
    fn renewed(&mut self, event: Output) -> Option<Output> {
        let Some(renewal) = &mut self.renewal else {
            return Some(event);
        };
        match event {
            // Whoever said goodbye is not called back.
            Output::Ended(end) if self.hang_up_at.is_none() => renewal.ended(end),
            Output::Started(session) => {
                let from = std::mem::replace(&mut self.session, session.clone());
                let (summary, waiting) = renewal.begun(&from.conversation_id);
                if let Some(audio) = &mut self.audio
                    && let Err(error) = audio.renew(&session)
                {
                    tracing::warn!(%error, "the new conversation's sound cannot be coded");
                }
                self.tell(Input::Command(Command::Context {
                    text: summary.clone(),
                    context_id: Some(CONTINUATION.to_owned()),
                }));
                for command in waiting {
                    self.obey(command);
                }
                Some(Output::Continued {
                    session,
                    from: from.conversation_id,
                    summary,
                })
            }
            event => {
                renewal.hear(&event);
                Some(event)
            }
        }
    }

    /// Carries a command out, or keeps it until there is a conversation for it.
    fn obey(&mut self, command: Command) {
        if let Some(renewal) = &mut self.renewal {
            let ends = matches!(command, Command::End);
            if renewal.is_broken() || renewal.is_between() && !ends {
                self.events.extend(renewal.keep(command));
                return;
            }
            renewal.typed(&command);
        }
        self.tell(Input::Command(command));
    }

    /// Waits for a new connection, or the end of trying.
    async fn reopen(&mut self) {
        let Some(renewal) = &mut self.renewal else {
            return;
        };
        let has_room = renewal.has_room();
        tokio::select! {
            opened = renewal.opened() => match opened {
                Ok(transport) => {
                    self.transport = transport;
                    self.client = Client::new(renewal.settings());
                    self.began = Instant::now();
                    self.outbox.clear();
                    self.hang_up_at = None;
                    self.tell(Input::Opened);
                }
                Err(told) => self.events.extend(told),
            },
            Some(command) = self.commands.recv(), if has_room => self.obey(command),
            // Nobody hears it, and whoever speaks must not be held up.
            _ = next_sound(self.audio.as_mut()) => {}
        }
    }

    /// A message for the machine; what is none becomes an event at once.
    fn read(&mut self, received: Received) -> Option<ServerEvent> {
        match received {
            Ok(event) => {
                // The machine answers pings; those that carry a latency are worth seeing.
                if let ServerEvent::Ping { ping_event } = &event
                    && ping_event.ping_ms.is_some()
                {
                    self.events.push_back(Output::Event(event.clone()));
                }
                Some(event)
            }
            Err(error) => {
                let irregularity = Irregularity::Garbled(error);
                self.events.push_back(Output::Irregular(irregularity));
                None
            }
        }
    }

    /// Does what an event asks of this side.
    fn heed(&mut self, event: &Output) {
        match event {
            Output::CallTool(call) if self.toolbox.is_responsible() => self.toolbox.start(call),
            Output::AbandonTool { tool_call_id, .. } => self.toolbox.abandon(tool_call_id),
            Output::AgentHangsUp => {
                self.hang_up_at = self.audio.as_ref().map(AudioLink::played_until);
            }
            _ => {}
        }
        let Some(audio) = &mut self.audio else {
            return;
        };
        match event {
            Output::Play(sound) => audio.play(&sound.audio_base_64),
            Output::StopPlayback { .. } => audio.interrupt(),
            Output::Duck { .. } => audio.pause(),
            Output::Resume { .. } => audio.resume(),
            Output::Ended(_) => audio.stop(),
            _ => {}
        }
    }

    fn due(&mut self) -> Input {
        match self.hang_up_at {
            Some(at) if at <= Instant::now() => {
                self.hang_up_at = None;
                Input::Command(Command::End)
            }
            _ => Input::Tick,
        }
    }

    fn gone(&self) -> Input {
        match self.transport.closed() {
            Some((code, reason)) => Input::Closed { code, reason },
            None => Input::Lost {
                reason: self.transport.lost().unwrap_or_default(),
            },
        }
    }

    fn tell(&mut self, input: Input) {
        let now = Moment::ZERO + self.began.elapsed();
        for output in self.client.handle(now, input) {
            match output {
                Output::Send(event) => self.outbox.push_back(Outgoing::Message(event)),
                Output::Close { code, reason } => {
                    self.outbox.push_back(Outgoing::Close(code, reason));
                }
                other => self.events.push_back(other),
            }
        }
    }

    /// Sends what waits. An event leaves the outbox once there is room for it, so cancelling loses none.
    async fn flush(&mut self) {
        while let Some(next) = self.outbox.front() {
            if let Outgoing::Close(code, reason) = *next {
                self.transport.close(code, reason);
                self.outbox.clear();
                self.hanging_up = true;
                break;
            }
            if self.transport.ready().await.is_err() {
                self.outbox.clear();
                break;
            }
            if let Some(Outgoing::Message(event)) = self.outbox.pop_front() {
                self.transport.send_now(event);
            }
        }
        if self.hanging_up {
            self.transport.finish().await;
            self.hanging_up = false;
        }
    }
}

async fn next_sound(audio: Option<&mut AudioLink>) -> protocol::agents::AudioBytes {
    match audio {
        Some(audio) => audio.next().await,
        None => std::future::pending().await,
    }
}

fn not_an_agent(error: &DecodeError) -> ConnectError {
    ConnectError::NotAnAgent {
        host: "the server".to_owned(),
        reason: error.to_string(),
    }
}
