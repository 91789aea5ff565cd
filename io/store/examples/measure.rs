//! How fast turns are stored and conversations are read back, on this machine's disk.
//!
//! `cargo run --release -p duologue-store --example measure [CONVERSATIONS] [TURNS] [DIR]`
//!
//! With a folder everything stays there, for `duologue conversations export --data DIR` and its like.

use std::time::{Duration, Instant};

use serde_json::json;
use store::{Began, Ended, Entry, Filter, Role, Store, StoreError, Turn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (conversations, turns) = (number(1_000)?, number(20)?);
    let passing = tempfile::tempdir()?;
    let home = arguments
        .next()
        .map_or(passing.path().to_owned(), Into::into);
    let store = Store::open(&home).await?;
    let log = store.log();

    // One turn at a time, each waited for: what a single conversation sees.
    begin(&log, "conv_alone").await?;
    let mut waits = Vec::new();
    for number in 0..200 {
        let begun = Instant::now();
        write(&log, "conv_alone", turn(number)).await?;
        log.flush().await?;
        waits.push(begun.elapsed());
    }
    waits.sort();
    let (half, most) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    println!("one turn to the disk: {half:?} (median), {most:?} (99 of 100)");

    // Many conversations at once: what a busy server does.
    let begun = Instant::now();
    for conversation in 0..conversations {
        begin(&log, &format!("conv_{conversation}")).await?;
    }
    for number in 0..turns {
        for conversation in 0..conversations {
            write(&log, &format!("conv_{conversation}"), turn(number)).await?;
        }
    }
    for conversation in 0..conversations {
        let ended = Ended {
            status: "done".to_owned(),
            ..Ended::default()
        };
        write(&log, &format!("conv_{conversation}"), Entry::Ended(ended)).await?;
    }
    log.flush().await?;
    rate("turns stored", conversations * turns, begun.elapsed());

    let begun = Instant::now();
    let kept = store.conversations();
    let mut count = 0;
    let mut after = None;
    loop {
        let page = kept.list(&Filter::default(), after.as_ref(), 100).await?;
        let Some(last) = page.last() else { break };
        after = Some(store::After {
            started: last.started,
            id: last.id.clone(),
        });
        for line in &page {
            count += u64::from(kept.get(&line.id).await?.is_some());
        }
    }
    rate("conversations read whole", count, begun.elapsed());
    let begun = Instant::now();
    let searched = 20;
    for _ in 0..searched {
        let filter = Filter {
            search: Some("number 7 of".to_owned()),
            ..Filter::default()
        };
        kept.list(&filter, None, 30).await?;
    }
    rate(
        "searches through all that was said",
        searched,
        begun.elapsed(),
    );
    store.close().await;
    Ok(())
}

fn rate(what: &str, count: u64, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{what}: {count} in {:.2} s, {rate:.0} a second",
        took.as_secs_f64()
    );
}

async fn begin(log: &store::Log, conversation: &str) -> Result<(), StoreError> {
    let began = Began {
        agent: "desk".to_owned(),
        agent_name: "Desk".to_owned(),
        language: "en".to_owned(),
        started: store::now(),
        initiation: json!({}),
        agent_document: json!({ "name": "Desk" }),
        ..Began::default()
    };
    write(log, conversation, Entry::Began(Box::new(began))).await
}

fn turn(number: u64) -> Entry {
    let text =
        format!("This is turn number {number} of a conversation about the weather in spring.");
    Entry::Turn(Turn {
        number,
        role: if number.is_multiple_of(2) {
            Role::Agent
        } else {
            Role::User
        },
        heard: text.clone(),
        text,
        ..Turn::default()
    })
}

/// A conversation would go on without it; a measurement waits.
async fn write(log: &store::Log, conversation: &str, entry: Entry) -> Result<(), StoreError> {
    loop {
        match log.write(conversation, entry.clone()) {
            Err(StoreError::Full) => tokio::time::sleep(Duration::from_millis(1)).await,
            other => return other,
        }
    }
}
