//! What the machine does, one behaviour a test. Times are seconds of virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests may fail a test; an expectation is written where it is checked"
)]

mod barge_in;
mod ending;
mod latency;
mod silence;
mod speculation;
mod text;
mod tools;
mod trouble;
mod turns;

use expect_test::Expect;
use scenario::{Script, brief, broken_rule, run};

#[track_caller]
fn check(script: &str, expected: Expect) {
    let outcome = run(Script::read(script).unwrap());
    assert_eq!(broken_rule(&outcome), None);
    expected.assert_eq(&brief(&outcome.log));
}
