//! Taking the speaker's sound out of the microphone's.

use audio::{Resampler, SampleRate};
use rtrb::Consumer;
use tokio::sync::mpsc;

use crate::{aligner::Aligner, canceller::Canceller};

/// What a speaker played, for the microphone that hears it.
#[derive(Debug)]
pub(crate) struct Reference {
    /// Its samples, silence included.
    pub(crate) ring: Consumer<i16>,
    /// Their rate.
    pub(crate) rate: SampleRate,
}

/// Cancels the echo of one speaker. Made by [`Speaker::echo`](crate::Speaker::echo), used up by a microphone.
#[derive(Debug)]
pub struct Echo {
    references: mpsc::Receiver<Reference>,
    current: Option<(Reference, Resampler)>,
    rate: SampleRate,
    aligner: Aligner,
    canceller: Canceller,
}

impl Echo {
    pub(crate) fn new(references: mpsc::Receiver<Reference>, rate: SampleRate) -> Self {
        Self {
            references,
            current: None,
            rate,
            aligner: Aligner::new(rate),
            canceller: Canceller::new(rate),
        }
    }

    /// Takes the echo out of the next frame; gives how much of the sound that was, 0 to 1.
    pub(crate) fn cancel(&mut self, frame: &mut [i16]) -> f32 {
        // A speaker that was unplugged comes back with another rate and ring.
        while let Ok(reference) = self.references.try_recv() {
            let resampler = Resampler::new(reference.rate, self.rate);
            self.current = Some((reference, resampler));
            self.aligner.clear();
        }
        if let Some((reference, resampler)) = &mut self.current {
            let mut played = Vec::new();
            while let Ok(sample) = reference.ring.pop() {
                played.push(sample);
            }
            self.aligner.push(&resampler.push(&played));
        }
        let reference = self.aligner.take(frame.len());
        self.canceller.process(frame, &reference)
    }
}
