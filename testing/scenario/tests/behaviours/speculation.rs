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
            3.27  user: I want tea with milk
            3.27  adopt 2
            3.50  play 2
            4.79  2 finished
            4.79  listen
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
            3.33  user: tell me a joke
            3.33  adopt 2
            3.53  play 2
            5.15  2 finished
            5.15  listen
        "#]],
    );
}

#[test]
fn without_speculation_the_answer_begins_with_the_turn() {
    check(
        "speculative: off | user: hello there | agent: Hello.",
        expect![[r#"
            0.00  listen
            2.64  user: hello there
            2.64  think 1: answer
            3.03  play 1
            3.42  1 finished
            3.42  listen
        "#]],
    );
}
