//! Tools between the turns.

use expect_test::expect;

use crate::check;

#[test]
fn a_tool_runs_and_the_agent_goes_on_with_its_result() {
    check(
        "user: what is the weather please | agent: Let me see. {tool 1.5} | agent: It is sunny.",
        expect![[r#"
            0.00  listen
            2.48  user: what is the weather please
            2.48  think 1: answer
            2.74  tool 1
            2.93  play 1
            4.24  tool 1 succeeded
            4.24  think 2: after tools
            4.24  1 finished
            4.68  play 2
            5.49  2 finished
            5.49  listen
        "#]],
    );
}

#[test]
fn a_tool_that_hangs_times_out() {
    check(
        "user: what is the weather please | agent: {tool hangs} | agent: I could not find out.",
        expect![[r#"
            0.00  listen
            2.48  user: what is the weather please
            2.48  think 1: answer
            2.68  tool 1
            7.68  tool 1 timedout
            7.68  think 2: after tools
            7.68  1 finished
            8.18  play 2
            9.54  2 finished
            9.54  listen
        "#]],
    );
}

#[test]
fn speech_during_a_tool_cancels_it() {
    check(
        "user: what is the weather please | agent: {tool 3} | agent: It is sunny. | 4.0 user: never mind that | agent: All right.",
        expect![[r#"
            0.00  listen
            2.48  user: what is the weather please
            2.48  think 1: answer
            2.68  tool 1
            4.46  tool 1 cancelled
            4.46  1 unheard
            6.54  user: never mind that
            6.54  think 2: answer
            7.00  play 2
            7.65  2 finished
            7.65  listen
        "#]],
    );
}

#[test]
fn speech_during_an_uninterruptible_tool_is_answered_after() {
    check(
        "0.5 user: pay now please | agent: {tool 3 uninterruptible} | agent: You have paid. | 3.0 user: and send a receipt please | agent: The receipt is sent.",
        expect![[r#"
            0.00  listen
            1.70  user: pay now please
            1.70  think 1: answer
            1.90  tool 1
            4.90  tool 1 succeeded
            4.90  think 2: after tools
            4.90  1 finished
            5.37  play 2
            6.27  2 finished
            6.27  user: and send a receipt please
            6.27  think 3: answer
            6.78  play 3
            8.03  3 finished
            8.03  listen
        "#]],
    );
}

#[test]
fn two_tools_are_waited_for() {
    check(
        "user: compare them please | agent: {tool 1} {tool 2} | agent: The second is better.",
        expect![[r#"
            0.00  listen
            2.02  user: compare them please
            2.02  think 1: answer
            2.22  tool 1
            2.22  tool 2
            3.22  tool 1 succeeded
            4.22  tool 2 succeeded
            4.22  think 2: after tools
            4.22  1 finished
            4.72  play 2
            6.01  2 finished
            6.01  listen
        "#]],
    );
}
