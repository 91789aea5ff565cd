//! The formats in which sound travels.

use std::{fmt, str::FromStr, time::Duration};

use crate::{SampleRate, g711};

/// A wire format: how samples are coded, and their rate. Always mono; PCM is 16-bit little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `pcm_8000`
    Pcm8000,
    /// `pcm_16000`
    Pcm16000,
    /// `pcm_22050`
    Pcm22050,
    /// `pcm_24000`
    Pcm24000,
    /// `pcm_44100`
    Pcm44100,
    /// `pcm_48000`
    Pcm48000,
    /// `ulaw_8000`: G.711 µ-law
    Ulaw8000,
    /// `alaw_8000`: G.711 A-law
    Alaw8000,
}

/// How samples become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Two bytes a sample, little-endian.
    Pcm,
    /// One byte a sample, G.711 µ-law.
    Ulaw,
    /// One byte a sample, G.711 A-law.
    Alaw,
}

/// A format name that is none of [`Format::ALL`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown audio format {0:?}: use pcm_8000, pcm_16000, pcm_22050, pcm_24000, pcm_44100, pcm_48000, ulaw_8000 or alaw_8000"
)]
pub struct UnknownFormat(pub String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Pcm8000,
        Self::Pcm16000,
        Self::Pcm22050,
        Self::Pcm24000,
        Self::Pcm44100,
        Self::Pcm48000,
        Self::Ulaw8000,
        Self::Alaw8000,
    ];

    /// The PCM format of a rate, if there is one.
    pub fn pcm(rate: SampleRate) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|f| f.codec() == Codec::Pcm && f.rate() == rate)
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcm8000 => "pcm_8000",
            Self::Pcm16000 => "pcm_16000",
            Self::Pcm22050 => "pcm_22050",
            Self::Pcm24000 => "pcm_24000",
            Self::Pcm44100 => "pcm_44100",
            Self::Pcm48000 => "pcm_48000",
            Self::Ulaw8000 => "ulaw_8000",
            Self::Alaw8000 => "alaw_8000",
        }
    }

    /// Samples per second.
    pub const fn rate(self) -> SampleRate {
        match self {
            Self::Pcm8000 | Self::Ulaw8000 | Self::Alaw8000 => SampleRate::HZ_8000,
            Self::Pcm16000 => SampleRate::HZ_16000,
            Self::Pcm22050 => SampleRate::HZ_22050,
            Self::Pcm24000 => SampleRate::HZ_24000,
            Self::Pcm44100 => SampleRate::HZ_44100,
            Self::Pcm48000 => SampleRate::HZ_48000,
        }
    }

    /// How samples become bytes.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Ulaw8000 => Codec::Ulaw,
            Self::Alaw8000 => Codec::Alaw,
            _ => Codec::Pcm,
        }
    }

    /// How long `bytes` bytes of it sound.
    pub fn duration_of(self, bytes: usize) -> Duration {
        self.rate()
            .duration_of(bytes / self.codec().bytes_per_sample())
    }

    /// `samples` as bytes.
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(samples.len() * self.codec().bytes_per_sample());
        match self.codec() {
            Codec::Pcm => bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes())),
            Codec::Ulaw => bytes.extend(samples.iter().map(|&s| g711::encode_ulaw(s))),
            Codec::Alaw => bytes.extend(samples.iter().map(|&s| g711::encode_alaw(s))),
        }
        bytes
    }

    /// The samples in `bytes`, taken as a whole: half a sample at the end is dropped.
    ///
    /// Use a [`Decoder`] for a stream, whose pieces may end in the middle of a sample.
    pub fn decode(self, bytes: &[u8]) -> Vec<i16> {
        Decoder::new(self).decode(bytes)
    }
}

impl Codec {
    /// Two for PCM, one for G.711.
    pub const fn bytes_per_sample(self) -> usize {
        match self {
            Self::Pcm => 2,
            Self::Ulaw | Self::Alaw => 1,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|f| f.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Decodes a stream piece by piece; a piece may end in the middle of a sample.
#[derive(Clone, Debug)]
pub struct Decoder {
    format: Format,
    half: Option<u8>,
}

impl Decoder {
    /// At the start of a stream in `format`.
    pub const fn new(format: Format) -> Self {
        Self { format, half: None }
    }

    /// The format it decodes.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The samples that are complete with this piece.
    pub fn decode(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut samples = Vec::new();
        self.decode_into(bytes, &mut samples);
        samples
    }

    /// Appends the samples that are complete with this piece to `samples`.
    pub fn decode_into(&mut self, mut bytes: &[u8], samples: &mut Vec<i16>) {
        match self.format.codec() {
            Codec::Pcm => {
                if let (Some(low), [high, rest @ ..]) = (self.half, bytes) {
                    samples.push(i16::from_le_bytes([low, *high]));
                    self.half = None;
                    bytes = rest;
                }
                let (whole, rest) = bytes.as_chunks::<2>();
                samples.extend(whole.iter().map(|&pair| i16::from_le_bytes(pair)));
                self.half = rest.first().copied().or(self.half);
            }
            Codec::Ulaw => samples.extend(bytes.iter().map(|&b| g711::decode_ulaw(b))),
            Codec::Alaw => samples.extend(bytes.iter().map(|&b| g711::decode_alaw(b))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert!(format.name().ends_with(&format.rate().hz().to_string()));
        }
        assert!("mp3_44100_128".parse::<Format>().is_err());
    }

    proptest! {
        #[test]
        fn pcm_cut_anywhere_decodes_to_the_same(samples: Vec<i16>, cuts in prop::collection::vec(0usize..7, 0..40)) {
            let bytes = Format::Pcm16000.encode(&samples);
            let mut decoder = Decoder::new(Format::Pcm16000);
            let (mut got, mut rest) = (Vec::new(), &bytes[..]);
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                decoder.decode_into(piece, &mut got);
                rest = after;
            }
            decoder.decode_into(rest, &mut got);
            prop_assert_eq!(got, samples);
        }

        #[test]
        fn any_bytes_decode_to_something(bytes: Vec<u8>) {
            for format in Format::ALL {
                let expected = bytes.len() / format.codec().bytes_per_sample();
                prop_assert_eq!(format.decode(&bytes).len(), expected);
            }
        }
    }
}
