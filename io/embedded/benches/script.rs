//! What a scripted reply costs, early and late in a conversation: every reply plays the whole history again.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use embedded::agents::RECEPTIONIST;
use providers::llm::{Message, Request};

fn replies(c: &mut Criterion) {
    let Ok(brain) = RECEPTIONIST.scripted() else {
        return;
    };
    for turns in [1, 5, 10, 20] {
        let mut request = Request {
            now: "2026-11-18T08:00:00+00:00[UTC]".to_owned(),
            language: "en".to_owned(),
            ..Request::default()
        };
        for turn in 0..turns {
            let said = [
                "i would like to book an appointment please",
                "and where are you, by the way?",
                "on tuesday next week",
                "actually make that wednesday",
                "half past two",
            ];
            request
                .messages
                .push(Message::User(said[turn % said.len()].to_owned()));
            request.messages.push(Message::Agent {
                text: "Of course.".to_owned(),
                calls: Vec::new(),
            });
        }
        request.messages.pop();
        c.bench_function(&format!("scripted reply after {turns} turns"), |b| {
            b.iter(|| black_box(brain.reply(black_box(&request))));
        });
    }
}

criterion_group!(benches, replies);
criterion_main!(benches);
