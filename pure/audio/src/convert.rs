//! Samples of other widths to 16 bits and back: rounded to the nearest, never wrapped.

/// From a float, where ±1.0 is full scale. Beyond is clipped; what is no number is silence.
pub fn from_f32(sample: f32) -> i16 {
    // Half is added and the rest cut off, which unlike `round` needs no call where a processor's oldest instructions must
    // do. Twice the precision keeps the sum exact. The cast saturates, and makes NaN zero.
    let scaled = f64::from(sample) * 32_768.0;
    (scaled + 0.5f64.copysign(scaled)) as i16
}

/// To a float between -1.0 and 1.0 (exclusive).
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// From 24 bits, sign-extended into an `i32`. Beyond 24 bits is clipped.
pub fn from_i24(sample: i32) -> i16 {
    (sample.saturating_add(1 << 7) >> 8).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// From 32 bits.
pub fn from_i32(sample: i32) -> i16 {
    (sample.saturating_add(1 << 15) >> 16) as i16
}

/// From the eight unsigned bits of WAV, where 128 is silence.
pub fn from_u8(sample: u8) -> i16 {
    (i16::from(sample) - 128) << 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extremes_are_clipped_not_wrapped() {
        assert_eq!(from_f32(1.0), i16::MAX);
        assert_eq!(from_f32(-1.0), i16::MIN);
        assert_eq!(from_f32(f32::INFINITY), i16::MAX);
        assert_eq!(from_f32(f32::NAN), 0);
        assert_eq!(from_i24(0x7f_ffff), i16::MAX);
        assert_eq!(from_i24(-0x80_0000), i16::MIN);
        assert_eq!(from_i32(i32::MAX), i16::MAX);
        assert_eq!(from_i32(i32::MIN), i16::MIN);
        assert_eq!((from_u8(0), from_u8(128)), (i16::MIN, 0));
    }

    proptest! {
        #[test]
        fn sixteen_bits_survive_every_width(sample: i16) {
            prop_assert_eq!(from_f32(to_f32(sample)), sample);
            prop_assert_eq!(from_i24(i32::from(sample) << 8), sample);
            prop_assert_eq!(from_i32(i32::from(sample) << 16), sample);
        }

        #[test]
        fn wider_samples_are_rounded_to_the_nearest(sample: i32) {
            let exact = f64::from(sample) / 65_536.0;
            let got = f64::from(from_i32(sample));
            prop_assert!((got - exact).abs() <= 0.5 || got > 32_766.0);
        }
    }
}
