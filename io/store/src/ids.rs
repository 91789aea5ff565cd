//! Names for new things.

use crate::StoreError;

/// `prefix` and 24 letters and digits of chance.
pub(crate) fn new(prefix: &str) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0_u8; 24];
    // Names need to differ; nothing is guarded by them. A system without chance still has a clock.
    if getrandom::fill(&mut bytes).is_err() {
        let now = crate::time::now().unsigned_abs().to_le_bytes();
        let process = std::process::id().to_le_bytes();
        for (byte, chance) in bytes.iter_mut().zip(now.iter().chain(&process).cycle()) {
            *byte = *chance;
        }
    }
    let letters = bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(letters).collect()
}

/// The id itself, if it is one that a file can be named after.
pub(crate) fn plain(id: &str) -> Result<&str, StoreError> {
    let fine = !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if fine {
        Ok(id)
    } else {
        Err(StoreError::Id(id.to_owned()))
    }
}
