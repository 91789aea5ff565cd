//! Recognisers behind a WebSocket: one connection for a conversation, utterances one after the other in it.
//!
//! A vendor's wire is a [`Wire`]: what is sent and what comes mean. Everything else is the same: the connection is opened
//! with the first utterance and again when an idle one was closed; sound goes in pieces that the vendor takes; utterances
//! are answered in the order they ended; one that is dropped, or never ended, is ended and its text thrown away, for sound
//! cannot be taken back.

use std::{collections::VecDeque, mem, time::Duration};

use audio::SampleRate;
use reqwest::Url;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    ApiKey, ProviderError,
    asr::{Event, Input, Options, Session},
    http::Authorities,
    socket::{Frame, Socket, Who},
};

/// How many utterances may wait for their text.
const MOST_PENDING: usize = 16;
/// How long a text may be owed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what is owed is waited for when nobody speaks any more.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// An utterance shorter than this is nothing.
const LEAST_SOUND: Duration = Duration::from_millis(20);

/// What a message of the vendor says.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The words so far of what is not ended.
    Partial(String),
    /// The words of what has ended.
    Ended(String),
}

/// A vendor's wire.
pub(crate) trait Wire: Send + 'static {
    /// Whom errors are about.
    fn who(&self) -> Who;
    /// Whose certificates are trusted.
    fn authorities(&self) -> &Authorities;
    /// Where to connect.
    fn url(&self) -> Url;
    /// With which headers.
    fn headers(&self) -> Vec<(&'static str, ApiKey)>;
    /// A new connection stands.
    fn opened(&mut self) {}
    /// A piece of sound.
    fn sound(&self, samples: &[i16]) -> Message;
    /// The utterance ends with this sound, which may be empty.
    fn end(&self, rest: &[i16]) -> Vec<Message>;
    /// Sound goes in pieces of this length.
    fn piece(&self) -> Duration;
    /// After the end of an utterance without words the vendor says nothing; so long is waited for it.
    fn quiet(&self) -> Option<Duration>;
    /// What a message means.
    fn read(&mut self, text: &str) -> Result<Vec<Heard>, ProviderError>;
    /// What a close means, in the middle of things.
    fn closed(&self, code: u16, words: &str) -> ProviderError;
    /// What is said before hanging up.
    fn farewell(&self) -> Option<Message> {
        None
    }
}

/// Begins a session on `wire`.
pub(crate) fn start(wire: impl Wire, options: &Options) -> Session {
    let (input, inputs) = mpsc::channel(64);
    let (sender, events) = mpsc::channel(64);
    let rate = options.rate;
    let partials = options.partials;
    tokio::spawn(async move {
        let mut driver = Driver {
            wire,
            rate,
            partials,
            socket: None,
            open: None,
            unsent: Vec::new(),
            sent: false,
            before: String::new(),
            pending: VecDeque::new(),
        };
        let result = driver.run(inputs, &sender).await;
        if let Err(error) = result {
            tracing::debug!(%error, "the recogniser failed");
            // Whoever went away need not know.
            let _ = sender.try_send(Err(error));
        }
        drop(sender);
        driver.leave().await;
    });
    Session { input, events }
}

/// A session that can only say what is wrong.
pub(crate) fn refuse(error: ProviderError) -> Session {
    let (input, _) = mpsc::channel(1);
    let (sender, events) = mpsc::channel(1);
    // There is room for one.
    let _ = sender.try_send(Err(error));
    Session { input, events }
}

/// An utterance that has ended and has no text yet.
struct Pending {
    /// None: nobody wants its text.
    utterance: Option<u64>,
    /// What the vendor had ended of it by itself.
    before: String,
    /// The words so far.
    partial: String,
    since: Instant,
}

struct Driver<W> {
    wire: W,
    rate: SampleRate,
    partials: bool,
    socket: Option<Socket>,
    open: Option<u64>,
    unsent: Vec<i16>,
    /// Sound of the open utterance has been sent.
    sent: bool,
    before: String,
    pending: VecDeque<Pending>,
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

impl<W: Wire> Driver<W> {
    async fn run(
        &mut self,
        mut inputs: mpsc::Receiver<Input>,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        loop {
            let deadline = self.deadline();
            tokio::select! {
                () = events.closed() => return Ok(()),
                input = inputs.recv(), if self.pending.len() < MOST_PENDING => match input {
                    Some(input) => self.take(input, events).await?,
                    None => return self.last_words(events).await,
                },
                frame = next(&mut self.socket) => self.on_frame(frame?, events).await?,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => self.late(events).await?,
            }
        }
    }

    /// Nobody speaks any more; what was said is still answered.
    async fn last_words(&mut self, events: &Sender) -> Result<(), ProviderError> {
        let rest = async {
            while !self.pending.is_empty() {
                let deadline = self.deadline();
                tokio::select! {
                    () = events.closed() => return Ok(()),
                    frame = next(&mut self.socket) => self.on_frame(frame?, events).await?,
                    () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => self.late(events).await?,
                }
            }
            Ok(())
        };
        timeout(LAST_WORDS, rest).await.unwrap_or(Ok(()))
    }

    async fn leave(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            if let Some(farewell) = self.wire.farewell()
                && socket.send(farewell).await.is_err()
            {
                return;
            }
            socket.close().await;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let first = self.pending.front()?;
        Some(first.since + self.wire.quiet().unwrap_or(PATIENCE))
    }

    /// The text of the oldest utterance is overdue.
    async fn late(&mut self, events: &Sender) -> Result<(), ProviderError> {
        if self.wire.quiet().is_none() {
            return Err(self.wire.who().timed_out(PATIENCE));
        }
        let partial = self
            .pending
            .front()
            .map(|pending| pending.partial.clone())
            .unwrap_or_default();
        self.ended(&partial, events).await
    }

    async fn take(&mut self, input: Input, events: &Sender) -> Result<(), ProviderError> {
        match input {
            Input::Begin { utterance, .. } => {
                // One that was never ended is forgotten.
                self.end(None, events).await?;
                self.open = Some(utterance);
            }
            Input::Audio(samples) => {
                if self.open.is_some() {
                    self.unsent.extend(samples);
                    self.send_pieces().await?;
                }
            }
            Input::End => {
                if let Some(utterance) = self.open {
                    self.end(Some(utterance), events).await?;
                }
            }
            Input::Drop => self.end(None, events).await?,
        }
        Ok(())
    }

    async fn send_pieces(&mut self) -> Result<(), ProviderError> {
        let length = self.rate.samples_in(self.wire.piece()).max(1);
        while self.unsent.len() >= length {
            let piece: Vec<i16> = self.unsent.drain(..length).collect();
            let message = self.wire.sound(&piece);
            self.sent = true;
            self.socket().await?.send(message).await?;
        }
        Ok(())
    }

    /// The connection; a new one where there is none.
    async fn socket(&mut self) -> Result<&mut Socket, ProviderError> {
        if self.socket.is_none() {
            let wire = &self.wire;
            let socket =
                Socket::open(wire.who(), wire.authorities(), &wire.url(), &wire.headers()).await?;
            self.wire.opened();
            self.socket = Some(socket);
        }
        // It was just put there.
        self.socket
            .as_mut()
            .ok_or_else(|| self.wire.who().failed("the connection is gone"))
    }

    /// Ends what is being heard; `utterance` is answered.
    async fn end(&mut self, utterance: Option<u64>, events: &Sender) -> Result<(), ProviderError> {
        if self.open.take().is_none() {
            return Ok(());
        }
        let rest = mem::take(&mut self.unsent);
        let before = mem::take(&mut self.before);
        let sent = mem::take(&mut self.sent);
        if !sent && (utterance.is_none() || rest.len() < self.rate.samples_in(LEAST_SOUND)) {
            // Nothing was sent, so there is nothing to end.
            if let Some(utterance) = utterance {
                if self.pending.is_empty() {
                    say(events, utterance, before).await;
                } else {
                    // Its turn comes after those before it.
                    self.pending.push_back(Pending {
                        utterance: Some(utterance),
                        before,
                        partial: NOTHING.to_owned(),
                        since: Instant::now(),
                    });
                }
            }
            return Ok(());
        }
        for message in self.wire.end(&rest) {
            self.socket().await?.send(message).await?;
        }
        self.pending.push_back(Pending {
            utterance,
            before,
            partial: String::new(),
            since: Instant::now(),
        });
        Ok(())
    }

    async fn on_frame(&mut self, frame: Frame, events: &Sender) -> Result<(), ProviderError> {
        match frame {
            Frame::Text(text) => {
                for heard in self.wire.read(&text)? {
                    match heard {
                        Heard::Partial(text) => self.partial(text, events).await,
                        Heard::Ended(text) => self.ended(&text, events).await?,
                    }
                }
                Ok(())
            }
            Frame::Closed(code, words) => {
                self.socket = None;
                // An idle connection may be closed; the next utterance opens another.
                if self.pending.is_empty() && (self.open.is_none() || !self.sent) {
                    tracing::debug!(code, "an idle recogniser hung up");
                    return Ok(());
                }
                Err(self.wire.closed(code, &words))
            }
        }
    }

    async fn partial(&mut self, text: String, events: &Sender) {
        let (utterance, before) = if let Some(first) = self.pending.front_mut() {
            first.partial.clone_from(&text);
            (first.utterance, first.before.as_str())
        } else {
            (self.open, self.before.as_str())
        };
        let text = joined(before, &text);
        if let Some(utterance) = utterance
            && self.partials
            && !text.is_empty()
        {
            // Whoever went away is noticed elsewhere.
            let _ = events.send(Ok(Event::Partial { utterance, text })).await;
        }
    }

    async fn ended(&mut self, text: &str, events: &Sender) -> Result<(), ProviderError> {
        let Some(first) = self.pending.pop_front() else {
            // The vendor ended something by itself: the beginning of what is being said.
            if self.open.is_some() {
                self.before = joined(&self.before, text);
            }
            return Ok(());
        };
        if let Some(utterance) = first.utterance {
            say(events, utterance, joined(&first.before, text)).await;
        }
        // Those without sound behind it need not wait for anything.
        while let Some(nothing) = self
            .pending
            .pop_front_if(|pending| pending.partial == NOTHING)
        {
            if let Some(utterance) = nothing.utterance {
                say(events, utterance, nothing.before).await;
            }
        }
        // The next has its own time from now on.
        if let Some(next) = self.pending.front_mut() {
            next.since = Instant::now();
        }
        Ok(())
    }
}

/// Marks an utterance of which no sound was sent.
const NOTHING: &str = "\u{0}";

async fn say(events: &Sender, utterance: u64, text: String) {
    // Whoever went away is noticed elsewhere.
    let _ = events.send(Ok(Event::Final { utterance, text })).await;
}

async fn next(socket: &mut Option<Socket>) -> Result<Frame, ProviderError> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

fn joined(before: &str, text: &str) -> String {
    let (before, text) = (before.trim(), text.trim());
    match (before.is_empty(), text.is_empty()) {
        (true, _) => text.to_owned(),
        (false, true) => before.to_owned(),
        (false, false) => format!("{before} {text}"),
    }
}

/// Samples as little-endian bytes.
pub(crate) fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|one| one.to_le_bytes()).collect()
}
