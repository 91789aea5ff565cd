//! Cutting sound into frames, and channels into one.

use std::num::NonZeroU16;

/// Cuts pieces of any length into frames of one length, and keeps the rest for the next piece.
///
/// ```
/// let mut framer = audio::Framer::new(320);
/// framer.push(&[0; 500]);
/// while let Some(frame) = framer.next_frame() {
///     assert_eq!(frame.len(), 320);
/// }
/// assert_eq!(framer.rest().len(), 180);
/// ```
#[derive(Clone, Debug)]
pub struct Framer {
    length: usize,
    samples: Vec<i16>,
    taken: usize,
}

impl Framer {
    /// Frames of `length` samples; at least one.
    pub fn new(length: usize) -> Self {
        Self {
            length: length.max(1),
            samples: Vec::new(),
            taken: 0,
        }
    }

    /// The length of a frame in samples.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Adds a piece. Take the frames before adding more, or they pile up.
    pub fn push(&mut self, piece: &[i16]) {
        self.samples.drain(..self.taken);
        self.taken = 0;
        self.samples.extend_from_slice(piece);
    }

    /// The next whole frame. Allocates nothing.
    pub fn next_frame(&mut self) -> Option<&[i16]> {
        let frame = self.samples.get(self.taken..self.taken + self.length)?;
        self.taken += self.length;
        Some(frame)
    }

    /// What has not been taken yet.
    pub fn rest(&self) -> &[i16] {
        &self.samples[self.taken..]
    }

    /// The rest as one last frame, filled up with silence; `None` when nothing is left.
    pub fn finish(&mut self) -> Option<&[i16]> {
        let rest = self.rest().len();
        if rest == 0 {
            return None;
        }
        self.push(&[]);
        self.samples.resize(rest.next_multiple_of(self.length), 0);
        self.next_frame()
    }
}

/// Interleaved channels as one: the average of each frame, rounded. An unfinished frame at the end is dropped.
pub fn downmix(interleaved: &[i16], channels: NonZeroU16) -> Vec<i16> {
    let mut mono = Vec::with_capacity(interleaved.len() / usize::from(channels.get()));
    downmix_into(interleaved, channels, &mut mono);
    mono
}

/// As [`downmix`], appended to `mono`.
pub fn downmix_into(interleaved: &[i16], channels: NonZeroU16, mono: &mut Vec<i16>) {
    let count = i32::from(channels.get());
    if count == 1 {
        mono.extend_from_slice(interleaved);
        return;
    }
    mono.extend(interleaved.chunks_exact(count as usize).map(|frame| {
        let sum: i32 = frame.iter().map(|&s| i32::from(s)).sum();
        (sum + count / 2).div_euclid(count) as i16
    }));
}

/// One of several interleaved channels, counted from zero. Empty when there is no such channel.
pub fn channel(interleaved: &[i16], channels: NonZeroU16, index: u16) -> Vec<i16> {
    interleaved
        .chunks_exact(usize::from(channels.get()))
        .filter_map(|frame| frame.get(usize::from(index)).copied())
        .collect()
}

/// Two channels interleaved; the shorter one is filled up with silence.
pub fn interleave(left: &[i16], right: &[i16]) -> Vec<i16> {
    let sample = |side: &[i16], index| side.get(index).copied().unwrap_or(0);
    (0..left.len().max(right.len()))
        .flat_map(|index| [sample(left, index), sample(right, index)])
        .collect()
}

/// Adds `other` onto `sound`, saturating. What is beyond the end of `sound` is dropped.
pub fn mix(sound: &mut [i16], other: &[i16]) {
    for (a, b) in sound.iter_mut().zip(other) {
        *a = a.saturating_add(*b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO: NonZeroU16 = NonZeroU16::new(2).unwrap();

    #[test]
    fn the_last_frame_is_filled_with_silence() {
        let mut framer = Framer::new(4);
        framer.push(&[1, 2, 3, 4, 5]);
        assert_eq!(framer.next_frame(), Some(&[1, 2, 3, 4][..]));
        assert_eq!(framer.next_frame(), None);
        assert_eq!(framer.finish(), Some(&[5, 0, 0, 0][..]));
        assert_eq!(framer.finish(), None);
    }

    #[test]
    fn full_scale_channels_do_not_overflow_each_other() {
        assert_eq!(
            downmix(&[i16::MAX, i16::MAX, i16::MIN, i16::MIN, 1], TWO),
            [i16::MAX, i16::MIN]
        );
        assert_eq!(downmix(&[1, 2, -1, -2], TWO), [2, -1]);
    }

    #[test]
    fn channels_come_apart_as_they_were_put_together() {
        let both = interleave(&[1, 2, 3], &[4, 5]);
        assert_eq!(channel(&both, TWO, 0), [1, 2, 3]);
        assert_eq!(channel(&both, TWO, 1), [4, 5, 0]);
        assert_eq!(channel(&both, TWO, 2), []);
    }

    proptest! {
        #[test]
        fn no_sample_is_lost_or_moved(pieces: Vec<Vec<i16>>, length in 1usize..50) {
            let mut framer = Framer::new(length);
            let mut got = Vec::new();
            for piece in &pieces {
                framer.push(piece);
                while let Some(frame) = framer.next_frame() {
                    got.extend_from_slice(frame);
                }
            }
            got.extend_from_slice(framer.rest());
            prop_assert_eq!(got, pieces.concat());
        }
    }
}
