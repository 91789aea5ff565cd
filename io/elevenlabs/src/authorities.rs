//! Whose certificates are trusted.

use std::{fmt, fs, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The authorities whose certificates are trusted: the public ones (Mozilla's list), and those that are added here.
///
/// For servers, and for proxies in between, whose certificates a house has signed itself. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Authorities {
    own: Arc<Vec<CertificateDer<'static>>>,
}

/// Authorities that cannot be trusted, because they cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthoritiesError {
    /// The file cannot be read.
    #[error("{file} cannot be read: {reason}")]
    File {
        /// Which.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// There is no certificate in it.
    #[error(
        "there is no certificate in it; a PEM file has a block that begins with -----BEGIN CERTIFICATE-----"
    )]
    Empty,
    /// A certificate is none, or is none of an authority.
    #[error("certificate {number} in it cannot be trusted: {reason}")]
    Certificate {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Authorities {
    /// The public ones alone. The default.
    pub fn public() -> Self {
        Self::default()
    }

    /// Trusts the certificates in `pem` as well. What else is in it is passed over.
    ///
    /// # Errors
    /// [`AuthoritiesError`] where there is no certificate, or one that cannot be trusted.
    pub fn and_pem(self, pem: &[u8]) -> Result<Self, AuthoritiesError> {
        let mut own = self.own.as_ref().clone();
        let mut roots = RootCertStore::empty();
        let mut number = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            number += 1;
            let wrong = |reason: String| AuthoritiesError::Certificate { number, reason };
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots
                .add(certificate.clone())
                .map_err(|error| wrong(error.to_string()))?;
            own.push(certificate);
        }
        if number == 0 {
            return Err(AuthoritiesError::Empty);
        }
        Ok(Self { own: Arc::new(own) })
    }

    /// Trusts the certificates in the PEM file at `path` as well.
    ///
    /// # Errors
    /// As [`Authorities::and_pem`], and where the file cannot be read.
    pub fn and_file(self, path: impl AsRef<Path>) -> Result<Self, AuthoritiesError> {
        let path = path.as_ref();
        let pem = fs::read(path).map_err(|error| AuthoritiesError::File {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
        self.and_pem(&pem)
    }

    /// TLS that trusts them: rustls over ring.
    ///
    /// Given explicitly wherever TLS is spoken, so that a library user needs no process-wide provider.
    ///
    /// # Errors
    /// Fails only when the TLS backend cannot be set up, with the library's words.
    pub fn tls(&self) -> Result<ClientConfig, String> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        // They were looked at when they were added.
        roots.add_parsable_certificates(self.own.iter().cloned());
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(tls)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.own.len() {
            0 => f.write_str("public"),
            own => write!(f, "public and {own} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused_with_what_was_expected() {
        let refused = |pem: &[u8]| Authorities::public().and_pem(pem).unwrap_err().to_string();
        assert!(refused(b"").contains("-----BEGIN CERTIFICATE-----"));
        let block = b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert!(refused(block).contains("certificate 1 in it"));
        let torn = b"-----BEGIN CERTIFICATE-----\naGVs";
        assert!(refused(torn).contains("certificate 1 in it"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Authorities::public()
            .and_file("/nowhere/ca.pem")
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
