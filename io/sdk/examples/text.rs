//! Types a question and prints the answer.
//!
//! Against a server on this machine, without an account: `duologue serve`, then
//! `cargo run -p duologue --example text -- http://127.0.0.1:8000 assistant "What can you do?"`

use duologue::{Account, Agents, Event, account, wire::ServerEvent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let base_url = arguments
        .next()
        .unwrap_or("http://127.0.0.1:8000".to_owned());
    let agent = arguments.next().unwrap_or("assistant".to_owned());
    let question = arguments.next().unwrap_or("What can you do?".to_owned());
    let account = Account::new(account::Settings {
        base_url: Some(base_url),
        ..account::Settings::default()
    })?;
    let mut conversation = Agents::new(account).conversation(agent).connect().await?;
    let handle = conversation.handle();
    handle.say(&question).await?;
    let mut asked = false;
    while let Some(event) = conversation.next_event().await {
        match event {
            Event::Event(ServerEvent::AgentResponse {
                agent_response_event: said,
            }) => {
                println!("agent: {}", said.agent_response);
                if asked {
                    handle.end().await?;
                } else {
                    // That was the greeting; the answer follows.
                    println!("user: {question}");
                    asked = true;
                }
            }
            Event::Ended(end) => println!("over: {:?}", end.by),
            _ => {}
        }
    }
    Ok(())
}
