//! Names for new things.

/// `prefix` and 24 characters of chance: letters and digits only, which is what one official SDK cuts ids at.
pub(crate) fn new(prefix: &str) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0_u8; 24];
    fill(&mut bytes);
    let mut id = String::with_capacity(prefix.len() + bytes.len());
    id.push_str(prefix);
    id.extend(
        bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)])),
    );
    id
}

/// A seed for what is left to chance in a conversation.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0_u8; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Bytes nobody can guess.
pub(crate) fn secret() -> [u8; 64] {
    let mut bytes = [0_u8; 64];
    fill(&mut bytes);
    bytes
}

fn fill(bytes: &mut [u8]) {
    // The system's generator fails only on systems that cannot run this program at all. Going on with guessable ids
    // and secrets would be worse than stopping.
    assert!(
        getrandom::fill(bytes).is_ok(),
        "the system gives no random numbers"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_letters_and_digits_after_the_prefix() {
        let id = new("conv_");
        assert_eq!(id.len(), 29);
        assert!(id[5..].bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(id, new("conv_"));
    }
}
