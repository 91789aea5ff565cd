//! Holds one conversation with an agent of a real account, and says whether it went as it should.
//!
//! `ELEVENLABS_API_KEY` and `AGENT_ID` say which; `ELEVENLABS_BASE_URL` names another server. `scripts/live.sh` runs it.

use std::{env, time::Duration};

use duologue::{
    Account, Agents, ApiKey, Channels, ConversationError, Event, account, wire::ServerEvent,
};
use tokio::time::timeout;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let account = Account::new(account::Settings {
        api_key: env::var("ELEVENLABS_API_KEY")
            .ok()
            .map(|key| ApiKey::new(&key)),
        base_url: env::var("ELEVENLABS_BASE_URL").ok(),
        ..account::Settings::default()
    })?;
    timeout(Duration::from_mins(1), hold(account, env::var("AGENT_ID")?)).await??;
    println!("The conversation went as it should.");
    Ok(())
}

async fn hold(account: Account, agent: String) -> Result<(), Box<dyn std::error::Error>> {
    // A microphone that hears nothing, so that the agent need not allow a conversation in text.
    let (channels, microphone, loudspeaker) = Channels::new();
    let mut conversation = Agents::new(account)
        .conversation(agent)
        .audio(channels)
        .connect()
        .await?;
    println!("conversation {}", conversation.session().conversation_id);
    let handle = conversation.handle();
    let talk = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let _ = handle
            .say("Hello. Please answer with one short sentence.")
            .await;
        while microphone.push(&[0; 1_600]) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut asked = false;
    let mut answered = false;
    while let Some(event) = conversation.next_event().await {
        match event {
            Event::Event(ServerEvent::UserTranscript {
                user_transcription_event: said,
            }) => {
                println!("user: {}", said.user_transcript);
                asked = true;
            }
            Event::Event(ServerEvent::AgentResponse {
                agent_response_event: said,
            }) => {
                println!("agent: {}", said.agent_response);
                answered = true;
            }
            Event::Play(_) if answered && loudspeaker.waiting() > 8_000 => {
                println!("{} samples of the agent's voice", loudspeaker.waiting());
                conversation.handle().end().await?;
            }
            Event::Ended(end) => {
                talk.abort();
                return match ConversationError::of(&end) {
                    Some(error) => Err(error.into()),
                    None if answered => Ok(()),
                    None => Err(format!("the agent said nothing (asked: {asked})").into()),
                };
            }
            _ => {}
        }
    }
    Err("the conversation has no end".into())
}
