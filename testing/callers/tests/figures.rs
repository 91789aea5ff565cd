//! The share of callers who get what they called for, by text. No sound, no clock, no chance: the same every time.

use std::path::Path;

use callers::{Mode, Report, load, run};
use embedded::agents::{ASSISTANT, Bundled, RECEPTIONIST};

async fn report(agent: &Bundled) -> Report {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{}.toml", agent.id));
    let people = load(&file).unwrap_or_else(|e| panic!("{e}"));
    assert!(people.len() >= 60, "{} callers", people.len());
    run(agent, &people, &Mode::Text)
        .await
        .unwrap_or_else(|e| panic!("{e}"))
}

#[tokio::test]
async fn nine_in_ten_reach_their_goal_with_the_assistant() {
    let report = report(&ASSISTANT).await;
    assert!(report.share() >= 0.9, "{report}");
}

#[tokio::test]
async fn nine_in_ten_reach_their_goal_with_the_receptionist() {
    let report = report(&RECEPTIONIST).await;
    assert!(report.share() >= 0.9, "{report}");
}
