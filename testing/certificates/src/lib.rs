//! Certificates nobody knows the signer of, written out by hand (X.509, DER), and servers behind them.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "what breaks fails the test"
)]

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// The algorithm Ed25519: the sequence of 1.3.101.112.
const ED25519: &[u8] = &[0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70];

/// One value: its tag, its length, its content.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..128 => out.push(u8::try_from(length).unwrap()),
        length @ 128..256 => out.extend_from_slice(&[0x81, u8::try_from(length).unwrap()]),
        length => {
            out.push(0x82);
            out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

/// One who signs certificates.
pub struct Issuer {
    /// Its own certificate.
    pub certificate: CertificateDer<'static>,
    name: Vec<u8>,
    key: Ed25519KeyPair,
}

/// What a certificate is for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// The server at `localhost`; signed by its owner where nobody else is named.
    Server(Option<&'a Issuer>),
    /// Signing others.
    Authority,
}

impl Issuer {
    /// An authority nobody knows, good for a century.
    #[allow(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let name = named(b"House authority");
        let (certificate, document) = make(&name, Purpose::Authority, (2020, 2120));
        Self {
            certificate,
            name,
            key: Ed25519KeyPair::from_pkcs8(&document).unwrap(),
        }
    }

    /// As a PEM file has it.
    pub fn pem(&self) -> String {
        let lines: Vec<String> = STANDARD
            .encode(&self.certificate)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        format!(
            "Subject: House authority\n-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    /// A certificate for `localhost`, and its key.
    pub fn issue(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let purpose = Purpose::Server(Some(self));
        let (certificate, key) = make(&named(b"localhost"), purpose, (2020, 2120));
        (certificate, PrivatePkcs8KeyDer::from(key).into())
    }
}

/// A certificate for `localhost`, good from the first of January of one year to that of another, and its key.
pub fn self_signed(from: u32, to: u32) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let (certificate, key) = make(&named(b"localhost"), Purpose::Server(None), (from, to));
    (certificate, PrivatePkcs8KeyDer::from(key).into())
}

/// Somewhere at `localhost` with this certificate: what comes is carried to the address `behind`, or dropped. Its port.
pub async fn secured(
    (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
    behind: Option<String>,
) -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let accepted = acceptor.accept(socket).await;
                if let (Ok(mut near), Some(behind)) = (accepted, behind) {
                    let mut far = TcpStream::connect(behind).await.unwrap();
                    // However it ends: whoever was there has gone.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    port
}

/// A name with nothing but a commonName, as UTF-8.
fn named(common_name: &[u8]) -> Vec<u8> {
    let common_name = sequence(&[&[0x06, 3, 0x55, 4, 3], &value(0x0c, common_name)]);
    sequence(&[&value(0x31, &common_name)])
}

fn make(
    name: &[u8],
    purpose: Purpose<'_>,
    (from, to): (u32, u32),
) -> (CertificateDer<'static>, Vec<u8>) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let moment = |year: u32| value(0x18, format!("{year}0101000000Z").as_bytes());
    let public = [&[0], key.public_key().as_ref()].concat();
    let extension = match purpose {
        // subjectAltName with one dNSName.
        Purpose::Server(_) => {
            let names = value(0x04, &sequence(&[&value(0x82, b"localhost")]));
            sequence(&[&[0x06, 3, 0x55, 0x1d, 0x11], &names])
        }
        // basicConstraints, critical: an authority.
        Purpose::Authority => {
            let yes: &[u8] = &[0x01, 1, 0xff];
            let constraints = value(0x04, &sequence(&[yes]));
            sequence(&[&[0x06, 3, 0x55, 0x1d, 0x13], yes, &constraints])
        }
    };
    let (issuer, signer) = match purpose {
        Purpose::Server(Some(issuer)) => (issuer.name.as_slice(), &issuer.key),
        _ => (name, &key),
    };
    let body = sequence(&[
        &value(0xa0, &[0x02, 1, 2]),
        &[0x02, 1, 7],
        ED25519,
        issuer,
        &sequence(&[&moment(from), &moment(to)]),
        name,
        &sequence(&[ED25519, &value(0x03, &public)]),
        &value(0xa3, &sequence(&[&extension])),
    ]);
    let signature = [&[0], signer.sign(&body).as_ref()].concat();
    let certificate = sequence(&[&body, ED25519, &value(0x03, &signature)]);
    (certificate.into(), document.as_ref().to_vec())
}
