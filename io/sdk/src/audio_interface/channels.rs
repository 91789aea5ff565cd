//! An audio interface whose ends are in the program's own hands.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{AudioInput, AudioInterface};

/// The most of the agent's sound that waits to be taken: five minutes. Agents speak faster than they are heard.
const MOST: usize = 16_000 * 300;

/// An audio interface that a program feeds and empties itself.
#[derive(Debug)]
pub struct Channels {
    microphone: Microphone,
    loudspeaker: Loudspeaker,
}

/// The end into which the user's sound goes. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Microphone(Arc<Mutex<Option<AudioInput>>>);

/// The end from which the agent's sound comes. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Loudspeaker(Arc<Mutex<Playing>>);

#[derive(Debug, Default)]
struct Playing {
    samples: VecDeque<i16>,
    paused: bool,
}

impl Channels {
    /// An interface for the conversation, and its two ends.
    pub fn new() -> (Self, Microphone, Loudspeaker) {
        let microphone = Microphone::default();
        let loudspeaker = Loudspeaker::default();
        let channels = Self {
            microphone: microphone.clone(),
            loudspeaker: loudspeaker.clone(),
        };
        (channels, microphone, loudspeaker)
    }
}

impl Microphone {
    /// Says these samples (16 kHz). Whether they found a listener with room for them.
    pub fn push(&self, samples: &[i16]) -> bool {
        locked(&self.0)
            .as_ref()
            .is_some_and(|input| input.push(samples))
    }

    /// Whether the conversation listens.
    pub fn is_open(&self) -> bool {
        locked(&self.0)
            .as_ref()
            .is_some_and(|input| !input.is_closed())
    }
}

impl Loudspeaker {
    /// Takes up to `out.len()` samples (16 kHz), fills the rest with silence, and says how many there were.
    pub fn pull(&self, out: &mut [i16]) -> usize {
        let mut playing = locked(&self.0);
        let count = if playing.paused {
            0
        } else {
            playing.samples.len().min(out.len())
        };
        for (place, sample) in out.iter_mut().zip(playing.samples.drain(..count)) {
            *place = sample;
        }
        out[count..].fill(0);
        count
    }

    /// Samples that have not been taken.
    pub fn waiting(&self) -> usize {
        locked(&self.0).samples.len()
    }
}

impl AudioInterface for Channels {
    fn start(&mut self, input: AudioInput) -> io::Result<()> {
        *locked(&self.microphone.0) = Some(input);
        Ok(())
    }

    fn stop(&mut self) {
        *locked(&self.microphone.0) = None;
    }

    fn output(&mut self, samples: &[i16]) {
        let mut playing = locked(&self.loudspeaker.0);
        let room = MOST - playing.samples.len().min(MOST);
        playing.samples.extend(&samples[..samples.len().min(room)]);
    }

    fn interrupt(&mut self) {
        let mut playing = locked(&self.loudspeaker.0);
        playing.samples.clear();
        playing.paused = false;
    }

    fn pause(&mut self) {
        locked(&self.loudspeaker.0).paused = true;
    }

    fn resume(&mut self) {
        locked(&self.loudspeaker.0).paused = false;
    }

    fn can_pause(&self) -> bool {
        true
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
