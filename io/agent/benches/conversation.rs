//! What a second of conversation costs, with providers that take no time of their own.
#![allow(missing_docs, dead_code)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Setup, config, say};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use tokio::runtime::Builder;

fn seconds(c: &mut Criterion) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return;
    };
    c.bench_function("a second of listening", |b| {
        let mut caller = runtime.block_on(async {
            let mut setup = Setup::new(&[], |_| say("Yes."));
            setup.config = config(
                json!({"conversation_config": {"agent": {"first_message": ""},
                "conversation": {"max_duration_seconds": 86_400}}}),
            );
            setup.start().await
        });
        b.iter(|| runtime.block_on(caller.silent(1_000)));
    });
    c.bench_function("a second of speaking", |b| {
        let mut caller = runtime.block_on(async {
            let mut setup = Setup::new(&[], |_| say("Yes."));
            setup.config = config(json!({"conversation_config": {
                "agent": {"first_message": "A very long greeting indeed. ".repeat(2_000)},
                "conversation": {"max_duration_seconds": 86_400}}}));
            setup.start().await
        });
        b.iter(|| {
            runtime.block_on(caller.silent(1_000));
            caller.events.clear();
        });
    });
}

criterion_group!(benches, seconds);
criterion_main!(benches);
