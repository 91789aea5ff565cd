//! Scores turn-taking on the corpus.

use std::{fmt::Write as _, time::Duration};

use embedded::vad::Earshot;
use providers::vad::Vad;
use turn::{Eagerness, Settings};

use crate::{
    call::{self, Record, Setup},
    ears::{Real, Simulated},
    items::{Item, Kind},
    voice::{Clip, RATE},
};

/// Which recogniser listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recogniser {
    /// One that knows the true words and errs at an assumed rate.
    Simulated,
    /// The embedded one.
    Real,
}

/// What the edge can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// It pauses, resumes and reports what it played, 20 ms away.
    Ours,
    /// It only plays and stops, 60 ms away.
    Plain,
}

/// What became of one item.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub name: String,
    /// What it is about.
    pub kind: Kind,
    /// What sort of text.
    pub group: String,
    /// What happened, in words.
    pub what: String,
    /// Whether it should not have.
    pub wrong: bool,
    /// For turns that ended after their end: how long after, in samples. For interruptions: from onset to silence.
    pub wait: Option<usize>,
    /// For interruptions: from onset to the order that is final.
    pub decided: Option<usize>,
    /// Whether a reply went on after a pause without a sample missing or repeated. None: there was no pause.
    pub resumed: Option<bool>,
    /// How many words what is believed to have been heard is off the truth.
    pub heard_off: Option<usize>,
    /// How long the reply was silent for nothing, in samples.
    pub gap: usize,
}

/// Plays items to the turn machine.
///
/// # Errors
/// When the recogniser is missing or fails.
pub fn play(
    items: &[&Item],
    eagerness: Eagerness,
    recogniser: Recogniser,
    edge: EdgeKind,
) -> anyhow::Result<Vec<Outcome>> {
    let mut real = match recogniser {
        Recogniser::Real => Some(Real::new()?),
        Recogniser::Simulated => None,
    };
    items
        .iter()
        .map(|item| one(item, eagerness, real.as_mut(), edge))
        .collect()
}

fn one(
    item: &Item,
    eagerness: Eagerness,
    real: Option<&mut Real>,
    edge: EdgeKind,
) -> anyhow::Result<Outcome> {
    let ours = edge == EdgeKind::Ours;
    let setup = Setup {
        settings: Settings {
            eagerness,
            edge_can_pause: ours,
            edge_reports: ours,
            ..Settings::default()
        },
        reply: item
            .reply
            .clone()
            .unwrap_or((String::new(), Clip::default())),
        expected: item.expected,
        latency: Duration::from_millis(if ours { 20 } else { 60 }),
    };
    let mut vad = Earshot.detector();
    let mut at = 0;
    let mut microphone = |played: &[i16]| {
        let mut sound: Vec<i16> = item
            .sound
            .iter()
            .skip(at)
            .take(played.len())
            .copied()
            .collect();
        sound.resize(played.len(), 0);
        at += played.len();
        sound
    };
    let turn = item.kind == Kind::Turn;
    // A turn is decided by its first commit. An overlap by what the reply comes to.
    let done = move |record: &Record, now: usize| {
        if turn {
            !record.commits.is_empty()
        } else {
            record
                .stops
                .first()
                .is_some_and(|(_, silent)| now > silent + RATE / 2)
        }
    };
    let mut run = |ear: &mut dyn crate::ears::Ear| {
        call::run(
            &setup,
            vad.as_mut(),
            ear,
            &mut microphone,
            item.sound.len(),
            &done,
        )
    };
    let truth = &item.truth;
    let record = if let Some(real) = real {
        real.reset();
        run(real)?
    } else if item.kind == Kind::Noise && truth.words.is_empty() {
        run(&mut Simulated::of_noise(&item.name, truth.onset, truth.end))?
    } else {
        run(&mut Simulated::new(&item.name, &truth.words, &[]))?
    };
    Ok(judge(item, &record))
}

fn judge(item: &Item, record: &Record) -> Outcome {
    let truth = &item.truth;
    let mut outcome = Outcome {
        name: item.name.clone(),
        kind: item.kind,
        group: item.group.clone(),
        what: String::new(),
        wrong: false,
        wait: None,
        decided: None,
        resumed: None,
        heard_off: None,
        gap: 0,
    };
    if item.kind == Kind::Turn {
        match record.commits.first() {
            None => {
                "never ended".clone_into(&mut outcome.what);
                outcome.wrong = true;
            }
            Some((at, text)) if *at < truth.end => {
                outcome.what = format!("cut in {} ms early after {text:?}", millis(truth.end - at));
                outcome.wrong = true;
            }
            Some((at, text)) => {
                outcome.what = format!("ended after {} ms: {text:?}", millis(at - truth.end));
                outcome.wait = Some(at - truth.end);
            }
        }
        return outcome;
    }
    let stop = record
        .stops
        .iter()
        .find(|(_, silent)| *silent > truth.onset);
    let duck = record.ducks.iter().find(|at| **at > truth.onset);
    outcome.gap = record
        .ducks
        .iter()
        .zip(&record.resumes)
        .map(|(from, to)| to - from)
        .sum();
    if !record.resumes.is_empty() && record.stops.is_empty() {
        outcome.resumed = Some(record.whole);
    }
    if let (Some((decided, silent)), Some((_, clip))) = (stop, &item.reply) {
        let true_words = clip
            .words
            .iter()
            .filter(|w| !w.text.is_empty() && w.start.midpoint(w.end) <= record.sounded)
            .count();
        outcome.heard_off = record.believed.map(|words| words.abs_diff(true_words));
        let silent = duck.map_or(*silent, |duck| (*duck).min(*silent));
        outcome.wait = Some(silent - truth.onset);
        outcome.decided = Some(decided.saturating_sub(truth.onset));
    }
    let early = record
        .stops
        .first()
        .is_some_and(|(_, silent)| *silent <= truth.onset);
    outcome.what = match stop {
        Some((at, _)) => format!(
            "stopped {} ms after the onset",
            millis(at.saturating_sub(truth.onset))
        ),
        None if early => "stopped before there was a reason".to_owned(),
        None => format!(
            "spoke on, silent for {} ms, dropped {:?}",
            millis(outcome.gap),
            record.dropped
        ),
    };
    outcome.wrong = match item.kind {
        // Stopped when the caller has already given up is missed.
        Kind::BargeIn => {
            early || stop.is_none_or(|(at, _)| *at > truth.end.max(truth.onset + RATE) + RATE / 2)
        }
        _ => early || stop.is_some(),
    };
    outcome
}

fn millis(samples: usize) -> usize {
    samples * 1000 / RATE
}

/// What a plain timer on the vad does with the same sound: the turn is over after this much silence; a quarter of a second
/// of voice stops the reply.
pub fn silence_timer(items: &[&Item], silence: Duration) -> Vec<Outcome> {
    let silence = silence.as_micros() as usize * RATE / 1_000_000;
    items
        .iter()
        .map(|item| {
            let mut vad = Earshot.detector();
            let length = vad.frame_len();
            let (mut voiced, mut gap, mut last) = (0, 0, None);
            let mut record = Record::default();
            for (index, frame) in item.sound.chunks_exact(length).enumerate() {
                let now = (index + 1) * length;
                if vad.probability(frame) >= 0.5 {
                    voiced += length;
                    gap = 0;
                    if voiced >= RATE * 6 / 100 {
                        last = Some(now);
                    }
                } else {
                    gap += length;
                    if gap >= RATE * 6 / 100 {
                        voiced = 0;
                    }
                }
                if item.kind == Kind::Turn {
                    if last.is_some_and(|last| now >= last + silence) {
                        record.commits.push((now, String::new()));
                        break;
                    }
                } else if voiced >= RATE / 4 {
                    record.stops.push((now, now));
                    break;
                }
            }
            judge(item, &record)
        })
        .collect()
}

/// The figures of a run, as one line of a table.
pub fn figures(outcomes: &[Outcome]) -> Figures {
    let of = |kind: Kind| outcomes.iter().filter(move |o| o.kind == kind);
    let share = |kind: Kind| {
        let all = of(kind).count();
        let wrong = of(kind).filter(|o| o.wrong).count();
        (wrong, all)
    };
    let sorted = |kind: Kind, value: &dyn Fn(&Outcome) -> Option<usize>| {
        let mut values: Vec<usize> = of(kind).filter(|o| !o.wrong).filter_map(value).collect();
        values.sort_unstable();
        values
    };
    let waits = sorted(Kind::Turn, &|o| o.wait);
    let stops = sorted(Kind::BargeIn, &|o| o.wait);
    let decided = sorted(Kind::BargeIn, &|o| o.decided);
    let mut gaps: Vec<usize> = of(Kind::Backchannel)
        .filter(|o| !o.wrong && o.gap > 0)
        .map(|o| o.gap)
        .collect();
    gaps.sort_unstable();
    Figures {
        cut_ins: (
            of(Kind::Turn)
                .filter(|o| o.wrong && o.what.starts_with("cut"))
                .count(),
            share(Kind::Turn).1,
        ),
        never: of(Kind::Turn).filter(|o| o.what == "never ended").count(),
        wait: (percentile(&waits, 50), percentile(&waits, 95)),
        backchannels: share(Kind::Backchannel),
        missed: share(Kind::BargeIn),
        false_stops: share(Kind::Noise),
        silent: (percentile(&stops, 50), percentile(&stops, 95)),
        decided: (percentile(&decided, 50), percentile(&decided, 95)),
        gap: percentile(&gaps, 50),
        resumed: (
            outcomes.iter().filter(|o| o.resumed == Some(true)).count(),
            outcomes.iter().filter(|o| o.resumed.is_some()).count(),
        ),
        heard: (
            outcomes
                .iter()
                .filter(|o| o.heard_off.is_some_and(|off| off <= 1))
                .count(),
            outcomes.iter().filter(|o| o.heard_off.is_some()).count(),
        ),
    }
}

fn percentile(sorted: &[usize], percent: usize) -> usize {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .map_or(0, |s| millis(*s))
}

/// What a run came to. Pairs of counts are "so many of so many", pairs of times are median and 95th percentile in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Turns in which the agent began too early.
    pub cut_ins: (usize, usize),
    /// Turns that were never taken to be over.
    pub never: usize,
    /// From the end of the caller's sound to the decision.
    pub wait: (usize, usize),
    /// Backchannels that stopped the reply.
    pub backchannels: (usize, usize),
    /// Barge-ins that did not stop it.
    pub missed: (usize, usize),
    /// Noises that stopped it.
    pub false_stops: (usize, usize),
    /// From the onset of a barge-in to silence.
    pub silent: (usize, usize),
    /// From the onset of a barge-in to the decision that it is one.
    pub decided: (usize, usize),
    /// How long a reply pauses for a backchannel, where it does: the median.
    pub gap: usize,
    /// Paused replies that went on at the right sample.
    pub resumed: (usize, usize),
    /// Stopped replies of which what was heard is known to a word.
    pub heard: (usize, usize),
}

impl Figures {
    /// The heading of [`Figures::row`].
    pub fn heading() -> String {
        format!(
            "{:<22} {:>13} {:>5} {:>14} {:>13} {:>13} {:>13} {:>14} {:>14} {:>6} {:>9} {:>13}",
            "",
            "cut-ins",
            "never",
            "wait p50/p95",
            "backch. stop",
            "missed",
            "false stops",
            "silence after",
            "decided after",
            "gap",
            "resumed",
            "heard ±1"
        )
    }

    /// The columns about turns alone.
    pub fn turns_row(&self, name: &str) -> String {
        let (part, all) = self.cut_ins;
        format!(
            "{name:<22} {:>13} {:>5} {:>14}",
            format!(
                "{part}/{all} {:.1}%",
                100.0 * part as f32 / all.max(1) as f32
            ),
            self.never,
            format!("{}/{} ms", self.wait.0, self.wait.1),
        )
    }

    /// One line of the table.
    pub fn row(&self, name: &str) -> String {
        let share = |(part, all): (usize, usize)| {
            format!(
                "{part}/{all} {:.1}%",
                100.0 * part as f32 / all.max(1) as f32
            )
        };
        let times = |(p50, p95): (usize, usize)| format!("{p50}/{p95} ms");
        let mut row = String::new();
        let _ = write!(
            row,
            "{name:<22} {:>13} {:>5} {:>14} {:>13} {:>13} {:>13} {:>14} {:>14} {:>6} {:>9} {:>13}",
            share(self.cut_ins),
            self.never,
            times(self.wait),
            share(self.backchannels),
            share(self.missed),
            share(self.false_stops),
            times(self.silent),
            times(self.decided),
            self.gap,
            format!("{}/{}", self.resumed.0, self.resumed.1),
            share(self.heard),
        );
        row
    }
}
