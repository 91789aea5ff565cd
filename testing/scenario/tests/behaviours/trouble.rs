//! Recognisers, llms, voices and edges that fail.

use expect_test::expect;

use crate::check;

#[test]
fn a_recogniser_that_never_answers_costs_its_timeout() {
    check(
        "lost finals: 1 | user: what time is it please | agent: It is ten past nine.",
        expect![[r#"
            0.00  listen
            3.70  user: what time is it please
            3.70  think 1: answer
            4.18  play 1
            5.50  1 finished
            5.50  listen
        "#]],
    );
}

#[test]
fn a_text_that_comes_late_is_answered_all_the_same() {
    check(
        "asr delay: 2.5 | user: what time is it please | agent: It is ten past nine.",
        expect![[r#"
            0.00  listen
            3.70  ignore: no words
            3.70  listen
            3.70  think 1: unheard
            4.20  play 1
            4.70  stop 1
            4.70  1 interrupted after: I could
            4.70  user: what time is it please
            4.70  think 2: answer
            5.18  play 2
            6.50  2 finished
            6.50  listen
        "#]],
    );
}

#[test]
fn two_texts_that_come_late_are_two_turns() {
    check(
        "asr delay: 2.6 | user: a table for two | 3.2 user: or rather for three | agent: For three.",
        expect![[r#"
            0.00  listen
            3.32  ignore: no words
            6.10  ignore: no words
            6.10  user: a table for two
            6.10  think 1: answer
            6.56  play 1
            7.20  stop 1
            7.20  1 finished
            7.20  user: or rather for three
            7.20  think 2: answer
            7.74  play 2
            9.77  2 finished
            9.77  listen
        "#]],
    );
}

#[test]
fn a_text_that_comes_much_too_late_is_forgotten() {
    check(
        "asr delay: 8 | user: what time is it please | agent: It is ten past nine.",
        expect![[r#"
            0.00  listen
            3.70  ignore: no words
            3.70  listen
            3.70  think 1: unheard
            4.20  play 1
            5.61  1 finished
            5.61  listen
        "#]],
    );
}

#[test]
fn an_llm_that_hangs_fails_and_the_floor_is_open() {
    check(
        "reply timeout: 3 | user: hello there | agent: {hangs}",
        expect![[r#"
            0.00  listen
            1.58  think 1: in case
            2.88  user: hello there
            2.88  adopt 1
            5.88  cancel 1
            5.88  1 failed
            5.88  listen
        "#]],
    );
}

#[test]
fn an_llm_that_fails_after_some_words_has_said_them() {
    check(
        "user: hello there | agent: Hello to {fails}",
        expect![[r#"
            0.00  listen
            1.58  think 1: in case
            1.82  cancel 1
            2.88  user: hello there
            2.88  think 2: answer
            3.33  play 2
            3.88  cancel 2
            3.88  2 failed after: Hello to
            3.88  listen
        "#]],
    );
}

#[test]
fn a_voice_that_hangs_fails_and_the_floor_is_open() {
    check(
        "reply timeout: 3 | user: hello there | agent: Hello to you. {voice hangs}",
        expect![[r#"
            0.00  listen
            1.58  think 1: in case
            2.88  user: hello there
            2.88  adopt 1
            5.88  cancel 1
            5.88  1 failed
            5.88  listen
        "#]],
    );
}

#[test]
fn lost_reports_are_given_up_after_the_grace() {
    check(
        "edge: reports | lost reports: 1 | user: hello there | agent: Hello to you.",
        expect![[r#"
            0.00  listen
            1.58  think 1: in case
            2.88  user: hello there
            2.88  adopt 1
            3.09  play 1
            5.94  1 finished
            5.94  listen
        "#]],
    );
}

#[test]
fn an_empty_reply_is_over_at_once() {
    check(
        "user: hello there | agent: ",
        expect![[r#"
            0.00  listen
            1.58  think 1: in case
            2.88  user: hello there
            2.88  adopt 1
            2.88  1 finished
            2.88  listen
        "#]],
    );
}
