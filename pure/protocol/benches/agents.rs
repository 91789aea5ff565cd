//! What a message of the Agents wire costs: audio chunks the short and the general way, and other messages.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::agents::{AudioEvent, ClientEvent, EventId, ServerEvent, client};

/// 256 ms of 16-bit sound at 16 kHz.
const CHUNK: usize = 8192;

fn sound() -> Vec<u8> {
    let mut state = 1u32;
    (0..CHUNK)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn chunk() -> ServerEvent {
    ServerEvent::from(AudioEvent {
        audio_base_64: sound().into(),
        event_id: EventId(4_711),
        alignment: None,
        is_final: None,
    })
}

fn audio_chunks(c: &mut Criterion) {
    let event = chunk();
    let text = event.to_json();
    let mut group = c.benchmark_group("audio chunk of 8192 bytes");
    group.throughput(Throughput::Bytes(CHUNK as u64));
    group.bench_function("read, short", |b| {
        b.iter(|| ServerEvent::from_json(black_box(&text)));
    });
    group.bench_function("read, general", |b| {
        b.iter(|| ServerEvent::from_json_general(black_box(&text)));
    });
    let mut out = String::with_capacity(text.len());
    group.bench_function("write, short, reused buffer", |b| {
        b.iter(|| {
            out.clear();
            black_box(&event).write_json(&mut out);
            out.len()
        });
    });
    group.bench_function("write, general", |b| {
        b.iter(|| serde_json::to_string(black_box(&event)));
    });
    group.bench_function("read and write, short", |b| {
        b.iter(|| {
            let event = ServerEvent::from_json(black_box(&text));
            out.clear();
            if let Ok(event) = &event {
                event.write_json(&mut out);
            }
            out.len()
        });
    });
    group.bench_function("read and write, general", |b| {
        b.iter(|| {
            let event = ServerEvent::from_json_general(black_box(&text));
            event.map(|event| serde_json::to_string(&event))
        });
    });
    let event = ClientEvent::audio(sound());
    let text = event.to_json();
    group.bench_function("read the user's, short", |b| {
        b.iter(|| ClientEvent::from_json(black_box(&text)));
    });
    group.finish();
}

fn others(c: &mut Criterion) {
    let mut group = c.benchmark_group("other messages, read and write");
    let server = [
        (
            "ping",
            r#"{"type":"ping","ping_event":{"event_id":3,"ping_ms":null}}"#,
        ),
        (
            "agent_response",
            r#"{"type":"agent_response","agent_response_event":{"agent_response":"The stair is open, mind the third step.","event_id":1}}"#,
        ),
        (
            "client_tool_call",
            r#"{"type":"client_tool_call","client_tool_call":{"tool_name":"light_lamp","tool_call_id":"call_a","parameters":{"which":"north"},"event_id":8}}"#,
        ),
    ];
    for (name, text) in server {
        group.bench_function(name, |b| {
            b.iter(|| ServerEvent::from_json(black_box(text)).map(|event| event.to_json()));
        });
    }
    let text = r#"{"type":"conversation_initiation_client_data","custom_llm_extra_body":{},"conversation_config_override":{"agent":{"language":"fr"}},"dynamic_variables":{"name":"Ines"},"source_info":{"source":"python_sdk","version":"1"}}"#;
    group.bench_function("conversation_initiation_client_data", |b| {
        b.iter(|| ClientEvent::from_json(black_box(text)).map(|event| event.to_json()));
    });
    group.finish();
}

fn machine(c: &mut Criterion) {
    let mut machine = client::Client::new(client::Settings::default());
    let now = audio::Moment::ZERO;
    machine.handle(now, client::Input::Opened);
    let metadata = r#"{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{"conversation_id":"conv_1","agent_output_audio_format":"pcm_16000"}}"#;
    if let Ok(event) = ServerEvent::from_json(metadata) {
        machine.handle(now, client::Input::Server(event));
    }
    let event = chunk();
    c.bench_function("client machine, an audio event", |b| {
        b.iter(|| {
            machine
                .handle(now, client::Input::Server(event.clone()))
                .count()
        });
    });
}

criterion_group!(benches, audio_chunks, others, machine);
criterion_main!(benches);
