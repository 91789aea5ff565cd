//! The user speaks while the agent does, or is about to.

use expect_test::expect;

use crate::check;

#[test]
fn words_stop_the_agent_and_are_answered() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. | 1.2 user: stop I mean the other order | agent: I see.",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.66  stop 1
            1.66  1 interrupted after: Your order left this
            3.20  user: stop I mean the other order
            3.20  think 2: answer
            3.63  play 2
            4.09  2 finished
            4.09  listen
        "#]],
    );
}

#[test]
fn where_the_edge_can_pause_it_falls_silent_at_once() {
    check(
        "edge: pauses | 0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. | 1.2 user: stop I mean the other order | agent: I see.",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.22  duck 1
            1.66  stop 1
            1.66  1 interrupted after: Your order left
            3.20  user: stop I mean the other order
            3.20  think 2: answer
            3.63  play 2
            4.09  2 finished
            4.09  listen
        "#]],
    );
}

#[test]
fn a_backchannel_leaves_the_agent_speaking() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday. | 1.2 user: mm-hm",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.84  ignore: backchannel
            3.63  1 finished
            3.63  listen
        "#]],
    );
}

#[test]
fn a_backchannel_ducks_and_resumes_where_the_edge_can_pause() {
    check(
        "edge: pauses, reports | 0.0 agent: Your order left this morning and should arrive on Tuesday. | 1.2 user: mm-hm",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.22  duck 1
            1.84  ignore: backchannel
            1.84  resume 1
            4.32  1 finished
            4.32  listen
        "#]],
    );
}

#[test]
fn a_cough_stops_nothing() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday. | 1.2 noise 0.4",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.90  ignore: no words
            3.63  1 finished
            3.63  listen
        "#]],
    );
}

#[test]
fn a_cough_ducks_and_resumes_where_the_edge_can_pause() {
    check(
        "edge: pauses | 0.0 agent: Your order left this morning and should arrive on Tuesday. | 1.2 noise 0.4",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.22  duck 1
            1.90  ignore: no words
            1.90  resume 1
            4.31  1 finished
            4.31  listen
        "#]],
    );
}

#[test]
fn an_ignored_term_stops_nothing() {
    check(
        "ignore: take your time | 0.0 agent: Let me look that up for you in this very long list of orders. | 1.2 user: take your time",
        expect![[r#"
            0.00  think 1: greeting
            0.19  play 1
            2.40  ignore: backchannel
            4.03  1 finished
            4.03  listen
        "#]],
    );
}

#[test]
fn a_backchannel_that_goes_on_is_an_interruption() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. | 1.2 user: yeah but no I want to cancel it | agent: Cancelled.",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.86  stop 1
            1.86  1 interrupted after: Your order left this morning
            3.54  user: yeah but no I want to cancel it
            3.54  think 2: answer
            3.97  play 2
            4.54  2 finished
            4.54  listen
        "#]],
    );
}

#[test]
fn the_agents_own_words_do_not_stop_it() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. | 1.8 echo 0.9",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            3.00  ignore: echo of the agent
            4.57  1 finished
            4.57  listen
        "#]],
    );
}

#[test]
fn long_noise_stops_the_agent_which_then_says_the_rest() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. | 1.2 noise 1.2",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            2.00  stop 1
            2.00  1 interrupted after: Your order left this morning
            2.70  ignore: no words
            2.70  think 2: the rest
            2.92  play 2
            5.59  2 finished
            5.59  listen
        "#]],
    );
}

#[test]
fn an_uninterruptible_greeting_is_heard_and_the_words_are_answered_after() {
    check(
        "greeting: uninterruptible | 0.0 agent: This conversation is recorded for training. | 0.8 user: I want to pay | agent: With pleasure.",
        expect![[r#"
            0.00  think 1: greeting
            0.29  play 1
            2.72  1 finished
            2.72  think 2: in case
            3.32  user: I want to pay
            3.32  adopt 2
            3.58  play 2
            4.41  2 finished
            4.41  listen
        "#]],
    );
}

#[test]
fn typed_text_stops_the_agent() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday. | 1.2 types: stop | agent: I stop.",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.20  stop 1
            1.20  1 interrupted after: Your order left
            1.20  user: stop
            1.20  think 2: answer
            1.64  play 2
            2.15  2 finished
            2.15  listen
        "#]],
    );
}

#[test]
fn typed_text_waits_for_an_uninterruptible_greeting() {
    check(
        "greeting: uninterruptible | 0.0 agent: This conversation is recorded. | 0.8 types: hello | agent: Hello.",
        expect![[r#"
            0.00  think 1: greeting
            0.29  play 1
            1.98  1 finished
            1.98  user: hello
            1.98  think 2: answer
            2.38  play 2
            2.77  2 finished
            2.77  listen
        "#]],
    );
}

#[test]
fn speech_while_the_agent_thinks_withdraws_the_answer() {
    check(
        "llm delay: 2 | 0.5 user: a table for two please | 2.6 user: no for three please | agent: For two. | agent: For three.",
        expect![[r#"
            0.00  listen
            2.20  user: a table for two please
            2.20  think 1: answer
            2.96  cancel 1
            2.96  1 unheard
            4.10  user: no for three please
            4.10  think 2: answer
            6.36  play 2
            7.01  2 finished
            7.01  listen
        "#]],
    );
}

#[test]
fn a_cough_while_the_agent_thinks_changes_nothing() {
    check(
        "llm delay: 2 | 0.5 user: a table for two please | 2.6 noise 0.4 | agent: For two.",
        expect![[r#"
            0.00  listen
            2.20  user: a table for two please
            2.20  think 1: answer
            3.30  ignore: no words
            4.45  play 1
            5.00  1 finished
            5.00  listen
        "#]],
    );
}

#[test]
fn after_an_interruption_only_new_ids_are_played() {
    check(
        "chunk: 0.2 | 0.0 agent: One two three four five six seven eight nine ten. | 1.2 user: stop right there please | agent: Yes.",
        expect![[r#"
            0.00  think 1: greeting
            0.15  play 1
            1.66  stop 1
            1.66  1 interrupted after: One two three four five
            2.88  user: stop right there please
            2.88  think 2: answer
            3.26  play 2
            3.56  2 finished
            3.56  listen
        "#]],
    );
}
