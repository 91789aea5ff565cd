//! Conversations without sound.

use expect_test::expect;

use crate::check;

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
