//! What short sounds do to an agent that speaks through an edge that can pause.

use std::time::Duration;

use audio::Moment;
use turn::{AlignedText, Conversation, Input, Output, ReplyId, Settings, UtteranceId};

const FRAME: Duration = Duration::from_millis(16);

/// A conversation whose agent has been speaking for two seconds, and the time.
struct Call {
    conversation: Conversation,
    now: Moment,
}

impl Call {
    fn new() -> Self {
        let mut call = Self {
            conversation: Conversation::new(Settings {
                greets: true,
                edge_can_pause: true,
                ..Settings::default()
            }),
            now: Moment::ZERO,
        };
        let reply = ReplyId(1);
        let text = "Your order left this morning".to_owned();
        call.tell(Input::Start);
        call.tell(Input::ReplyText {
            reply,
            text: text.clone(),
        });
        call.tell(Input::ReplyComplete { reply });
        call.tell(Input::Chunk {
            reply,
            duration: Duration::from_secs(20),
            alignment: vec![AlignedText {
                text,
                start: Duration::ZERO,
                duration: Duration::from_secs(20),
            }],
        });
        call.tell(Input::SpeechComplete { reply });
        call.frames(125, 0.0);
        call
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        self.conversation.handle(self.now, input).collect()
    }

    /// So many frames of the detector.
    fn frames(&mut self, count: usize, probability: f32) -> Vec<Output> {
        let mut outputs = Vec::new();
        for _ in 0..count {
            self.now += FRAME;
            outputs.extend(self.tell(Input::Voice {
                probability,
                frame: FRAME,
            }));
            outputs.extend(self.tell(Input::Tick));
        }
        outputs
    }
}

fn pauses(outputs: &[Output]) -> usize {
    let paused = |output: &&Output| matches!(output, Output::Duck { .. });
    outputs.iter().filter(paused).count()
}

fn resumes(outputs: &[Output]) -> usize {
    let resumed = |output: &&Output| matches!(output, Output::Resume { .. });
    outputs.iter().filter(resumed).count()
}

#[test]
fn the_first_voiced_frame_pauses_and_a_click_is_over_soon() {
    let mut call = Call::new();
    assert_eq!(pauses(&call.frames(1, 0.9)), 1);
    assert_eq!(resumes(&call.frames(3, 0.0)), 0);
    let after = call.frames(1, 0.0);
    assert_eq!(resumes(&after), 1, "{after:?}");
}

#[test]
fn a_noise_that_clicks_on_pauses_less_and_less_often() {
    let mut call = Call::new();
    let mut each_second = Vec::new();
    for _ in 0..15 {
        let mut outputs = Vec::new();
        for _ in 0..6 {
            outputs.extend(call.frames(1, 0.9));
            outputs.extend(call.frames(9, 0.0));
        }
        assert_eq!(pauses(&outputs), resumes(&outputs));
        each_second.push(pauses(&outputs));
    }
    let (first, last) = each_second.split_at(5);
    assert!(first.iter().sum::<usize>() >= 3, "{each_second:?}");
    assert!(last.iter().sum::<usize>() <= 3, "{each_second:?}");
    // Speech is silenced for all the same, after a whole onset.
    assert_eq!(pauses(&call.frames(4, 0.9)), 1);
}

/// What becomes of a text for which there was so much voice.
fn heard(frames: usize, text: &str) -> Vec<Output> {
    let mut call = Call::new();
    call.frames(frames, 0.9);
    let mut outputs = call.frames(14, 0.0);
    outputs.extend(call.tell(Input::Final {
        utterance: UtteranceId(1),
        text: text.to_owned(),
    }));
    outputs
}

#[test]
fn words_without_enough_voice_stop_nothing_and_words_with_it_do() {
    let stopped = |outputs: &[Output]| outputs.iter().any(|o| matches!(o, Output::Stop { .. }));
    for (frames, text) in [(4, "one"), (9, "one stop"), (10, "one are the")] {
        let outputs = heard(frames, text);
        assert!(!stopped(&outputs), "{text}: {outputs:?}");
        assert_eq!(resumes(&outputs), 1, "{text}: {outputs:?}");
    }
    for (frames, text) in [(7, "stop"), (13, "one moment"), (10, "no not that one")] {
        let outputs = heard(frames, text);
        assert!(stopped(&outputs), "{text}: {outputs:?}");
    }
}

/// Whether a final text counts that comes seven seconds after its end, with so many partial texts before it.
fn late(partials: usize) -> bool {
    let mut call = Call::new();
    let utterance = UtteranceId(1);
    call.frames(30, 0.9);
    call.frames(125, 0.0);
    for _ in 0..partials {
        call.frames(125, 0.0);
        let text = "no that".to_owned();
        call.tell(Input::Partial { utterance, text });
    }
    call.frames(312 - partials * 125, 0.0);
    let text = "no that is wrong".to_owned();
    let outputs = call.tell(Input::Final { utterance, text });
    outputs.iter().any(|o| matches!(o, Output::Stop { .. }))
}

#[test]
fn a_recogniser_that_still_tells_partial_texts_is_waited_for_longer() {
    assert!(!late(0));
    assert!(late(2));
}
