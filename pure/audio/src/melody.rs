//! How speech rises and falls: its pitch and loudness, and how they ended before a pause.
//!
//! Speakers let pitch and loudness sink at the end of what they have to say and hold them where they go on. A
//! [`Melody`] follows both every 10 ms; a [`Contour`] says how the last words ended, relative to the same speaker.

use std::collections::VecDeque;

use crate::{SampleRate, sums::sum_of_products};

/// Pitch is looked for at this rate: voices are below 500 Hz.
const INNER: usize = 4_000;
/// One point of the melody each 10 ms.
const HOP: usize = INNER / 100;
/// The stretch that is compared with what came before it: two periods of the lowest voice.
const WINDOW: usize = INNER * 32 / 1_000;
/// Periods of 500 Hz down to 62 Hz.
const SHORTEST: usize = INNER / 500;
const LONGEST: usize = INNER / 62;
const SPAN: usize = WINDOW + LONGEST;
/// So alike must a period and the one before be in a voiced sound.
const VOICED: f32 = 0.6;
/// A shorter period that is nearly as good as the best is the true one: its multiples fit as well.
const NEARLY: f32 = 0.88;
/// Points that are remembered: 0.4 s. A syllable is shorter.
const MOST_POINTS: usize = 40;
/// The last syllable: 120 ms, and some more where it has gaps.
const END_POINTS: usize = 12;
/// Softer than the loudest of late by this is not this speaker, or is the room: talkers beside and music are.
const BESIDE_DB: f32 = 15.0;
/// How fast the loudest of late is forgotten while somebody speaks: 3 dB per second.
const FORGOTTEN_DB: f32 = 0.03;
/// So many voiced points, 150 ms, must be known before anything is said about the speaker.
const LEAST_VOICE: f32 = 15.0;
/// A monotonous speaker's range is taken to be this wide, in semitones: or every tremor were a fall.
const NARROWEST: f32 = 2.0;

/// How the last words before a pause ended, relative to how the same speaker speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contour {
    /// Where in the speaker's range the pitch of the last syllable lies. 0: as low as the lowest tenth of it, 1: as high
    /// as the highest tenth. May lie outside, from -1 to 2.
    pub height: f32,
    /// How much louder the last syllable was than the speaker usually is, in decibels, from -20 to 20.
    pub loudness: f32,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    /// Semitones above 55 Hz, where the speaker was voiced.
    pitch: Option<f32>,
    decibels: f32,
}

/// Follows pitch and loudness of one speaker. Costs a few microseconds for each 10 ms of speech, less in silence, and
/// allocates nothing once it runs.
///
/// ```
/// use audio::{Melody, SampleRate};
/// // A tone that falls from 220 to 110 Hz within a second.
/// let mut phase = 0.0f32;
/// let falling: Vec<i16> = (0..16_000)
///     .map(|i| {
///         phase += (220.0 - 110.0 * i as f32 / 16_000.0) / 16_000.0;
///         ((phase * std::f32::consts::TAU).sin() * 9_000.0) as i16
///     })
///     .collect();
/// let mut melody = Melody::new(SampleRate::HZ_16000);
/// melody.push(&falling, true);
/// melody.push(&[0; 3_200], false);
/// assert!(melody.contour().is_some_and(|c| c.height < 0.1));
/// ```
#[derive(Clone, Debug)]
pub struct Melody {
    /// So many samples become one inner one.
    factor: usize,
    sum: i32,
    count: usize,
    /// The mean before, which makes the decimation smoother.
    before: f32,
    /// What does not vibrate is taken away.
    direct: f32,
    inner: Vec<f32>,
    since_point: usize,
    /// The latest points of speech.
    points: VecDeque<Point>,
    range: Range,
    /// The speaker's usual loudness, in decibels.
    usual: f32,
    loudest: f32,
}

impl Melody {
    /// Nothing heard yet. Sound will be at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            factor: (rate.hz() as usize / INNER).max(1),
            sum: 0,
            count: 0,
            before: 0.0,
            direct: 0.0,
            inner: Vec::with_capacity(2 * SPAN),
            since_point: 0,
            points: VecDeque::with_capacity(MOST_POINTS),
            range: Range::default(),
            usual: -100.0,
            loudest: -100.0,
        }
    }

    /// Takes in the next piece, of any length. `speech`: whether the vad takes it for speech; what is not only keeps
    /// time.
    pub fn push(&mut self, samples: &[i16], speech: bool) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(self.factor - self.count));
            rest = after;
            self.sum += piece.iter().copied().map(i32::from).sum::<i32>();
            self.count += piece.len();
            if self.count < self.factor {
                return;
            }
            let mean = self.sum as f32 / (self.factor as f32 * 32_768.0);
            (self.sum, self.count) = (0, 0);
            let smooth = 0.5 * (mean + self.before);
            self.before = mean;
            self.direct += 0.05 * (smooth - self.direct);
            if self.inner.len() == 2 * SPAN {
                self.inner.drain(..SPAN);
            }
            self.inner.push(smooth - self.direct);
            self.since_point += 1;
            if self.since_point >= HOP && self.inner.len() >= SPAN {
                self.since_point = 0;
                if speech {
                    self.point();
                }
            }
        }
    }

    fn point(&mut self) {
        let sound = &self.inner[self.inner.len() - SPAN..];
        let latest = &sound[SPAN - HOP..];
        let power = sum_of_products(latest, latest) / HOP as f32;
        let decibels = 10.0 * power.max(1e-10).log10();
        self.loudest = (self.loudest - FORGOTTEN_DB).max(decibels);
        let pitch = if self.is_near(decibels) {
            pitch(sound)
        } else {
            None
        };
        if let Some(pitch) = pitch {
            // The first voice is the measure; then the measure follows within seconds.
            let share = (1.0 / (self.range.total + 1.0)).max(0.01);
            self.usual += share * (decibels - self.usual);
            self.range.add(pitch);
        }
        if self.points.len() == MOST_POINTS {
            self.points.pop_front();
        }
        self.points.push_back(Point { pitch, decibels });
    }

    fn is_near(&self, decibels: f32) -> bool {
        decibels > self.loudest - BESIDE_DB
    }

    /// How the last speech ended. To be asked in the pause after it. None: there was too little voice to tell.
    pub fn contour(&self) -> Option<Contour> {
        if self.range.total < LEAST_VOICE {
            return None;
        }
        let voiced = |point: &Point| point.pitch.filter(|_| self.is_near(point.decibels));
        let end = self.points.iter().rposition(|p| voiced(p).is_some())?;
        let mut last = [0.0; END_POINTS];
        let mut known = 0;
        for (slot, pitch) in last.iter_mut().zip(
            self.points
                .range((end + 1).saturating_sub(2 * END_POINTS)..=end)
                .rev()
                .filter_map(voiced),
        ) {
            *slot = pitch;
            known += 1;
        }
        let last = &mut last[..known];
        last.sort_unstable_by(f32::total_cmp);
        let middle = *last.get(known / 2)?;
        let (low, high) = (self.range.quantile(0.1), self.range.quantile(0.9));
        let syllable = self.points.range(end.saturating_sub(END_POINTS)..=end);
        let count = syllable.len().max(1) as f32;
        let level = syllable.map(|p| p.decibels).sum::<f32>() / count;
        Some(Contour {
            height: ((middle - low) / (high - low).max(NARROWEST)).clamp(-1.0, 2.0),
            loudness: (level - self.usual).clamp(-20.0, 20.0),
        })
    }
}

/// The pitch at the end of `sound`, in semitones above 55 Hz. None: it is not voiced.
///
/// The end is compared with what lay one period before it, for every period a voice may have (a normalised
/// autocorrelation).
fn pitch(sound: &[f32]) -> Option<f32> {
    let latest = &sound[LONGEST..];
    let own = sum_of_products(latest, latest);
    if own < 1e-6 {
        return None;
    }
    let mut alike = [0.0f32; LONGEST + 1];
    let before = &sound[LONGEST - SHORTEST + 1..][..WINDOW];
    let mut energy = sum_of_products(before, before);
    for (lag, alike) in alike.iter_mut().enumerate().skip(SHORTEST) {
        let from = LONGEST - lag;
        let (enters, leaves) = (sound[from], sound[from + WINDOW]);
        energy += enters * enters - leaves * leaves;
        *alike = sum_of_products(latest, &sound[from..]) / (own * energy.max(1e-9)).sqrt();
    }
    let best = alike.iter().copied().fold(0.0, f32::max);
    if best < VOICED {
        return None;
    }
    let lag = (SHORTEST + 1..LONGEST).find(|&lag| {
        alike[lag] > best * NEARLY && alike[lag] >= alike[lag - 1] && alike[lag] >= alike[lag + 1]
    })?;
    // The top of the parabola through the peak and its neighbours.
    let (a, b, c) = (alike[lag - 1], alike[lag], alike[lag + 1]);
    let bend = a - 2.0 * b + c;
    let shift = if bend.abs() > 1e-6 {
        (0.5 * (a - c) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    };
    let hertz = INNER as f32 / (lag as f32 + shift);
    Some(12.0 * (hertz / 55.0).log2())
}

/// Half semitones from 55 to 530 Hz.
const BINS: usize = 79;

/// Which pitches the speaker uses; old ones fade.
#[derive(Clone, Debug)]
struct Range {
    bins: [f32; BINS],
    total: f32,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            bins: [0.0; BINS],
            total: 0.0,
        }
    }
}

impl Range {
    /// After this much voice, 20 s, what was heard before counts half.
    const FULL: f32 = 2_000.0;

    fn add(&mut self, pitch: f32) {
        let index = ((pitch * 2.0).max(0.0) as usize).min(BINS - 1);
        self.bins[index] += 1.0;
        self.total += 1.0;
        if self.total > Self::FULL {
            for bin in &mut self.bins {
                *bin *= 0.5;
            }
            self.total *= 0.5;
        }
    }

    /// The pitch below which this share of the voice lies, in semitones above 55 Hz.
    fn quantile(&self, share: f32) -> f32 {
        let mut left = self.total * share;
        for (index, bin) in self.bins.iter().enumerate() {
            if *bin > 0.0 && left <= *bin {
                return (index as f32 + left / bin) * 0.5;
            }
            left -= bin;
        }
        BINS as f32 * 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buzz whose pitch and loudness move in straight lines.
    fn buzz(hertz: [f32; 2], loud: [f32; 2], millis: usize) -> Vec<i16> {
        let length = millis * 16;
        let mut phase = 0.0f32;
        (0..length)
            .map(|i| {
                let t = i as f32 / length as f32;
                phase += (hertz[0] + (hertz[1] - hertz[0]) * t) / 16_000.0;
                let tone: f32 = (1..8u8)
                    .map(|k| (std::f32::consts::TAU * phase * f32::from(k)).sin() / f32::from(k))
                    .sum();
                (tone * (loud[0] + (loud[1] - loud[0]) * t)) as i16
            })
            .collect()
    }

    fn contour(sounds: &[Vec<i16>]) -> Option<Contour> {
        let mut melody = Melody::new(SampleRate::HZ_16000);
        for sound in sounds {
            melody.push(sound, true);
        }
        melody.push(&[0; 3_200], false);
        melody.contour()
    }

    #[test]
    fn the_pitch_of_a_buzz_is_found() {
        for hertz in [80.0, 120.0, 210.0, 330.0] {
            let mut melody = Melody::new(SampleRate::HZ_16000);
            melody.push(&buzz([hertz; 2], [6_000.0; 2], 500), true);
            let found = 55.0 * 2f32.powf(melody.range.quantile(0.5) / 12.0);
            assert!(
                (found / hertz - 1.0).abs() < 0.03,
                "{hertz} Hz is taken for {found} Hz"
            );
        }
    }

    #[test]
    fn a_fall_ends_low_and_a_rise_ends_high() {
        let body = buzz([150.0, 200.0], [6_000.0; 2], 800);
        let fall = contour(&[body.clone(), buzz([200.0, 100.0], [6_000.0; 2], 400)]);
        let rise = contour(&[body, buzz([150.0, 260.0], [6_000.0; 2], 400)]);
        assert!(fall.is_some_and(|c| c.height < 0.1), "{fall:?}");
        assert!(rise.is_some_and(|c| c.height > 0.9), "{rise:?}");
    }

    #[test]
    fn dying_away_is_softer_than_usual() {
        let body = buzz([150.0, 160.0], [8_000.0; 2], 800);
        let held = contour(&[body.clone(), buzz([160.0; 2], [8_000.0; 2], 300)]);
        let dies = contour(&[body, buzz([160.0; 2], [8_000.0, 2_500.0], 300)]);
        assert!(held.is_some_and(|c| c.loudness.abs() < 1.5), "{held:?}");
        assert!(dies.is_some_and(|c| c.loudness < -3.0), "{dies:?}");
    }

    #[test]
    fn somebody_far_away_is_not_the_speaker() {
        let near = [
            buzz([150.0, 200.0], [8_000.0; 2], 800),
            buzz([200.0, 100.0], [8_000.0; 2], 400),
        ];
        let alone = contour(&near);
        let [a, b] = near;
        // 23 dB softer. The first points still have the end of the speaker's words in their window.
        let both = contour(&[a, b, buzz([300.0; 2], [600.0; 2], 300)]);
        assert!(
            alone
                .zip(both)
                .is_some_and(|(alone, both)| (alone.height - both.height).abs() < 0.1),
            "{alone:?} {both:?}"
        );
    }

    #[test]
    fn without_a_voice_nothing_is_said() {
        assert_eq!(contour(&[vec![0; 16_000]]), None);
        let mut chance = 1u32;
        let noise = (0..16_000)
            .map(|_| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (chance >> 18) as i16
            })
            .collect();
        assert_eq!(contour(&[noise]), None);
        assert_eq!(contour(&[buzz([150.0; 2], [6_000.0; 2], 80)]), None);
    }

    #[test]
    fn it_does_not_matter_how_sound_is_cut() {
        let sound = buzz([220.0, 110.0], [6_000.0, 3_000.0], 900);
        let whole = contour(std::slice::from_ref(&sound));
        for length in [1, 37, 160, 256, 1_000] {
            let cut: Vec<Vec<i16>> = sound.chunks(length).map(<[i16]>::to_vec).collect();
            assert_eq!(contour(&cut), whole, "pieces of {length}");
        }
    }
}
