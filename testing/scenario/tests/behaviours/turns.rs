//! When a turn is over.

use expect_test::expect;

use crate::check;

#[test]
fn a_turn_ends_after_a_short_silence() {
    check(
        "user: what time is it please | agent: It is ten past nine.",
        expect![[r#"
            0.00  listen
            2.30  user: what time is it please
            2.30  think 1: answer
            2.78  play 1
            4.10  1 finished
            4.10  listen
        "#]],
    );
}

#[test]
fn patience_waits_longer_for_the_same_words() {
    check(
        "eagerness: patient | user: what time is it please | agent: It is ten past nine.",
        expect![[r#"
            0.00  listen
            2.30  think 1: in case
            2.40  user: what time is it please
            2.40  adopt 1
            2.78  play 1
            4.10  1 finished
            4.10  listen
        "#]],
    );
}

#[test]
fn eagerness_waits_shorter_for_the_same_words() {
    check(
        "eagerness: eager | user: what time is it please | agent: It is ten past nine.",
        expect![[r#"
            0.00  listen
            2.30  user: what time is it please
            2.30  think 1: answer
            2.78  play 1
            4.10  1 finished
            4.10  listen
        "#]],
    );
}

#[test]
fn a_pause_after_an_opener_is_waited_for() {
    check(
        "user: my name is (0.9) Mia | agent: Hello Mia.",
        expect![[r#"
            0.00  listen
            2.76  think 1: in case
            4.06  user: my name is Mia
            4.06  adopt 1
            4.28  play 1
            4.93  1 finished
            4.93  listen
        "#]],
    );
}

#[test]
fn a_pause_while_dictating_a_number_is_waited_for() {
    check(
        "user: five five five (1.2) one two three four | agent: Thank you.",
        expect![[r#"
            0.00  listen
            5.44  user: five five five one two three four
            5.44  think 1: answer
            5.90  play 1
            6.55  1 finished
            6.55  listen
        "#]],
    );
}

#[test]
fn what_the_agent_asked_for_lengthens_the_patience() {
    check(
        "0.0 agent: What is your e-mail address? {expects email} | user: mia (1.3) at example (0.5) dot com | agent: Thank you.",
        expect![[r#"
            0.00  think 1: greeting
            0.20  play 1
            1.88  1 finished
            1.88  listen
            5.98  user: mia at example dot com
            5.98  think 2: answer
            6.44  play 2
            7.09  2 finished
            7.09  listen
        "#]],
    );
}

#[test]
fn a_typed_message_is_a_turn_at_once() {
    check(
        "types: hello | agent: Hello.",
        expect![[r#"
        0.00  listen
        0.60  user: hello
        0.60  think 1: answer
        0.99  play 1
        1.38  1 finished
        1.38  listen
    "#]],
    );
}
