//! What the offline set costs: `cargo bench -p duologue-embedded --bench speech`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use embedded::{Engine, Paths, recogniser::Settings};
use providers::{ProviderError, asr, tts};
use tokio::runtime::Runtime;

const TEXT: &str = "The meeting has been moved to three thirty tomorrow afternoon.";

/// Says the text; only as far as the first chunk, or all of it.
async fn say(engine: &Engine, all: bool) -> Result<Vec<i16>, ProviderError> {
    let mut session = engine.tts().start(tts::Options::default());
    let _ = session.input.send(tts::Input::Text(TEXT.to_owned())).await;
    let _ = session.input.send(tts::Input::End).await;
    let mut samples = Vec::new();
    while let Some(event) = session.events.recv().await {
        if let tts::Event::Chunk(chunk) = event? {
            samples.extend(chunk.samples);
            if !all {
                break;
            }
        }
    }
    Ok(samples)
}

async fn hear(engine: &Engine, samples: &[i16]) -> Result<String, ProviderError> {
    let mut session = engine.asr().start(asr::Options::default());
    let begin = asr::Input::Begin {
        utterance: 1,
        expected: asr::Expected::default(),
    };
    let _ = session.input.send(begin).await;
    for piece in samples.chunks(320) {
        let _ = session.input.send(asr::Input::Audio(piece.to_vec())).await;
    }
    let _ = session.input.send(asr::Input::End).await;
    while let Some(event) = session.events.recv().await {
        if let asr::Event::Final { text, .. } = event? {
            return Ok(text);
        }
    }
    Ok(String::new())
}

fn speech(criterion: &mut Criterion) {
    let Ok(runtime) = Runtime::new() else {
        return;
    };
    let engine = Engine::new(Paths::default(), &Settings::default());
    let samples = match runtime.block_on(say(&engine, true)) {
        Ok(samples) => samples,
        Err(error) => {
            println!("nothing can be measured: {error}");
            return;
        }
    };
    println!(
        "the sentence lasts {:.2} s",
        samples.len() as f64 / 16_000.0
    );

    let mut detector = engine.vad().detector();
    let frame = samples.get(16_000..16_256).unwrap_or_default().to_vec();
    criterion.bench_function("vad/16 ms frame", |bench| {
        bench.iter(|| detector.probability(&frame));
    });

    let mut group = criterion.benchmark_group("voice");
    group.throughput(Throughput::Elements(samples.len() as u64));
    group.bench_function("first chunk", |bench| {
        bench.to_async(&runtime).iter(|| say(&engine, false));
    });
    group.bench_function("whole sentence", |bench| {
        bench.to_async(&runtime).iter(|| say(&engine, true));
    });
    group.finish();

    let mut group = criterion.benchmark_group("recogniser");
    group.sample_size(10);
    group.throughput(Throughput::Elements(samples.len() as u64));
    group.bench_function("whole sentence", |bench| {
        bench.to_async(&runtime).iter(|| hear(&engine, &samples));
    });
    group.finish();
}

criterion_group!(benches, speech);
criterion_main!(benches);
