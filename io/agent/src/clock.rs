//! What time it is in a conversation: the machine's clock, or a clock that an edge drives.
//!
//! On a driven clock a conversation runs as fast as the machine allows and still behaves as in real time: time stands
//! still while a recogniser, llm, voice or tool works, and moves only when the edge says so.
//!
//! ```
//! # async fn edge(clock: agent::Clock) {
//! use std::time::Duration;
//! // hand 20 ms of sound to the agent, then:
//! clock.settled().await;
//! clock.advance(Duration::from_millis(20));
//! # }
//! ```
//!
//! Limits that guard against hanging providers stay on the real clock, for a provider that hangs would stop virtual time
//! for ever.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use audio::Moment;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// A question to a conversation: answered when it has nothing left to do before time moves.
pub(crate) type Probe = oneshot::Sender<()>;

/// How many questions may wait for one conversation.
const PROBES: usize = 8;

/// The time of one or more conversations. Cheap to clone; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real(Instant),
    Driven(Arc<Driven>),
}

#[derive(Debug, Default)]
struct Driven {
    state: Mutex<State>,
    /// Pieces of work that wait for this clock, and so do not hold it up.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    now: Moment,
    wakers: Vec<(Moment, Waker)>,
    sleepers: Vec<(Moment, oneshot::Sender<()>)>,
    conversations: Vec<mpsc::Sender<Probe>>,
}

impl Clock {
    /// The machine's clock, starting now.
    pub fn real() -> Self {
        Self(Kind::Real(Instant::now()))
    }

    /// A clock that stands at zero until somebody moves it with [`Clock::advance`].
    pub fn driven() -> Self {
        Self(Kind::Driven(Arc::default()))
    }

    /// Whether an edge drives this clock.
    pub const fn is_driven(&self) -> bool {
        matches!(self.0, Kind::Driven(_))
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Kind::Real(origin) => {
                Moment::from_micros(u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX))
            }
            Kind::Driven(driven) => driven.lock().now,
        }
    }

    /// Moves a driven clock forward. Does nothing to a real one.
    pub fn advance(&self, by: Duration) {
        let Kind::Driven(driven) = &self.0 else {
            return;
        };
        let mut state = driven.lock();
        state.now += by;
        let now = state.now;
        let mut due = Vec::new();
        state.wakers.retain(|(at, waker)| {
            let keep = *at > now;
            if !keep {
                due.push(waker.clone());
            }
            keep
        });
        let mut kept = Vec::new();
        for (at, sleeper) in state.sleepers.drain(..) {
            if at > now {
                kept.push((at, sleeper));
            } else {
                driven.waiting.fetch_sub(1, Ordering::SeqCst);
                let _ = sleeper.send(());
            }
        }
        state.sleepers = kept;
        drop(state);
        for waker in due {
            waker.wake();
        }
    }

    /// Waits until every conversation on this clock has nothing left to do before time moves: no message unread, no
    /// recognition, reply, speech or tool under way. Returns at once on a real clock.
    ///
    /// A conversation that waits for its edge (a full link, a client tool) counts as settled.
    pub async fn settled(&self) {
        let Kind::Driven(driven) = &self.0 else {
            return;
        };
        let conversations = {
            let mut state = driven.lock();
            state.conversations.retain(|probes| !probes.is_closed());
            state.conversations.clone()
        };
        for probes in conversations {
            let (probe, answer) = oneshot::channel();
            if probes.send(probe).await.is_ok() {
                // A conversation that ended instead of answering has settled for good.
                let _ = answer.await;
            }
        }
    }

    /// Waits for `duration` of this clock's time. Work that waits so does not keep a driven clock from moving, which makes
    /// it the way for a made-up provider to take its time.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Kind::Real(_) => tokio::time::sleep(duration).await,
            Kind::Driven(driven) => {
                if duration.is_zero() {
                    return;
                }
                let (sender, due) = oneshot::channel();
                {
                    let mut state = driven.lock();
                    let at = state.now + duration;
                    state.sleepers.push((at, sender));
                    driven.waiting.fetch_add(1, Ordering::SeqCst);
                    // Whoever is asked whether it has settled may say yes now.
                    for (_, waker) in &state.wakers {
                        waker.wake_by_ref();
                    }
                }
                let _ = due.await;
            }
        }
    }

    /// How many pieces of work sleep on this clock.
    pub(crate) fn sleeping(&self) -> usize {
        match &self.0 {
            Kind::Real(_) => 0,
            Kind::Driven(driven) => {
                let mut state = driven.lock();
                let before = state.sleepers.len();
                state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
                let gone = before - state.sleepers.len();
                driven.waiting.fetch_sub(gone, Ordering::SeqCst);
                driven.waiting.load(Ordering::SeqCst)
            }
        }
    }

    /// Registers a conversation; it answers what comes out of the channel. None on a real clock.
    pub(crate) fn join(&self) -> Option<mpsc::Receiver<Probe>> {
        let Kind::Driven(driven) = &self.0 else {
            return None;
        };
        let (probes, receiver) = mpsc::channel(PROBES);
        driven.lock().conversations.push(probes);
        Some(receiver)
    }

    /// A timer of this clock.
    pub(crate) fn alarm(&self) -> Alarm {
        Alarm {
            clock: self.clone(),
            at: None,
            sleep: None,
        }
    }
}

impl Driven {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes its task at a moment that may be changed.
pub(crate) struct Alarm {
    clock: Clock,
    at: Option<Moment>,
    sleep: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl Alarm {
    /// Ready once `at` has come. Never when there is none.
    pub(crate) fn poll_until(&mut self, at: Option<Moment>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = at else {
            self.at = None;
            return Poll::Pending;
        };
        match &self.clock.0 {
            Kind::Driven(driven) => {
                let mut state = driven.lock();
                if state.now >= at {
                    return Poll::Ready(());
                }
                let waker = cx.waker();
                if !state
                    .wakers
                    .iter()
                    .any(|(known, other)| *known == at && other.will_wake(waker))
                {
                    state.wakers.retain(|(_, other)| !other.will_wake(waker));
                    state.wakers.push((at, waker.clone()));
                }
                Poll::Pending
            }
            Kind::Real(origin) => {
                let deadline = *origin + at.since_start();
                let sleep = self
                    .sleep
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                if self.at != Some(at) {
                    sleep.as_mut().reset(deadline);
                    self.at = Some(at);
                }
                let ready = sleep.as_mut().poll(cx);
                if ready.is_ready() {
                    self.at = None;
                }
                ready
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_driven_clock_moves_only_when_told() {
        let clock = Clock::driven();
        assert_eq!(clock.now(), Moment::ZERO);
        clock.advance(Duration::from_millis(20));
        assert_eq!(clock.now(), Moment::from_millis(20));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come() {
        let clock = Clock::driven();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_millis(50)).await;
                clock.now()
            }
        });
        while clock.sleeping() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_millis(40));
        assert_eq!(clock.sleeping(), 1);
        clock.advance(Duration::from_millis(40));
        assert_eq!(clock.sleeping(), 0);
        assert_eq!(sleeper.await.unwrap(), Moment::from_millis(80));
    }

    #[tokio::test]
    async fn a_clock_without_conversations_is_settled() {
        Clock::driven().settled().await;
        Clock::real().settled().await;
    }
}
