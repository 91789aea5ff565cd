//! Sounds that are not speech, and what happens to sound on its way.

use crate::{rng::Chance, voice::RATE};

fn seconds(s: f32) -> usize {
    (s * RATE as f32) as usize
}

/// The loudness of all of it, as the root of the mean square.
pub fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// A factor from decibels.
pub fn gain(decibels: f32) -> f32 {
    10f32.powf(decibels / 20.0)
}

/// The samples at `db` below full scale.
pub fn levelled(mut samples: Vec<f32>, db: f32) -> Vec<f32> {
    let loud: Vec<f32> = samples
        .iter()
        .copied()
        .filter(|s| s.abs() > 0.005)
        .collect();
    let factor = gain(db) / rms(&loud).max(1e-6);
    for sample in &mut samples {
        *sample *= factor;
    }
    samples
}

/// Adds `other` to `samples` from `at` on; what lies beyond the end is left out.
pub fn mix(samples: &mut [f32], at: usize, other: &[f32]) {
    if let Some(samples) = samples.get_mut(at..) {
        for (a, b) in samples.iter_mut().zip(other) {
            *a += b;
        }
    }
}

/// As 16-bit samples.
pub fn to_i16(samples: &[f32]) -> Vec<i16> {
    samples
        .iter()
        .map(|s| (s * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// The sound `factor` times as long, and lower by as much: a tape that runs slower.
pub fn stretched(samples: &[f32], factor: f64) -> Vec<f32> {
    if (factor - 1.0).abs() < 1e-9 {
        return samples.to_vec();
    }
    let length = (samples.len() as f64 * factor) as usize;
    (0..length)
        .map(|i| at(samples, i as f64 / factor))
        .collect()
}

/// The value between samples, by a cubic through the four around it.
pub fn at(samples: &[f32], position: f64) -> f32 {
    let index = position.floor();
    let t = (position - index) as f32;
    let index = index as isize;
    let get = |i: isize| {
        usize::try_from(index + i)
            .ok()
            .and_then(|i| samples.get(i))
            .copied()
            .unwrap_or(0.0)
    };
    let (before, here, next, after) = (get(-1), get(0), get(1), get(2));
    let (slope, later) = ((next - before) * 0.5, (after - here) * 0.5);
    let (t2, t3) = (t * t, t * t * t);
    (2.0 * t3 - 3.0 * t2 + 1.0) * here
        + (t3 - 2.0 * t2 + t) * slope
        + (3.0 * t2 - 2.0 * t3) * next
        + (t3 - t2) * later
}

/// The same sound, drawn out without becoming lower: overlapping pieces, taken more slowly than they are laid down.
pub fn drawn_out(samples: &[f32], factor: f32) -> Vec<f32> {
    const PIECE: usize = 480;
    const HOP: usize = PIECE / 2;
    const SEARCH: usize = 160;
    let length = (samples.len() as f32 * factor) as usize;
    let mut out = vec![0.0f32; length + PIECE];
    let mut laid = 0;
    while laid < length {
        let wanted = (laid as f32 / factor) as usize;
        let from = (wanted.saturating_sub(SEARCH)..=wanted + SEARCH)
            .step_by(4)
            .filter(|from| from + PIECE <= samples.len())
            .max_by(|a, b| {
                let fit = |from: usize| -> f32 {
                    out[laid..laid + HOP]
                        .iter()
                        .zip(&samples[from..])
                        .map(|(x, y)| x * y)
                        .sum()
                };
                fit(*a).total_cmp(&fit(*b))
            });
        let Some(from) = from else { break };
        for i in 0..PIECE {
            let window = 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / PIECE as f32).cos();
            out[laid + i] += window * samples[from + i];
        }
        laid += HOP;
    }
    out.truncate(laid);
    out
}

/// Noise with as much in each octave, rms 1.
pub fn pink(chance: &mut Chance, length: usize) -> Vec<f32> {
    let (mut a, mut b, mut c) = (0.0f32, 0.0f32, 0.0f32);
    let mut samples: Vec<f32> = (0..length)
        .map(|_| {
            let white = chance.sample();
            a = 0.997 * a + 0.029_591 * white;
            b = 0.985 * b + 0.032_534 * white;
            c = 0.950 * c + 0.048_056 * white;
            a + b + c + 0.05 * white
        })
        .collect();
    let loud = rms(&samples).max(1e-6);
    for sample in &mut samples {
        *sample /= loud;
    }
    samples
}

fn white(chance: &mut Chance, length: usize) -> Vec<f32> {
    (0..length).map(|_| chance.sample()).collect()
}

/// One burst of breath with a hard beginning, some of it voiced.
pub fn cough(chance: &mut Chance) -> Vec<f32> {
    let length = seconds(chance.between(0.18, 0.38));
    let pitch = chance.between(180.0, 320.0);
    let mut low = 0.0f32;
    (0..length)
        .map(|i| {
            let t = i as f32 / RATE as f32;
            let shape = (t / 0.012).min(1.0) * (-t * 9.0).exp();
            low += 0.35 * (chance.sample() - low);
            let tone = if t > 0.05 {
                (std::f32::consts::TAU * pitch * t).sin() * 0.15
            } else {
                0.0
            };
            shape * (low * 1.5 + tone)
        })
        .collect()
}

/// Bursts of voiced breath, four or five in a second, falling.
pub fn laughter(chance: &mut Chance) -> Vec<f32> {
    let bursts = 3 + chance.bits() % 4;
    let mut pitch = chance.between(200.0, 350.0);
    let mut out = Vec::new();
    for _ in 0..bursts {
        let length = seconds(chance.between(0.08, 0.13));
        for i in 0..length {
            let t = i as f32 / RATE as f32;
            let shape = (std::f32::consts::PI * i as f32 / length as f32).sin();
            let tone: f32 = (1..6)
                .map(|k| (std::f32::consts::TAU * pitch * k as f32 * t).sin() / k as f32)
                .sum();
            out.push(shape * (0.25 * tone + 0.5 * chance.sample()));
        }
        out.resize(out.len() + seconds(chance.between(0.07, 0.12)), 0.0);
        pitch *= 0.93;
    }
    out
}

/// A slow tune of plucked chords.
pub fn music(chance: &mut Chance, length: usize) -> Vec<f32> {
    const STEPS: [f32; 7] = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0];
    let mut out = vec![0.0; length];
    let mut start = 0;
    while start < length {
        for _ in 0..3 {
            let step = chance.pick(&STEPS).copied().unwrap_or(0.0);
            let pitch = 196.0 * 2f32.powf(step / 12.0 + (chance.bits() % 2) as f32);
            let note: Vec<f32> = (0..seconds(0.6))
                .map(|i| {
                    let t = i as f32 / RATE as f32;
                    let tone: f32 = (1..5)
                        .map(|k| {
                            (std::f32::consts::TAU * pitch * k as f32 * t).sin() / (k * k) as f32
                        })
                        .sum();
                    tone * (-t * 4.0).exp() * (t / 0.005).min(1.0)
                })
                .collect();
            mix(&mut out, start, &note);
        }
        start += seconds(chance.between(0.2, 0.4));
    }
    out
}

/// Clicks of a keyboard.
pub fn keys(chance: &mut Chance) -> Vec<f32> {
    let mut out = vec![0.0; seconds(1.5)];
    let mut at = 0;
    while at < out.len() {
        let click: Vec<f32> = white(chance, seconds(0.012))
            .iter()
            .enumerate()
            .map(|(i, s)| s * (-(i as f32) / 40.0).exp())
            .collect();
        mix(&mut out, at, &click);
        at += seconds(chance.between(0.08, 0.3));
    }
    out
}

/// A door: one dull blow and its rattle.
pub fn door(chance: &mut Chance) -> Vec<f32> {
    let mut low = 0.0f32;
    (0..seconds(0.5))
        .map(|i| {
            let t = i as f32 / RATE as f32;
            low += 0.06 * (chance.sample() - low);
            low * 4.0 * (-t * 14.0).exp() + 0.1 * chance.sample() * (-t * 30.0).exp()
        })
        .collect()
}

/// A breath of wide noise.
pub fn hiss(chance: &mut Chance) -> Vec<f32> {
    let length = seconds(0.8);
    white(chance, length)
        .iter()
        .enumerate()
        .map(|(i, s)| s * (std::f32::consts::PI * i as f32 / length as f32).sin())
        .collect()
}

/// A room: the sound itself and sparse reflections that die away.
#[derive(Clone, Debug)]
pub struct Room {
    taps: Vec<(usize, f32)>,
}

impl Room {
    /// A room whose sound falls by 60 dB in `decay` seconds; `tail` is the level of all reflections against the direct sound.
    pub fn new(chance: &mut Chance, decay: f32, tail_db: f32) -> Self {
        let mut taps = Vec::new();
        let mut at = seconds(0.004);
        while at < seconds(decay.min(0.35)) {
            let t = at as f32 / RATE as f32;
            let sign = if chance.happens(0.5) { 1.0 } else { -1.0 };
            taps.push((at, sign * 10f32.powf(-3.0 * t / decay)));
            at += 8 + (chance.bits() % 96) as usize;
        }
        let loud = taps
            .iter()
            .map(|(_, g)| g * g)
            .sum::<f32>()
            .sqrt()
            .max(1e-6);
        for tap in &mut taps {
            tap.1 *= gain(tail_db) / loud;
        }
        taps.insert(0, (0, 1.0));
        Self { taps }
    }

    /// What a microphone in the room hears.
    pub fn hear(&self, samples: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; samples.len() + seconds(0.35)];
        for (delay, gain) in &self.taps {
            for (o, s) in out[*delay..].iter_mut().zip(samples) {
                *o += gain * s;
            }
        }
        out
    }
}
