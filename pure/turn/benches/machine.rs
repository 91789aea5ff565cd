//! What one input costs the machine.

use std::{hint::black_box, time::Duration};

use audio::Moment;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use turn::{AlignedText, Conversation, EventId, Input, ReplyId, Settings, UtteranceId};

const FRAME: Duration = Duration::from_millis(20);

fn voice(probability: f32) -> Input {
    Input::Voice {
        probability,
        frame: FRAME,
    }
}

fn tell(conversation: &mut Conversation, millis: u64, input: Input) {
    black_box(
        conversation
            .handle(Moment::from_millis(millis), input)
            .count(),
    );
    black_box(conversation.deadline());
}

fn listening() -> Conversation {
    let mut conversation = Conversation::new(Settings::default());
    tell(&mut conversation, 0, Input::Start);
    conversation
}

/// The user has been speaking for 200 ms.
fn user_speaking() -> Conversation {
    let mut conversation = listening();
    for frame in 1..=10 {
        tell(&mut conversation, frame * 20, voice(0.9));
    }
    conversation
}

fn chunk() -> Input {
    let word = |index: u64| AlignedText {
        text: "word ".to_owned(),
        start: Duration::from_millis(100 * index),
        duration: Duration::from_millis(100),
    };
    Input::Chunk {
        reply: ReplyId(1),
        duration: Duration::from_millis(400),
        alignment: (0..4).map(word).collect(),
    }
}

/// A reply of ten seconds is being heard.
fn agent_speaking() -> Conversation {
    let mut conversation = Conversation::new(Settings {
        greets: true,
        edge_reports: true,
        edge_can_pause: true,
        ..Settings::default()
    });
    tell(&mut conversation, 0, Input::Start);
    let text = Input::ReplyText {
        reply: ReplyId(1),
        text: "word ".repeat(100),
    };
    tell(&mut conversation, 0, text);
    for _ in 0..25 {
        tell(&mut conversation, 10, chunk());
    }
    conversation
}

fn inputs(criterion: &mut Criterion) {
    let mut case = |name: &str, conversation: Conversation, millis: u64, input: Input| {
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || (conversation.clone(), Some(input.clone())),
                |(conversation, input)| {
                    if let Some(input) = input.take() {
                        tell(conversation, millis, input);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    };
    case("voice frame, silence", listening(), 20, voice(0.1));
    case("voice frame, user speaks", user_speaking(), 220, voice(0.9));
    case(
        "voice frame, agent speaks",
        agent_speaking(),
        1_000,
        voice(0.1),
    );
    case(
        "partial, user speaks",
        user_speaking(),
        220,
        Input::Partial {
            utterance: UtteranceId(1),
            text: "could you tell me what time you open on".to_owned(),
        },
    );
    let mut overlap = agent_speaking();
    for frame in 0..4 {
        tell(&mut overlap, 1_000 + frame * 20, voice(0.9));
    }
    case(
        "partial, agent speaks",
        overlap,
        1_080,
        Input::Partial {
            utterance: UtteranceId(1),
            text: "mm-hm".to_owned(),
        },
    );
    case(
        "reply text",
        agent_speaking(),
        1_000,
        Input::ReplyText {
            reply: ReplyId(1),
            text: "another word. ".to_owned(),
        },
    );
    case("chunk", agent_speaking(), 1_000, chunk());
    case(
        "played",
        agent_speaking(),
        1_000,
        Input::Played {
            event: EventId(3),
            position: Duration::from_millis(150),
        },
    );
}

criterion_group!(benches, inputs);
criterion_main!(benches);
