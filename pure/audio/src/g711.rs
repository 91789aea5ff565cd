//! G.711: eight bits per sample for telephones, µ-law (America, Japan) and A-law (elsewhere).
//!
//! Samples are 16-bit on our side. The recommendation counts in 14 bits for µ-law and 13 for A-law, so its
//! figures appear here times four and times eight.

/// What is added to a µ-law magnitude before its logarithm is taken.
const BIAS: u16 = 0x84;
/// The largest µ-law magnitude; louder samples are clipped.
const CLIP: u16 = 32_635;

static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand_ulaw(code as u8);
        code += 1;
    }
    table
};

static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand_alaw(code as u8);
        code += 1;
    }
    table
};

/// The µ-law code nearest to `sample`.
pub const fn encode_ulaw(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs();
    let biased = if magnitude > CLIP { CLIP } else { magnitude } + BIAS;
    // The highest bit set is between 7 and 14.
    let segment = 8 - biased.leading_zeros() as u8;
    let step = (biased >> (segment + 3)) as u8 & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | segment << 4 | step)
}

/// The sample that a µ-law code stands for.
pub fn decode_ulaw(code: u8) -> i16 {
    ULAW[usize::from(code)]
}

/// The A-law code nearest to `sample`.
pub const fn encode_alaw(sample: i16) -> u8 {
    // A-law has no zero: the halves meet between -1 and 0, hence the complement.
    let (sign, magnitude) = if sample < 0 {
        (0, !sample as u16)
    } else {
        (0x80, sample as u16)
    };
    let segment = 8u8.saturating_sub(magnitude.leading_zeros() as u8);
    let shift = if segment == 0 { 4 } else { segment + 3 };
    let step = (magnitude >> shift) as u8 & 0x0f;
    (sign | segment << 4 | step) ^ 0x55
}

/// The sample that an A-law code stands for.
pub fn decode_alaw(code: u8) -> i16 {
    ALAW[usize::from(code)]
}

const fn expand_ulaw(code: u8) -> i16 {
    let bits = !code;
    let step = (bits & 0x0f) as i16;
    let magnitude = (((step << 3) + BIAS as i16) << ((bits >> 4) & 7)) - BIAS as i16;
    if bits & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

const fn expand_alaw(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let step = (bits & 0x0f) as i16;
    let segment = (bits >> 4) & 7;
    let magnitude = if segment == 0 {
        (step << 4) + 8
    } else {
        ((step << 4) + 0x108) << (segment - 1)
    };
    if bits & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision values of one half of a law, in 16-bit units: where each of the 128 intervals begins,
    /// and where the last one ends. `steps` are (how many intervals, how wide) in the recommendation's units.
    fn decisions(steps: &[(usize, i32)], scale: i32) -> Vec<i32> {
        let mut values = vec![0];
        let mut at = 0;
        for &(count, width) in steps {
            for _ in 0..count {
                at += width;
                values.push(at * scale);
            }
        }
        values
    }

    /// Table 2 of the recommendation: 0, 1, 3 … 31, 35 … 95, 103 … up to 8159.
    fn ulaw_decisions() -> Vec<i32> {
        let mut steps = vec![(1, 1), (15, 2)];
        steps.extend((1..8).map(|segment| (16, 2 << segment)));
        decisions(&steps, 4)
    }

    /// Table 1 of the recommendation: 0, 2 … 64, 68 … up to 4096.
    fn alaw_decisions() -> Vec<i32> {
        let mut steps = vec![(32, 2)];
        steps.extend((1..7).map(|segment| (16, 2 << segment)));
        decisions(&steps, 8)
    }

    #[test]
    fn every_ulaw_code_has_the_value_of_the_standard() {
        let decisions = ulaw_decisions();
        assert_eq!(decisions.len(), 129);
        assert_eq!(decisions[128], 8159 * 4);
        for number in 0..128u8 {
            let n = usize::from(number);
            let value = if n == 0 {
                0
            } else {
                i32::midpoint(decisions[n], decisions[n + 1])
            };
            assert_eq!(i32::from(decode_ulaw(!number)), value);
            assert_eq!(i32::from(decode_ulaw(!(number | 0x80))), -value);
        }
    }

    #[test]
    fn every_alaw_code_has_the_value_of_the_standard() {
        let decisions = alaw_decisions();
        assert_eq!(decisions.len(), 129);
        assert_eq!(decisions[128], 4096 * 8);
        for number in 0..128u8 {
            let n = usize::from(number);
            let value = i32::midpoint(decisions[n], decisions[n + 1]);
            assert_eq!(i32::from(decode_alaw((number | 0x80) ^ 0x55)), value);
            assert_eq!(i32::from(decode_alaw(number ^ 0x55)), -value);
        }
    }

    #[test]
    fn every_sample_gets_the_code_of_its_interval() {
        let (ulaw, alaw) = (ulaw_decisions(), alaw_decisions());
        for sample in i16::MIN..=i16::MAX {
            let magnitude = i32::from(sample).abs();
            let number = ulaw.partition_point(|&d| d <= magnitude).min(128) as u8 - 1;
            let sign = if sample < 0 { 0x80 } else { 0 };
            assert_eq!(encode_ulaw(sample), !(number | sign), "µ-law {sample}");

            let magnitude = if sample < 0 {
                i32::from(!sample)
            } else {
                i32::from(sample)
            };
            let number = alaw.partition_point(|&d| d <= magnitude) as u8 - 1;
            let sign = if sample < 0 { 0 } else { 0x80 };
            assert_eq!(
                encode_alaw(sample),
                (number | sign) ^ 0x55,
                "A-law {sample}"
            );
        }
    }

    #[test]
    fn louder_never_becomes_quieter_and_the_error_is_bounded() {
        for (encode, decode) in [
            (encode_ulaw as fn(i16) -> u8, decode_ulaw as fn(u8) -> i16),
            (encode_alaw, decode_alaw),
        ] {
            let mut last = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let back = decode(encode(sample));
                assert!(back >= last, "{sample}");
                last = back;
                let error = (i32::from(back) - i32::from(sample)).abs();
                // Half a step is a thirty-second of the biased magnitude, and at least 8.
                let bound = ((i32::from(sample).abs() + i32::from(BIAS)) / 32).max(8);
                assert!(error <= bound, "{sample} came back as {back}");
            }
        }
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255u8 {
            // The µ-law code for minus zero comes back as plus zero.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(encode_ulaw(decode_ulaw(code)), expected);
            assert_eq!(encode_alaw(decode_alaw(code)), code);
        }
    }
}
