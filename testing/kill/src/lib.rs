//! Kills `duologue serve` at moments nobody chose, again and again, while people converse with it, and counts afterwards
//! whether anything is missing.
//!
//! What must hold: a turn that a caller was told to be over is in the records, however short before the kill that was; what is
//! in the records is what was said, in order and without holes; every conversation comes to an end and its webhook is taken;
//! and however often a webhook is sent, its delivery id is the same.

mod caller;
mod receiver;
mod server;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use caller::Ledger;
use receiver::Receiver;
use server::Server;

/// Turns that callers read so short before the kill are counted apart: they are the ones that could be missing.
pub const FRESH: Duration = Duration::from_millis(100);
/// How long all webhooks may take once the server is left in peace. They are refused at random, so some take a few tries.
const PATIENCE: Duration = Duration::from_mins(2);

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub binary: PathBuf,
    /// How often it is killed.
    pub times: u32,
    /// How many people converse at once.
    pub callers: usize,
    /// Stands for chance.
    pub seed: u64,
}

/// What was found. Everything that must hold did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often the server was killed.
    pub kills: u32,
    /// Conversations that were begun.
    pub conversations: usize,
    /// Turns that callers were told of, and that are all there.
    pub turns: usize,
    /// Of those, how many they were told of less than [`FRESH`] before the kill.
    pub fresh: usize,
    /// Deliveries that were taken.
    pub delivered: usize,
    /// Attempts, refused ones and repetitions included.
    pub attempts: usize,
    /// Deliveries that were taken more than once, with the same id.
    pub repeated: usize,
}

/// A small generator, so that a seed gives the same run as far as a machine can.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// Below `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % most.max(1)
    }
}

/// Kills and counts.
///
/// # Errors
/// The first thing that did not hold, with the conversation's id.
pub async fn run(options: &Options, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let home = tempfile::tempdir().context("no folder to work in")?;
    let receiver = Receiver::start(options.seed).await?;
    let client =
        elevenlabs::http::client(&elevenlabs::Authorities::public()).map_err(anyhow::Error::msg)?;
    let mut chance = Chance::new(options.seed);
    let mut ledgers = Vec::new();
    let mut report = Report::default();
    for round in 0..options.times {
        let server = Server::start(&options.binary, home.path()).await?;
        if round == 0 {
            hook(&client, &server.url, &receiver).await?;
        }
        let said = Arc::new(AtomicUsize::new(0));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..options.callers {
            let (url, chance) = (server.url.clone(), Chance::new(chance.below(u64::MAX)));
            callers.spawn(caller::converse(url, chance, Arc::clone(&said)));
        }
        // Sometimes so soon that it has hardly looked around, mostly in the middle of everything.
        if chance.below(5) == 0 {
            tokio::time::sleep(Duration::from_millis(chance.below(300))).await;
        } else {
            first_words(&said).await;
            tokio::time::sleep(Duration::from_millis(chance.below(4_500))).await;
        }
        let killed = server.kill().await?;
        let mut count = 0;
        while let Some(done) = callers.join_next().await {
            for mut ledger in done.context("a caller failed")? {
                ledger.killed = killed;
                count += 1;
                ledgers.push(ledger);
            }
        }
        report.kills += 1;
        tell(&format!("kill {}: {count} conversations", round + 1));
    }
    let server = Server::start(&options.binary, home.path()).await?;
    settle(&client, &server.url, &receiver).await?;
    for ledger in &ledgers {
        check(&client, &server.url, &receiver, ledger, &mut report).await?;
    }
    server.kill().await?;
    (report.attempts, report.delivered, report.repeated) = receiver.counts();
    ensure!(report.conversations > 0, "nobody conversed");
    Ok(report)
}

/// Waits until somebody is in the middle of a conversation, so that a slow machine is killed there too.
async fn first_words(said: &AtomicUsize) {
    for _ in 0..400 {
        if said.load(Ordering::Relaxed) > 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One webhook for everything that is over.
async fn hook(client: &reqwest::Client, url: &str, receiver: &Receiver) -> anyhow::Result<()> {
    let body = json!({ "settings": {
        "auth_type": "hmac", "name": "kill", "webhook_url": receiver.url(),
    }});
    let made: Value = client
        .post(format!("{url}/v1/workspace/webhooks"))
        .json(&body)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let (Some(id), Some(secret)) = (made["webhook_id"].as_str(), made["webhook_secret"].as_str())
    else {
        bail!("no webhook was made: {made}");
    };
    receiver.expect_secret(secret);
    client
        .patch(format!("{url}/v1/convai/settings"))
        .json(&json!({ "webhooks": { "post_call_webhook_id": id, "events": ["transcript"] } }))
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

/// Waits until every conversation is over and its webhook was taken.
async fn settle(client: &reqwest::Client, url: &str, receiver: &Receiver) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let missing = missing(client, url, receiver).await?;
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("after {PATIENCE:?} these are not told of: {missing:?}");
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn missing(
    client: &reqwest::Client,
    url: &str,
    receiver: &Receiver,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut missing = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page: Value = client
            .get(format!(
                "{url}/v1/convai/conversations?page_size=100&cursor={cursor}"
            ))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        for line in page["conversations"].as_array().into_iter().flatten() {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let (id, status) = (text("conversation_id"), text("status"));
            if !receiver.has(&id) || !matches!(status.as_str(), "done" | "failed") {
                missing.insert(id, status);
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(missing),
        }
    }
}

/// Whether what was said to one caller is in the records.
async fn check(
    client: &reqwest::Client,
    url: &str,
    receiver: &Receiver,
    ledger: &Ledger,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(id) = &ledger.id else { return Ok(()) };
    report.conversations += 1;
    let answer = client
        .get(format!("{url}/v1/convai/conversations/{id}"))
        .send()
        .await?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        // Its caller has its id and nothing more.
        let count = ledger.turns.len();
        ensure!(
            count == 0,
            "{id} is not in the records, and {count} of its turns were over"
        );
        return Ok(());
    }
    let kept: Value = answer.error_for_status()?.json().await?;
    let kept: Vec<(&str, &str)> = kept["transcript"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| Some((item["role"].as_str()?, item["message"].as_str()?)))
        .collect();
    for (index, turn) in ledger.turns.iter().enumerate() {
        let age = ledger.killed.saturating_duration_since(turn.at);
        let Some(&(role, text)) = kept.get(index) else {
            bail!(
                "turn {index} of {id} was over {age:?} before the kill and is not in the records: {:?}",
                turn.text
            );
        };
        ensure!(
            role == turn.role && text.trim() == turn.text.trim(),
            "turn {index} of {id} was {:?} and is {text:?}",
            turn.text
        );
        report.turns += 1;
        report.fresh += usize::from(age < FRESH);
    }
    ensure!(receiver.has(id), "nobody was told of {id}");
    receiver.same_id(id)
}
