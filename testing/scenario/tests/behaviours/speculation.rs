//! Answers that are made before the turn is over.

use expect_test::expect;

use crate::check;

#[test]
fn a_speculation_leaves_no_trace_when_the_user_goes_on() {
    check(
        "llm delay: 0.05 | user: I want tea (0.42) with milk | agent: With milk, of course.",
        expect![[r#"
            0.00  listen
            1.62  think 1: in case
            2.64  cancel 1
            2.64  think 2: in case
            3.94  user: I want tea with milk
            3.94  adopt 2
            4.16  play 2
            5.45  2 finished
            5.45  listen
        "#]],
    );
}

#[test]
fn a_context_update_renews_the_speculation() {
    check(
        "llm delay: 0.05 | eagerness: patient | 0.5 user: tell me a joke | 1.95 context | agent: A horse walks into a bar.",
        expect![[r#"
            0.00  listen
            1.76  think 1: in case
            1.95  cancel 1
            1.95  think 2: in case
            3.53  user: tell me a joke
            3.53  adopt 2
            3.73  play 2
            5.35  2 finished
            5.35  listen
        "#]],
    );
}

#[test]
fn without_speculation_the_answer_begins_with_the_turn() {
    check(
        "speculative: off | user: hello there | agent: Hello.",
        expect![[r#"
            0.00  listen
            2.88  user: hello there
            2.88  think 1: answer
            3.27  play 1
            3.66  1 finished
            3.66  listen
        "#]],
    );
}
