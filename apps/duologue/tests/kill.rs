//! The server is killed in the middle of everything, and nothing that was over is missing.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_no_finished_turn_and_no_webhook() {
    let options = kill::Options {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_duologue")),
        times: 20,
        callers: 4,
        seed: 1,
    };
    let report = kill::run(&options, |line| println!("{line}"))
        .await
        .unwrap();
    println!("{report:?}");
    assert!(report.kills == 20 && report.turns > 20, "{report:?}");
}
