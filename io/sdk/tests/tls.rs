//! Secure connections that cannot be made: what is wrong, and what to do.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]
#![allow(unreachable_pub, reason = "a helper shared by tests")]

#[path = "common/certificate.rs"]
mod certificate;

use std::{sync::Arc, time::Duration};

use duologue::{Account, Agents, ApiKey, ConnectError, TlsTrouble, account};
use rustls::{ServerConfig, crypto::ring::default_provider};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server at `localhost` with a certificate good between two years.
async fn server(from: u32, to: u32) -> u16 {
    let (certificate, key) = certificate::self_signed(from, to);
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
            let acceptor = acceptor.clone();
            tokio::spawn(async move { drop(acceptor.accept(socket).await) });
        }
    });
    port
}

/// What a conversation there comes to, with a key (REST first) or without (the socket at once).
async fn refusal(url: &str, key: Option<&str>) -> ConnectError {
    let account = Account::new(account::Settings {
        api_key: key.map(ApiKey::new),
        base_url: Some(url.to_owned()),
        timeout: Duration::from_secs(5),
        ..account::Settings::default()
    });
    Agents::new(account.unwrap())
        .conversation("agent_1")
        .connect()
        .await
        .unwrap_err()
}

async fn check(from: u32, to: u32, expected: TlsTrouble, words: &str) {
    let port = server(from, to).await;
    for key in [None, Some("sk_hush")] {
        let error = refusal(&format!("https://localhost:{port}"), key).await;
        assert!(
            matches!(&error, ConnectError::Tls { host, trouble, .. } if host == "localhost" && *trouble == expected),
            "{error:?}"
        );
        // What will not help is not tried again.
        assert!(!error.is_transient());
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?} {error}").contains("sk_hush"));
    }
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_and_it_is_said_what_to_do() {
    check(2020, 2120, TlsTrouble::Untrusted, "a public authority").await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_shows_in_certificates_of_other_times() {
    check(
        2001,
        2002,
        TlsTrouble::OutOfDate,
        "check this machine's clock",
    )
    .await;
    check(
        2120,
        2121,
        TlsTrouble::OutOfDate,
        "check this machine's clock",
    )
    .await;
}
