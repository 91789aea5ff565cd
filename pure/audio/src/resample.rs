//! From one sample rate to another.

use std::fmt;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::{SampleRate, convert};

/// Turns a mono stream of one rate into one of another, in pieces of any length.
///
/// What comes out is aligned with what went in (the filter's delay is taken off the front), and when the
/// stream is flushed its length is the input's times the ratio of the rates, rounded to the nearest sample.
/// Equal rates pass sound through untouched. Otherwise sound comes out up to 30 ms after it went in (60 ms
/// where 22.05 kHz is one of the rates), and later where the rates share no factor of a few hundred hertz.
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// `None` when the rates are equal.
    filter: Option<Filter>,
}

struct Filter {
    fft: Fft<f32>,
    /// Samples that wait for a whole block.
    waiting: Vec<f32>,
    output: Vec<f32>,
    /// How many samples of the filter's delay are still to be dropped.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// Between two rates.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        Self {
            from,
            to,
            filter: (from != to).then(|| Filter::new(from, to)).flatten(),
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
                filter.feed(piece.iter().copied(), u64::MAX, out);
            }
        }
    }

    /// The end of the stream: returns what was still inside. Afterwards a new stream may begin.
    pub fn flush(&mut self) -> Vec<i16> {
        let mut out = Vec::new();
        if let Some(filter) = &mut self.filter {
            let total = scaled(filter.taken, self.from, self.to);
            while filter.given < total {
                let missing = filter.fft.input_frames_next() - filter.waiting.len();
                filter.feed(std::iter::repeat_n(0, missing), total, &mut out);
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
    /// `None` cannot happen: only a rate of zero is refused.
    fn new(from: SampleRate, to: SampleRate) -> Option<Self> {
        // 20 ms: shorter blocks have a blunter filter, longer ones keep the listener waiting.
        // An even number of the smallest possible blocks, so that half a block, the delay, is a whole sample
        // on both sides.
        let smallest = (from.hz() / greatest_common_divisor(from.hz(), to.hz())) as usize;
        let block = (from.hz() as usize / 50)
            .div_ceil(smallest)
            .next_multiple_of(2)
            * smallest;
        let fft = Fft::new(
            from.hz() as usize,
            to.hz() as usize,
            block,
            1,
            FixedSync::Both,
        );
        debug_assert!(fft.is_ok());
        let fft = fft.ok()?;
        Some(Self {
            waiting: Vec::with_capacity(fft.input_frames_next()),
            output: vec![0.0; fft.output_frames_next()],
            delay: fft.output_delay(),
            fft,
            taken: 0,
            given: 0,
        })
    }

    fn feed(&mut self, samples: impl Iterator<Item = i16>, total: u64, out: &mut Vec<i16>) {
        let block = self.fft.input_frames_next();
        for sample in samples {
            self.waiting.push(convert::to_f32(sample));
            if self.waiting.len() == block {
                self.turn(total, out);
            }
        }
    }

    fn turn(&mut self, total: u64, out: &mut Vec<i16>) {
        let produced = self.output.len();
        let done = InterleavedSlice::new(&self.waiting, 1, self.waiting.len())
            .ok()
            .zip(InterleavedSlice::new_mut(&mut self.output, 1, produced).ok())
            .and_then(|(input, mut output)| {
                self.fft.process_into_buffer(&input, &mut output, None).ok()
            });
        // The buffers were made to measure; only a wrong size is refused.
        debug_assert!(done.is_some());
        self.waiting.clear();
        let skipped = self.delay.min(produced);
        self.delay -= skipped;
        let wanted = usize::try_from(total - self.given).unwrap_or(usize::MAX);
        let ready = &self.output[skipped..];
        let ready = &ready[..ready.len().min(wanted)];
        out.extend(ready.iter().map(|&s| convert::from_f32(s)));
        self.given += ready.len() as u64;
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.waiting.clear();
        self.delay = self.fft.output_delay();
        self.taken = 0;
        self.given = 0;
    }
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
                let odd = from == SampleRate::HZ_22050 || to == SampleRate::HZ_22050;
                let most = if odd { 60 } else { 30 };
                assert!(held.as_millis() <= most, "{from} to {to}: {held:?}");
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
