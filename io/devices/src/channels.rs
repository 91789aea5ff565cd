//! Many channels to one.

/// Mixes interleaved channels to mono, by those that carry sound.
///
/// A plain mean would make the one voice of an eight-channel interface 18 dB quieter. Channels more than 20 dB below the
/// loudest do not count; which ones those are follows the sound within about a second.
#[derive(Debug)]
pub(crate) struct Downmix {
    energy: Vec<f32>,
}

/// How much of the old energy stays after each frame: at 48 kHz it halves in about 0.7 s.
const MEMORY: f32 = 0.999_98;

/// 20 dB as a ratio of energies.
const QUIET: f32 = 0.01;

impl Downmix {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            energy: vec![0.0; channels.max(1)],
        }
    }

    /// Appends the mono mix of `interleaved` to `mono`.
    pub(crate) fn mix(&mut self, interleaved: &[i16], mono: &mut Vec<i16>) {
        let channels = self.energy.len();
        if channels == 1 {
            mono.extend_from_slice(interleaved);
            return;
        }
        for frame in interleaved.chunks_exact(channels) {
            for (energy, sample) in self.energy.iter_mut().zip(frame) {
                let sample = f32::from(*sample);
                *energy = *energy * MEMORY + sample * sample * (1.0 - MEMORY);
            }
            let loudest = self.energy.iter().copied().fold(0.0, f32::max);
            let (sum, count) = frame
                .iter()
                .zip(&self.energy)
                .filter(|(_, energy)| **energy >= loudest * QUIET)
                .fold((0_i32, 0_i32), |(sum, count), (sample, _)| {
                    (sum + i32::from(*sample), count + 1)
                });
            mono.push((sum / count.max(1)) as i16);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_voice_among_eight_channels_keeps_its_level() {
        let mut interleaved = vec![0; 8 * 100];
        for frame in interleaved.chunks_mut(8) {
            frame[5] = 10_000;
        }
        let mut mono = Vec::new();
        Downmix::new(8).mix(&interleaved, &mut mono);
        assert_eq!(mono, [10_000; 100]);
    }

    #[test]
    fn two_like_channels_are_averaged() {
        let mut mono = Vec::new();
        Downmix::new(2).mix(&[100, 200, 100, 200], &mut mono);
        assert_eq!(mono, [150, 150]);
    }
}
