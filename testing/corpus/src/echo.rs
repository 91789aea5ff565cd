//! How well echo is kept out, and the caller let in.

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use audio::SampleRate;
use devices::Aligner;
use embedded::vad::Earshot;
use providers::vad::{Detector, Vad};
use turn::{Expected, Settings};

use crate::{
    call::{self, Record, STEP, Setup},
    cancellers::{Candidate, Way},
    ears::{Real, Simulated},
    rng::Chance,
    sounds::{self, Room, gain, levelled},
    voice::{Clip, RATE, SPEAKERS, Voices, Word},
};

/// Where a loudspeaker is heard by a microphone.
#[derive(Clone, Debug)]
struct Path {
    gain: f32,
    delay: f64,
    /// Microphone samples per speaker sample, less one.
    drift: f64,
    room: Room,
    /// How hard the loudspeaker is driven: 0 is linear.
    drive: f32,
}

impl Path {
    fn new(chance: &mut Chance) -> Self {
        let decay = chance.between(0.15, 0.4);
        Self {
            gain: gain(chance.between(-20.0, -6.0)),
            delay: f64::from(chance.between(0.02, 0.4)) * RATE as f64,
            drift: if chance.happens(0.5) { 200e-6 } else { -200e-6 },
            room: Room::new(chance, decay, -6.0),
            drive: chance.between(0.0, 1.5),
        }
    }
}

/// A conversation's loudspeaker, room, microphone and canceller.
struct World {
    path: Path,
    /// What the room makes of what was played, on the speaker's clock.
    room: Vec<f32>,
    played: usize,
    captured: usize,
    capture: Vec<i16>,
    clean: VecDeque<i16>,
    aligner: Aligner,
    way: Way,
    noise: Chance,
}

impl World {
    fn new(seed: u64, candidate: Candidate) -> Self {
        let mut chance = Chance::new(seed);
        Self {
            path: Path::new(&mut chance),
            room: Vec::new(),
            played: 0,
            captured: 0,
            capture: Vec::new(),
            // Slack for a microphone that is slower than the clock.
            clean: VecDeque::from(vec![0; STEP]),
            aligner: Aligner::new(SampleRate::HZ_16000),
            way: Way::new(candidate),
            noise: chance,
        }
    }

    /// One step: `played` comes out of the loudspeaker, the caller's sound goes in. Gives what is left of the echo.
    fn step(&mut self, played: &[i16], caller: impl Fn(usize) -> f32) -> Vec<i16> {
        let drive = self.path.drive;
        let sound: Vec<f32> = played
            .iter()
            .map(|s| {
                let s = f32::from(*s) / 32_768.0;
                if drive > 0.05 {
                    (s * drive).tanh() / drive
                } else {
                    s
                }
            })
            .collect();
        let heard = self.path.room.hear(&sound);
        self.room.resize(self.played + heard.len(), 0.0);
        sounds::mix(&mut self.room, self.played, &heard);
        self.played += played.len();
        self.aligner.push(played);
        // So many samples the microphone has by now.
        let until = (self.played as f64 * (1.0 + self.path.drift)) as usize;
        let from = self.captured;
        for n in self.captured..until {
            let at = n as f64 / (1.0 + self.path.drift) - self.path.delay;
            let echo = if at > 0.0 {
                sounds::at(&self.room, at) * self.path.gain
            } else {
                0.0
            };
            let noise = self.noise.sample() * gain(-62.0);
            let sample = echo + noise + caller(n - from);
            self.capture
                .push((sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16);
        }
        self.captured = until;
        while self.capture.len() >= STEP {
            let mut frame: Vec<i16> = self.capture.drain(..STEP).collect();
            let reference = self.aligner.take(STEP);
            self.way.process(&mut frame, &reference);
            self.clean.extend(frame);
        }
        (0..STEP)
            .map(|_| self.clean.pop_front().unwrap_or(0))
            .collect()
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Agent turns in which nobody spoke.
    pub turns: usize,
    /// Of those, in which the agent stopped for its own echo. Barge-in turns stopped before the barge-in count too.
    pub self_interruptions: usize,
    /// How often playing paused for nothing.
    pub false_pauses: usize,
    /// How long those pauses were in all, in ms.
    pub paused: usize,
    /// Barge-ins.
    pub barge_ins: usize,
    /// Of those, after which the agent fell silent within 250 ms.
    pub in_time: usize,
    /// From onset to silence in ms, of those that were noticed, sorted.
    pub silent: Vec<usize>,
    /// From onset to the decision in ms, sorted.
    pub decided: Vec<usize>,
    /// Word errors and words of the callers, as the embedded recogniser heard them, when the agent stops.
    pub words: Option<(usize, usize)>,
    /// The same when the agent talks on.
    pub talked_over: Option<(usize, usize)>,
}

impl Score {
    /// The heading of [`Score::row`].
    pub fn heading() -> String {
        format!(
            "{:<12} {:>6} {:>6} {:>14} {:>16} {:>15} {:>15} {:>12} {:>12}",
            "",
            "turns",
            "self",
            "false pauses",
            "within 250 ms",
            "silent p50/95",
            "decided p50/95",
            "WER",
            "WER through"
        )
    }

    /// One line of the table.
    pub fn row(&self, name: &str) -> String {
        let times = |sorted: &[usize]| {
            let at = |p: usize| {
                sorted
                    .get((sorted.len() * p / 100).min(sorted.len().saturating_sub(1)))
                    .copied()
                    .unwrap_or(0)
            };
            format!("{}/{} ms", at(50), at(95))
        };
        let errors = |counts: Option<(usize, usize)>| {
            counts.map_or("-".to_owned(), |(wrong, all)| {
                format!("{:.1}%", 100.0 * wrong as f32 / all.max(1) as f32)
            })
        };
        let mut row = String::new();
        let _ = write!(
            row,
            "{name:<12} {:>6} {:>6} {:>14} {:>16} {:>15} {:>15} {:>12} {:>12}",
            self.turns,
            self.self_interruptions,
            format!("{} ({} ms)", self.false_pauses, self.paused),
            format!(
                "{}/{} {:.1}%",
                self.in_time,
                self.barge_ins,
                100.0 * self.in_time as f32 / self.barge_ins.max(1) as f32
            ),
            times(&self.silent),
            times(&self.decided),
            errors(self.words),
            errors(self.talked_over),
        );
        row
    }
}

/// Agent turns in one conversation, before the room changes.
const TURNS: usize = 6;
/// Every so manieth turn has a barge-in.
const BARGE_IN_EVERY: usize = 4;

const REPLIES: [&str; 10] = [
    "Your order left the warehouse this morning and should be with you on Thursday before noon.",
    "We are open from Monday to Friday between nine and half past five.",
    "What is your name please?",
    "The train leaves at ten past seven from platform four.",
    "I can offer you a quiet room with a view of the garden.",
    "Please hold the left button for ten seconds and wait until the light turns green.",
    "A first appointment takes about forty minutes.",
    "Which day would suit you best, Tuesday or Thursday?",
    "Thank you. I have written that down.",
    "There is nothing free before the end of the month, but I can put you on the list.",
];

const CALLERS: [&str; 12] = [
    "wait a moment please",
    "no that is the wrong order",
    "can i ask you something else",
    "sorry what did you say",
    "i only wanted to know the price",
    "could we do it on friday instead",
    "please stop talking for a moment",
    "i want to talk to a person",
    "what about saturday afternoon",
    "thank you that is enough",
    "my address is different now",
    "how long does that take",
];

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Agent turns without a caller; a third as many with one who barges in come on top.
    pub turns: usize,
    /// Also what the embedded recogniser makes of the callers' words, which takes long.
    pub recognise: bool,
    /// How much speech opens an utterance, and thereby pauses the agent.
    pub onset: Duration,
}

/// Runs agent turns without a caller and with one who barges in.
///
/// # Errors
/// When a voice is missing; with `recognise` also when the recogniser is.
pub fn run(voices: &mut Voices, candidate: Candidate, choice: Choice) -> anyhow::Result<Score> {
    let Choice {
        turns,
        recognise,
        onset,
    } = choice;
    let mut score = Score::default();
    let mut real = if recognise { Some(Real::new()?) } else { None };
    let mut vad = Earshot.detector();
    let mut world = World::new(0, candidate);
    let mut index = 0;
    while score.turns < turns {
        if index % TURNS == 0 {
            world = World::new(index as u64, candidate);
            vad = Earshot.detector();
        }
        let mut chance = Chance::new(0x00ec_0000 + index as u64);
        // The agent keeps its voice through a conversation; the caller has another.
        let agent = SPEAKERS[index / TURNS % 2];
        let reply = chance.pick(&REPLIES).copied().unwrap_or_default();
        let mut clip = voices.say(agent, reply)?;
        clip.samples = levelled(clip.samples, -21.0);
        if index % BARGE_IN_EVERY == BARGE_IN_EVERY - 1 {
            let others: Vec<_> = SPEAKERS.iter().filter(|s| s.voice != agent.voice).collect();
            let caller = chance.pick(&others).map_or(SPEAKERS[2], |s| **s);
            let said = chance.pick(&CALLERS).copied().unwrap_or_default();
            let mut speech = voices.say(caller, said)?;
            speech.samples = levelled(speech.samples, chance.between(-34.0, -18.0));
            let at = (clip.samples.len() as f32 * chance.between(0.15, 0.5)) as usize;
            barge_in(
                &mut score,
                &mut world,
                vad.as_mut(),
                &setup((reply, &clip), onset),
                (said, &speech, at),
                real.as_mut(),
            )?;
        } else {
            let setup = setup((reply, &clip), onset);
            quiet(&mut score, &mut world, vad.as_mut(), &setup, index)?;
        }
        index += 1;
    }
    score.silent.sort_unstable();
    score.decided.sort_unstable();
    if let Some(real) = &mut real {
        score.talked_over = Some(talked_over(voices, candidate, real, turns.min(48))?);
    }
    Ok(score)
}

fn setup(reply: (&str, &Clip), onset: Duration) -> Setup {
    Setup {
        settings: Settings {
            edge_can_pause: true,
            edge_reports: true,
            speech_onset: onset,
            ..Settings::default()
        },
        reply: (reply.0.to_owned(), reply.1.clone()),
        expected: Expected::Anything,
        latency: Duration::from_millis(20),
    }
}

/// Nobody but the agent speaks.
fn quiet(
    score: &mut Score,
    world: &mut World,
    vad: &mut dyn Detector,
    setup: &Setup,
    index: usize,
) -> anyhow::Result<()> {
    score.turns += 1;
    // If an utterance is opened at all, a recogniser would hear the agent's words in it, a quarter of them wrong.
    let delay = world.path.delay as usize;
    let echo: Vec<Word> = setup
        .reply
        .1
        .words
        .iter()
        .map(|w| Word {
            text: w.text.clone(),
            start: w.start + delay,
            end: w.end + delay,
        })
        .collect();
    let mut ear = Simulated::new(&format!("echo {index}"), &[], &echo);
    let most = setup.reply.1.samples.len() + RATE;
    let record = call::run(
        setup,
        vad,
        &mut ear,
        &mut |played| world.step(played, |_| 0.0),
        most,
        &|_, _| false,
    )?;
    if !record.stops.is_empty() || !record.commits.is_empty() {
        score.self_interruptions += 1;
    }
    pauses(score, &record, usize::MAX);
    Ok(())
}

fn pauses(score: &mut Score, record: &Record, until: usize) {
    for (from, to) in record
        .ducks
        .iter()
        .zip(&record.resumes)
        .filter(|(from, _)| **from < until)
    {
        score.false_pauses += 1;
        score.paused += (to - from) * 1000 / RATE;
    }
}

fn barge_in(
    score: &mut Score,
    world: &mut World,
    vad: &mut dyn Detector,
    setup: &Setup,
    (said, speech, at): (&str, &Clip, usize),
    real: Option<&mut Real>,
) -> anyhow::Result<()> {
    score.barge_ins += 1;
    let words: Vec<Word> = speech
        .words
        .iter()
        .map(|w| Word {
            text: w.text.clone(),
            start: w.start + at,
            end: w.end + at,
        })
        .collect();
    let mut ear = Simulated::new(said, &words, &[]);
    let loud = sounds::rms(&speech.samples);
    let onset = at
        + speech
            .samples
            .chunks(STEP)
            .position(|c| sounds::rms(c) > loud * 0.1)
            .unwrap_or(0)
            * STEP;
    let mut now = 0;
    let mut heard = Vec::new();
    let most = (at + speech.samples.len()).max(setup.reply.1.samples.len()) + RATE / 2;
    let record = call::run(
        setup,
        vad,
        &mut ear,
        &mut |played| {
            let clean = world.step(played, |i| {
                (now + i)
                    .checked_sub(at)
                    .and_then(|i| speech.samples.get(i))
                    .copied()
                    .unwrap_or(0.0)
            });
            now += played.len();
            heard.extend(&clean);
            clean
        },
        most,
        &|_, _| false,
    )?;
    if record.stops.iter().any(|(ordered, _)| *ordered < onset) {
        score.self_interruptions += 1;
    }
    pauses(score, &record, onset);
    let stop = record.stops.iter().find(|(ordered, _)| *ordered >= onset);
    let duck = record.ducks.iter().find(|at| **at >= onset);
    // A pause that is taken back is no stop.
    if let Some((ordered, silent)) = stop {
        let silent = duck.map_or(*silent, |duck| (*duck).min(*silent)) - onset;
        score.silent.push(silent * 1000 / RATE);
        score.decided.push((ordered - onset) * 1000 / RATE);
        score.in_time += usize::from(silent <= RATE / 4);
    }
    if let Some(real) = real {
        let from = at.saturating_sub(RATE / 5);
        let until = (at + speech.samples.len() + RATE / 3).min(heard.len());
        let text = real.transcribe(&heard[from..until])?;
        let counts = score.words.get_or_insert((0, 0));
        counts.0 += word_errors(said, &text);
        counts.1 += said.split_whitespace().count();
    }
    Ok(())
}

/// Word errors of callers over whom the agent talks on to the end.
fn talked_over(
    voices: &mut Voices,
    candidate: Candidate,
    real: &mut Real,
    count: usize,
) -> anyhow::Result<(usize, usize)> {
    let mut counts = (0, 0);
    for index in 0..count {
        let mut world = World::new(0x0700 + index as u64, candidate);
        let agent = SPEAKERS[index % 2];
        let others: Vec<_> = SPEAKERS.iter().filter(|s| s.voice != agent.voice).collect();
        let mut chance = Chance::new(0x0800 + index as u64);
        let caller = chance.pick(&others).map_or(SPEAKERS[2], |s| **s);
        let said = CALLERS[index % CALLERS.len()];
        let mut played = Vec::new();
        while played.len() < RATE * 9 {
            let reply = chance.pick(&REPLIES).copied().unwrap_or_default();
            played.extend(levelled(voices.say(agent, reply)?.samples, -21.0));
        }
        let speech = levelled(
            voices.say(caller, said)?.samples,
            chance.between(-28.0, -18.0),
        );
        let at = RATE * 5;
        let mut heard = Vec::new();
        for (index, step) in sounds::to_i16(&played).chunks_exact(STEP).enumerate() {
            let now = index * STEP;
            heard.extend(world.step(step, |i| {
                (now + i)
                    .checked_sub(at)
                    .and_then(|i| speech.get(i))
                    .copied()
                    .unwrap_or(0.0)
            }));
        }
        let text = real
            .transcribe(&heard[at - RATE / 5..(at + speech.len() + RATE / 3).min(heard.len())])?;
        counts.0 += word_errors(said, &text);
        counts.1 += said.split_whitespace().count();
    }
    Ok(counts)
}

/// Words added, lost and changed.
fn word_errors(said: &str, heard: &str) -> usize {
    let heard: Vec<&str> = heard.split_whitespace().collect();
    let mut above: Vec<usize> = (0..=heard.len()).collect();
    for word in said.split_whitespace() {
        let mut row = vec![above[0] + 1];
        for (at, other) in heard.iter().enumerate() {
            let changed = above[at] + usize::from(word != *other);
            row.push(changed.min(above[at + 1] + 1).min(row[at] + 1));
        }
        above = row;
    }
    above[heard.len()]
}
