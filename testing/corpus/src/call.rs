//! One reply of an agent and what the caller does meanwhile: the real vad and the real turn machine on the sample clock,
//! with a recogniser, an edge that plays and an agent that says what it is given.

use std::{collections::VecDeque, time::Duration};

use audio::{Melody, Moment, SampleRate};
use providers::vad::Detector;
use turn::{
    AlignedText, Conversation, EventId, Expected, Input, Origin, Output, ReplyEnd, ReplyId,
    Settings,
};

use crate::{
    ears::Ear,
    sounds,
    voice::{Clip, RATE},
};

/// The clock's step: ten milliseconds.
pub const STEP: usize = RATE / 100;
const CHUNK: usize = RATE / 10;

/// How the agent and its edge are set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How turns are taken.
    pub settings: Settings,
    /// What the agent says first, and its sound. Empty: nothing to hear.
    pub reply: (String, Clip),
    /// What it asks for with that.
    pub expected: Expected,
    /// The way to the edge, one way.
    pub latency: Duration,
}

/// What happened, in samples since the beginning.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// When turns were decided to be over, and their texts.
    pub commits: Vec<(usize, String)>,
    /// When the machine ordered silence, and when the edge fell silent.
    pub stops: Vec<(usize, usize)>,
    /// When playing paused at the edge.
    pub ducks: Vec<usize>,
    /// When it went on.
    pub resumes: Vec<usize>,
    /// When utterances were opened.
    pub opened: Vec<usize>,
    /// What was taken as nothing, and why.
    pub dropped: Vec<&'static str>,
    /// What the machine believes was heard of the first reply, if it was stopped, in words.
    pub believed: Option<usize>,
    /// How many samples of the first reply sounded.
    pub sounded: usize,
    /// Whether the first reply was heard to its end, without a sample missing or repeated.
    pub whole: bool,
}

struct Playing {
    reply: ReplyId,
    event: EventId,
    samples: Vec<i16>,
    at: usize,
}

enum Order {
    Play(Playing),
    Pause,
    Resume,
    Stop(EventId),
}

/// The edge: plays what it is sent.
#[derive(Default)]
struct Edge {
    orders: VecDeque<(usize, Order)>,
    queue: VecDeque<Playing>,
    paused: bool,
    reports: VecDeque<(usize, EventId, usize)>,
    reported: usize,
}

/// The microphone: given what was played during this step, gives what it hears during it, of the same length.
pub type Microphone<'a> = dyn FnMut(&[i16]) -> Vec<i16> + 'a;

/// Runs until `done` says so, `most` samples at most.
///
/// # Errors
/// When the recogniser fails.
pub fn run(
    setup: &Setup,
    vad: &mut dyn Detector,
    ear: &mut dyn Ear,
    microphone: &mut Microphone<'_>,
    most: usize,
    done: &dyn Fn(&Record, usize) -> bool,
) -> anyhow::Result<Record> {
    let mut settings = setup.settings.clone();
    settings.greets = true;
    settings.turn_timeout = None;
    let reports = settings.edge_reports;
    let mut call = Call {
        latency: setup.latency.as_micros() as usize * RATE / 1_000_000,
        setup,
        machine: Conversation::new(settings),
        edge: Edge::default(),
        record: Record::default(),
        heard: Vec::new(),
        waiting: VecDeque::new(),
        expected: setup.expected,
        sounded: Vec::new(),
        now: 0,
        melody: Melody::new(SampleRate::HZ_16000),
    };
    call.waiting.push_back(Input::Delay {
        one_way: setup.latency,
    });
    call.waiting.push_back(Input::Start);
    let mut frames = audio::Framer::new(vad.frame_len());
    let mut judged = 0;
    call.work(ear)?;
    while call.now < most && !done(&call.record, call.now) {
        call.now += STEP;
        let played = call.play();
        let sound = microphone(&played);
        call.heard.extend(&sound);
        frames.push(&sound);
        while let Some(frame) = frames.next_frame() {
            judged += frame.len();
            let probability = vad.probability(frame);
            call.melody
                .push(frame, probability >= setup.settings.voice_threshold);
            let at = Moment::from_micros((judged * 1_000_000 / RATE) as u64);
            let frame = Duration::from_micros((frame.len() * 1_000_000 / RATE) as u64);
            call.tell(at, Input::Voice { probability, frame }, ear)?;
            call.work(ear)?;
        }
        for heard in ear.hear(call.now, &sound)? {
            let (utterance, text) = (heard.utterance, heard.text);
            call.waiting.push_back(if heard.is_final {
                Input::Final { utterance, text }
            } else {
                Input::Partial { utterance, text }
            });
        }
        if reports {
            let (now, latency) = (call.now, call.latency);
            while let Some((_, event, position)) = call
                .edge
                .reports
                .pop_front_if(|(at, ..)| *at + latency <= now)
            {
                let position = Duration::from_micros((position * 1_000_000 / RATE) as u64);
                call.waiting.push_back(Input::Played { event, position });
            }
        }
        call.work(ear)?;
        if call
            .machine
            .deadline()
            .is_some_and(|at| at <= call.moment())
        {
            call.waiting.push_back(Input::Tick);
            call.work(ear)?;
        }
    }
    let whole = sounds::to_i16(&setup.reply.1.samples);
    call.record.sounded = call.sounded.len();
    call.record.whole = call.sounded == whole;
    Ok(call.record)
}

struct Call<'a> {
    setup: &'a Setup,
    machine: Conversation,
    edge: Edge,
    record: Record,
    /// All that the microphone gave.
    heard: Vec<i16>,
    waiting: VecDeque<Input>,
    expected: Expected,
    /// What sounded of the first reply.
    sounded: Vec<i16>,
    now: usize,
    latency: usize,
    melody: Melody,
}

impl Call<'_> {
    fn moment(&self) -> Moment {
        Moment::from_micros((self.now * 1_000_000 / RATE) as u64)
    }

    fn work(&mut self, ear: &mut dyn Ear) -> anyhow::Result<()> {
        while let Some(input) = self.waiting.pop_front() {
            let now = self.moment();
            self.tell(now, input, ear)?;
        }
        Ok(())
    }

    fn tell(&mut self, now: Moment, input: Input, ear: &mut dyn Ear) -> anyhow::Result<()> {
        let chunk = match &input {
            Input::Chunk {
                reply, duration, ..
            } => Some((*reply, *duration)),
            _ => None,
        };
        let outputs: Vec<Output> = self.machine.handle(now, input).collect();
        for output in outputs {
            self.perform(output, chunk, ear)?;
        }
        Ok(())
    }

    fn perform(
        &mut self,
        output: Output,
        chunk: Option<(ReplyId, Duration)>,
        ear: &mut dyn Ear,
    ) -> anyhow::Result<()> {
        let arrives = self.now + self.latency;
        match output {
            Output::OpenUtterance { utterance, since } => {
                self.record.opened.push(self.now);
                let from = self
                    .heard
                    .len()
                    .saturating_sub(since.as_micros() as usize * RATE / 1_000_000);
                ear.open(utterance, from, &self.heard[from..], self.expected)?;
            }
            Output::CloseUtterance { utterance } => {
                ear.close(utterance, self.now)?;
                if let Some(contour) = self.melody.contour() {
                    let finality = turn::finality(contour);
                    self.waiting.push_back(Input::Prosody { finality });
                }
            }
            Output::DropUtterance { because, .. } => self.record.dropped.push(because),
            Output::Commit { text, .. } => self.record.commits.push((self.now, text)),
            Output::Generate { reply, origin, .. } => {
                let text = match origin {
                    Origin::Greeting if self.setup.reply.0.is_empty() => "Hello.".to_owned(),
                    Origin::Greeting => self.setup.reply.0.clone(),
                    Origin::Rest { text, .. } => text,
                    _ => "Okay.".to_owned(),
                };
                let expected = self.setup.expected;
                self.waiting.push_back(Input::Expect { reply, expected });
                self.waiting.push_back(Input::ReplyText { reply, text });
                self.waiting.push_back(Input::ReplyComplete { reply });
            }
            Output::SpeakEnd { reply } => self.speak(reply),
            Output::Play { reply, event } => {
                if let Some((_, duration)) = chunk {
                    let length = (duration.as_micros() as usize * RATE).div_ceil(1_000_000);
                    let samples = if reply == ReplyId(1) && !self.setup.reply.1.samples.is_empty() {
                        let from = (event.0 as usize - 1) * CHUNK;
                        let all = &self.setup.reply.1.samples;
                        sounds::to_i16(&all[from.min(all.len())..(from + length).min(all.len())])
                    } else {
                        vec![0; length]
                    };
                    let playing = Playing {
                        reply,
                        event,
                        samples,
                        at: 0,
                    };
                    self.edge.orders.push_back((arrives, Order::Play(playing)));
                }
            }
            Output::Duck { .. } => self.edge.orders.push_back((arrives, Order::Pause)),
            Output::Resume { .. } => self.edge.orders.push_back((arrives, Order::Resume)),
            Output::Stop { last, .. } => {
                self.record.stops.push((self.now, arrives));
                self.edge.orders.push_back((arrives, Order::Stop(last)));
            }
            Output::Correct {
                reply: ReplyId(1),
                heard,
                ..
            } => {
                self.record.believed = Some(heard.split_whitespace().count());
            }
            Output::ReplyEnded {
                reply: ReplyId(1),
                end: ReplyEnd::Finished,
            } => {
                self.record
                    .believed
                    .get_or_insert(self.setup.reply.0.split_whitespace().count());
            }
            _ => {}
        }
        Ok(())
    }

    /// The voice: all chunks of a reply at once, as a quick voice gives them.
    fn speak(&mut self, reply: ReplyId) {
        let clip = &self.setup.reply.1;
        if reply != ReplyId(1) || clip.samples.is_empty() {
            let duration = Duration::from_millis(100);
            let text = if reply == ReplyId(1) {
                "Hello."
            } else {
                "Okay."
            };
            let alignment = vec![AlignedText {
                text: text.to_owned(),
                start: Duration::ZERO,
                duration,
            }];
            self.waiting.push_back(Input::Chunk {
                reply,
                duration,
                alignment,
            });
        } else {
            let micros =
                |samples: usize| Duration::from_micros((samples * 1_000_000 / RATE) as u64);
            for (index, samples) in clip.samples.chunks(CHUNK).enumerate() {
                let from = index * CHUNK;
                let alignment = clip
                    .words
                    .iter()
                    .filter(|w| (from..from + samples.len()).contains(&w.start))
                    .map(|w| AlignedText {
                        text: format!("{} ", w.text),
                        start: micros(w.start - from),
                        duration: micros(w.end - w.start),
                    })
                    .collect();
                self.waiting.push_back(Input::Chunk {
                    reply,
                    duration: micros(samples.len()),
                    alignment,
                });
            }
        }
        self.waiting.push_back(Input::SpeechComplete { reply });
    }

    /// One step of the edge.
    fn play(&mut self) -> Vec<i16> {
        let began = self.now - STEP;
        while let Some((_, order)) = self.edge.orders.pop_front_if(|(at, _)| *at <= began) {
            match order {
                Order::Play(playing) => self.edge.queue.push_back(playing),
                Order::Pause => {
                    self.edge.paused = true;
                    self.record.ducks.push(began);
                }
                Order::Resume => {
                    self.edge.paused = false;
                    self.record.resumes.push(began);
                }
                Order::Stop(last) => {
                    self.report(began);
                    self.edge.queue.retain(|p| p.event > last);
                    self.edge.paused = false;
                }
            }
        }
        let mut out = Vec::with_capacity(STEP);
        while !self.edge.paused && out.len() < STEP {
            let Some(front) = self.edge.queue.front_mut() else {
                break;
            };
            let take = (STEP - out.len()).min(front.samples.len() - front.at);
            let samples = &front.samples[front.at..front.at + take];
            out.extend(samples);
            if front.reply == ReplyId(1) && !self.setup.reply.1.samples.is_empty() {
                self.sounded.extend(samples);
            }
            front.at += take;
            if front.at == front.samples.len() {
                let done = self.edge.queue.pop_front();
                if let Some(done) = done {
                    self.edge
                        .reports
                        .push_back((self.now, done.event, done.samples.len()));
                    self.edge.reported = self.now;
                }
            }
        }
        if self.now - self.edge.reported >= RATE / 20 {
            self.report(self.now);
        }
        out.resize(STEP, 0);
        out
    }

    fn report(&mut self, at: usize) {
        self.edge.reported = at;
        if let Some(front) = self.edge.queue.front() {
            self.edge.reports.push_back((at, front.event, front.at));
        }
    }
}
