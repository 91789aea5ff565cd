//! Nobody says anything.

use expect_test::expect;

use crate::check;

#[test]
fn silence_makes_the_agent_speak_up_twice() {
    check(
        "turn timeout: 3 | 0.0 agent: Hello.",
        expect![[r#"
        0.00  think 1: greeting
        0.17  play 1
        0.56  1 finished
        0.56  listen
        3.56  think 2: still there?
        4.05  play 2
        5.29  2 finished
        5.29  listen
        8.29  think 3: still there?
        8.77  play 3
        10.02  3 finished
        10.02  listen
    "#]],
    );
}

#[test]
fn no_re_engagement_while_a_tool_runs() {
    check(
        "turn timeout: 2 | user: look it up please | agent: {tool 4.5} | agent: Found it. | +1.0 hangs up",
        expect![[r#"
            0.00  listen
            2.00  user: look it up please
            2.00  think 1: answer
            2.20  tool 1
            6.70  tool 1 succeeded
            6.70  think 2: after tools
            6.70  1 finished
            7.16  play 2
            7.76  2 finished
            7.76  listen
            8.76  end: UserEnded
        "#]],
    );
}

#[test]
fn silence_ends_the_conversation() {
    check(
        "turn timeout: 3 | silence end: 8 | 0.0 agent: Hello.",
        expect![[r#"
            0.00  think 1: greeting
            0.17  play 1
            0.56  1 finished
            0.56  listen
            3.56  think 2: still there?
            4.05  play 2
            5.29  2 finished
            5.29  listen
            8.29  think 3: still there?
            8.77  play 3
            10.02  3 finished
            10.02  listen
            10.02  end: Silence
        "#]],
    );
}

#[test]
fn activity_restarts_the_turn_timeout() {
    check(
        "turn timeout: 3 | 0.0 agent: Hello. | 3.0 moves | 7.5 hangs up",
        expect![[r#"
            0.00  think 1: greeting
            0.17  play 1
            0.56  1 finished
            0.56  listen
            6.00  think 2: still there?
            6.48  play 2
            7.50  stop 2
            7.50  2 interrupted after: Are you still
            7.50  end: UserEnded
        "#]],
    );
}

#[test]
fn a_slow_answer_is_bridged_by_a_filler() {
    check(
        "soft timeout: 1 | user: think hard please | agent: {slow 2.5} It is forty-two.",
        expect![[r#"
            0.00  listen
            1.92  user: think hard please
            1.92  think 1: answer
            2.92  think 2: filler
            3.17  play 2
            3.92  2 finished
            4.86  play 1
            5.85  1 finished
            5.85  listen
        "#]],
    );
}

#[test]
fn a_skipped_turn_waits_for_the_user() {
    check(
        "turn timeout: 2 | user: one moment please | agent: {skips} | 8.0 hangs up",
        expect![[r#"
            0.00  listen
            1.92  user: one moment please
            1.92  think 1: answer
            2.12  cancel 1
            2.12  1 skipped
            2.12  listen
            8.00  end: UserEnded
        "#]],
    );
}
