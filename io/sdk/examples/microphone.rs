//! An audio interface of one's own: a program that hums to the agent and counts what it says.
//!
//! `duologue serve`, then `cargo run -p duologue --example microphone -- http://127.0.0.1:8000 assistant`

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use duologue::{Account, Agents, AudioInput, AudioInterface, Callbacks, account};

/// Hums, and counts.
struct Hum {
    heard: Arc<AtomicUsize>,
}

impl AudioInterface for Hum {
    fn start(&mut self, input: AudioInput) -> io::Result<()> {
        thread::spawn(move || {
            // 20 ms of a quiet 100 Hz at a time, until nobody listens.
            let hum: Vec<i16> = (0..320)
                .map(|at| ((at as f32 / 160.0 * std::f32::consts::TAU).sin() * 200.0) as i16)
                .collect();
            while !input.is_closed() {
                input.push(&hum);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Ok(())
    }

    fn stop(&mut self) {
        println!("stopped");
    }

    fn output(&mut self, samples: &[i16]) {
        self.heard.fetch_add(samples.len(), Ordering::Relaxed);
    }

    fn interrupt(&mut self) {
        println!("interrupted");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let account = Account::new(account::Settings {
        base_url: Some(
            arguments
                .next()
                .unwrap_or("http://127.0.0.1:8000".to_owned()),
        ),
        ..account::Settings::default()
    })?;
    let heard = Arc::new(AtomicUsize::new(0));
    let hum = Hum {
        heard: Arc::clone(&heard),
    };
    let conversation = Agents::new(account)
        .conversation(arguments.next().unwrap_or("assistant".to_owned()))
        .audio(hum)
        .connect()
        .await?;
    let handle = conversation.handle();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _ = handle.end().await;
    });
    conversation
        .run(&mut Callbacks::new().on_agent_response(|text| println!("agent: {text}")))
        .await;
    println!(
        "{} samples of the agent's voice",
        heard.load(Ordering::Relaxed)
    );
    Ok(())
}
