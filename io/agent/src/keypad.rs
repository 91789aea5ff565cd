//! The tones of a telephone keypad (DTMF), as sound.

use std::{f32::consts::TAU, time::Duration};

use audio::SampleRate;

/// How long a key sounds, and the silence after it. Telephone networks ask for 40 ms of each; twice that is safe.
const TONE: Duration = Duration::from_millis(100);
const GAP: Duration = Duration::from_millis(80);
/// Each of the two tones; together they stay below two thirds of full scale.
const LOUDNESS: f32 = 0.3 * i16::MAX as f32;
/// So many keys at once are enough for any number.
const MOST: usize = 64;

/// Keys in the order in which they are pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys(String);

impl Keys {
    /// Reads keys: `0` to `9`, `*`, `#`, `A` to `D`, `w` for half a second and `W` for a second of waiting. Spaces,
    /// hyphens and commas between them mean nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let keys: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | ','))
            .collect();
        if let Some(wrong) = keys
            .chars()
            .find(|key| frequencies(*key).is_none() && pause(*key).is_none())
        {
            return Err(format!(
                "{wrong:?} is no key of a telephone: 0 to 9, *, #, w and W are"
            ));
        }
        if keys.is_empty() || keys.len() > MOST {
            return Err(format!("dtmf_tones must hold 1 to {MOST} keys"));
        }
        Ok(Self(keys))
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        let keys: Vec<String> = self.0.chars().map(String::from).collect();
        format!("(keypad: {})", keys.join(" "))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The sound.
    pub(crate) fn samples(&self, rate: SampleRate) -> Vec<i16> {
        let mut samples = Vec::new();
        for key in self.0.chars() {
            let Some((low, high)) = frequencies(key) else {
                let length = rate.samples_in(pause(key).unwrap_or(GAP));
                samples.resize(samples.len() + length, 0);
                continue;
            };
            let hertz = rate.hz() as f32;
            samples.extend((0..rate.samples_in(TONE)).map(|at| {
                let time = at as f32 / hertz;
                (LOUDNESS * ((TAU * low * time).sin() + (TAU * high * time).sin())) as i16
            }));
            let length = rate.samples_in(GAP);
            samples.resize(samples.len() + length, 0);
        }
        samples
    }
}

fn pause(key: char) -> Option<Duration> {
    match key {
        'w' => Some(Duration::from_millis(500)),
        'W' => Some(Duration::from_secs(1)),
        _ => None,
    }
}

/// The two tones of a key, in hertz (ITU-T Q.23).
fn frequencies(key: char) -> Option<(f32, f32)> {
    const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    let at = ["123A", "456B", "789C", "*0#D"]
        .iter()
        .enumerate()
        .find_map(|(row, keys)| Some((row, keys.find(key)?)))?;
    Some((ROWS[at.0], COLUMNS[at.1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of a frequency is in a sound (Goertzel).
    fn power(samples: &[i16], hertz: f32, rate: f32) -> f32 {
        let turn = 2.0 * (TAU * hertz / rate).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for sample in samples {
            (last, before) = (f32::from(*sample) + turn * last - before, last);
        }
        last * last + before * before - turn * last * before
    }

    #[test]
    fn each_key_sounds_with_its_two_tones() {
        let keys = Keys::parse("5 #").unwrap();
        let samples = keys.samples(SampleRate::HZ_8000);
        assert_eq!(samples.len(), 2 * 8 * 180);
        for (at, expected) in [(0, [770.0, 1336.0]), (1, [941.0, 1477.0])] {
            let key = &samples[at * 1_440..at * 1_440 + 800];
            let mut found: Vec<f32> =
                [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0].to_vec();
            found.sort_by(|a, b| power(key, *b, 8_000.0).total_cmp(&power(key, *a, 8_000.0)));
            found.truncate(2);
            found.sort_by(f32::total_cmp);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_no_key_is_named() {
        assert!(Keys::parse("12x").unwrap_err().contains("'x'"));
        assert!(Keys::parse(" ").is_err());
        assert_eq!(
            Keys::parse("w").unwrap().samples(SampleRate::HZ_8000),
            vec![0; 4_000]
        );
    }
}
