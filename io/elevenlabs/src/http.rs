//! One way to speak HTTP and TLS, for everything that calls a vendor.

use std::{error::Error, io, time::Duration};

use rustls::{CertificateError, ClientConfig};

use crate::Authorities;

/// How long to wait for a connection. Names, TCP and TLS together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that trusts `authorities`. Cheap to clone; one connection pool behind all clones.
///
/// # Errors
/// Fails only when the TLS backend cannot be set up, with the library's words.
pub fn client(authorities: &Authorities) -> Result<reqwest::Client, String> {
    builder(authorities.tls()?)
        .build()
        .map_err(|error| describe(&error))
}

/// What every client has in common, for those who want more: [`Authorities::tls`], [`CONNECT_TIMEOUT`] and our name.
pub fn builder(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("duologue/", env!("CARGO_PKG_VERSION")))
}

/// [`describe`], and what to do where TLS is the trouble.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let words = describe(error);
    match TlsTrouble::find(error) {
        Some(trouble) => format!("{words}; {}", trouble.remedy()),
        None => words,
    }
}

/// What stands in the way of a secure connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsTrouble {
    /// The other side's certificate comes from nobody who is trusted.
    Untrusted,
    /// Its certificate is out of date, or will only be good later: or this machine's clock is wrong.
    OutOfDate,
    /// Its certificate is somebody else's.
    WrongName,
    /// It does not speak TLS.
    NotTls,
    /// Anything else.
    Other,
}

impl TlsTrouble {
    /// The trouble with TLS among an error and its causes, if that is what it is.
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref() {
                return Some(Self::of(error));
            }
            // An `io::Error` does not name what it wraps as its source; it may wrap another of its kind.
            next = match error.downcast_ref().and_then(io::Error::get_ref) {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        None
    }

    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Untrusted => {
                "a server of one's own, or a proxy that opens what this machine sends, needs a certificate of a public authority or of one that is trusted here (DUOLOGUE_CA_FILE, or `authorities` of the settings)"
            }
            Self::OutOfDate => {
                "check this machine's clock; if it is right, the server's certificate has to be renewed"
            }
            Self::WrongName => "check the address: the certificate there is another host's",
            Self::NotTls => "check the address: without TLS it is http:// or ws://",
            Self::Other => "check this machine's clock, the address and proxies in between",
        }
    }

    const fn of(error: &rustls::Error) -> Self {
        use CertificateError as Bad;
        match error {
            rustls::Error::InvalidCertificate(bad) => match bad {
                Bad::Expired
                | Bad::ExpiredContext { .. }
                | Bad::NotValidYet
                | Bad::NotValidYetContext { .. } => Self::OutOfDate,
                Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Self::WrongName,
                _ => Self::Untrusted,
            },
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Other,
        }
    }
}

/// The first cause of an error, in its own words.
pub(crate) fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// An error and its causes in one line.
///
/// What a library says may hold a URL, and a URL may hold a secret: take it out before (`without_url`).
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
