//! Short conversations one after the other: what do they leave behind?

use std::{fmt, net::SocketAddr, sync::Arc, time::Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    process::{cpu, resident},
    report::{House, Manner},
    speech::{Line, Repertoire, repertoire, sentences},
    wire::{Heard, Wire, text},
};

/// So many at once.
const AT_ONCE: usize = 20;
/// Before the counting begins: caches, buffers and the allocator's own stock fill up.
const WARM_UP: usize = 1_000;
/// Between two looks at the memory.
const STEP: usize = 500;
/// Pieces of sound in a short conversation.
const PIECES: usize = 25;

/// What remained.
#[derive(Debug)]
pub struct Churn {
    /// Conversations that were counted.
    pub conversations: usize,
    /// Resident memory after the warm-up, in KiB.
    pub first: u64,
    /// Resident memory at the end, in KiB.
    pub last: u64,
    /// KiB a conversation, by least squares over all readings.
    pub slope: f64,
    /// The server's processor time for a conversation, in milliseconds.
    pub cpu: f64,
}

/// Holds short conversations, `AT_ONCE` at a time.
///
/// # Errors
/// When the server cannot be started or a conversation breaks.
pub async fn churn(count: usize, manner: Manner) -> anyhow::Result<Churn> {
    let sentences = sentences().await?;
    let lines = Line::ALL.map(|line| repertoire(line, &sentences));
    let house = House::open(manner).await?;
    batch(house.address, &lines, WARM_UP.min(count)).await?;
    let begun = cpu(house.pid)?;
    let mut readings = vec![(0.0, resident(house.pid)? as f64)];
    let mut done = 0;
    while done < count {
        let next = STEP.min(count - done);
        batch(house.address, &lines, next).await?;
        done += next;
        readings.push((done as f64, resident(house.pid)? as f64));
    }
    let used = cpu(house.pid)?.saturating_sub(begun);
    house.close().await;
    let first = readings.first().map_or(0.0, |r| r.1);
    let last = readings.last().map_or(0.0, |r| r.1);
    Ok(Churn {
        conversations: count,
        first: first as u64,
        last: last as u64,
        slope: slope(&readings),
        cpu: used.as_secs_f64() * 1_000.0 / count.max(1) as f64,
    })
}

async fn batch(address: SocketAddr, lines: &[Arc<Repertoire>], count: usize) -> anyhow::Result<()> {
    let mut calls = JoinSet::new();
    for index in 0..count {
        if calls.len() >= AT_ONCE {
            calls.join_next().await.context("nobody called")???;
        }
        let line = Arc::clone(&lines[index % lines.len()]);
        calls.spawn(async move { short(address, &line).await });
    }
    while let Some(done) = calls.join_next().await {
        done??;
    }
    Ok(())
}

/// Half a second of speech at once, a typed question, the first sound of the answer, and away.
async fn short(address: SocketAddr, line: &Repertoire) -> anyhow::Result<Instant> {
    let mut wire = Wire::open(address, line.line.agent()).await?;
    for piece in line.sentences.iter().flatten().take(PIECES) {
        wire.send(&piece.message).await?;
    }
    wire.send(&text(r#"{"type":"user_message","text":"Are you there?"}"#))
        .await?;
    loop {
        match wire.next() {
            Some(Heard::Audio(_)) => return Ok(Instant::now()),
            Some(Heard::Over) => anyhow::bail!("the server ended the conversation"),
            Some(_) => {}
            None => wire.fill().await?,
        }
    }
}

/// By least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / count;
    let over: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let under: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    if under > 0.0 { over / under } else { 0.0 }
}

impl Churn {
    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "conversations": self.conversations,
            "memory_first_kib": self.first,
            "memory_last_kib": self.last,
            "slope_kib_per_conversation": self.slope,
            "cpu_ms_per_conversation": self.cpu,
        })
    }
}

impl fmt::Display for Churn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} short conversations after {WARM_UP} others: memory {} KiB before, {} KiB after, slope {:.3} KiB a conversation; \
             {:.2} ms of the server's core each",
            self.conversations, self.first, self.last, self.slope, self.cpu
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_its_slope() {
        let points = [(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)];
        assert!((slope(&points) - 2.0).abs() < 1e-9);
    }
}
