//! Our SDK.

use std::{
    io,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use sdk::{Account, Agents, AudioInput, AudioInterface, account};
use serde_json::json;
use tokio::time::timeout;

use crate::stamp;

/// Four pieces a second of 250 ms at 16 kHz, as the official SDK sends them.
const EVERY: Duration = Duration::from_millis(250);
const PIECE: usize = 4_000;
/// How long a conversation is under way before anything is counted.
const WARM_UP: Duration = Duration::from_secs(2);

struct Line {
    ages: Arc<Mutex<Vec<Duration>>>,
    /// Samples of the agent's piece that have come; a piece comes in parts.
    place: usize,
}

impl AudioInterface for Line {
    fn start(&mut self, input: AudioInput) -> io::Result<()> {
        thread::spawn(move || {
            let began = Instant::now();
            for number in 1_u32.. {
                thread::sleep((EVERY * number).saturating_sub(began.elapsed()));
                let mut piece = vec![0; PIECE];
                piece[..stamp::SAMPLES].copy_from_slice(&stamp::samples());
                if input.is_closed() {
                    return;
                }
                input.push(&piece);
            }
        });
        Ok(())
    }

    fn stop(&mut self) {}

    fn output(&mut self, samples: &[i16]) {
        if self.place == 0 {
            let bytes: Vec<u8> = samples
                .iter()
                .take(stamp::SAMPLES)
                .flat_map(|sample| sample.to_le_bytes())
                .collect();
            if let (Some(age), Ok(mut ages)) = (stamp::age(&bytes), self.ages.lock()) {
                ages.push(age);
            }
        }
        self.place = (self.place + samples.len()) % 1_600;
    }

    fn interrupt(&mut self) {}
}

/// What the process has used of processors.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A line of `/proc/self/status`, in KiB.
fn status(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .with_context(|| format!("{name} is not told here"))
}

pub(crate) async fn run(url: &str, seconds: u64) -> Result<()> {
    let account = Account::new(account::Settings {
        base_url: Some(url.to_owned()),
        ..account::Settings::default()
    })?;
    let ages = Arc::new(Mutex::new(Vec::new()));
    let line = Line {
        ages: Arc::clone(&ages),
        place: 0,
    };
    let mut conversation = Agents::new(account)
        .conversation("agent_1")
        .audio(line)
        .connect()
        .await?;
    let mut hold = async |long: Duration| {
        let talk = async { while conversation.next_event().await.is_some() {} };
        timeout(long, talk)
            .await
            .map_or(Ok(()), |()| Err(anyhow::anyhow!("the server hung up")))
    };
    hold(WARM_UP).await?;
    if let Ok(mut ages) = ages.lock() {
        ages.clear();
    }
    let before = used();
    let began = Instant::now();
    hold(Duration::from_secs(seconds)).await?;
    let cpu = used().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64() * 60.0;
    let resident = status("VmRSS:")?;
    let ages = ages.lock().map(|ages| ages.clone()).unwrap_or_default();
    println!(
        "{}",
        json!({
            "sdk": "duologue", "cpu_seconds_per_minute": cpu, "resident_kib": resident, "down": stamp::summary(ages),
        })
    );
    conversation.handle().end().await?;
    while conversation.next_event().await.is_some() {}
    Ok(())
}
