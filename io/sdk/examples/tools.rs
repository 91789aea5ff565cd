//! Gives an agent a tool that runs here, and prints how the agent has to be told of it.
//!
//! `cargo run -p duologue --example tools` prints; with a base URL and the id of an agent that has the client tool
//! `roll_dice`, it talks: `cargo run -p duologue --example tools -- https://api.elevenlabs.io agent_…`

use duologue::{Account, Agents, ApiKey, Callbacks, Tools, account, schemars};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[schemars(crate = "duologue::schemars")]
struct Roll {
    /// How many dice.
    count: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tools = Tools::new().add_blocking(
        "roll_dice",
        "Rolls dice and says what they show.",
        |Roll { count }: Roll| match count {
            // Chosen by chance.
            1..=10 => Ok(vec![4; count as usize]),
            _ => Err("there are one to ten dice"),
        },
    );
    println!("{}", serde_json::to_string_pretty(&tools.definitions())?);
    let mut arguments = std::env::args().skip(1);
    let (Some(base_url), Some(agent)) = (arguments.next(), arguments.next()) else {
        return Ok(());
    };
    let account = Account::new(account::Settings {
        base_url: Some(base_url),
        api_key: std::env::var("ELEVENLABS_API_KEY")
            .ok()
            .map(|key| ApiKey::new(&key)),
        ..account::Settings::default()
    })?;
    let conversation = Agents::new(account)
        .conversation(agent)
        .text_only()
        .tools(tools)
        .connect()
        .await?;
    conversation
        .handle()
        .say("Roll three dice, please.")
        .await?;
    let handle = conversation.handle();
    let mut answers = 0;
    let mut callbacks = Callbacks::new().on_agent_response(move |text| {
        println!("agent: {text}");
        answers += 1;
        if answers == 2 {
            let handle = handle.clone();
            tokio::spawn(async move { handle.end().await });
        }
    });
    conversation.run(&mut callbacks).await;
    Ok(())
}
