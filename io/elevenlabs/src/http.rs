//! One way to speak HTTP and TLS, for everything that calls a vendor.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How long to wait for a connection. Names, TCP and TLS together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Our TLS: rustls over ring, Mozilla's roots.
///
/// Given explicitly wherever TLS is spoken, so that a library user needs no process-wide provider.
///
/// # Errors
/// Fails only when the TLS backend cannot be set up, with the library's words.
pub fn tls() -> Result<ClientConfig, String> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tls)
}

/// A client with [`tls`]. Cheap to clone; one connection pool behind all clones.
///
/// # Errors
/// Fails only when the TLS backend cannot be set up, with the library's words.
pub fn client() -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("duologue/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| describe(&error))
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
