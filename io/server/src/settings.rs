//! What the server is told when it is made. It reads no environment and no file of its own.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use elevenlabs::Account;

use crate::{Abilities, access::Keys, speech::Speech};

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens. Default `127.0.0.1:8000`; port 0 takes any free one.
    pub bind: SocketAddr,
    /// Keys that may use everything. Empty (the default) on a loopback address: local callers need none, and nobody
    /// else is let in. Empty on any other address: refused by [`Server::bind`](crate::Server::bind).
    pub keys: Keys,
    /// Origins of browser pages that may call, such as `https://example.org`. Same-origin pages always may.
    pub allowed_origins: Vec<String>,
    /// Whether pages served from this machine (any port) may call as well. Default true.
    pub development: bool,
    /// The scheme, host and port that clients use, such as `wss://agents.example.org`, for the URLs the server gives
    /// out. Default: `ws://` and whatever the request's `Host` header says.
    pub public_url: Option<String>,
    /// The voice and the recogniser behind the speech routes. None (the default): those routes say that there is none.
    pub speech: Option<Speech>,
    /// The ElevenLabs account whose voices, and whose library of voices, are shown beside this server's own. None (the
    /// default): there are no others. An account at this server's own address would be asked in circles.
    pub account: Option<Account>,
    /// Secrets, documents and the web servers that tools may call. None (the default): their routes say that there are none.
    pub abilities: Option<Abilities>,
    /// How much of everything.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            keys: Keys::default(),
            allowed_origins: Vec::new(),
            development: true,
            public_url: None,
            speech: None,
            account: None,
            abilities: None,
            limits: Limits::default(),
        }
    }
}

/// How much of everything, so that no caller can take what belongs to the others.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Conversations at once. Default 500. One more is told so and closed with 3008.
    pub conversations: usize,
    /// Conversations at once with one key. Default: as many as in all.
    pub conversations_per_key: Option<usize>,
    /// Connections of any kind at once. Default 2048. Those beyond it wait in the system's own queue.
    pub connections: usize,
    /// Bytes of one message on a conversation socket. Default 1 MiB, which is more than 20 s of sound.
    pub message_bytes: usize,
    /// Bytes of a REST body. Default 4 MiB.
    pub body_bytes: usize,
    /// How long a request's head may take. Default 10 s.
    pub head: Duration,
    /// How long a client may take to say its first word before the conversation begins without it. Default 3 s.
    pub initiation: Duration,
    /// How long a client may say nothing: no sound, no text, no activity. Default 60 s.
    pub receive: Duration,
    /// How long one message to a client may take before the client counts as gone. Default 10 s.
    pub send: Duration,
    /// How often the client is asked whether it is there. Default 2 s.
    pub ping: Duration,
    /// How long conversations may go on when the server is asked to stop. Default 30 s.
    pub drain: Duration,
    /// How long a signed URL may be used to begin. Default 15 min.
    pub signed_url: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            conversations: 500,
            conversations_per_key: None,
            connections: 2048,
            message_bytes: 1 << 20,
            body_bytes: 4 << 20,
            head: Duration::from_secs(10),
            initiation: Duration::from_secs(3),
            receive: Duration::from_mins(1),
            send: Duration::from_secs(10),
            ping: Duration::from_secs(2),
            drain: Duration::from_secs(30),
            signed_url: Duration::from_mins(15),
        }
    }
}
