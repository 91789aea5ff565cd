//! Voice activity by `earshot`: a small neural network in pure Rust, its weights in the crate.

use audio::SampleRate;
use providers::vad;

/// Judges frames of 256 samples (16 ms) at 16 kHz. Needs nothing installed. A probability of 0.5 is the threshold it was
/// measured at; 0.3 is quicker and wrong in noise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Earshot;

impl vad::Vad for Earshot {
    fn name(&self) -> &'static str {
        "earshot"
    }

    fn detector(&self) -> Box<dyn vad::Detector> {
        Box::new(Detector(Box::default()))
    }
}

/// One conversation's detector, 8 KiB.
struct Detector(Box<earshot::Detector>);

impl vad::Detector for Detector {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_16000
    }

    fn frame_len(&self) -> usize {
        256
    }

    fn probability(&mut self, frame: &[i16]) -> f32 {
        if frame.len() == 256 {
            self.0.predict_i16(frame).clamp(0.0, 1.0)
        } else {
            // A frame of another length is the caller's mistake; silence is the harmless answer.
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use providers::vad::Vad as _;

    use super::*;

    #[test]
    fn silence_is_not_speech() {
        let mut detector = Earshot.detector();
        for _ in 0..60 {
            assert!(detector.probability(&[0; 256]) < 0.5);
        }
    }

    #[test]
    fn a_frame_of_the_wrong_length_is_not_speech() {
        let mut detector = Earshot.detector();
        assert!(detector.probability(&[1000; 100]).abs() < f32::EPSILON);
        assert!(detector.probability(&[]).abs() < f32::EPSILON);
    }
}
