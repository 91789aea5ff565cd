//! Stand-ins for vendors' wires, on real sockets.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used
)]

pub mod http;
pub mod ws;

use std::time::Duration;

use providers::{ProviderError, asr, tts};
use tokio::time::timeout;

pub const KEY: &str = "made-up-key-1234";
/// Nothing here takes as long, unless it hangs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A second and a half of something that is not silence, at 16 kHz.
pub fn speech() -> Vec<i16> {
    (0..24_000).map(|at| (at % 200) * 40 - 4_000).collect()
}

/// What comes of one utterance: its text, or the error.
pub async fn hear(asr: &dyn asr::Asr, sound: &[i16]) -> Result<String, ProviderError> {
    let mut session = asr.start(asr::Options::default());
    let begin = asr::Input::Begin {
        utterance: 7,
        expected: asr::Expected::default(),
    };
    // Should it be gone already, its error is waiting.
    let _ = session.input.send(begin).await;
    for piece in sound.chunks(320) {
        let _ = session.input.send(asr::Input::Audio(piece.to_vec())).await;
    }
    let _ = session.input.send(asr::Input::End).await;
    loop {
        let event = timeout(LIMIT, session.events.recv()).await.unwrap();
        match event.expect("a text or an error") {
            Ok(asr::Event::Final { utterance, text }) => {
                assert_eq!(utterance, 7);
                return Ok(text);
            }
            Ok(_) => {}
            Err(error) => {
                let more = timeout(LIMIT, session.events.recv()).await.unwrap();
                assert!(more.is_none(), "nothing follows an error");
                return Err(error);
            }
        }
    }
}

/// What comes of one text: how much sound, or the error and how much came before it.
pub async fn speak(tts: &dyn tts::Tts, text: &str) -> (usize, Option<ProviderError>) {
    let mut session = tts.start(tts::Options::default());
    let _ = session.input.send(tts::Input::Text(text.to_owned())).await;
    let _ = session.input.send(tts::Input::End).await;
    let mut samples = 0;
    loop {
        let event = timeout(LIMIT, session.events.recv()).await.unwrap();
        match event.expect("done or an error") {
            Ok(tts::Event::Chunk(chunk)) => samples += chunk.samples.len(),
            Ok(tts::Event::TookOver(_)) => {}
            Ok(tts::Event::Done) => return (samples, None),
            Err(error) => {
                let more = timeout(LIMIT, session.events.recv()).await.unwrap();
                assert!(more.is_none(), "nothing follows an error");
                return (samples, Some(error));
            }
        }
    }
}

/// Keys are nobody's business.
pub fn keeps_secrets(error: &ProviderError) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(KEY), "{text}");
}
