//! Has a sentence spoken and written down again, with an ElevenLabs key in `ELEVENLABS_API_KEY`;
//! `ELEVENLABS_BASE_URL` names another server.
//!
//! `cargo run -p duologue --example speech -- "Good morning."`

use duologue::{
    Account, ApiKey,
    account::{self, Recording, Speech, VoicesQuery},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::env::args()
        .nth(1)
        .unwrap_or("Good morning.".to_owned());
    let account = Account::new(account::Settings {
        api_key: std::env::var("ELEVENLABS_API_KEY")
            .ok()
            .map(|key| ApiKey::new(&key)),
        base_url: std::env::var("ELEVENLABS_BASE_URL").ok(),
        ..account::Settings::default()
    })?;
    let voices = account.voices().list(&VoicesQuery::default()).await?;
    let voice = voices.items.first().ok_or("the account has no voices")?;
    println!(
        "voice: {}",
        voice.name.as_deref().unwrap_or(&voice.voice_id)
    );
    let mut body = account
        .speak_streaming(&voice.voice_id, &Speech::new(text))
        .await?;
    let mut sound = Vec::new();
    while let Some(piece) = body.next().await? {
        sound.extend_from_slice(&piece);
    }
    std::fs::write("speech.mp3", &sound)?;
    println!("speech.mp3: {} bytes", sound.len());
    let transcript = account
        .transcribe(&Recording {
            bytes: sound.into(),
            ..Recording::default()
        })
        .await?;
    println!("heard: {}", transcript.text);
    Ok(())
}
