//! Secure connections that cannot be made: what is wrong, and what to do.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]
#![allow(unreachable_pub, reason = "a helper shared by tests")]

mod common;
#[path = "common/house.rs"]
mod house;

use std::time::Duration;

use certificates::{Issuer, secured};
use common::until;
use duologue::{
    Access, Account, Agents, ApiKey, ConnectError, Event, TlsTrouble,
    account::{self, Authorities},
    wire::ServerEvent,
};
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
    let port = secured(certificates::self_signed(from, to), None).await;
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

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_once_it_is_named() {
    let house = house::serve("dk_right").await;
    let behind = house.trim_start_matches("http://").to_owned();
    let issuer = Issuer::new();
    let port = secured(issuer.issue(), Some(behind)).await;
    let url = format!("https://localhost:{port}");
    let agents = |authorities: Authorities| {
        let settings = account::Settings {
            api_key: Some(ApiKey::new("dk_right")),
            base_url: Some(url.clone()),
            authorities,
            ..account::Settings::default()
        };
        Agents::new(Account::new(settings).unwrap())
    };

    // Somebody else's word is worth nothing.
    let stranger = Authorities::public().and_pem(Issuer::new().pem().as_bytes());
    for authorities in [Authorities::public(), stranger.unwrap()] {
        let refused = agents(authorities)
            .conversation("assistant")
            .connect()
            .await;
        assert!(
            matches!(
                refused,
                Err(ConnectError::Tls {
                    trouble: TlsTrouble::Untrusted,
                    ..
                })
            ),
            "{refused:?}"
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    let trusted = agents(Authorities::public().and_file(&file).unwrap());
    // REST: the agent's settings. The socket: the conversation.
    let agent = trusted.account().agents().get("assistant").await.unwrap();
    assert!(!agent.name.is_empty());
    let mut conversation = trusted
        .conversation("assistant")
        .access(Access::Key)
        .text_only()
        .connect()
        .await
        .unwrap();
    until(&mut conversation, |event| {
        matches!(event, Event::Event(ServerEvent::AgentResponse { .. }))
    })
    .await;
}
