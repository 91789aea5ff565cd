//! Webhooks that the platform sends: whether they are its own.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use crate::ApiKey;

/// The header with the signature; case does not matter.
pub const SIGNATURE_HEADER: &str = "ElevenLabs-Signature";

/// How old a webhook may be, and how far in the future. 30 minutes, as the official SDK has it for the past.
pub const TOLERANCE: Duration = Duration::from_mins(30);

/// Checks signatures with one secret, which does not print.
#[derive(Clone, Debug)]
pub struct Verifier {
    secret: ApiKey,
    tolerance: Duration,
}

/// Why a webhook is not believed. Answer it with 401, or 400 where the header is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The header is not `t=<seconds>,v0=<hex>`.
    #[error("the signature header is not of the form t=…,v0=…")]
    Header,
    /// It was signed too long ago, or too far in the future; one of the two clocks is wrong, or somebody repeats it.
    #[error("the webhook was signed at another time; check this machine's clock")]
    Time,
    /// The signature is not that of the secret, or the body was changed: only the raw bytes fit.
    #[error("the signature does not fit; check the webhook's secret, and verify the raw body")]
    Signature,
    /// Signed, and yet not an event.
    #[error("the signed body is not a webhook event")]
    Body,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// `post_call_transcription`, `post_call_audio`, `call_initiation_failure`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub event_timestamp: Option<f64>,
    /// What it is about.
    #[serde(default)]
    pub data: Value,
}

impl Verifier {
    /// Checks with `secret`, which the platform showed when the webhook was made.
    pub fn new(secret: &str) -> Self {
        Self {
            secret: ApiKey::new(secret),
            tolerance: TOLERANCE,
        }
    }

    /// Allows another difference between the clocks. Default [`TOLERANCE`].
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Checks `header` against the raw bytes of the body. `now` in seconds since 1970.
    pub fn verify(&self, header: &str, body: &[u8], now: u64) -> Result<(), WebhookError> {
        let mut time = None;
        let mut signature = None;
        for part in header.split(',').map(str::trim) {
            if let Some(value) = part.strip_prefix("t=") {
                time = Some(value);
            } else if let Some(value) = part.strip_prefix("v0=") {
                signature = Some(value);
            }
        }
        let (Some(time), Some(signature)) = (time, signature) else {
            return Err(WebhookError::Header);
        };
        let at: u64 = time.parse().map_err(|_| WebhookError::Header)?;
        let signature = bytes_of(signature).ok_or(WebhookError::Header)?;
        // Compared in constant time.
        self.mac(time, body)
            .verify_slice(&signature)
            .map_err(|_| WebhookError::Signature)?;
        if at.abs_diff(now) > self.tolerance.as_secs() {
            return Err(WebhookError::Time);
        }
        Ok(())
    }

    /// Checks, and reads what it says.
    pub fn read(&self, header: &str, body: &[u8], now: u64) -> Result<WebhookEvent, WebhookError> {
        self.verify(header, body, now)?;
        serde_json::from_slice(body).map_err(|_| WebhookError::Body)
    }

    /// The header for a body signed at `now`; for those who send, and for tests.
    pub fn sign(&self, body: &[u8], now: u64) -> String {
        let mut header = format!("t={now},v0=");
        for byte in self.mac(&now.to_string(), body).finalize().into_bytes() {
            for half in [byte >> 4, byte & 15] {
                header.push(char::from(b"0123456789abcdef"[usize::from(half)]));
            }
        }
        header
    }

    fn mac(&self, time: &str, body: &[u8]) -> Hmac<Sha256> {
        // A key of any length will do, so there is no error; the shortest one stands in for it.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = hex
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    Some(
        pairs
            .iter()
            .map(|[high, low]| (high << 4 | low) as u8)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;
    const BODY: &[u8] = br#"{"type":"post_call_transcription","event_timestamp":1790000000,"data":{"agent_id":"a"}}"#;

    #[test]
    fn a_known_signature_is_made_and_believed() {
        let verifier = Verifier::new("wsec_quiet");
        // HMAC-SHA256 of "1790000000." and BODY, reckoned with another tool.
        let header = verifier.sign(BODY, NOW);
        assert_eq!(header, KNOWN);
        assert_eq!(verifier.verify(&header, BODY, NOW), Ok(()));
        assert_eq!(
            verifier.read(&header, BODY, NOW).unwrap().kind,
            "post_call_transcription"
        );
    }

    const KNOWN: &str =
        "t=1790000000,v0=375ff1cb4d0918bc5956bebbd5f714f277ad57ed61aafd5ac271d3a3b5fb8acc";

    #[test]
    fn another_body_secret_or_time_is_not_believed() {
        let verifier = Verifier::new("wsec_quiet");
        let header = verifier.sign(BODY, NOW);
        assert_eq!(
            verifier.verify(&header, b"{}", NOW),
            Err(WebhookError::Signature)
        );
        assert_eq!(
            Verifier::new("wsec_other").verify(&header, BODY, NOW),
            Err(WebhookError::Signature)
        );
        let later = header.replace("t=1790000000", "t=1790000001");
        assert_eq!(
            verifier.verify(&later, BODY, NOW),
            Err(WebhookError::Signature)
        );
        for skewed in [NOW + 1_801, NOW - 1_801] {
            assert_eq!(
                verifier.verify(&header, BODY, skewed),
                Err(WebhookError::Time)
            );
        }
        assert_eq!(verifier.verify(&header, BODY, NOW + 1_800), Ok(()));
    }

    #[test]
    fn a_header_that_is_none_is_told_apart() {
        let verifier = Verifier::new("wsec_quiet");
        for header in [
            "",
            "t=1",
            "v0=00",
            "t=x,v0=00",
            "t=1,v0=0",
            "t=1,v0=zz",
            "t=-1,v0=é0",
        ] {
            assert_eq!(
                verifier.verify(header, BODY, NOW),
                Err(WebhookError::Header),
                "{header}"
            );
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert!(!format!("{:?}", Verifier::new("wsec_quiet")).contains("quiet"));
    }
}
