//! What a caller reads of a turn that is over waits until the turn is on the disk, so that a crash loses nothing that
//! anybody has been told.
//!
//! Sound never waits, nor does what steers it: only words do, behind the words before them.

use std::{collections::VecDeque, future::Future, pin::Pin, time::Duration};

use protocol::agents::ServerEvent;
use store::Log;
use tokio::{sync::mpsc, time::timeout};

/// How long words may wait for the disk. A disk that needs longer is in trouble, and the conversation is worth more.
const LONGEST: Duration = Duration::from_secs(1);
/// So many messages wait at most; then nothing more is taken from the agent.
const MOST: usize = 256;

/// Hands messages over in order, each when it may be read.
pub(super) struct Kept {
    receiver: mpsc::Receiver<ServerEvent>,
    /// Where turns are kept. None: they are not.
    log: Option<Log>,
    waiting: VecDeque<ServerEvent>,
    /// The disk has the turns that were over when this was made.
    settled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Kept {
    pub(super) fn new(receiver: mpsc::Receiver<ServerEvent>, log: Option<Log>) -> Self {
        Self {
            receiver,
            log,
            waiting: VecDeque::new(),
            settled: None,
        }
    }

    /// Waits for messages that may be read now, and appends at most about `most` of them. False when the agent has said
    /// all. Nothing is lost when this is dropped while it waits.
    pub(super) async fn next(&mut self, batch: &mut Vec<ServerEvent>, most: usize) -> bool {
        let before = batch.len();
        loop {
            self.release(batch);
            if batch.len() > before {
                return true;
            }
            let receiving = self.waiting.len() < MOST;
            let arrived = tokio::select! {
                () = wait(&mut self.settled) => {
                    self.settled = None;
                    // The front is what waited for this; what follows is looked at anew.
                    batch.extend(self.waiting.pop_front());
                    continue;
                }
                arrived = self.receiver.recv(), if receiving => arrived,
            };
            match arrived {
                Some(event) => self.take(event, batch),
                None if self.waiting.is_empty() => return false,
                None => {
                    wait(&mut self.settled).await;
                    self.settled = None;
                    batch.extend(self.waiting.pop_front());
                }
            }
            while batch.len() < before + most
                && let Ok(event) = self.receiver.try_recv()
            {
                self.take(event, batch);
            }
        }
    }

    /// Lets an event through, or lets it wait.
    fn take(&mut self, event: ServerEvent, batch: &mut Vec<ServerEvent>) {
        let behind = self.settled.is_some() || !self.waiting.is_empty();
        if may_pass(&event) || !behind && (self.log.is_none() || !tells_of_a_turn(&event)) {
            batch.push(event);
        } else {
            self.waiting.push_back(event);
            self.look();
        }
    }

    /// Lets go what waits for nothing any more.
    fn release(&mut self, batch: &mut Vec<ServerEvent>) {
        while self.settled.is_none()
            && let Some(front) = self.waiting.front()
            && !tells_of_a_turn(front)
        {
            batch.extend(self.waiting.pop_front());
        }
        self.look();
    }

    /// Asks the disk, when the front waits for it and nobody has asked.
    fn look(&mut self) {
        if self.settled.is_none()
            && self.waiting.front().is_some_and(tells_of_a_turn)
            && let Some(log) = self.log.clone()
        {
            self.settled = Some(Box::pin(async move {
                // A store that was closed keeps nothing more, which it has said itself.
                if timeout(LONGEST, log.flush()).await.is_err() {
                    tracing::warn!("the disk is slow: a turn was told before it was kept");
                }
            }));
        }
    }
}

/// Pends for ever where there is nothing to wait for.
async fn wait(settled: &mut Option<Pin<Box<dyn Future<Output = ()> + Send>>>) {
    match settled {
        Some(settled) => settled.await,
        None => std::future::pending().await,
    }
}

/// Whether this is how a caller learns that somebody's turn is over. The recorder was told before it was sent.
fn tells_of_a_turn(event: &ServerEvent) -> bool {
    matches!(
        event,
        ServerEvent::UserTranscript { .. }
            | ServerEvent::AgentResponse { .. }
            | ServerEvent::AgentResponseCorrection { .. }
            | ServerEvent::AgentResponseComplete { .. }
    )
}

/// Sound, and what must not be later than sound.
fn may_pass(event: &ServerEvent) -> bool {
    matches!(
        event,
        ServerEvent::Audio { .. }
            | ServerEvent::Interruption { .. }
            | ServerEvent::DuologueDuck { .. }
            | ServerEvent::DuologueResume { .. }
            | ServerEvent::Ping { .. }
            | ServerEvent::VadScore { .. }
    )
}

#[cfg(test)]
mod tests {
    use protocol::agents::{AudioBytes, AudioEvent, EventId, UserTranscript};
    use store::Store;

    use super::*;

    fn words(text: &str) -> ServerEvent {
        ServerEvent::UserTranscript {
            user_transcription_event: UserTranscript {
                user_transcript: text.to_owned(),
                event_id: None,
            },
        }
    }

    fn sound(id: u64) -> ServerEvent {
        ServerEvent::Audio {
            audio_event: AudioEvent {
                audio_base_64: AudioBytes::from(vec![0]),
                event_id: EventId(id),
                alignment: None,
                is_final: None,
            },
        }
    }

    fn partial(text: &str) -> ServerEvent {
        ServerEvent::TentativeUserTranscript {
            tentative_user_transcription_event: UserTranscript {
                user_transcript: text.to_owned(),
                event_id: None,
            },
        }
    }

    #[tokio::test]
    async fn words_keep_their_order_and_sound_waits_for_no_disk() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let (sender, receiver) = mpsc::channel(16);
        let mut kept = Kept::new(receiver, Some(store.log()));
        for event in [words("a"), partial("b"), sound(1), words("c"), partial("d")] {
            sender.send(event).await.unwrap();
        }
        drop(sender);
        let mut all = Vec::new();
        while kept.next(&mut all, 64).await {}
        // Everything came, and words in the order in which they were said.
        assert_eq!(
            all,
            [sound(1), words("a"), partial("b"), words("c"), partial("d")]
        );
    }

    #[tokio::test]
    async fn a_store_that_was_closed_holds_nobody_up() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let (sender, receiver) = mpsc::channel(16);
        let mut kept = Kept::new(receiver, Some(store.log()));
        store.close().await;
        sender.send(words("a")).await.unwrap();
        let mut batch = Vec::new();
        assert!(kept.next(&mut batch, 64).await);
        assert_eq!(batch, [words("a")]);
    }

    #[tokio::test]
    async fn where_nothing_is_kept_nothing_waits() {
        let (sender, receiver) = mpsc::channel(16);
        let mut kept = Kept::new(receiver, None);
        sender.send(words("a")).await.unwrap();
        sender.send(sound(1)).await.unwrap();
        let mut batch = Vec::new();
        assert!(kept.next(&mut batch, 64).await);
        assert_eq!(batch, [words("a"), sound(1)]);
    }
}
