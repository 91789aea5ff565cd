//! Finds the tones of a telephone keypad in sound, as a telephone exchange does.

use std::{f32::consts::TAU, path::Path};

const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];

/// The keys that sound in a mono WAV of 16 bits, in order.
pub(crate) fn keys_in(wav: &Path) -> String {
    let bytes = std::fs::read(wav).unwrap();
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut at = 12;
    while &bytes[at..at + 4] != b"data" {
        at += 8 + number(at + 4) as usize;
    }
    let (channels, rate) = (u16::from_le_bytes([bytes[22], bytes[23]]), number(24));
    assert_eq!(channels, 1);
    let samples: Vec<f32> = bytes[at + 8..]
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    let window = rate as usize / 25;
    let mut found = String::new();
    let (mut before, mut lasted) = (None, 0);
    for start in (0..samples.len().saturating_sub(window)).step_by(window / 2) {
        let now = key(&samples[start..start + window], rate as f32);
        lasted = if now == before { lasted + 1 } else { 1 };
        // 40 ms and more are a key; less is chance.
        if lasted == 2 {
            found.extend(now);
        }
        before = now;
    }
    found
}

/// The key whose two tones are nearly all that sounds.
fn key(window: &[f32], rate: f32) -> Option<char> {
    let energy: f32 = window.iter().map(|sample| sample * sample).sum();
    if energy / (window.len() as f32) < 200.0 * 200.0 {
        return None;
    }
    let strongest = |tones: [f32; 4]| {
        let powers = tones.map(|hertz| power(window, hertz, rate));
        let best = (0..4).max_by(|a, b| powers[*a].total_cmp(&powers[*b]))?;
        Some((best, powers[best]))
    };
    let (row, low) = strongest(ROWS)?;
    let (column, high) = strongest(COLUMNS)?;
    let share = |power: f32| 2.0 * power / (window.len() as f32 * energy);
    (share(low) > 0.3 && share(high) > 0.3).then(|| KEYS[row].chars().nth(column))?
}

/// How much of a frequency is in a sound (Goertzel).
fn power(samples: &[f32], hertz: f32, rate: f32) -> f32 {
    let turn = 2.0 * (TAU * hertz / rate).cos();
    let (last, before) = samples.iter().fold((0.0, 0.0), |(last, before), sample| {
        (sample + turn * last - before, last)
    });
    last * last + before * before - turn * last * before
}
