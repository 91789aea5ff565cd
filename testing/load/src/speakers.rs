//! How many people can speak at once to the embedded recogniser on one core.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use embedded::{Engine, Paths, recogniser};
use providers::asr;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{sleep_until, timeout},
};

use crate::{caller::PIECE, process::cpu, report::percentile, speech::sentences};

/// A recogniser that takes longer has drowned.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was measured.
#[derive(Debug)]
pub struct Speakers {
    /// People.
    pub people: usize,
    /// Sentences that were understood.
    pub sentences: usize,
    /// From the end of a sentence to its final text, in milliseconds: median, 95th percentile.
    pub wait: [f64; 2],
    /// Use of the core, 0 to 1.
    pub core: f64,
}

/// Has `people` speak one sentence after the other, without a pause, for `seconds`.
///
/// # Errors
/// When the embedded speech is not installed or does not answer.
pub async fn speakers(people: usize, seconds: u64) -> anyhow::Result<Speakers> {
    let sentences = sentences().await?;
    let settings = recogniser::Settings {
        decoders: people,
        ..recogniser::Settings::default()
    };
    let engine = Engine::new(Paths::default(), &settings);
    // Every decoder is made before the clock runs.
    say(&engine, people, &sentences, Duration::ZERO).await?;
    let own = std::process::id();
    let (begun, before) = (Instant::now(), cpu(own)?);
    let mut waits = say(&engine, people, &sentences, Duration::from_secs(seconds)).await?;
    let core = cpu(own)?.saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    waits.sort_by(f64::total_cmp);
    Ok(Speakers {
        people,
        sentences: waits.len(),
        wait: [percentile(&waits, 50.0), percentile(&waits, 95.0)],
        core,
    })
}

async fn say(
    engine: &Engine,
    people: usize,
    sentences: &[Vec<i16>],
    lasts: Duration,
) -> anyhow::Result<Vec<f64>> {
    let mut all = JoinSet::new();
    let begin = Instant::now();
    for person in 0..people {
        let engine = engine.clone();
        let sentences = sentences.to_vec();
        // Not all in step.
        let offset = PIECE * 37 * person as u32;
        all.spawn(async move { speak(&engine, &sentences, begin + offset, begin + lasts).await });
    }
    let mut waits = Vec::new();
    while let Some(done) = all.join_next().await {
        waits.extend(done??);
    }
    Ok(waits)
}

async fn speak(
    engine: &Engine,
    sentences: &[Vec<i16>],
    begin: Instant,
    end: Instant,
) -> anyhow::Result<Vec<f64>> {
    let mut session = engine.asr().start(asr::Options::default());
    let mut waits = Vec::new();
    let mut next = begin;
    for (utterance, samples) in (1..).zip(sentences.iter().cycle()) {
        let expected = asr::Expected::default();
        session
            .input
            .send(asr::Input::Begin {
                utterance,
                expected,
            })
            .await?;
        for piece in samples.chunks(320) {
            sleep_until(next.into()).await;
            session
                .input
                .send(asr::Input::Audio(piece.to_vec()))
                .await?;
            next += PIECE;
        }
        session.input.send(asr::Input::End).await?;
        let ended = Instant::now();
        loop {
            let event = timeout(PATIENCE, session.events.recv()).await;
            let event = event
                .context("the recogniser cannot keep up")?
                .context("the recogniser stopped")?;
            if matches!(event?, asr::Event::Final { .. }) {
                break;
            }
        }
        waits.push(ended.elapsed().as_secs_f64() * 1_000.0);
        if Instant::now() >= end {
            return Ok(waits);
        }
        next = next.max(Instant::now());
    }
    Ok(waits)
}

impl Speakers {
    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "people": self.people,
            "sentences": self.sentences,
            "end_to_final": {"p50_ms": self.wait[0], "p95_ms": self.wait[1]},
            "core": self.core,
        })
    }
}

impl fmt::Display for Speakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} people at once, {} sentences: final text {:.0} ms after the end (median), {:.0} ms (p95); {:.0} % of the core",
            self.people,
            self.sentences,
            self.wait[0],
            self.wait[1],
            self.core * 100.0
        )
    }
}
