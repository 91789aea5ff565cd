//! Plays a recording to an agent and records what it answers.
//!
//! `duologue serve`, then `cargo run -p duologue --example wav -- http://127.0.0.1:8000 assistant question.wav answer.wav`; it hangs up
//! after 20 s, or as many as are given at the end.

use std::time::Duration;

use duologue::{Account, Agents, Callbacks, ConversationError, Pace, Streams, account};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base_url, agent, question, answer, rest @ ..] = arguments.as_slice() else {
        return Err("give: URL AGENT QUESTION.wav ANSWER.wav [SECONDS]".into());
    };
    let seconds = rest.first().map_or(Ok(20), |seconds| seconds.parse())?;
    let account = Account::new(account::Settings {
        base_url: Some(base_url.clone()),
        ..account::Settings::default()
    })?;
    let streams = Streams::new(Pace::Realtime)
        .listen_to(question)?
        .play_to(answer)?;
    let conversation = Agents::new(account)
        .conversation(agent)
        .audio(streams)
        .connect()
        .await?;
    let handle = conversation.handle();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let _ = handle.end().await;
    });
    let mut callbacks = Callbacks::new()
        .on_user_transcript(|text| println!("user: {text}"))
        .on_agent_response(|text| println!("agent: {text}"))
        .on_correction(|_, heard| println!("agent (heard): {heard}"));
    let end = conversation.run(&mut callbacks).await;
    match ConversationError::of(&end) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
