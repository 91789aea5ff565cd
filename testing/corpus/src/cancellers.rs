//! Ways to take the echo out, to be measured beside each other.

use audio::SampleRate;
use devices::Canceller;
use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{EchoCanceller, HighPassFilter, NoiseSuppression},
};
use sonora_aec3::{block::Block, block_processor::BlockProcessor, config::EchoCanceller3Config};

/// A way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// Nothing is done.
    None,
    /// AEC3 with its suppressor.
    Aec3,
    /// The same with noise suppression after it.
    Aec3Noise,
    /// AEC3's linear filter alone, without the suppressor.
    Linear,
    /// One long adaptive filter (NLMS) of our own, without a suppressor.
    Nlms,
    /// What the microphone of this house does: AEC3 with a milder suppressor.
    Chosen,
}

impl Candidate {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Aec3,
        Self::Aec3Noise,
        Self::Linear,
        Self::Nlms,
        Self::Chosen,
    ];
}

/// One of the ways at work, at 16 kHz.
pub enum Way {
    /// See [`Candidate::None`].
    None,
    /// See [`Candidate::Aec3`].
    Sonora(Box<AudioProcessing>),
    /// See [`Candidate::Linear`].
    Linear(Box<Linear>),
    /// See [`Candidate::Nlms`].
    Nlms(Box<Nlms>),
    /// See [`Candidate::Chosen`].
    Chosen(Canceller),
}

impl Way {
    /// A fresh one.
    pub fn new(candidate: Candidate) -> Self {
        match candidate {
            Candidate::None => Self::None,
            Candidate::Aec3 => Self::Sonora(Box::new(sonora(false))),
            Candidate::Aec3Noise => Self::Sonora(Box::new(sonora(true))),
            Candidate::Linear => Self::Linear(Box::new(Linear::new())),
            Candidate::Nlms => Self::Nlms(Box::new(Nlms::new())),
            Candidate::Chosen => Self::Chosen(Canceller::new(SampleRate::HZ_16000)),
        }
    }

    /// Cleans ten milliseconds.
    pub fn process(&mut self, capture: &mut [i16], played: &[i16]) {
        match self {
            Self::None => {}
            Self::Sonora(processing) => {
                let mut out = vec![0; capture.len()];
                let mut ignored = vec![0; played.len()];
                if processing.process_render_i16(played, &mut ignored).is_ok()
                    && processing.process_capture_i16(capture, &mut out).is_ok()
                {
                    capture.copy_from_slice(&out);
                }
            }
            Self::Linear(linear) => linear.process(capture, played),
            Self::Nlms(nlms) => nlms.process(capture, played),
            Self::Chosen(canceller) => {
                canceller.process(capture, played);
            }
        }
    }
}

fn sonora(noise: bool) -> AudioProcessing {
    let format = StreamConfig::new(16_000, 1);
    AudioProcessing::builder()
        .config(Config {
            echo_canceller: Some(EchoCanceller::default()),
            high_pass_filter: Some(HighPassFilter::default()),
            noise_suppression: noise.then(NoiseSuppression::default),
            ..Config::default()
        })
        .capture_config(format)
        .render_config(format)
        .build()
}

/// AEC3's linear filter.
pub struct Linear {
    processor: BlockProcessor,
    near: Vec<i16>,
    far: Vec<i16>,
    out: std::collections::VecDeque<i16>,
}

const BLOCK: usize = 64;

impl Linear {
    fn new() -> Self {
        let mut config = EchoCanceller3Config::default();
        config.filter.export_linear_aec_output = true;
        Self {
            processor: BlockProcessor::new(&config, 16_000, 1, 1),
            near: Vec::new(),
            far: Vec::new(),
            out: std::collections::VecDeque::from(vec![0; BLOCK]),
        }
    }

    fn process(&mut self, capture: &mut [i16], played: &[i16]) {
        self.near.extend(&*capture);
        self.far.extend(played);
        while self.near.len() >= BLOCK {
            let (mut near, mut far, mut linear) =
                (Block::new(1, 1), Block::new(1, 1), Block::new(1, 1));
            for (to, from) in near.view_mut(0, 0).iter_mut().zip(self.near.drain(..BLOCK)) {
                *to = f32::from(from);
            }
            for (to, from) in far.view_mut(0, 0).iter_mut().zip(self.far.drain(..BLOCK)) {
                *to = f32::from(from);
            }
            self.processor.buffer_render(&far);
            self.processor
                .process_capture(false, false, Some(&mut linear), &mut near);
            self.out.extend(
                linear
                    .view(0, 0)
                    .iter()
                    .map(|s| s.clamp(-32_768.0, 32_767.0) as i16),
            );
        }
        for sample in capture {
            *sample = self.out.pop_front().unwrap_or(0);
        }
    }
}

/// A plain normalised least-mean-squares filter, long enough for every delay and room that is measured.
pub struct Nlms {
    weights: Vec<f32>,
    /// What was played, twice in a row, so that the last so many samples are one slice.
    played: Vec<f32>,
    at: usize,
    energy: f32,
}

/// 480 ms.
const TAPS: usize = 7_680;
/// How far one sample moves the filter, 0 to 2. More learns quicker and is thrown off further by the caller.
const STEP: f32 = 0.2;
/// Playing below this energy per tap teaches nothing.
const QUIET: f32 = 100.0;

impl Nlms {
    fn new() -> Self {
        Self {
            weights: vec![0.0; TAPS],
            played: vec![0.0; 2 * TAPS],
            at: 0,
            energy: 0.0,
        }
    }

    fn process(&mut self, capture: &mut [i16], played: &[i16]) {
        // A caller who is louder than anything played would only throw it off.
        let loudest = self
            .played
            .iter()
            .fold(0.0_f32, |most, s| most.max(s.abs()));
        for (capture, played) in capture.iter_mut().zip(played) {
            let new = f32::from(*played);
            let old = self.played[self.at];
            self.energy = (self.energy + new * new - old * old).max(0.0);
            self.played[self.at] = new;
            self.played[self.at + TAPS] = new;
            self.at = (self.at + 1) % TAPS;
            let heard = &self.played[self.at..self.at + TAPS];
            let echo = dot(&self.weights, heard);
            let left = f32::from(*capture) - echo;
            if self.energy > QUIET * TAPS as f32 && left.abs() < loudest {
                let step = STEP * left / (self.energy + QUIET * TAPS as f32);
                for (weight, played) in self.weights.iter_mut().zip(heard) {
                    *weight += step * played;
                }
            }
            *capture = left.clamp(-32_768.0, 32_767.0) as i16;
        }
    }
}

/// In sixteen sums, so that the machine does them at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
