//! Is somebody speaking? One frame at a time.

use audio::SampleRate;

/// Makes detectors, one per conversation.
pub trait Vad: Send + Sync {
    /// The name shown to users, such as `earshot`.
    fn name(&self) -> &str;
    /// A fresh detector that has heard nothing.
    fn detector(&self) -> Box<dyn Detector>;
}

/// Judges the frames of one conversation, in order. Cheap enough to run in the conversation's own task.
pub trait Detector: Send {
    /// The rate its frames must have.
    fn rate(&self) -> SampleRate;
    /// Samples per frame.
    fn frame_len(&self) -> usize;
    /// How likely the frame is speech, 0 to 1. `frame` has exactly [`Detector::frame_len`] samples.
    fn probability(&mut self, frame: &[i16]) -> f32;
}
