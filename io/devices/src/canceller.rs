//! The echo canceller: what the speaker played is taken out of what the microphone heard.
//!
//! AEC3, in a port without C. It finds the delay by itself and keeps up with drifting clocks; `docs/echo.md` says how well.

use std::fmt;

use audio::SampleRate;
use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{EchoCanceller, HighPassFilter},
};

/// AEC3 works on slices of a hundredth of a second.
const SLICES_PER_SECOND: usize = 100;

/// Takes a known sound out of another. One per pair of speaker and microphone.
pub struct Canceller {
    /// Twenty kilobytes of state: boxed, so that what holds it stays small to move.
    processing: Box<AudioProcessing>,
    slice: usize,
    cleaned: Vec<i16>,
    ignored: Vec<i16>,
}

impl Canceller {
    /// A canceller for mono sound at `rate`: 8, 16, 32 or 48 kHz, which it can split into slices of 10 ms.
    pub fn new(rate: SampleRate) -> Self {
        let format = StreamConfig::new(rate.hz(), 1);
        let processing = AudioProcessing::builder()
            .config(Config {
                echo_canceller: Some(EchoCanceller::default()),
                high_pass_filter: Some(HighPassFilter::default()),
                ..Config::default()
            })
            .capture_config(format)
            .render_config(format)
            .echo_detector(true)
            .build();
        let slice = rate.hz() as usize / SLICES_PER_SECOND;
        Self {
            processing: Box::new(processing),
            slice,
            cleaned: vec![0; slice],
            ignored: vec![0; slice],
        }
    }

    /// Cleans `capture` in place, given what was `played` during the same time (or a constant time before, up to about
    /// half a second). Both have the same length, a multiple of 10 ms; a rest is left as it is. Gives how likely what is
    /// left is echo, 0 to 1.
    pub fn process(&mut self, capture: &mut [i16], played: &[i16]) -> f32 {
        for (capture, played) in capture
            .chunks_exact_mut(self.slice)
            .zip(played.chunks_exact(self.slice))
        {
            let done = self
                .processing
                .process_render_i16(played, &mut self.ignored)
                .and_then(|()| {
                    self.processing
                        .process_capture_i16(capture, &mut self.cleaned)
                });
            match done {
                Ok(()) => capture.copy_from_slice(&self.cleaned),
                // Only wrong lengths are refused, and these are right. Uncancelled sound is better than none.
                Err(error) => tracing::debug!(%error, "echo was not cancelled"),
            }
        }
        self.processing
            .statistics()
            .residual_echo_likelihood
            .map_or(0.0, |likelihood| (likelihood as f32).clamp(0.0, 1.0))
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}
