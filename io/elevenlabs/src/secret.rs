//! Keys that never show themselves.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A key for somebody's API. Prints as `***`, also in `Debug`.
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// A key. White space around it, which copying tends to add, is dropped.
    pub fn new(key: &str) -> Self {
        Self(SecretString::from(key.trim().to_owned()))
    }

    /// The key itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
