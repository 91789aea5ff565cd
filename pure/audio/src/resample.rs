//! From one sample rate to another.

use std::fmt;

use crate::{
    SampleRate, convert,
    sums::{LANES, sum_of_products},
};

/// Turns a mono stream of one rate into one of another, in pieces of any length.
///
/// What comes out is aligned with what went in (the filter's delay is taken off the front), and when the
/// stream is flushed its length is the input's times the ratio of the rates, rounded to the nearest sample.
/// Equal rates pass sound through untouched. Otherwise sound comes out 32 samples of the lower rate after it went in: 2 ms
/// with 16 kHz, 4 ms with 8 kHz. Five sixths of what the lower rate can carry are kept, and what it cannot carry is 80 dB
/// down.
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// `None` when the rates are equal.
    filter: Option<Filter>,
}

/// A windowed sine for each place between two samples at which an output may lie.
struct Filter {
    /// One after the other, [`taps`](Self::taps) each; the last lies a whole sample after the first.
    rows: Vec<f32>,
    taps: usize,
    /// How many steps there are between two samples of the input.
    steps: usize,
    /// An output lies this many input samples and parts of one after the last output,
    stride: (usize, u64),
    /// of so many parts each.
    parts: u64,
    /// What is needed for the next output and what came since.
    waiting: Vec<f32>,
    /// The next output lies `part` parts after the middle of the taps that begin here.
    at: usize,
    part: u64,
    taken: u64,
    given: u64,
}

/// Half of the filter's length in samples of the lower rate.
const HALF: usize = 32;
/// The shape of Kaiser's window: what is not wanted is 80 dB down.
const KAISER: f64 = 7.86;
/// The middle of the filter's slope as a part of the lower rate; the slope, whose width follows from the two above, ends at
/// half of it.
const CUTOFF: f64 = 0.5 - 2.51 / (2 * HALF) as f64;
/// Rates whose outputs fall on more places than this are served from so many, with straight lines between them.
const MOST_STEPS: u64 = 512;

impl Resampler {
    /// Between two rates.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        Self {
            from,
            to,
            filter: (from != to).then(|| Filter::new(from, to)),
        }
    }

    /// The rate of what goes in.
    pub const fn from(&self) -> SampleRate {
        self.from
    }

    /// The rate of what comes out.
    pub const fn to(&self) -> SampleRate {
        self.to
    }

    /// Takes in a piece and returns what is ready.
    pub fn push(&mut self, piece: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        self.push_into(piece, &mut out);
        out
    }

    /// As [`push`](Self::push), appended to `out`.
    pub fn push_into(&mut self, piece: &[i16], out: &mut Vec<i16>) {
        match &mut self.filter {
            None => out.extend_from_slice(piece),
            Some(filter) => {
                filter.taken += piece.len() as u64;
                filter.feed(piece, u64::MAX, out);
            }
        }
    }

    /// The end of the stream: returns what was still inside. Afterwards a new stream may begin.
    pub fn flush(&mut self) -> Vec<i16> {
        let mut out = Vec::new();
        if let Some(filter) = &mut self.filter {
            let total = scaled(filter.taken, self.from, self.to);
            while filter.given < total {
                filter.feed(&[0; LANES], total, &mut out);
            }
            filter.reset();
        }
        out
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resampler({} to {})", self.from, self.to)
    }
}

/// A whole sound at another rate.
pub fn resample(samples: &[i16], from: SampleRate, to: SampleRate) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut out = resampler.push(samples);
    out.extend(resampler.flush());
    out
}

impl Filter {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        let common = greatest_common_divisor(from.hz(), to.hz());
        let (parts, stride) = (u64::from(to.hz() / common), u64::from(from.hz() / common));
        let steps = parts.min(MOST_STEPS) as usize;
        let lower = f64::from(from.hz().min(to.hz())) / f64::from(from.hz());
        let half = (HALF as f64 / lower).ceil();
        let taps = (2 * half as usize).next_multiple_of(LANES);
        let mut rows = Vec::with_capacity((steps + 1) * taps);
        for step in 0..=steps {
            let place = (taps / 2 - 1) as f64 + step as f64 / steps as f64;
            let row = rows.len();
            let mut sum = 0.0;
            for tap in 0..taps {
                let value = tapered_sine(tap as f64 - place, CUTOFF * lower, half);
                sum += value;
                rows.push(value as f32);
            }
            // A constant stays what it is, wherever the output lies.
            for value in &mut rows[row..] {
                *value /= sum as f32;
            }
        }
        let mut filter = Self {
            rows,
            taps,
            steps,
            stride: ((stride / parts) as usize, stride % parts),
            parts,
            waiting: Vec::new(),
            at: 0,
            part: 0,
            taken: 0,
            given: 0,
        };
        filter.reset();
        filter
    }

    fn feed(&mut self, samples: &[i16], total: u64, out: &mut Vec<i16>) {
        self.waiting
            .extend(samples.iter().map(|&sample| convert::to_f32(sample)));
        while let Some(heard) = self.waiting.get(self.at..self.at + self.taps)
            && self.given < total
        {
            let (step, between) = if self.steps as u64 == self.parts {
                (self.part as usize, 0)
            } else {
                let place = self.part * self.steps as u64;
                ((place / self.parts) as usize, place % self.parts)
            };
            let mut sample = sum_of_products(self.row(step), heard);
            if between > 0 {
                let share = between as f32 / self.parts as f32;
                sample += share * (sum_of_products(self.row(step + 1), heard) - sample);
            }
            out.push(convert::from_f32(sample));
            self.given += 1;
            self.at += self.stride.0;
            self.part += self.stride.1;
            if self.part >= self.parts {
                self.part -= self.parts;
                self.at += 1;
            }
        }
        let past = self.at.min(self.waiting.len());
        self.waiting.drain(..past);
        self.at -= past;
    }

    fn row(&self, step: usize) -> &[f32] {
        &self.rows[step * self.taps..(step + 1) * self.taps]
    }

    fn reset(&mut self) {
        self.waiting.clear();
        // The first output lies on the first sample; before it there was silence.
        self.waiting.resize(self.taps / 2 - 1, 0.0);
        (self.at, self.part) = (0, 0);
        (self.taken, self.given) = (0, 0);
    }
}

/// The sound of a single sample, `x` samples away, without what lies above `cutoff` (as a part of the rate), brought to
/// zero `half` samples away by Kaiser's window.
fn tapered_sine(x: f64, cutoff: f64, half: f64) -> f64 {
    if x.abs() >= half {
        return 0.0;
    }
    let turn = 2.0 * std::f64::consts::PI * cutoff * x;
    let sine = if turn.abs() < 1e-9 {
        1.0
    } else {
        turn.sin() / turn
    };
    sine * bessel(KAISER * (1.0 - (x / half).powi(2)).sqrt())
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= quarter / (n * n);
        sum += term;
        n += 1.0;
    }
    sum
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

fn scaled(samples: u64, from: SampleRate, to: SampleRate) -> u64 {
    let (from, to) = (u128::from(from.hz()), u128::from(to.hz()));
    ((u128::from(samples) * to * 2 + from) / (from * 2)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use proptest::prelude::*;
    use std::time::Duration;

    fn sine(hertz: f64, rate: SampleRate, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate.hz());
        (0..samples)
            .map(|n| ((n as f64 * step).sin() * 16_000.0).round() as i16)
            .collect()
    }

    /// Signal to noise in decibels, edges left out.
    fn snr(expected: &[i16], got: &[i16]) -> f64 {
        let edge = expected.len() / 8;
        let (mut signal, mut noise) = (0.0, 0.0);
        for (&e, &g) in expected.iter().zip(got).skip(edge).take(edge * 6) {
            signal += f64::from(e).powi(2);
            noise += (f64::from(e) - f64::from(g)).powi(2);
        }
        10.0 * (signal / noise.max(1e-9)).log10()
    }

    fn rates() -> impl Iterator<Item = SampleRate> {
        Format::ALL.into_iter().map(Format::rate).take(6)
    }

    #[test]
    fn a_tone_keeps_its_shape_and_its_place_between_all_wire_rates() {
        for (from, to) in rates().flat_map(|from| rates().map(move |to| (from, to))) {
            for hertz in [200.0, 1_000.0, 3_000.0] {
                let got = resample(&sine(hertz, from, from.hz() as usize), from, to);
                let expected = sine(hertz, to, to.hz() as usize);
                let snr = snr(&expected, &got);
                assert!(snr > 70.0, "{from} to {to} at {hertz} Hz: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_removed() {
        let loud = sine(6_000.0, SampleRate::HZ_48000, 48_000);
        let got = resample(&loud, SampleRate::HZ_48000, SampleRate::HZ_8000);
        let left = got[800..7_200].iter().map(|s| s.unsigned_abs()).max();
        assert!(left <= Some(3), "{left:?}");
    }

    #[test]
    fn equal_rates_change_nothing() {
        let mut resampler = Resampler::new(SampleRate::HZ_16000, SampleRate::HZ_16000);
        assert_eq!(resampler.push(&[1, -2, 3]), [1, -2, 3]);
        assert_eq!(resampler.flush(), []);
    }

    #[test]
    fn rates_without_a_common_factor_work_too() {
        let (from, to) = (SampleRate::new(11_027).unwrap(), SampleRate::HZ_16000);
        let got = resample(&sine(1_000.0, from, 11_027), from, to);
        assert_eq!(got.len(), 16_000);
        assert!(snr(&sine(1_000.0, to, 16_000), &got) > 70.0);
    }

    #[test]
    fn a_flushed_resampler_begins_anew() {
        let mut resampler = Resampler::new(SampleRate::HZ_48000, SampleRate::HZ_16000);
        let tone = sine(500.0, SampleRate::HZ_48000, 5_000);
        let mut first = resampler.push(&tone);
        first.extend(resampler.flush());
        let mut second = resampler.push(&tone);
        second.extend(resampler.flush());
        assert_eq!(first, second);
    }

    #[test]
    fn sound_is_not_held_back_for_long() {
        for (from, to) in rates().flat_map(|from| rates().map(move |to| (from, to))) {
            let mut resampler = Resampler::new(from, to);
            let (mut taken, mut given) = (0, 0);
            for _ in 0..2_000 {
                taken += 16;
                given += resampler.push(&[0; 16]).len();
                let held = from
                    .duration_of(taken)
                    .saturating_sub(to.duration_of(given));
                let lower = from.hz().min(to.hz());
                let most = Duration::from_secs(HALF as u64 + 2) / lower + from.duration_of(16);
                assert!(held <= most, "{from} to {to}: {held:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn cutting_the_input_does_not_change_the_output(
            lengths in prop::collection::vec(0usize..1_500, 0..8), a in 0usize..6, b in 0usize..6,
        ) {
            let (from, to) = (rates().nth(a).unwrap(), rates().nth(b).unwrap());
            let total: usize = lengths.iter().sum();
            let tone = sine(700.0, from, total);
            let mut resampler = Resampler::new(from, to);
            let (mut got, mut rest) = (Vec::new(), &tone[..]);
            for length in lengths {
                let (piece, after) = rest.split_at(length);
                resampler.push_into(piece, &mut got);
                rest = after;
            }
            got.extend(resampler.flush());
            prop_assert_eq!(got.len() as u64, scaled(total as u64, from, to));
            prop_assert_eq!(got, resample(&tone, from, to));
        }

        #[test]
        fn there_and_back_has_the_same_length(length in 0usize..5_000, a in 0usize..6, b in 0usize..6) {
            let (low, high) = (rates().nth(a.min(b)).unwrap(), rates().nth(a.max(b)).unwrap());
            let up = resample(&vec![100; length], low, high);
            prop_assert_eq!(resample(&up, high, low).len(), length);
        }
    }
}
