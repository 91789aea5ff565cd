//! Sound as bytes that become base64 only on the wire.

use std::{borrow::Cow, fmt, sync::LazyLock};

use base64::{
    DecodeError, Engine as _,
    engine::{DecodePaddingMode, GeneralPurposeConfig, simd::Simd},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The vectorised engine; it looks at the processor once. Padding is always written and never required.
static ENGINE: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

/// Samples in the negotiated format, as raw bytes. Cheap to clone. On the wire: standard base64 with padding.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AudioBytes(pub Bytes);

/// Text that is not base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not base64: {0}")]
pub struct Base64Error(#[from] DecodeError);

impl AudioBytes {
    /// Reads standard base64; padding may be missing.
    pub fn from_base64(text: &str) -> Result<Self, Base64Error> {
        Ok(Self(Bytes::from(ENGINE.decode(text)?)))
    }

    /// The bytes as standard base64 with padding.
    pub fn to_base64(&self) -> String {
        ENGINE.encode(&self.0)
    }

    /// Appends the bytes to `out` as standard base64 with padding.
    pub fn push_base64(&self, out: &mut String) {
        ENGINE.encode_string(&self.0, out);
    }

    /// Length in base64 characters.
    pub(crate) fn base64_len(&self) -> usize {
        self.0.len().div_ceil(3) * 4
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for AudioBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for AudioBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::from(bytes))
    }
}

impl From<Bytes> for AudioBytes {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for AudioBytes {
    /// The length only: a call has megabytes of these.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioBytes({} bytes)", self.0.len())
    }
}

impl Serialize for AudioBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for AudioBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A plain `Cow` never borrows; the wrapper with the attribute does.
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        let text = Text::deserialize(deserializer)?;
        Self::from_base64(&text.0).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_written_and_not_required() {
        let bytes = AudioBytes::from(vec![1, 2, 3, 4]);
        assert_eq!(bytes.to_base64(), "AQIDBA==");
        assert_eq!(AudioBytes::from_base64("AQIDBA"), Ok(bytes.clone()));
        assert_eq!(AudioBytes::from_base64("AQIDBA=="), Ok(bytes));
    }

    #[test]
    fn the_url_alphabet_is_refused() {
        assert!(AudioBytes::from_base64("-_-_").is_err());
    }

    #[test]
    fn an_escaped_slash_is_still_base64() {
        let bytes: AudioBytes = serde_json::from_str(r#""\/\/\/\/""#).unwrap();
        assert_eq!(bytes.as_ref(), [0xff, 0xff, 0xff]);
    }
}
