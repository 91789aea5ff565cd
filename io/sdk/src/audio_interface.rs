//! Where the user's sound comes from and the agent's goes to.

mod channels;
mod link;
mod streams;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use audio::Framer;
use tokio::sync::mpsc;

pub use channels::{Channels, Loudspeaker, Microphone};
pub(crate) use link::AudioLink;
pub use streams::{Pace, Streams};

/// How many pieces of input may wait to be sent.
const WAITING: usize = 64;

/// A microphone and a loudspeaker, or what stands in for them: 16-bit mono samples at 16 kHz in both directions.
///
/// Whatever format the agent speaks is converted. The conversation calls these from the task that pulls its events,
/// so none of them may block.
pub trait AudioInterface: Send {
    /// Begins to listen: samples are given to `input` as they come, from any thread.
    fn start(&mut self, input: AudioInput) -> io::Result<()>;

    /// Ends listening and playing. Called once.
    fn stop(&mut self);

    /// Plays these samples after what is being played. Must return at once.
    fn output(&mut self, samples: &[i16]);

    /// Falls silent at once and forgets what has not been played.
    fn interrupt(&mut self);

    /// Pauses before the next sample. Only asked for where [`AudioInterface::can_pause`].
    fn pause(&mut self) {}

    /// Goes on with the sample that would have been next.
    fn resume(&mut self) {}

    /// Whether it can pause and resume at the exact sample.
    fn can_pause(&self) -> bool {
        false
    }
}

/// In which pieces sound is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioPieces {
    /// Samples sent to the agent at once. Default 4,000: 250 ms.
    ///
    /// Shorter lets the agent hear sooner and costs more messages.
    pub input: usize,
    /// The most samples given to [`AudioInterface::output`] at once. Default 1,000: 62.5 ms.
    pub output: usize,
}

impl Default for AudioPieces {
    fn default() -> Self {
        Self {
            input: 4_000,
            output: 1_000,
        }
    }
}

/// Takes in what the user says. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct AudioInput {
    pieces: mpsc::Sender<Vec<i16>>,
    framer: Arc<Mutex<Framer>>,
}

impl AudioInput {
    pub(crate) fn new(piece: usize) -> (Self, mpsc::Receiver<Vec<i16>>) {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let framer = Arc::new(Mutex::new(Framer::new(piece.max(1))));
        (Self { pieces, framer }, receiver)
    }

    /// Hands on samples, in the pieces that were asked for. Says whether all found room: where the agent takes nothing
    /// in for long, sound is lost rather than kept for ever.
    pub fn push(&self, samples: &[i16]) -> bool {
        let mut framer = self.framer.lock().unwrap_or_else(PoisonError::into_inner);
        framer.push(samples);
        let mut room = true;
        while let Some(piece) = framer.next_frame() {
            room &= self.pieces.try_send(piece.to_vec()).is_ok();
        }
        room
    }

    /// [`AudioInput::push`] for a thread that may wait: nothing is lost. Says whether the conversation still listens.
    pub fn push_blocking(&self, samples: &[i16]) -> bool {
        let mut framer = self.framer.lock().unwrap_or_else(PoisonError::into_inner);
        framer.push(samples);
        while let Some(piece) = framer.next_frame() {
            if self.pieces.blocking_send(piece.to_vec()).is_err() {
                return false;
            }
        }
        true
    }

    /// Hands on what is left of a sound that has ended.
    pub fn finish(&self) {
        let mut framer = self.framer.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = framer.rest().to_vec();
        if !rest.is_empty() {
            framer.finish();
            let _ = self.pieces.try_send(rest);
        }
    }

    /// Whether nobody listens any more.
    pub fn is_closed(&self) -> bool {
        self.pieces.is_closed()
    }
}
