//! The echo canceller: what the speaker played is taken out of what the microphone heard.
//!
//! AEC3, in a port without C. It finds the delay by itself and keeps up with drifting clocks; `docs/echo.md` says how well,
//! and what else was tried.

use std::{collections::VecDeque, f32::consts::PI, f32::consts::SQRT_2, fmt};

use audio::SampleRate;
use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{EchoCanceller, HighPassFilter},
};
use sonora_aec3::{block::Block, block_processor::BlockProcessor, config::EchoCanceller3Config};

/// Sound is cancelled in slices of a hundredth of a second.
const SLICES_PER_SECOND: usize = 100;

/// AEC3's own step, in samples at 16 kHz.
const BLOCK: usize = 64;

/// Below this there is no voice, and much hum, in Hz.
const LOWEST: f32 = 100.0;

/// Takes a known sound out of another. One per pair of speaker and microphone.
pub struct Canceller {
    engine: Engine,
    slice: usize,
}

/// Tens of kilobytes of state: boxed, so that what holds it stays small to move.
enum Engine {
    /// At 16 kHz, where recognisers listen: tuned for a caller who is to be heard over the agent.
    Voice(Box<Voice>),
    /// At any other rate: as it comes.
    Any(Box<AudioProcessing>),
}

impl Canceller {
    /// A canceller for mono sound at `rate`: 8, 16, 32 or 48 kHz, which it can split into slices of 10 ms. At 16 kHz the
    /// caller is let through more readily than at the others.
    pub fn new(rate: SampleRate) -> Self {
        let engine = if rate == SampleRate::HZ_16000 {
            Engine::Voice(Box::new(Voice::new()))
        } else {
            Engine::Any(Box::new(any(rate)))
        };
        Self {
            engine,
            slice: rate.hz() as usize / SLICES_PER_SECOND,
        }
    }

    /// Cleans `capture` in place, given what was `played` during the same time (or a constant time before, up to about
    /// half a second). Both have the same length, a multiple of 10 ms; a rest is left as it is. Gives how much of the sound
    /// was taken out, 0 to 1.
    pub fn process(&mut self, capture: &mut [i16], played: &[i16]) -> f32 {
        let before = energy(capture);
        for (capture, played) in capture
            .chunks_exact_mut(self.slice)
            .zip(played.chunks_exact(self.slice))
        {
            match &mut self.engine {
                Engine::Voice(voice) => voice.process(capture, played),
                Engine::Any(processing) => process(processing, capture, played),
            }
        }
        if before > 0.0 {
            (1.0 - energy(capture) / before).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}

fn energy(sound: &[i16]) -> f32 {
    sound.iter().map(|s| f32::from(*s) * f32::from(*s)).sum()
}

fn any(rate: SampleRate) -> AudioProcessing {
    let format = StreamConfig::new(rate.hz(), 1);
    AudioProcessing::builder()
        .config(Config {
            echo_canceller: Some(EchoCanceller::default()),
            high_pass_filter: Some(HighPassFilter::default()),
            ..Config::default()
        })
        .capture_config(format)
        .render_config(format)
        .build()
}

fn process(processing: &mut AudioProcessing, capture: &mut [i16], played: &[i16]) {
    let mut cleaned = vec![0; capture.len()];
    let mut ignored = vec![0; played.len()];
    let done = processing
        .process_render_i16(played, &mut ignored)
        .and_then(|()| processing.process_capture_i16(capture, &mut cleaned));
    match done {
        Ok(()) => capture.copy_from_slice(&cleaned),
        // Only wrong lengths are refused, and these are right. Uncancelled sound is better than none.
        Err(error) => tracing::debug!(%error, "echo was not cancelled"),
    }
}

/// AEC3 in its own steps, with a suppressor that lets more of the caller through.
struct Voice {
    processor: BlockProcessor,
    high_pass: HighPass,
    near: Vec<f32>,
    far: Vec<f32>,
    /// Cleaned and not yet given out. One step waits here, so that every slice gets its samples at once.
    cleaned: VecDeque<i16>,
}

impl Voice {
    fn new() -> Self {
        Self {
            processor: BlockProcessor::new(&tuned(), 16_000, 1, 1),
            high_pass: HighPass::new(LOWEST, 16_000.0),
            near: Vec::with_capacity(4 * BLOCK),
            far: Vec::with_capacity(4 * BLOCK),
            cleaned: VecDeque::from(vec![0; BLOCK]),
        }
    }

    fn process(&mut self, capture: &mut [i16], played: &[i16]) {
        for sample in &*capture {
            self.near.push(self.high_pass.next(f32::from(*sample)));
        }
        self.far.extend(played.iter().map(|s| f32::from(*s)));
        while self.near.len() >= BLOCK {
            let (mut near, mut far) = (Block::new(1, 1), Block::new(1, 1));
            for (to, from) in near.view_mut(0, 0).iter_mut().zip(self.near.drain(..BLOCK)) {
                *to = from;
            }
            for (to, from) in far.view_mut(0, 0).iter_mut().zip(self.far.drain(..BLOCK)) {
                *to = from;
            }
            self.processor.buffer_render(&far);
            self.processor
                .process_capture(false, false, None, &mut near);
            let whole = |s: &f32| s.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16;
            self.cleaned.extend(near.view(0, 0).iter().map(whole));
        }
        for sample in capture {
            *sample = self.cleaned.pop_front().unwrap_or(0);
        }
    }
}

/// As AEC3 comes, a band is suppressed as soon as the echo expected in it is 0.3 to 0.4 (above 1 kHz 0.07 to 0.1) of what is
/// there. That takes a quiet caller away together with the echo. What these let through the words of the transcript judge.
fn tuned() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    let tuning = &mut config.suppressor.normal_tuning;
    tuning.mask_lf.enr_transparent = 0.4;
    tuning.mask_lf.enr_suppress = 0.6;
    tuning.mask_hf.enr_transparent = 0.12;
    tuning.mask_hf.enr_suppress = 0.25;
    config
}

/// A second-order Butterworth high-pass.
struct HighPass {
    forward: [f32; 3],
    back: [f32; 2],
    inputs: [f32; 2],
    outputs: [f32; 2],
}

impl HighPass {
    fn new(hz: f32, rate: f32) -> Self {
        let w = (PI * hz / rate).tan();
        let scale = 1.0 / (1.0 + SQRT_2 * w + w * w);
        Self {
            forward: [scale, -2.0 * scale, scale],
            back: [
                2.0 * (w * w - 1.0) * scale,
                (1.0 - SQRT_2 * w + w * w) * scale,
            ],
            inputs: [0.0; 2],
            outputs: [0.0; 2],
        }
    }

    fn next(&mut self, input: f32) -> f32 {
        let [a, b, c] = self.forward;
        let output = a * input + b * self.inputs[0] + c * self.inputs[1]
            - self.back[0] * self.outputs[0]
            - self.back[1] * self.outputs[1];
        self.inputs = [input, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that is the same every time.
    fn noise(count: usize, mut seed: u32) -> Vec<i16> {
        (0..count)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 17) as i16 - 16_384) / 4
            })
            .collect()
    }

    /// What is left of an echo half as loud and `delay` samples late, after ten seconds, in dB below it.
    fn left(rate: SampleRate, delay: usize) -> f32 {
        let played = noise(rate.hz() as usize * 10, 1);
        let heard: Vec<i16> = std::iter::repeat_n(0, delay)
            .chain(played.iter().map(|s| s / 2))
            .take(played.len())
            .collect();
        let slice = rate.hz() as usize / SLICES_PER_SECOND;
        let mut canceller = Canceller::new(rate);
        let mut last = (0.0, 0.0);
        for (played, heard) in played.chunks(slice).zip(heard.chunks(slice)) {
            let mut cleaned = heard.to_vec();
            canceller.process(&mut cleaned, played);
            last = (
                last.0 * 0.99 + energy(heard),
                last.1 * 0.99 + energy(&cleaned),
            );
        }
        10.0 * (last.0 / last.1.max(1.0)).log10()
    }

    #[test]
    fn an_echo_is_taken_out_at_every_rate() {
        for rate in [SampleRate::HZ_16000, SampleRate::HZ_48000] {
            let left = left(rate, rate.hz() as usize / 10);
            assert!(left > 20.0, "{left} dB at {rate:?}");
        }
    }

    #[test]
    fn a_caller_is_left_alone_while_nothing_is_played() {
        let voice = noise(16_000 * 3, 7);
        let mut canceller = Canceller::new(SampleRate::HZ_16000);
        let mut cleaned = voice.clone();
        let taken = canceller.process(&mut cleaned, &vec![0; voice.len()]);
        assert!(taken < 0.3, "{taken} of it is gone");
    }
}
