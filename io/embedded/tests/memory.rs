//! A voice that speaks all day keeps no memory of it.

use embedded::{Engine, Paths, recogniser::Settings};
use providers::{ProviderError, tts};

/// Resident memory in KiB, where the system says.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

async fn speak(
    engine: &Engine,
    voice: &str,
    text: String,
    cancel: bool,
) -> Result<(), ProviderError> {
    let mut session = engine.tts().start(tts::Options {
        voice: Some(voice.to_owned()),
        ..tts::Options::default()
    });
    let _ = session.input.send(tts::Input::Text(text)).await;
    let _ = session.input.send(tts::Input::End).await;
    while let Some(event) = session.events.recv().await {
        event?;
        if cancel {
            break;
        }
    }
    Ok(())
}

#[tokio::test]
async fn two_thousand_sentences_leave_no_memory_behind() -> Result<(), ProviderError> {
    let engine = Engine::new(Paths::default(), &Settings::default());
    let mut before = None;
    for number in 0..2_000 {
        if number == 200 {
            before = resident();
        }
        let text = format!("Order number {number} leaves today, Mr. Wilko.");
        // The diphone voice is quick; every tenth sentence is of the other kind.
        let voice = if number % 10 == 0 { "slt" } else { "kal16" };
        speak(&engine, voice, text, number % 4 == 0).await?;
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{before} KiB after 200 sentences, {after} KiB after 2,000");
        assert!(after < before + 8 * 1024, "{before} KiB became {after} KiB");
    }
    Ok(())
}
