//! A crowd of callers, and what they met with.

use std::{
    fmt,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::{sleep_until, timeout},
};

use crate::{
    caller::{Log, call},
    judge::{Verdict, judge},
    process::{busy, cpu, resident},
    speech::{Line, repertoire, sentences},
};

/// How long callers take to come in.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Above this the generator was too late itself for its figures to mean anything, in milliseconds.
const TOO_LATE: f64 = 5.0;

/// What was measured.
#[derive(Debug)]
pub struct Report {
    /// Conversations that were asked for.
    pub sessions: usize,
    /// Those that ended before their time, with the reason of one.
    pub broken: (usize, Option<String>),
    /// How late the generator sent, in milliseconds: median, 99th percentile.
    pub lateness: [f64; 2],
    /// Answers.
    pub replies: usize,
    /// From the end of the turn to the first sound, in milliseconds: least, median, 99th percentile.
    pub reply: [f64; 3],
    /// Interruptions.
    pub interruptions: usize,
    /// From enough speech to the message, in milliseconds: least, median, 99th percentile.
    pub stop: [f64; 3],
    /// From enough speech to the last sound, in milliseconds: least, median, 99th percentile.
    pub last_byte: [f64; 3],
    /// Sound that came after an interruption had silenced it. Must be zero.
    pub stale: usize,
    /// The server's use of its core, 0 to 1.
    pub core: f64,
    /// The generator's use of its core, 0 to 1.
    pub generator: f64,
    /// What others had of the machine meanwhile, in cores.
    pub others: f64,
    /// Memory a session, in KiB.
    pub memory: f64,
    /// How long was measured.
    pub lasted: Duration,
}

/// How the server works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// On this core. None (the default): wherever the system likes.
    pub core: Option<usize>,
    /// Whether it keeps turns, times and journals as `duologue serve` does. Default: recordings alone.
    pub records: bool,
}

/// A server in a process of its own. It goes when this is dropped.
pub(crate) struct House {
    child: Child,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) pid: u32,
}

impl House {
    pub(crate) async fn open(manner: Manner) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program is")?;
        let mut command = Command::new(program);
        command
            .arg("--serve")
            .args(manner.core.map(|core| format!("--core={core}")))
            .args(manner.records.then_some("--keep=records"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("the server did not start")?;
        let pid = child.id().context("the server is gone already")?;
        let stdout = child.stdout.take().context("the server says nothing")?;
        let mut line = String::new();
        timeout(
            Duration::from_secs(20),
            BufReader::new(stdout).read_line(&mut line),
        )
        .await
        .context("the server did not start in time")??;
        let address = line.trim().parse().context("the server has no address")?;
        Ok(Self {
            child,
            address,
            pid,
        })
    }

    /// Lets it finish.
    pub(crate) async fn close(mut self) {
        drop(self.child.stdin.take());
        // Whatever is left is killed.
        let _ = timeout(Duration::from_secs(10), self.child.wait()).await;
    }
}

/// Holds `sessions` conversations at once for `seconds`.
///
/// # Errors
/// When the server cannot be started or nobody is answered.
pub async fn crowd(
    sessions: usize,
    seconds: u64,
    seed: u64,
    manner: Manner,
) -> anyhow::Result<Report> {
    if sessions == 0 {
        bail!("there is nothing to measure without sessions");
    }
    let sentences = sentences().await?;
    let lines = Line::ALL.map(|line| repertoire(line, &sentences));
    let house = House::open(manner).await?;
    let empty = resident(house.pid)?;
    let begin = Instant::now();
    let measured = begin + ARRIVAL;
    let end = measured + Duration::from_secs(seconds);
    let mut calls = JoinSet::new();
    for index in 0..sessions {
        let line = Arc::clone(&lines[index % lines.len()]);
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(index as u64);
        calls.spawn(call(house.address, line, seed, begin, end));
    }
    sleep_until(measured.into()).await;
    let own = std::process::id();
    let before = (cpu(house.pid)?, cpu(own)?, busy()?);
    // A little before the end, so that everybody is still there.
    let last = end
        .checked_sub(Duration::from_millis(200))
        .unwrap_or(end)
        .max(Instant::now());
    sleep_until(last.into()).await;
    let after = (cpu(house.pid)?, cpu(own)?, busy()?);
    let full = resident(house.pid)?;
    let lasted = measured.elapsed();
    let logs = calls.join_all().await;
    house.close().await;
    let server = after.0.saturating_sub(before.0);
    let generator = after.1.saturating_sub(before.1);
    // In hundredths of a second.
    let all_cores = after.2.saturating_sub(before.2) as f64 / 100.0 / lasted.as_secs_f64();
    let share = |time: Duration| time.as_secs_f64() / lasted.as_secs_f64();
    let verdicts: Vec<Verdict> = logs
        .iter()
        .map(|log| {
            let line = lines.iter().find(|l| l.line == log.line);
            line.map(|line| judge(log, line)).unwrap_or_default()
        })
        .collect();
    let all_of = |what: fn(&Verdict) -> &Vec<f64>| -> Vec<f64> {
        verdicts.iter().flat_map(what).copied().collect()
    };
    let replies = all_of(|v| &v.replies);
    let stops = all_of(|v| &v.stops);
    let mut late = lateness(&logs, measured);
    late.sort_by(f64::total_cmp);
    Ok(Report {
        sessions,
        broken: (
            logs.iter().filter(|log| log.broken.is_some()).count(),
            logs.iter().find_map(|log| log.broken.clone()),
        ),
        lateness: [percentile(&late, 50.0), percentile(&late, 99.0)],
        replies: replies.len(),
        reply: spread(replies),
        interruptions: stops.len(),
        stop: spread(stops),
        last_byte: spread(all_of(|v| &v.last_bytes)),
        stale: verdicts.iter().map(|v| v.stale).sum(),
        core: share(server),
        generator: share(generator),
        others: (all_cores - share(server) - share(generator)).max(0.0),
        memory: full.saturating_sub(empty) as f64 / sessions as f64,
        lasted,
    })
}

/// In milliseconds, once everybody was there.
fn lateness(logs: &[Log], from: Instant) -> Vec<f64> {
    logs.iter()
        .flat_map(|log| log.pieces.iter().zip(&log.lateness))
        .filter(|((_, at), _)| *at >= from)
        .map(|(_, late)| late.as_secs_f64() * 1_000.0)
        .collect()
}

/// Least, median, 99th percentile.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.0, 50.0, 99.0].map(|percent| percentile(&values, percent))
}

/// Of sorted values; 0 of nothing.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let at = (sorted.len() as f64 * percent / 100.0) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(at.min(last)).copied().unwrap_or(0.0)
}

impl Report {
    /// The generator was too late itself, or calls broke: the figures mean nothing.
    pub fn is_void(&self) -> bool {
        self.lateness[1] > TOO_LATE || self.broken.0 > 0 || self.replies == 0
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let three = |[least, median, p99]: [f64; 3]| json!({"min_ms": round(least), "p50_ms": round(median), "p99_ms": round(p99)});
        json!({
            "sessions": self.sessions,
            "broken": self.broken.0,
            "seconds": self.lasted.as_secs(),
            "void": self.is_void(),
            "generator_lateness": {"p50_ms": round(self.lateness[0]), "p99_ms": round(self.lateness[1])},
            "replies": self.replies,
            "end_of_turn_to_first_audio": three(self.reply),
            "interruptions": self.interruptions,
            "barge_in_to_stop": three(self.stop),
            "barge_in_to_last_byte": three(self.last_byte),
            "stale_audio": self.stale,
            "server_core": round(self.core),
            "cpu_ms_per_session_second": round(self.core * 1_000.0 / self.sessions as f64),
            "generator_core": round(self.generator),
            "other_load_cores": round(self.others),
            "memory_kib_per_session": round(self.memory),
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [late, later] = self.lateness;
        writeln!(
            f,
            "{} conversations for {} s; {} broke off; the generator was late by {late:.1} ms (median), {later:.1} ms (p99){}",
            self.sessions,
            self.lasted.as_secs(),
            self.broken.0,
            if self.is_void() { ": VOID" } else { "" },
        )?;
        if let Some(reason) = &self.broken.1 {
            writeln!(f, "  one broke off because {reason}")?;
        }
        let mut row = |what: &str, count: usize, [least, median, p99]: [f64; 3]| {
            writeln!(
                f,
                "  {what:<32} {count:>6}   least {least:>6.1} ms   median {median:>6.1} ms   p99 {p99:>6.1} ms"
            )
        };
        row("end of turn to first audio", self.replies, self.reply)?;
        row("barge-in to stop", self.interruptions, self.stop)?;
        row("barge-in to last byte", self.interruptions, self.last_byte)?;
        writeln!(f, "  stale audio {:>27}", self.stale)?;
        writeln!(
            f,
            "  server {:.0} % of a core, {:.2} ms of it a second and conversation; generator {:.0} %; others {:.2} cores",
            self.core * 100.0,
            self.core * 1_000.0 / self.sessions as f64,
            self.generator * 100.0,
            self.others,
        )?;
        write!(f, "  memory {:.0} KiB a conversation", self.memory)
    }
}
