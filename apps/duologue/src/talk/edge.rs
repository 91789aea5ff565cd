//! Where sound meets the agent: frames in and out on one sample clock.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use audio::{Level, Meter};
use protocol::agents::{
    ServerEvent, Stage,
    client::{Command, End, Output, Session},
};
use sdk::{Channel, Conversation, wav};
use tokio::time::{Instant, sleep_until};

use super::{
    Call,
    desk::{Out, Playout},
    ear::Ear,
    mouth::{FRAME, Mouth},
    sound::{Coder, Decoder},
    view::{Shown, Turn},
};
use crate::{
    files::{self, RATE},
    problem::{Outcome, Problem},
};

/// One frame.
const TICK: Duration = Duration::from_millis(20);
/// How late the clock may be before lost time is given up instead of being made up for.
const LATE: Duration = Duration::from_secs(1);
/// Silence after which a call whose input has ended is hung up, in samples: longer than any end of turn takes.
const SILENCE: usize = 5 * 16_000 / 2;
/// The longest an answer is waited for after the input has ended, in samples.
const ANSWER: usize = 25 * 16_000;
/// The longest a message to the agent may wait.
const STUCK: Duration = Duration::from_secs(10);
/// Latencies whose first sound is still awaited.
const OPEN_TURNS: usize = 16;

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Both may speak.
    Open,
    /// The agent ends it, once its last words were heard.
    AgentHangsUp,
    /// The end was asked for.
    Ending,
}

/// The edge of a spoken conversation.
pub(crate) struct Edge {
    mouth: Mouth,
    output: Option<(PathBuf, wav::Writer)>,
    speaker: Playout,
    ear: Ear,
    coder: Coder,
    decoder: Decoder,
    meters: (Meter, Meter),
    fast: bool,
    reports: bool,
    /// Samples since the beginning.
    now: usize,
    /// Since when the input has ended.
    input_ended: Option<usize>,
    /// When something last happened that speaks for going on.
    last_event: usize,
    /// The user has said something that is not answered yet.
    owes: bool,
    phase: Phase,
    reported: Option<(protocol::agents::EventId, usize)>,
    /// When the first chunk of each reply came.
    arrived: VecDeque<(protocol::agents::EventId, usize)>,
    turns: usize,
    waiting_turns: VecDeque<(protocol::agents::EventId, Vec<Stage>)>,
}

impl Edge {
    /// An edge for a conversation that has begun.
    pub(crate) fn new(
        conversation: &Conversation<Channel>,
        mouth: Mouth,
        output: Option<(PathBuf, wav::Writer)>,
        device: Option<Out>,
        fast: bool,
    ) -> Outcome<Self> {
        let session = conversation.session();
        let meter = || Meter::new(RATE, Duration::from_millis(100));
        Ok(Self {
            mouth,
            output,
            speaker: Playout::new(device),
            ear: Ear::default(),
            coder: Coder::new(&session.input)?,
            decoder: Decoder::new(&session.output)?,
            meters: (meter(), meter()),
            fast,
            reports: reports(session),
            now: 0,
            input_ended: None,
            last_event: 0,
            owes: false,
            phase: Phase::Open,
            reported: None,
            arrived: VecDeque::new(),
            turns: 0,
            waiting_turns: VecDeque::new(),
        })
    }

    /// Converses until one side ends. Finishes the output file whatever happens.
    pub(crate) async fn run(mut self, call: &mut Call) -> Outcome<Option<End>> {
        let result = self.converse(call).await;
        let finished = match self.output.take() {
            Some((path, wav)) => wav
                .finish()
                .map_err(|error| files::write_failed(&path, &error)),
            None => Ok(()),
        };
        let remark = self.mouth.remark();
        let told = match remark {
            Some(remark) => call.view.show(self.at(), Shown::Notice(remark)),
            None => Ok(()),
        };
        let end = result?;
        finished?;
        told?;
        Ok(end)
    }

    async fn converse(&mut self, call: &mut Call) -> Outcome<Option<End>> {
        let mut next = Instant::now();
        loop {
            // At full speed messages are taken when all is settled, or chance would decide to which frame they belong.
            if !self.fast
                && let Some(end) = self.drain(call).await?
            {
                return Ok(Some(end));
            }
            if call.hang_up.was_asked() {
                if self.phase == Phase::Ending {
                    // A second request does not wait for anything.
                    return Ok(None);
                }
                self.say_goodbye(call).await?;
            }
            self.frame(call).await?;
            if self.phase != Phase::Ending && (self.is_done() || self.agent_is_gone()) {
                self.send(call, Command::End).await?;
                self.phase = Phase::Ending;
            }
            if self.fast {
                tokio::select! {
                    () = call.clock.settled() => {}
                    () = call.hang_up.asked() => self.say_goodbye(call).await?,
                }
                if let Some(end) = self.drain(call).await? {
                    return Ok(Some(end));
                }
                call.clock.advance(TICK);
            } else if !self.mouth.keeps_time() || self.input_ended.is_some() {
                next += TICK;
                if next.elapsed() > LATE {
                    next = Instant::now();
                }
                if let Some(end) = self.wait(call, next).await? {
                    return Ok(Some(end));
                }
            }
        }
    }

    /// Waits for the next frame's time and acts on what the agent does meanwhile.
    async fn wait(&mut self, call: &mut Call, until: Instant) -> Outcome<Option<End>> {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(until) => return Ok(None),
                () = call.hang_up.asked() => {
                    if self.phase == Phase::Ending {
                        return Ok(None);
                    }
                    self.say_goodbye(call).await?;
                }
                event = call.conversation.next_event() => {
                    let Some(event) = event else {
                        return Err(Problem::failure("the agent is gone").because("its task ended without a word"));
                    };
                    if let Some(end) = self.react(call, event)? {
                        return Ok(Some(end));
                    }
                }
            }
        }
    }

    /// Acts on what the agent did already, its end included.
    async fn drain(&mut self, call: &mut Call) -> Outcome<Option<End>> {
        loop {
            let event = tokio::select! {
                biased;
                event = call.conversation.next_event() => event,
                () = std::future::ready(()) => return Ok(None),
            };
            let Some(event) = event else {
                return Err(
                    Problem::failure("the agent is gone").because("its task ended without a word")
                );
            };
            if let Some(end) = self.react(call, event)? {
                return Ok(Some(end));
            }
        }
    }

    /// One frame of sound in both directions.
    async fn frame(&mut self, call: &mut Call) -> Outcome<()> {
        let mut heard = [0; FRAME];
        if self.input_ended.is_none() {
            let more = tokio::select! {
                more = self.mouth.frame(&mut heard, &self.ear, self.fast) => more?,
                // A pipe may keep us waiting; the user need not.
                () = call.hang_up.asked() => {
                    self.say_goodbye(call).await?;
                    true
                }
            };
            if !more {
                self.input_ended = Some(self.now);
            }
        }
        let mut spoken = [0; FRAME];
        let speech = self.speaker.frame(&mut spoken);
        self.ear.heard(speech, FRAME);
        while let Some(notice) = self.mouth.notice().or_else(|| self.speaker.notice()) {
            call.view.show(self.at(), Shown::Notice(notice))?;
        }
        if speech > 0 {
            self.last_event = self.now + FRAME;
        }
        self.tell_latencies(call)?;
        if let Some((path, wav)) = &mut self.output {
            wav.write(&spoken)
                .map_err(|error| files::write_failed(path, &error))?;
        }
        if let Some(keep) = &mut call.keep {
            keep.sound(&heard, &spoken)?;
        }
        let levels: (Level, Level) = (self.meters.0.push(&heard), self.meters.1.push(&spoken));
        call.view
            .levels(levels.0, levels.1, self.mouth.is_muted())?;
        self.now += FRAME;
        if self.phase != Phase::Ending {
            let bytes = self.coder.code(&heard);
            self.send(call, Command::Audio(bytes.into())).await?;
            self.report(call).await?;
        }
        Ok(())
    }

    /// Tells the agent how much of what it said was heard.
    async fn report(&mut self, call: &mut Call) -> Outcome<()> {
        let Some(heard) = self.speaker.heard() else {
            return Ok(());
        };
        if !self.reports || self.reported == Some((heard.event, heard.samples)) {
            return Ok(());
        }
        self.reported = Some((heard.event, heard.samples));
        let ms = RATE.duration_of(heard.samples).as_millis();
        let command = Command::Played {
            event_id: heard.event,
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
        };
        self.send(call, command).await
    }

    async fn send(&self, call: &mut Call, command: Command) -> Outcome<()> {
        tokio::time::timeout(STUCK, call.conversation.command(command))
            .await
            .map_err(|_| {
                Problem::failure("the agent has stopped listening")
                    .because(format!("a message waited for {} s", STUCK.as_secs()))
                    .fix("run it again with --log-level debug, and report what it says")
            })
    }

    async fn say_goodbye(&mut self, call: &mut Call) -> Outcome<()> {
        call.view
            .show(self.at(), Shown::Notice("hanging up".to_owned()))?;
        self.phase = Phase::Ending;
        self.send(call, Command::End).await
    }

    /// Does what the agent wants.
    fn react(&mut self, call: &mut Call, event: Output) -> Outcome<Option<End>> {
        let at = self.at();
        call.note(&event);
        let show = |call: &mut Call, shown| call.view.show(at, shown);
        match event {
            Output::Play(audio) => {
                if self.arrived.len() == OPEN_TURNS {
                    self.arrived.pop_front();
                }
                self.arrived.push_back((audio.event_id, self.now));
                let samples = self.decoder.decode(audio.audio_base_64.as_ref());
                self.speaker.push(audio.event_id, samples);
            }
            Output::StopPlayback { up_to } => self.speaker.stop(up_to),
            Output::Duck { .. } => self.speaker.pause(),
            Output::Resume { .. } => self.speaker.resume(),
            Output::Correct { correction, .. } => show(
                call,
                Shown::Heard {
                    original: correction.original_agent_response,
                    heard: correction.corrected_agent_response,
                },
            )?,
            Output::AgentHangsUp if self.phase == Phase::Open => self.phase = Phase::AgentHangsUp,
            Output::CallTool(tool) => {
                tracing::warn!(
                    tool = tool.tool_name,
                    "the agent asks for a tool that is not here"
                );
            }
            Output::Event(event) => self.show(call, event)?,
            Output::Refused(refusal) => tracing::debug!(%refusal, "the agent does not take this"),
            Output::Irregular(what) => tracing::warn!(%what, "the agent broke a rule"),
            Output::Dropped(end) => show(call, Shown::CutOff(end))?,
            Output::Continued { session, from, .. } => {
                self.renew(&session)?;
                show(
                    call,
                    Shown::Continued {
                        conversation: session.conversation_id,
                        from,
                    },
                )?;
            }
            Output::Ended(end) => return Ok(Some(end)),
            _ => {}
        }
        Ok(None)
    }

    /// Goes on in a new conversation. Its event ids begin again, so what is left of the old one's sound goes.
    fn renew(&mut self, session: &Session) -> Outcome<()> {
        self.coder = Coder::new(&session.input)?;
        self.decoder = Decoder::new(&session.output)?;
        self.reports = reports(session);
        self.reported = None;
        self.arrived.clear();
        self.waiting_turns.clear();
        self.speaker.renew();
        // What the user said last may never be answered; the agent begins anew.
        self.owes = false;
        self.last_event = self.now;
        if self.phase == Phase::AgentHangsUp {
            self.phase = Phase::Open;
        }
        Ok(())
    }

    fn show(&mut self, call: &mut Call, event: ServerEvent) -> Outcome<()> {
        let at = self.at();
        match event {
            ServerEvent::TentativeUserTranscript {
                tentative_user_transcription_event: transcript,
            } => {
                self.last_event = self.now;
                call.view
                    .show(at, Shown::Partial(transcript.user_transcript))
            }
            ServerEvent::UserTranscript {
                user_transcription_event: transcript,
            } => {
                self.owes = true;
                self.last_event = self.now;
                call.view.show(at, Shown::User(transcript.user_transcript))
            }
            ServerEvent::AgentResponse {
                agent_response_event: response,
            } => {
                self.owes = false;
                self.last_event = self.now;
                call.view.show(at, Shown::Agent(response.agent_response))
            }
            ServerEvent::AgentToolRequest { .. } => {
                self.owes = true;
                Ok(())
            }
            ServerEvent::AgentToolResponse {
                agent_tool_response: tool,
            } => call.view.show(
                at,
                Shown::Tool {
                    name: tool.tool_name,
                    failed: tool.is_error,
                },
            ),
            ServerEvent::DuologueMetrics { event_id, stages } => {
                if self.waiting_turns.len() == OPEN_TURNS {
                    self.waiting_turns.pop_front();
                }
                self.waiting_turns.push_back((event_id, stages));
                self.tell_latencies(call)
            }
            ServerEvent::Error { error_event } => {
                let text = error_event
                    .message
                    .or(error_event.reason)
                    .unwrap_or_else(|| "the agent reports an error".to_owned());
                call.view.show(at, Shown::Notice(text))
            }
            _ => Ok(()),
        }
    }

    /// Tells the latency of turns whose first sound has left the speaker; the last stage is the edge's own.
    fn tell_latencies(&mut self, call: &mut Call) -> Outcome<()> {
        let Some(heard) = self.speaker.heard() else {
            return Ok(());
        };
        while let Some((event, _)) = self.waiting_turns.front()
            && *event <= heard.event
            && let Some((event, mut stages)) = self.waiting_turns.pop_front()
        {
            if let Some((_, arrived)) = self.arrived.iter().find(|(id, _)| *id == event) {
                let waited = self.now.saturating_sub(*arrived);
                stages.push(Stage::new("playout", RATE.duration_of(waited)));
            }
            self.turns += 1;
            let turn = Turn {
                number: self.turns,
                stages,
            };
            call.view.show(self.at(), Shown::Latency(turn))?;
        }
        Ok(())
    }

    /// The input has ended, everything is answered, and both are silent.
    fn is_done(&self) -> bool {
        let Some(ended) = self.input_ended else {
            return false;
        };
        let silent = self.now - self.last_event.max(ended).min(self.now);
        let limit = if self.owes { ANSWER } else { SILENCE };
        self.speaker.is_empty() && silent >= limit
    }

    /// The agent has said goodbye, and it was heard.
    fn agent_is_gone(&self) -> bool {
        self.phase == Phase::AgentHangsUp && self.speaker.is_empty()
    }

    fn at(&self) -> Duration {
        RATE.duration_of(self.now)
    }
}

/// Whether the server wants to know what was heard.
fn reports(session: &Session) -> bool {
    session.server.as_ref().is_some_and(|server| server.played)
}
