//! Whole conversations on the driven clock, with providers that do as they are told.

mod common;

use agent::EndReason;
use common::{Setup, say};
use expect_test::expect;

#[tokio::test]
async fn a_question_is_heard_and_answered() {
    let mut caller = Setup::new(&["what time is it"], |_| say("It is ten o'clock."))
        .start()
        .await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(4_000).await;
    expect![[r#"
        0.020 metadata
        0.020 agent 1: Hi, I am here.
        0.020 audio 1..5
        3.700 user: what time is it
        3.700 agent 6: It is ten o'clock.
        3.700 audio 6..11"#]]
    .assert_eq(&caller.log.join("\n"));
    drop(caller.edge);
    let ending = caller.handle.ended().await;
    assert_eq!(ending.reason, EndReason::UserEnded);
    assert_eq!(ending.summary.user_turns, 1);
}
