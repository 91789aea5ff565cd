//! Signed URLs: proof that somebody with a key allowed one agent to be called for a while.
//!
//! The proof stands in `conversation_signature` (or `token`, its older name) as `<expiry>.<mac>`: seconds since 1970 and
//! an HMAC over agent, expiry and conversation id. Only decoded values are looked at, so clients may re-encode the
//! URL and add parameters. A proof made for a conversation id works once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{access::hex, ids};

/// Why a signature does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SignatureError {
    /// Not made here, or for another agent or conversation.
    #[error("the signature of this URL is not valid for this agent")]
    Invalid,
    /// Too old.
    #[error("this signed URL has expired; ask for a new one")]
    Expired,
    /// Made for one conversation, which it already began.
    #[error("this signed URL has been used; ask for a new one")]
    Used,
}

/// Signs and verifies. Where there are keys, its secret comes from them, so that a URL holds after a restart and on every
/// node with the same keys; a server without keys makes one up, and needs no signatures.
pub(crate) struct Signer {
    secret: [u8; 64],
    validity: Duration,
    /// When this process began, in seconds since 1970: which of the older proofs were used, it does not know.
    since: u64,
    /// Conversation ids whose URL was used, with the second their proof expires.
    used: Mutex<HashMap<String, u64>>,
}

impl Signer {
    pub(crate) fn new(secret: [u8; 64], validity: Duration, since: u64) -> Self {
        Self {
            secret,
            validity,
            since,
            used: Mutex::default(),
        }
    }

    /// A proof for `agent`, and for that conversation alone if one is named. `now` in seconds since 1970.
    pub(crate) fn sign(&self, agent: &str, conversation: Option<&str>, now: u64) -> String {
        let expiry = now + self.validity.as_secs();
        format!(
            "{expiry}.{}",
            hex(&self
                .mac(agent, conversation, expiry)
                .finalize()
                .into_bytes())
        )
    }

    /// Whether `signature` allows it, now.
    pub(crate) fn verify(
        &self,
        signature: &str,
        agent: &str,
        conversation: Option<&str>,
        now: u64,
    ) -> Result<(), SignatureError> {
        let (expiry, mac) = signature.split_once('.').ok_or(SignatureError::Invalid)?;
        let expiry: u64 = expiry.parse().map_err(|_| SignatureError::Invalid)?;
        let mac = unhex(mac).ok_or(SignatureError::Invalid)?;
        self.mac(agent, conversation, expiry)
            .verify_slice(&mac)
            .map_err(|_| SignatureError::Invalid)?;
        if now >= expiry {
            return Err(SignatureError::Expired);
        }
        let Some(conversation) = conversation else {
            return Ok(());
        };
        if expiry < self.since + self.validity.as_secs() {
            return Err(SignatureError::Used);
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, expiry| *expiry > now);
        match used.insert(conversation.to_owned(), expiry) {
            None => Ok(()),
            Some(_) => Err(SignatureError::Used),
        }
    }

    fn mac(&self, agent: &str, conversation: Option<&str>, expiry: u64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.secret.into());
        // Lengths first, so that no two different statements give the same bytes.
        for part in [agent, conversation.unwrap_or("")] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&expiry.to_be_bytes());
        mac
    }
}

impl Default for Signer {
    fn default() -> Self {
        Self::new(ids::secret(), Duration::from_mins(15), 0)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_agent_and_fifteen_minutes() {
        let signer = Signer::default();
        let proof = signer.sign("agent_a", None, 1_000);
        assert_eq!(signer.verify(&proof, "agent_a", None, 1_899), Ok(()));
        assert_eq!(
            signer.verify(&proof, "agent_a", None, 1_900),
            Err(SignatureError::Expired)
        );
        assert_eq!(
            signer.verify(&proof, "agent_b", None, 1_000),
            Err(SignatureError::Invalid)
        );
        assert_eq!(
            signer.verify(&proof, "agent_a", Some("conv_1"), 1_000),
            Err(SignatureError::Invalid)
        );
        assert_eq!(
            Signer::default().verify(&proof, "agent_a", None, 1_000),
            Err(SignatureError::Invalid)
        );
    }

    #[test]
    fn a_later_expiry_cannot_be_claimed() {
        let signer = Signer::default();
        let proof = signer.sign("agent_a", None, 1_000);
        let (_, mac) = proof.split_once('.').unwrap();
        let forged = format!("9999999.{mac}");
        assert_eq!(
            signer.verify(&forged, "agent_a", None, 1_000),
            Err(SignatureError::Invalid)
        );
        for rubbish in ["", ".", "1.", "x.y", "1900.zz", "1900.é"] {
            assert_eq!(
                signer.verify(rubbish, "agent_a", None, 1_000),
                Err(SignatureError::Invalid)
            );
        }
    }

    #[test]
    fn a_proof_from_before_a_restart_holds_unless_it_may_have_been_used() {
        let (secret, validity) = ([7; 64], Duration::from_mins(15));
        let before = Signer::new(secret, validity, 0);
        let after = Signer::new(secret, validity, 1_100);
        let proof = before.sign("agent_a", None, 1_000);
        assert_eq!(after.verify(&proof, "agent_a", None, 1_200), Ok(()));
        let proof = before.sign("agent_a", Some("conv_1"), 1_000);
        assert_eq!(
            after.verify(&proof, "agent_a", Some("conv_1"), 1_200),
            Err(SignatureError::Used)
        );
    }

    #[test]
    fn a_proof_for_one_conversation_works_once() {
        let signer = Signer::default();
        let proof = signer.sign("agent_a", Some("conv_1"), 1_000);
        assert_eq!(
            signer.verify(&proof, "agent_a", Some("conv_1"), 1_000),
            Ok(())
        );
        assert_eq!(
            signer.verify(&proof, "agent_a", Some("conv_1"), 1_001),
            Err(SignatureError::Used)
        );
    }
}
