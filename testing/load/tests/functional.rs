//! A few callers against a real server, without an opinion about time.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail a test")]

use std::process::Command;

use serde_json::Value;

fn run(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_duologue-load"))
        .args(arguments)
        .args(["--json", "--unpinned"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn callers_on_both_kinds_of_line_are_answered_and_may_interrupt() {
    let report = run(&["--sessions", "4", "--seconds", "12", "--seed", "3"]);
    assert_eq!(report["broken"], 0, "{report}");
    assert_eq!(report["stale_audio"], 0, "{report}");
    assert!(report["replies"].as_u64().unwrap() >= 4, "{report}");
    assert!(report["interruptions"].as_u64().unwrap() >= 1, "{report}");
}

#[test]
fn short_conversations_are_answered_and_end() {
    let churn = run(&["--churn", "40"]);
    assert_eq!(churn["conversations"], 40, "{churn}");
}
