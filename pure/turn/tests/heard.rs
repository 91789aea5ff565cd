//! What the caller heard of a reply that was stopped.

use std::time::Duration;

use audio::Moment;
use turn::{AlignedText, Conversation, EventId, Input, Output, ReplyId, Settings};

#[test]
fn a_chunk_that_lies_within_a_word_has_no_text_of_its_own() {
    let mut conversation = Conversation::new(Settings {
        greets: true,
        edge_reports: true,
        ..Settings::default()
    });
    let reply = ReplyId(1);
    let word = |text: &str, start| AlignedText {
        text: text.to_owned(),
        start: Duration::from_millis(start),
        duration: Duration::from_millis(200),
    };
    let chunk = |alignment| Input::Chunk {
        reply,
        duration: Duration::from_millis(100),
        alignment,
    };
    let text = "Tomorrow evening perhaps".to_owned();
    for input in [
        Input::Start,
        Input::ReplyText { reply, text },
        Input::ReplyComplete { reply },
        chunk(vec![word("Tomorrow ", 0)]),
        chunk(vec![]),
        chunk(vec![word("evening ", 0)]),
        chunk(vec![]),
        chunk(vec![word("perhaps", 0)]),
        chunk(vec![]),
        Input::SpeechComplete { reply },
        Input::Played {
            event: EventId(4),
            position: Duration::from_millis(90),
        },
    ] {
        conversation.handle(Moment::ZERO, input);
    }
    let stop = Input::UserText {
        text: "wait".to_owned(),
    };
    let heard = conversation
        .handle(Moment::from_millis(390), stop)
        .find_map(|o| match o {
            Output::Correct { heard, .. } => Some(heard),
            _ => None,
        });
    assert_eq!(heard.as_deref(), Some("Tomorrow evening"));
}
