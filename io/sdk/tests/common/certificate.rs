//! Certificates nobody has signed but their owner, written out by hand (X.509, DER).

use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

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

/// A certificate for `localhost`, good from the first of January of one year to that of another, and its key.
pub fn self_signed(from: u32, to: u32) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    // commonName, as UTF-8.
    let common_name = sequence(&[&[0x06, 3, 0x55, 4, 3], &value(0x0c, b"localhost")]);
    let name = sequence(&[&value(0x31, &common_name)]);
    let moment = |year: u32| value(0x18, format!("{year}0101000000Z").as_bytes());
    let public = [&[0], key.public_key().as_ref()].concat();
    // subjectAltName with one dNSName.
    let names = value(0x04, &sequence(&[&value(0x82, b"localhost")]));
    let extension = sequence(&[&[0x06, 3, 0x55, 0x1d, 0x11], &names]);
    let body = sequence(&[
        &value(0xa0, &[0x02, 1, 2]),
        &[0x02, 1, 7],
        ED25519,
        &name,
        &sequence(&[&moment(from), &moment(to)]),
        &name,
        &sequence(&[ED25519, &value(0x03, &public)]),
        &value(0xa3, &sequence(&[&extension])),
    ]);
    let signature = [&[0], key.sign(&body).as_ref()].concat();
    let certificate = sequence(&[&body, ED25519, &value(0x03, &signature)]);
    let key = PrivatePkcs8KeyDer::from(document.as_ref().to_vec());
    (certificate.into(), key.into())
}
