//! A whole conversation on virtual time: the machine, a caller, and providers that may err.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use audio::Moment;
use turn::{
    AlignedText, Conversation, EventId, FloorKind, Input, Origin, Output, ReplyId, ToolCallId,
    ToolOutcome, UtteranceId,
};

use crate::{
    caller::{Kind, Microphone, length_of},
    chance::Chance,
    edge::Edge,
    event::{Entry, What},
    script::{Deed, Line, Said, Script, Then, When},
};

const FRAME: Duration = Duration::from_millis(20);
const REPORT: Duration = Duration::from_millis(100);
/// Nothing lasts longer than this; a script that does is wrong.
const LONGEST: Duration = Duration::from_hours(2);

/// What came of a conversation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Everything that happened, in order.
    pub log: Vec<Entry>,
    /// How long it lasted on the virtual clock.
    pub lasted: Duration,
    /// Figures.
    pub figures: Figures,
    /// Where the machine stood at the end.
    pub floor: FloorKind,
}

/// Figures about one or many conversations.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Turns of the user.
    pub turns: u64,
    /// Times the agent was stopped while it could be heard.
    pub interruptions: u64,
    /// Of those, without anybody asking for the floor.
    pub false_interruptions: u64,
    /// Transcripts corrected to what was heard.
    pub corrections: u64,
    /// Corrections that differ from what the loudspeaker really played by more than one word.
    pub wrong_corrections: u64,
    /// From the end of the user's speech to the first sound of the answer.
    pub responses: Vec<Duration>,
    /// From the onset of speech that stopped or ducked the agent to the silence.
    pub stops: Vec<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Tell(Input),
    /// Told by a provider at work on a reply: not when that was cancelled meanwhile.
    Work(ReplyId, Input),
    Poll(UtteranceId),
    Act(Deed),
    Report,
    Noticed(ReplyId),
}

struct Timed(Moment, u64, Event);

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

#[derive(Default)]
struct Work {
    voice_free: Moment,
    voice_started: bool,
    voice: Option<Then>,
    fillers: bool,
}

/// How the caller behaves beyond a script.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Liveliness {
    /// Probability of a backchannel, a cough and an interruption for each reply.
    pub(crate) backchannel: f64,
    pub(crate) cough: f64,
    pub(crate) barge_in: f64,
    pub(crate) echo: f64,
}

pub(crate) struct World {
    script: Script,
    machine: Conversation,
    chance: Chance,
    now: Moment,
    heap: BinaryHeap<Reverse<Timed>>,
    order: u64,
    next_frame: Moment,
    microphone: Microphone,
    open: BTreeMap<UtteranceId, (Moment, String)>,
    edge: Edge,
    work: BTreeMap<ReplyId, Work>,
    cancelled: BTreeSet<ReplyId>,
    acts: usize,
    commits: usize,
    commits_of: BTreeMap<ReplyId, (usize, usize)>,
    calls: u64,
    tools: BTreeMap<ToolCallId, Option<(ToolOutcome, Duration)>>,
    log: Vec<Entry>,
    figures: Figures,
    waiting_since: Option<Moment>,
    reporting: bool,
    quiet_after: Option<Moment>,
    liveliness: Liveliness,
    enlivened: Option<ReplyId>,
    /// The machine is ending everything; that is no interruption.
    winding_up: bool,
    /// Since when playing is paused.
    silent_since: Option<Moment>,
    /// When the act that was planned last happens: the next is not planned before.
    planned: Moment,
}

impl World {
    pub(crate) fn new(script: Script, liveliness: Liveliness) -> Self {
        Self {
            machine: Conversation::new(script.settings.clone()),
            chance: Chance::new(script.seed),
            script,
            now: Moment::ZERO,
            heap: BinaryHeap::new(),
            order: 0,
            next_frame: Moment::ZERO + FRAME,
            microphone: Microphone::default(),
            open: BTreeMap::new(),
            edge: Edge::default(),
            work: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            acts: 0,
            commits: 0,
            commits_of: BTreeMap::new(),
            calls: 0,
            tools: BTreeMap::new(),
            log: Vec::new(),
            figures: Figures::default(),
            waiting_since: None,
            reporting: false,
            quiet_after: None,
            liveliness,
            enlivened: None,
            winding_up: false,
            silent_since: None,
            planned: Moment::ZERO,
        }
    }

    /// Runs until the conversation ends, or nothing has happened for `patience` after the caller's last act.
    pub(crate) fn run(mut self, patience: Duration) -> Outcome {
        self.tell(Input::Start);
        self.schedule_timed_acts();
        let mut last = Moment::ZERO;
        while self.machine.floor() != FloorKind::Ended && self.now.since_start() < LONGEST {
            self.consider_acting();
            let next = self.heap.peek().map(|Reverse(timed)| timed.0);
            let deadline = self.machine.deadline();
            let idle = self.acts >= self.script.caller.len()
                && self.machine.floor() == FloorKind::Open
                && next.is_none();
            if !idle {
                last = self.now;
            } else if self.now - last > patience {
                break;
            }
            let frame = if self.script.settings.text_only {
                None
            } else {
                Some(self.next_frame)
            };
            let Some(at) = [next, deadline, frame].into_iter().flatten().min() else {
                break;
            };
            if idle && at - last > patience {
                break;
            }
            self.now = self.now.max(at);
            self.edge.advance(self.now);
            if next == Some(at) {
                if let Some(Reverse(timed)) = self.heap.pop() {
                    self.happen(timed.2);
                }
            } else if deadline == Some(at) {
                self.tell(Input::Tick);
            } else {
                self.next_frame += FRAME;
                let errors = self.script.manners.vad_errors;
                let probability = self
                    .microphone
                    .probability(self.now, errors, &mut self.chance);
                self.tell(Input::Voice {
                    probability,
                    frame: FRAME,
                });
            }
        }
        Outcome {
            lasted: self.now.since_start(),
            floor: self.machine.floor(),
            log: self.log,
            figures: self.figures,
        }
    }

    fn at(&mut self, at: Moment, event: Event) {
        self.order += 1;
        self.heap.push(Reverse(Timed(at, self.order, event)));
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.at(self.now + wait, event);
    }

    /// Acts with a time of their own, up to the first that waits for the agent.
    fn schedule_timed_acts(&mut self) {
        while let Some(act) = self.script.caller.get(self.acts)
            && let When::At(at) = act.when
        {
            let deed = act.what.clone();
            self.acts += 1;
            self.at(Moment::ZERO + at, Event::Act(deed));
        }
    }

    /// The caller's next act, once the agent listens and all is quiet.
    fn consider_acting(&mut self) {
        let quiet = self.machine.floor() == FloorKind::Open
            && self.planned <= self.now
            && self.microphone.busy_until() <= self.now;
        if !quiet {
            self.quiet_after = None;
            return;
        }
        let since = *self.quiet_after.get_or_insert(self.now);
        if let Some(act) = self.script.caller.get(self.acts)
            && let When::After(wait) = act.when
        {
            let deed = act.what.clone();
            self.acts += 1;
            // A microsecond more, so that the act itself comes before the look at what follows.
            self.planned = self.now.max(since + wait) + Duration::from_micros(1);
            self.at(since + wait, Event::Act(deed));
            self.schedule_timed_acts();
            // The next one waits for the agent's next silence.
            self.quiet_after = None;
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tell(input) => self.tell(input),
            Event::Work(reply, input) => {
                if !self.cancelled.contains(&reply) {
                    self.tell(input);
                }
            }
            Event::Noticed(reply) => {
                self.cancelled.insert(reply);
            }
            Event::Poll(utterance) => self.poll(utterance),
            Event::Act(deed) => self.act(&deed),
            Event::Report => self.report(),
        }
    }

    fn act(&mut self, deed: &Deed) {
        self.log.push(Entry {
            at: self.now,
            what: What::World(format!("{deed:?}")),
        });
        match deed {
            Deed::Says(said) => {
                let words: String = said
                    .iter()
                    .filter_map(|s| match s {
                        Said::Word(word) => Some(format!("{word} ")),
                        Said::Pause(_) => None,
                    })
                    .collect();
                let kind = if ["mm-hm", "yeah", "okay", "right", "i see"]
                    .contains(&words.trim().to_lowercase().as_str())
                    && self.edge.is_sounding()
                {
                    Kind::Backchannel
                } else {
                    Kind::Speech
                };
                self.microphone.speak(self.now, said, kind);
            }
            Deed::Noise(length) => self.microphone.noise(self.now, *length, Kind::Noise),
            Deed::Echo(length) => {
                self.microphone.noise(self.now, *length, Kind::Echo);
                let until = self.now + *length;
                // What will sound is not known yet; what has just sounded comes back a little later.
                let from = self.now - Duration::from_millis(400);
                let words: Vec<String> = self
                    .edge
                    .sounded
                    .iter()
                    .filter(|w| w.0 >= from)
                    .map(|w| w.2.trim().to_lowercase())
                    .collect();
                for (index, word) in (1u64..).zip(words) {
                    let at = self.now + Duration::from_millis(90 * index);
                    self.microphone.echo_word(at.min(until), &word);
                }
            }
            Deed::Types(text) => self.tell(Input::UserText { text: text.clone() }),
            Deed::Moves => self.tell(Input::UserActivity),
            Deed::Context => self.tell(Input::ContextUpdated),
            Deed::HangsUp => self.tell(Input::UserEnds),
        }
    }

    fn tell(&mut self, input: Input) {
        if !matches!(input, Input::Voice { .. } | Input::Tick) {
            self.log.push(Entry {
                at: self.now,
                what: What::Told(input.clone()),
            });
        }
        let chunk = match &input {
            Input::Chunk {
                duration,
                alignment,
                ..
            } => Some((*duration, alignment.clone())),
            _ => None,
        };
        let outputs: Vec<Output> = self.machine.handle(self.now, input).collect();
        self.winding_up = outputs.iter().any(|output| {
            matches!(
                output,
                Output::End { .. }
                    | Output::Generate {
                        origin: Origin::MaxDuration,
                        ..
                    }
            )
        });
        for output in outputs {
            self.log.push(Entry {
                at: self.now,
                what: What::Decided(output.clone()),
            });
            self.perform(output, chunk.as_ref());
        }
    }

    fn perform(&mut self, output: Output, chunk: Option<&(Duration, Vec<AlignedText>)>) {
        match output {
            Output::OpenUtterance { utterance, since } => {
                self.open
                    .insert(utterance, (self.now - since, String::new()));
                self.after(self.script.manners.asr_delay, Event::Poll(utterance));
                if let Some(silent) = self.silent_since {
                    // Playing had paused at the first sound, before it was known to be speech.
                    let began = self.now - since + Duration::from_millis(200);
                    self.figures.stops.push(silent - began);
                }
            }
            Output::CloseUtterance { utterance } => self.close(utterance),
            Output::DropUtterance { utterance, .. } => {
                self.open.remove(&utterance);
            }
            Output::Commit { utterance, .. } => {
                self.commits += 1;
                self.figures.turns += 1;
                self.waiting_since = match utterance {
                    Some(_) => self.microphone.speech_ended(self.now),
                    None => Some(self.now),
                };
            }
            Output::Listen => self.waiting_since = None,
            Output::Generate {
                reply,
                origin,
                speculative,
            } => self.generate(reply, &origin, speculative.is_some()),
            Output::Speak { reply, text } => self.speak(reply, &text),
            Output::SpeakEnd { reply } => {
                let work = self.work.entry(reply).or_default();
                let (at, fate) = (work.voice_free, work.voice.clone());
                let done = match fate {
                    Some(Then::VoiceHangs) => return,
                    Some(Then::VoiceFails) => Input::SpeechFailed { reply },
                    _ => Input::SpeechComplete { reply },
                };
                self.at(at.max(self.now), Event::Work(reply, done));
            }
            Output::Play { reply, event } => self.play(reply, event, chunk),
            Output::Duck { .. } => {
                self.silent_since = Some(self.now);
                self.note_silence();
                self.edge.pause(true);
            }
            Output::Resume { .. } => {
                self.silent_since = None;
                self.edge.pause(false);
            }
            Output::Stop { .. } => {
                if self.edge.is_sounding() && !self.winding_up {
                    self.figures.interruptions += 1;
                    let asked = self
                        .microphone
                        .spoke_between(self.now - Duration::from_millis(2_500), self.now)
                        || matches!(
                            self.log
                                .iter()
                                .rev()
                                .find(|e| matches!(e.what, What::Told(_)))
                                .map(|e| &e.what),
                            Some(What::Told(Input::UserText { .. } | Input::UserEnds))
                        );
                    self.figures.false_interruptions += u64::from(!asked);
                    self.note_silence();
                }
                self.silent_since = None;
                self.edge.stop();
            }
            Output::Cancel { reply } => {
                let late = self.script.manners.late;
                if late > 0.0 && self.chance.happens(late) {
                    self.after(Duration::from_millis(300), Event::Noticed(reply));
                } else {
                    self.cancelled.insert(reply);
                }
            }
            Output::Correct { reply, heard, .. } => {
                self.figures.corrections += 1;
                let truth = self.edge.heard(reply).split_whitespace().count();
                let said = heard.split_whitespace().count();
                if !self.script.settings.text_only && truth.abs_diff(said) > 1 {
                    self.figures.wrong_corrections += 1;
                }
            }
            Output::RunTool { call } => {
                if let Some((outcome, takes)) = self.tool_fate(call) {
                    self.after(takes, Event::Tell(Input::ToolFinished { call, outcome }));
                }
            }
            _ => {}
        }
    }

    fn note_silence(&mut self) {
        if let Some(began) = self
            .open
            .values()
            .last()
            .map(|(from, _)| *from + Duration::from_millis(200))
        {
            self.figures.stops.push(self.now - began);
        }
    }

    fn poll(&mut self, utterance: UtteranceId) {
        let delay = self.script.manners.asr_delay;
        let Some((from, before)) = self.open.get(&utterance) else {
            return;
        };
        let text = self.microphone.recognise(
            *from,
            self.now - delay,
            self.script.manners.word_errors,
            self.script.seed,
        );
        if !text.is_empty() && text != *before {
            self.open.insert(utterance, (*from, text.clone()));
            self.tell(Input::Partial { utterance, text });
        }
        if self.open.contains_key(&utterance) {
            self.after(Duration::from_millis(100), Event::Poll(utterance));
        }
    }

    fn close(&mut self, utterance: UtteranceId) {
        let Some((from, _)) = self.open.remove(&utterance) else {
            return;
        };
        let manners = &self.script.manners;
        let text = self
            .microphone
            .recognise(from, self.now, manners.word_errors, self.script.seed);
        let (lost, delay, late) = (manners.lost_finals, manners.asr_delay, manners.late);
        if lost > 0.0 && self.chance.happens(lost) {
            return;
        }
        if late > 0.0 && self.chance.happens(late) {
            let text = text.clone();
            self.after(delay * 2, Event::Tell(Input::Partial { utterance, text }));
        }
        self.after(delay, Event::Tell(Input::Final { utterance, text }));
    }

    /// What the agent says in a reply.
    fn line(&self, origin: &Origin, speculative: bool) -> (Line, (usize, usize)) {
        let plain = |text: &str| Line {
            text: text.to_owned(),
            then: Vec::new(),
        };
        let answer = self.commits + usize::from(speculative);
        let place = match origin {
            Origin::Greeting => (0, 0),
            Origin::Turn => (answer, 0),
            Origin::Tools { reply } => {
                let (group, index) = self.commits_of.get(reply).copied().unwrap_or_default();
                (group, index + 1)
            }
            Origin::ReEngage => return (plain("Are you still there?"), (usize::MAX, 0)),
            Origin::Unheard => return (plain("I could not hear that."), (usize::MAX, 0)),
            Origin::Filler => return (plain(&self.script.settings.filler), (usize::MAX, 0)),
            Origin::MaxDuration => return (plain("Our time is up, goodbye."), (usize::MAX, 0)),
            Origin::Rest { text, .. } => return (plain(text), (usize::MAX, 0)),
        };
        let line = self
            .script
            .agent
            .get(place.0)
            .and_then(|group| group.get(place.1));
        (
            line.cloned()
                .unwrap_or_else(|| plain("All right, is there anything else?")),
            place,
        )
    }

    fn generate(&mut self, reply: ReplyId, origin: &Origin, speculative: bool) {
        let (mut line, place) = self.line(origin, speculative);
        self.commits_of.insert(reply, place);
        if self.script.manners.faults > 0.0 && self.chance.happens(self.script.manners.faults) {
            let fault = self
                .chance
                .pick(&[
                    Then::Fails,
                    Then::Hangs,
                    Then::VoiceFails,
                    Then::VoiceHangs,
                    Then::Slow(Duration::from_secs(3)),
                ])
                .clone();
            line.then.insert(0, fault);
        }
        let mut work = Work::default();
        let instant = matches!(
            origin,
            Origin::Greeting | Origin::Filler | Origin::MaxDuration | Origin::Rest { .. }
        );
        let mut at = self.now
            + if instant {
                Duration::ZERO
            } else {
                self.script.manners.llm_delay
            };
        for then in &line.then {
            match then {
                Then::Slow(length) => at += *length,
                Then::VoiceFails | Then::VoiceHangs => work.voice = Some(then.clone()),
                _ => {}
            }
        }
        work.fillers = instant;
        self.work.insert(reply, work);
        for word in line.text.split_inclusive(' ') {
            self.at(
                at,
                Event::Work(
                    reply,
                    Input::ReplyText {
                        reply,
                        text: word.to_owned(),
                    },
                ),
            );
            if !instant {
                at += self.script.manners.llm_word;
            }
        }
        for then in &line.then {
            let input = match then {
                Then::Tool { interruptible, .. } => {
                    self.calls += 1;
                    Input::ToolRequested {
                        reply,
                        call: ToolCallId(self.calls),
                        interruptible: *interruptible,
                        timeout: Duration::from_secs(5),
                    }
                }
                Then::Ends => Input::AgentEnds { reply },
                Then::Skips => Input::SkipTurn { reply },
                Then::Fails => {
                    self.at(at, Event::Work(reply, Input::ReplyFailed { reply }));
                    return;
                }
                Then::Hangs => return,
                Then::Expects(expected) => Input::Expect {
                    reply,
                    expected: *expected,
                },
                Then::VoiceFails | Then::VoiceHangs | Then::Slow(_) => continue,
            };
            if let (Input::ToolRequested { call, .. }, Then::Tool { takes, fails, .. }) =
                (&input, then)
            {
                let outcome = if *fails {
                    ToolOutcome::Failed
                } else {
                    ToolOutcome::Succeeded
                };
                self.tools
                    .insert(*call, takes.map(|takes| (outcome, takes)));
            }
            self.at(at, Event::Work(reply, input));
        }
        self.at(at, Event::Work(reply, Input::ReplyComplete { reply }));
    }

    fn tool_fate(&self, call: ToolCallId) -> Option<(ToolOutcome, Duration)> {
        self.tools.get(&call).copied().flatten()
    }

    /// The voice turns text into chunks, five times faster than they sound.
    fn speak(&mut self, reply: ReplyId, text: &str) {
        let (first, chunk) = (self.script.manners.voice_delay, self.script.manners.chunk);
        let work = self.work.entry(reply).or_default();
        let mut at = work.voice_free.max(self.now);
        if !std::mem::replace(&mut work.voice_started, true) {
            at += first;
        }
        let silent = matches!(work.voice, Some(Then::VoiceHangs));
        let mut chunks: Vec<(Moment, Duration, Vec<AlignedText>)> = Vec::new();
        let mut words = Vec::new();
        let mut length = Duration::ZERO;
        for word in text.split_inclusive(char::is_whitespace) {
            let duration = length_of(word.trim());
            words.push(AlignedText {
                text: word.to_owned(),
                start: length,
                duration,
            });
            length += duration;
            if length >= chunk {
                at += length / 5;
                chunks.push((at, length, std::mem::take(&mut words)));
                length = Duration::ZERO;
            }
        }
        if !words.is_empty() {
            at += length / 5;
            chunks.push((at, length, words));
        }
        work.voice_free = at;
        if silent {
            return;
        }
        for (at, duration, alignment) in chunks {
            self.at(
                at,
                Event::Work(
                    reply,
                    Input::Chunk {
                        reply,
                        duration,
                        alignment,
                    },
                ),
            );
        }
    }

    fn play(
        &mut self,
        reply: ReplyId,
        event: EventId,
        chunk: Option<&(Duration, Vec<AlignedText>)>,
    ) {
        let Some((duration, words)) = chunk else {
            return;
        };
        let arrives = self.now + self.script.manners.network;
        let answer = !self.work.get(&reply).is_some_and(|w| w.fillers);
        if answer && let Some(since) = self.waiting_since.take() {
            self.figures.responses.push(arrives - since);
        }
        self.edge
            .play(arrives, reply, event, *duration, words.clone());
        if self.script.settings.edge_reports && !std::mem::replace(&mut self.reporting, true) {
            self.after(REPORT, Event::Report);
        }
        if self.enlivened != Some(reply) {
            self.enlivened = Some(reply);
            self.enliven();
        }
    }

    fn report(&mut self) {
        self.reporting = self.edge.is_sounding();
        let lost = self.script.manners.lost_reports;
        if let Some((event, position)) = self.edge.last
            && !(lost > 0.0 && self.chance.happens(lost))
        {
            self.tell(Input::Played { event, position });
        }
        if self.reporting {
            self.after(REPORT, Event::Report);
        }
    }

    /// A lively caller reacts to a reply while it sounds.
    fn enliven(&mut self) {
        let lively = self.liveliness;
        let wait = self.chance.millis(300, 2_500);
        let roll = self.chance.share();
        let word = |text: &str| {
            Deed::Says(
                text.split_whitespace()
                    .map(|w| Said::Word(w.to_owned()))
                    .collect(),
            )
        };
        let mut sum = 0.0;
        let deeds = [
            (
                lively.backchannel,
                word(["mm-hm", "yeah", "okay", "right"][(roll * 1e6) as usize % 4]),
            ),
            (
                lively.cough,
                Deed::Noise(Duration::from_millis(200 + (roll * 1e6) as u64 % 300)),
            ),
            (
                lively.barge_in,
                word("no wait I meant something else please"),
            ),
            (lively.echo, Deed::Echo(Duration::from_millis(500))),
        ];
        for (probability, deed) in deeds {
            sum += probability;
            if roll < sum {
                self.after(wait, Event::Act(deed));
                return;
            }
        }
    }
}

impl Figures {
    /// Adds those of another conversation.
    pub fn add(&mut self, other: &Self) {
        self.turns += other.turns;
        self.interruptions += other.interruptions;
        self.false_interruptions += other.false_interruptions;
        self.corrections += other.corrections;
        self.wrong_corrections += other.wrong_corrections;
        self.responses.extend(&other.responses);
        self.stops.extend(&other.stops);
    }
}
