//! What goes wrong with a provider, by whose fault it is.

use std::time::Duration;

/// Why a provider could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The provider refused the key or the account. Trying again will not help.
    #[error("{provider} refused the credentials: {reason}")]
    Unauthorised {
        /// Its name.
        provider: String,
        /// What it said.
        reason: String,
    },
    /// The request is wrong for this provider (unknown model, language, voice or format). Trying again will not help.
    #[error("{provider} cannot do this: {reason}")]
    Unsupported {
        /// Its name.
        provider: String,
        /// What, and what it can do instead.
        reason: String,
    },
    /// Something that the provider needs is not on this machine: a package, a model, a library or a key.
    #[error("{provider} is not ready: {reason}. {remedy}")]
    Missing {
        /// Its name.
        provider: String,
        /// What is missing.
        reason: String,
        /// The command or setting that mends it.
        remedy: String,
    },
    /// Too many requests. Another provider, or a later moment, may do.
    #[error("{provider} is limiting the rate of requests")]
    RateLimited {
        /// Its name.
        provider: String,
        /// When to come back, where it said so.
        retry_after: Option<Duration>,
    },
    /// Nothing came for too long.
    #[error("{provider} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// Its name.
        provider: String,
        /// How long was waited.
        after: Duration,
    },
    /// It could not be reached, or the connection broke.
    #[error("{provider} could not be reached: {reason}")]
    Unreachable {
        /// Its name.
        provider: String,
        /// What the network said.
        reason: String,
    },
    /// It answered with something that makes no sense, or an error of its own.
    #[error("{provider} failed: {reason}")]
    Failed {
        /// Its name.
        provider: String,
        /// What it said.
        reason: String,
    },
}

impl ProviderError {
    /// Whether the same request may succeed later or elsewhere.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::TimedOut { .. }
                | Self::Unreachable { .. }
                | Self::Failed { .. }
        )
    }
}
