//! When does speech begin? From the vad's frames.

use std::time::Duration;

use audio::Moment;

/// Voiced frames with gaps shorter than this are one run.
const GAP: Duration = Duration::from_millis(60);
/// After silence, a run must last this long to count as the utterance going on: a click does not.
const STEADY: Duration = Duration::from_millis(40);
/// No frame is longer than this, whatever somebody says.
const LONGEST_FRAME: Duration = Duration::from_secs(1);

/// The current run of voiced frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ear {
    voiced: Duration,
    gap: Duration,
    began: Moment,
}

impl Ear {
    /// One frame that ends now. Gives how much of it was voiced.
    pub(crate) fn hear(
        &mut self,
        now: Moment,
        probability: f32,
        frame: Duration,
        threshold: f32,
    ) -> Duration {
        let frame = frame.min(LONGEST_FRAME);
        if probability >= threshold {
            if self.voiced.is_zero() {
                self.began = now - frame;
            }
            self.voiced = self.voiced.saturating_add(frame);
            self.gap = Duration::ZERO;
            frame
        } else {
            self.gap = self.gap.saturating_add(frame);
            if self.gap >= GAP {
                self.voiced = Duration::ZERO;
            }
            Duration::ZERO
        }
    }

    /// How much of the current run is voiced; zero in silence.
    pub(crate) fn run(&self) -> Duration {
        self.voiced
    }

    /// When the current run began.
    pub(crate) fn began(&self) -> Moment {
        self.began
    }

    /// Whether the current run is speech going on rather than a click.
    pub(crate) fn is_steady(&self) -> bool {
        self.voiced >= STEADY
    }
}
