//! What sound costs: one chunk through a codec, 20 ms through the resampler, 20 ms of melody, a minute of WAV, a long
//! reply's ledger.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot set itself up should stop"
)]

use std::{hint::black_box, io::Cursor, num::NonZeroU16, time::Duration};

use audio::{
    Format, Melody, Moment, Resampler, SampleRate,
    playout::{Chunk, Ledger},
    wav,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        })
        .collect()
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec, 100 ms");
    for format in [Format::Pcm16000, Format::Ulaw8000, Format::Alaw8000] {
        let samples = noise(format.rate().samples_in(Duration::from_millis(100)));
        let bytes = format.encode(&samples);
        group.throughput(Throughput::Elements(samples.len() as u64));
        group.bench_function(format!("encode {format}"), |b| {
            b.iter(|| format.encode(black_box(&samples)));
        });
        group.bench_function(format!("decode {format}"), |b| {
            b.iter(|| format.decode(black_box(&bytes)));
        });
    }
}

fn resample(c: &mut Criterion) {
    let mut group = c.benchmark_group("resample, 20 ms");
    for (from, to) in [
        (SampleRate::HZ_48000, SampleRate::HZ_16000),
        (SampleRate::HZ_16000, SampleRate::HZ_48000),
        (SampleRate::HZ_44100, SampleRate::HZ_16000),
        (SampleRate::HZ_8000, SampleRate::HZ_16000),
    ] {
        let piece = noise(from.samples_in(Duration::from_millis(20)));
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        group.bench_function(format!("{from} to {to}"), |b| {
            b.iter(|| {
                out.clear();
                resampler.push_into(black_box(&piece), &mut out);
            });
        });
    }
}

fn melody(c: &mut Criterion) {
    // A voice's buzz, or the search for its pitch would not be worth the name.
    let piece: Vec<i16> = (0..320).map(|i| (i % 128 * 100 - 6_400) as i16).collect();
    let mut melody = Melody::new(SampleRate::HZ_16000);
    c.bench_function("melody, 20 ms of speech", |b| {
        b.iter(|| melody.push(black_box(&piece), true));
    });
}

fn wav_read(c: &mut Criterion) {
    let stereo = NonZeroU16::MIN.saturating_add(1);
    let minute = noise(48_000 * 60 * 2);
    let mut writer = wav::Writer::new(Cursor::new(Vec::new()), SampleRate::HZ_48000, stereo)
        .expect("memory takes it");
    writer.write(&minute).expect("memory takes it");
    let file = writer.finish().expect("memory takes it").into_inner();
    let mut group = c.benchmark_group("wav, a minute of 48 kHz stereo");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("read", |b| {
        b.iter(|| {
            let mut reader = wav::Reader::new(&file[..]).expect("it was just written");
            let (mut total, mut samples) = (0, Vec::new());
            while let Ok(got @ 1..) = reader.read(4_096, &mut samples) {
                total += got;
                samples.clear();
            }
            total
        });
    });
    group.bench_function("read as 16 kHz mono", |b| {
        b.iter(|| wav::read_mono(&file[..], SampleRate::HZ_16000, Duration::from_mins(10)));
    });
}

fn playout(c: &mut Criterion) {
    let mut ledger = Ledger::new(Duration::from_millis(40));
    for event in 0..600 {
        let chunk = Chunk::new(1, event, Duration::from_millis(100)).saying("a word ");
        ledger.push(Moment::ZERO, chunk);
    }
    let middle = Moment::from_millis(30_000);
    c.bench_function("ledger, a minute's reply: heard", |b| {
        b.iter(|| ledger.heard(black_box(middle), 1));
    });
    c.bench_function("ledger, a minute's reply: heard text", |b| {
        b.iter(|| ledger.heard_text(black_box(middle), 1));
    });
}

criterion_group!(benches, codec, resample, melody, wav_read, playout);
criterion_main!(benches);
