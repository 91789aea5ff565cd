//! Samples that come as bytes, cut anywhere.

/// Little-endian samples; half of one waits for its other half.
#[derive(Debug, Default)]
pub(crate) struct Bytes(Option<u8>);

impl Bytes {
    pub(crate) fn samples(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
        let mut rest = bytes;
        if let (Some(low), Some((&high, after))) = (self.0, bytes.split_first()) {
            samples.push(i16::from_le_bytes([low, high]));
            self.0 = None;
            rest = after;
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        if let Some(&low) = odd.first() {
            self.0 = Some(low);
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_cuts_anywhere() {
        let samples: Vec<i16> = vec![1, -2, 300, i16::MIN];
        let all: Vec<u8> = samples.iter().flat_map(|one| one.to_le_bytes()).collect();
        for cut in 0..all.len() {
            let mut bytes = Bytes::default();
            let mut back = bytes.samples(&all[..cut]);
            back.extend(bytes.samples(&all[cut..]));
            assert_eq!(back, samples, "{cut}");
        }
    }
}
