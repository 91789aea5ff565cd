//! Waiting for what happens next.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use protocol::agents::{ClientEvent, Initiation};
use providers::{ProviderError, asr, llm, tts};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep},
};
use turn::{ReplyId, ToolCallId};

use super::{Session, no_wishes};
use crate::{agent::Options, clock::Probe};

/// How long timers wait for a client that sends faster than it can be read.
const MOST_LATE: Duration = Duration::from_secs(1);

/// Something that happened.
pub(super) enum Happening {
    Time,
    /// The next frame of a long piece of sound is due.
    Frame,
    EndRequested,
    Client(Option<ClientEvent>),
    Asr(Option<Result<asr::Event, ProviderError>>),
    Llm(ReplyId, Option<Result<llm::Event, ProviderError>>),
    Tts(ReplyId, Option<Result<tts::Event, ProviderError>>),
    Tool(ToolCallId, Result<Value, String>),
    /// A provider has been silent for too long.
    Hanging,
}

/// A timer on the real clock.
#[derive(Default)]
pub(super) struct Guard(Option<Pin<Box<Sleep>>>);

impl Guard {
    fn poll_until(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}

/// The client's first words: its initiation, or nothing for too long, or something else, which is given back. None when it
/// left.
pub(super) async fn initiation(
    incoming: &mut mpsc::Receiver<ClientEvent>,
    end_requests: &mut mpsc::Receiver<()>,
    mut probes: Option<&mut mpsc::Receiver<Probe>>,
    options: &Options,
) -> Option<(Box<Initiation>, Option<ClientEvent>)> {
    let until = options.clock.now() + options.initiation_wait;
    let mut alarm = options.clock.alarm();
    let mut asked = Vec::new();
    poll_fn(|cx| {
        if let Some(probes) = probes.as_deref_mut() {
            while let Poll::Ready(Some(probe)) = probes.poll_recv(cx) {
                asked.push(probe);
            }
        }
        if let Poll::Ready(Some(())) = end_requests.poll_recv(cx) {
            return Poll::Ready(None);
        }
        while let Poll::Ready(event) = incoming.poll_recv(cx) {
            match event {
                None => return Poll::Ready(None),
                Some(ClientEvent::ConversationInitiationClientData(wishes)) => {
                    return Poll::Ready(Some((wishes, None)));
                }
                // What a self-hosted setup holds was used by whoever made the agent.
                Some(ClientEvent::EnclaveSetupConfig(_)) => {}
                Some(other) => return Poll::Ready(Some((no_wishes(), Some(other)))),
            }
        }
        if alarm.poll_until(Some(until), cx).is_ready() {
            return Poll::Ready(Some((no_wishes(), None)));
        }
        for probe in asked.drain(..) {
            let _ = probe.send(());
        }
        Poll::Pending
    })
    .await
}

impl Session {
    /// The next thing that happens. Providers come before the client, so that on a driven clock all that follows from one
    /// piece of sound is done before the next is looked at.
    pub(super) async fn next(&mut self) -> Happening {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        self.take_probes(cx);
        if let Poll::Ready(Some(())) = self.end_requests.poll_recv(cx) {
            return Poll::Ready(Happening::EndRequested);
        }
        if self.next_frame().is_some_and(|at| at <= self.clock.now()) {
            return Poll::Ready(Happening::Frame);
        }
        let wake = self.wake_at();
        if self.alarm.poll_until(Some(wake), cx).is_ready() && self.is_due() {
            // Sound that already waits comes first: on a machine that cannot keep up, it is no silence that the user makes.
            let late = self.clock.now() - wake;
            if self.incoming.is_empty() || late > MOST_LATE {
                return Poll::Ready(Happening::Time);
            }
        }
        if let Some(hearing) = &mut self.hearing
            && let Poll::Ready(event) = hearing.poll(cx)
        {
            return Poll::Ready(Happening::Asr(event));
        }
        while let Poll::Ready(Some(done)) = self.running.poll_join_next(cx) {
            match done {
                Ok((call, result)) => return Poll::Ready(Happening::Tool(call, result)),
                Err(stopped) if stopped.is_panic() => {
                    let id = stopped.id();
                    if let Some((call, _)) =
                        self.calls.iter().find(|(_, call)| call.task == Some(id))
                    {
                        return Poll::Ready(Happening::Tool(
                            *call,
                            Err("the tool crashed".to_owned()),
                        ));
                    }
                }
                Err(_) => {}
            }
        }
        let now = self.clock.now();
        let has_lead = self.has_lead(now);
        for (id, reply) in &mut self.replies {
            if let Some(events) = &mut reply.llm
                && let Poll::Ready(event) = events.poll_recv(cx)
            {
                return Poll::Ready(Happening::Llm(*id, event));
            }
            if !has_lead
                && let Some(voice) = &mut reply.voice
                && let Poll::Ready(event) = voice.session.events.poll_recv(cx)
            {
                return Poll::Ready(Happening::Tts(*id, event));
            }
        }
        if let Poll::Ready(event) = self.incoming.poll_recv(cx) {
            return Poll::Ready(Happening::Client(event));
        }
        let hanging = self.hanging_at(has_lead);
        if self.guard.poll_until(hanging, cx).is_ready() {
            return Poll::Ready(Happening::Hanging);
        }
        self.answer_probes(cx, has_lead);
        Poll::Pending
    }

    /// Whether the edge has sound enough for now.
    fn has_lead(&self, now: audio::Moment) -> bool {
        self.paused.is_some() && self.plays_until > now
            || self.plays_until - now >= self.options.lead
    }

    /// When the next frame of a long piece of sound is to be judged.
    fn next_frame(&self) -> Option<audio::Moment> {
        self.hearing.as_ref()?.next_frame
    }

    /// Something on this conversation's clock is due.
    fn is_due(&self) -> bool {
        let now = self.clock.now();
        self.machine.deadline().is_some_and(|at| at <= now)
            || self.next_ping <= now
            || self.last_heard_of + self.options.receive_timeout <= now
    }

    /// When to look again, at the latest.
    fn wake_at(&self) -> audio::Moment {
        let now = self.clock.now();
        let mut wake = self
            .next_ping
            .min(self.last_heard_of + self.options.receive_timeout);
        for at in [self.machine.deadline(), self.next_frame()] {
            wake = at.map_or(wake, |at| wake.min(at));
        }
        let lead_over = self.plays_until - self.options.lead;
        if lead_over > now && self.paused.is_none() {
            wake = wake.min(lead_over);
        }
        wake
    }

    /// When a silent provider counts as hanging.
    fn hanging_at(&self, has_lead: bool) -> Option<Instant> {
        let replies = self.replies.values().filter_map(|reply| {
            let voice = reply
                .voice
                .as_ref()
                .filter(|voice| voice.owes_sound() && !has_lead)
                .map(|voice| voice.patience);
            let llm = reply.llm.as_ref().map(|_| reply.patience);
            let explain = reply
                .voice
                .as_ref()
                .filter(|_| !has_lead)
                .and_then(|voice| voice.explain);
            [llm, voice, explain].into_iter().flatten().min()
        });
        let hearing = self.hearing.as_ref().and_then(super::Hearing::patience);
        replies.chain(hearing).min()
    }

    /// Pieces of work that must be done before time moves.
    fn outstanding(&self, has_lead: bool) -> usize {
        let replies: usize =
            self.replies
                .values()
                .map(|reply| {
                    let voice = reply.voice.as_ref().is_some_and(|voice| {
                        !has_lead && (voice.ended || !voice.waiting.is_empty())
                    });
                    usize::from(reply.llm.is_some()) + usize::from(voice)
                })
                .sum();
        let hearing = self.hearing.as_ref().map_or(0, super::Hearing::outstanding);
        replies + hearing + self.running.len()
    }

    fn answer_probes(&mut self, cx: &mut Context<'_>, has_lead: bool) {
        if self.asked.is_empty() {
            return;
        }
        if self.outstanding(has_lead) > self.clock.sleeping() {
            return;
        }
        if let Some(hearing) = &mut self.hearing
            && hearing.poll_drained(cx).is_pending()
        {
            return;
        }
        for probe in self.asked.drain(..) {
            let _ = probe.send(());
        }
    }

    /// Takes questions before anything else is looked at: what an edge sent before it asked is then seen before it is
    /// answered, on whichever thread it runs.
    fn take_probes(&mut self, cx: &mut Context<'_>) {
        if let Some(probes) = &mut self.probes {
            while let Poll::Ready(Some(probe)) = probes.poll_recv(cx) {
                self.asked.push(probe);
            }
        }
    }
}
