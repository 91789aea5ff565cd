//! How conversations end.

use expect_test::expect;

use crate::check;

#[test]
fn the_goodbye_is_heard_before_the_end() {
    check(
        "user: bye | agent: Goodbye and thank you for calling us today. {ends}",
        expect![[r#"
            0.00  listen
            1.14  user: bye
            1.14  think 1: answer
            1.68  play 1
            4.26  1 finished
            4.26  end: AgentEnded
        "#]],
    );
}

#[test]
fn a_caller_who_interrupts_the_goodbye_keeps_the_conversation() {
    check(
        "user: bye | agent: Goodbye and thank you for calling us today. {ends} | 3.2 user: wait one more question | agent: Yes?",
        expect![[r#"
            0.00  listen
            1.14  user: bye
            1.14  think 1: answer
            1.68  play 1
            3.66  stop 1
            3.66  1 interrupted after: Goodbye and thank you for calling
            4.82  think 2: in case
            6.12  user: wait one more question
            6.12  adopt 2
            6.28  play 2
            6.58  2 finished
            6.58  listen
        "#]],
    );
}

#[test]
fn a_farewell_does_not_interrupt_the_goodbye() {
    check(
        "user: bye | agent: Goodbye and thank you for calling us today. {ends} | 3.2 user: thank you bye",
        expect![[r#"
            0.00  listen
            1.14  user: bye
            1.14  think 1: answer
            1.68  play 1
            4.26  1 finished
            4.26  ignore: the conversation ended
            4.26  user: thank you bye
            4.26  end: AgentEnded
        "#]],
    );
}

#[test]
fn the_longest_duration_ends_with_last_words() {
    check(
        "max duration: 2 | 0.0 agent: One two three four five six seven eight nine ten.",
        expect![[r#"
            0.00  think 1: greeting
            0.20  play 1
            2.00  stop 1
            2.00  1 interrupted after: One two three four five six
            2.00  think 2: time is up
            2.21  play 2
            3.71  2 finished
            3.71  end: MaxDuration
        "#]],
    );
}

#[test]
fn hanging_up_says_what_was_heard() {
    check(
        "0.0 agent: One two three four five six seven eight nine ten. | 1.5 hangs up",
        expect![[r#"
            0.00  think 1: greeting
            0.20  play 1
            1.50  stop 1
            1.50  1 interrupted after: One two three four five
            1.50  end: UserEnded
        "#]],
    );
}
