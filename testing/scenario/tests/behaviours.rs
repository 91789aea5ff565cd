//! What the machine does, one behaviour a test. Times are seconds of virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests may fail a test; an expectation is written where it is checked"
)]

use expect_test::{Expect, expect};
use scenario::{Script, brief, broken_rule, run};

#[track_caller]
fn check(script: &str, expected: Expect) {
    let outcome = run(Script::read(script).unwrap());
    assert_eq!(broken_rule(&outcome), None);
    expected.assert_eq(&brief(&outcome.log));
}

// Turns

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
            3.65  user: my name is Mia
            3.65  adopt 1
            3.88  play 1
            4.52  1 finished
            4.52  listen
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

// Speculation

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

// Barge-in

#[test]
fn words_stop_the_agent_and_are_answered() {
    check(
        "0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. | 1.2 user: stop I mean the other order | agent: I see.",
        expect![[r#"
            0.00  think 1: greeting
            0.22  play 1
            1.66  stop 1
            1.66  1 interrupted after: Your order left this
            3.20  think 2: in case
            3.62  user: stop I mean the other order
            3.62  adopt 2
            3.81  play 2
            4.28  2 finished
            4.28  listen
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
            1.26  duck 1
            1.66  stop 1
            1.66  1 interrupted after: Your order left
            3.20  think 2: in case
            3.62  user: stop I mean the other order
            3.62  adopt 2
            3.81  play 2
            4.28  2 finished
            4.28  listen
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
            1.26  duck 1
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
            1.26  duck 1
            1.90  ignore: no words
            1.90  resume 1
            4.27  1 finished
            4.27  listen
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
            3.54  think 2: in case
            3.63  user: yeah but no I want to cancel it
            3.63  adopt 2
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
        "greeting: uninterruptible | 0.0 agent: This conversation is recorded for training. | 0.8 user: I want to book | agent: With pleasure.",
        expect![[r#"
            0.00  think 1: greeting
            0.29  play 1
            2.72  1 finished
            2.72  think 2: in case
            2.95  user: I want to book
            2.95  adopt 2
            3.22  play 2
            4.05  2 finished
            4.05  listen
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

// Tools

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

// Silence

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

// The end

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
            5.71  user: wait one more question
            5.71  adopt 2
            5.87  play 2
            6.17  2 finished
            6.17  listen
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

// Trouble

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
fn an_llm_that_hangs_fails_and_the_floor_is_open() {
    check(
        "reply timeout: 3 | user: hello there | agent: {hangs}",
        expect![[r#"
            0.00  listen
            1.58  think 1: in case
            2.64  user: hello there
            2.64  adopt 1
            5.64  cancel 1
            5.64  1 failed
            5.64  listen
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
            2.64  user: hello there
            2.64  think 2: answer
            3.09  play 2
            3.64  cancel 2
            3.64  2 failed after: Hello to
            3.64  listen
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
            2.64  user: hello there
            2.64  adopt 1
            5.64  cancel 1
            5.64  1 failed
            5.64  listen
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
            2.64  user: hello there
            2.64  adopt 1
            2.85  play 1
            5.70  1 finished
            5.70  listen
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
            2.64  user: hello there
            2.64  adopt 1
            2.64  1 finished
            2.64  listen
        "#]],
    );
}

// Text

#[test]
fn text_only_speaks_no_word() {
    check(
        "mode: text | types: hello | agent: Hello. | types: and now | agent: Now what?",
        expect![[r#"
            0.00  listen
            0.60  user: hello
            0.60  think 1: answer
            0.82  1 finished
            0.82  listen
            1.42  user: and now
            1.42  think 2: answer
            1.66  2 finished
            1.66  listen
        "#]],
    );
}

// Latency, on the virtual clock.

/// From the end of the user's speech to the first sound of the answer, in milliseconds.
fn response(settings: &str) -> u128 {
    let script = format!("{settings} | user: tell me the time | agent: It is ten past nine.");
    let outcome = run(Script::read(&script).unwrap());
    outcome.figures.responses[0].as_millis()
}

#[test]
fn speculation_hides_the_llm_and_the_recogniser_behind_the_silence() {
    let with = response("llm delay: 0.05");
    let without = response("llm delay: 0.05 | speculative: off");
    // Words alone leave it open whether they are all: most of this is the wait for the end of the turn.
    assert!(with <= 1_400 && with + 100 <= without, "{with} {without}");
}

#[test]
fn eagerness_shortens_the_response() {
    let [eager, normal, patient] = ["eager", "normal", "patient"]
        .map(|e| response(&format!("speculative: off | eagerness: {e}")));
    assert!(
        eager < normal && normal < patient,
        "{eager} {normal} {patient}"
    );
}

#[test]
fn a_barge_in_silences_a_pausing_edge_within_a_tenth_of_a_second_and_others_within_half() {
    for (edge, bound) in [("edge: pauses, reports", 100), ("edge: reports", 500)] {
        let script = format!(
            "{edge} | 0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. \
             | 1.2 user: stop I mean the other order | agent: I see."
        );
        let outcome = run(Script::read(&script).unwrap());
        let stop = outcome.figures.stops[0].as_millis();
        assert!(stop <= bound, "{edge}: {stop} ms");
    }
}
