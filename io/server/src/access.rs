//! Who may come in.
//!
//! | server | a local program | a page of this server or of an allowed origin | any other page |
//! |---|---|---|---|
//! | on a loopback address without keys | needs nothing | needs nothing | refused |
//! | with keys | needs a key, unless the route is public | the same | the same; may only read public routes |
//!
//! A server without keys also refuses a `Host` header that is not this machine's: a page of a stranger whose name was
//! pointed at 127.0.0.1 sends its own.

use std::{fmt, fmt::Write as _, net::IpAddr};

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{Problem, ids};

/// Keys that may use everything, kept as hashes.
#[derive(Clone, Default)]
pub struct Keys(Vec<[u8; 32]>);

/// Which key a caller presented: the beginning of its hash, for limits and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyId(u64);

/// Who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A server without keys lets local callers do everything.
    Local,
    /// Somebody with a key.
    Key(KeyId),
    /// Somebody without one, who may use what is public.
    Anonymous,
}

impl Keys {
    /// These keys. Empty ones and white space around them are dropped.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let hashes = keys
            .into_iter()
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(hash);
        Self(hashes.collect())
    }

    /// A key that nobody has seen before: itself, to be shown once, and its hash, to be kept.
    pub fn generate() -> (String, String) {
        let key = ids::new("dk_");
        let hash = hex(&hash(&key));
        (key, hash)
    }

    /// Adds a key by the hash that [`Keys::generate`] gave. False, and nothing added, if it is no such hash.
    pub fn add_hash(&mut self, hash: &str) -> bool {
        let hash = hash.trim().as_bytes();
        let mut bytes = [0_u8; 32];
        if hash.len() != 64 {
            return false;
        }
        for (byte, pair) in bytes.iter_mut().zip(hash.chunks(2)) {
            let digits = std::str::from_utf8(pair).ok();
            let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                return false;
            };
            *byte = value;
        }
        self.0.push(bytes);
        true
    }

    /// A secret that everybody has who has these keys: the same after a restart and on every node. None without keys.
    pub(crate) fn secret(&self) -> Option<[u8; 64]> {
        if self.0.is_empty() {
            return None;
        }
        let mut hashes = self.0.clone();
        hashes.sort_unstable();
        let mut secret = [0_u8; 64];
        for (half, label) in secret.chunks_mut(32).zip(["left", "right"]) {
            let mut hash = Sha256::new();
            hash.update(b"duologue signed urls, ");
            hash.update(label.as_bytes());
            for key in &hashes {
                hash.update(key);
            }
            half.copy_from_slice(&hash.finalize());
        }
        Some(secret)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which key this is. Looks at every key, so that the time taken says nothing.
    fn find(&self, presented: &str) -> Option<KeyId> {
        let presented = hash(presented);
        let mut found = None;
        for key in &self.0 {
            if bool::from(key.ct_eq(&presented)) {
                let mut head = [0_u8; 8];
                head.copy_from_slice(&key[..8]);
                found = Some(KeyId(u64::from_be_bytes(head)));
            }
        }
        found
    }

    /// Who presents these headers. A wrong key is an error even where none is needed: a caller who sends one should
    /// learn that it does not work. A server without keys looks at none.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        if self.is_empty() {
            return Ok(Caller::Local);
        }
        match presented(headers) {
            None => Ok(Caller::Anonymous),
            Some(key) => match self.find(key) {
                Some(key) => Ok(Caller::Key(key)),
                None => Err(Problem::invalid_key()),
            },
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// The key in `X-API-Key`, `xi-api-key`, `Authorization: Bearer` or the subprotocol `bearer.<key>`.
fn presented(headers: &HeaderMap) -> Option<&str> {
    for name in ["x-api-key", "xi-api-key"] {
        if let Some(key) = headers.get(name).and_then(|value| value.to_str().ok()) {
            return Some(key.trim());
        }
    }
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    if let Some((scheme, key)) = authorization.and_then(|value| value.trim().split_once(' '))
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Some(key.trim());
    }
    subprotocols(headers).find_map(|word| word.strip_prefix("bearer."))
}

/// The words of `Sec-WebSocket-Protocol`.
pub(crate) fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Which pages may call.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    /// No keys: strangers' pages and names are refused outright.
    pub(crate) open: bool,
    pub(crate) allowed: Vec<String>,
    pub(crate) development: bool,
}

impl Origins {
    /// Refuses what a server without keys refuses.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.open {
            return Ok(());
        }
        let host = headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok());
        if !host.is_some_and(|host| is_loopback_host(host_name(host))) {
            return Err(Problem::forbidden(
                "This server takes calls for this machine only. Set API_KEYS to serve under another name.",
            ));
        }
        match origin(headers) {
            Some(origin) if !self.knows(origin, headers) => Err(Problem::forbidden(
                "Pages of this origin may not call this server. Add it to ALLOWED_ORIGINS.",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a page of `origin` may see answers.
    pub(crate) fn knows(&self, origin: &str, headers: &HeaderMap) -> bool {
        let Some((_, authority)) = origin.split_once("://") else {
            return false;
        };
        let host = headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok());
        host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
            || (self.development && is_loopback_host(host_name(authority)))
            || self
                .allowed
                .iter()
                .any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
    }
}

/// The `Origin` header; a value that is not text counts as a stranger's.
pub(crate) fn origin(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::ORIGIN)
        .map(|value| value.to_str().unwrap_or("null"))
}

/// `host` of `host:port`, `[v6]:port`.
fn host_name(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.split(':').next().unwrap_or(authority)
}

fn is_loopback_host(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn a_key_is_found_in_every_place_it_may_stand() {
        let keys = Keys::new([" first ", "second", ""]);
        for pair in [
            ("x-api-key", "second"),
            ("xi-api-key", "first"),
            ("authorization", "Bearer first"),
            ("sec-websocket-protocol", "convai, bearer.second"),
        ] {
            let caller = keys.caller(&headers(&[pair])).unwrap();
            assert!(matches!(caller, Caller::Key(_)), "{pair:?}");
        }
        assert_eq!(keys.caller(&headers(&[])).unwrap(), Caller::Anonymous);
        assert!(keys.caller(&headers(&[("x-api-key", "third")])).is_err());
        assert!(keys.caller(&headers(&[("x-api-key", "")])).is_err());
    }

    #[test]
    fn without_keys_a_presented_one_is_not_looked_at() {
        let caller = Keys::default().caller(&headers(&[("xi-api-key", "anything")]));
        assert_eq!(caller.unwrap(), Caller::Local);
    }

    #[test]
    fn a_generated_key_is_known_by_its_hash() {
        let (key, hash) = Keys::generate();
        let mut keys = Keys::default();
        assert!(keys.add_hash(&hash));
        assert!(keys.find(&key).is_some());
        assert!(!keys.add_hash("not a hash"));
    }

    #[test]
    fn an_open_server_refuses_foreign_names_and_pages() {
        let origins = Origins {
            open: true,
            allowed: vec!["https://friend.example".to_owned()],
            development: true,
        };
        let admits =
            |pairs: &[(&'static str, &'static str)]| origins.admit(&headers(pairs)).is_ok();
        assert!(admits(&[("host", "127.0.0.1:8000")]));
        assert!(admits(&[("host", "[::1]:8000")]));
        assert!(admits(&[
            ("host", "localhost"),
            ("origin", "http://localhost:5173")
        ]));
        assert!(admits(&[
            ("host", "localhost"),
            ("origin", "https://friend.example")
        ]));
        assert!(!admits(&[("host", "stranger.example")]));
        assert!(!admits(&[]));
        assert!(!admits(&[
            ("host", "localhost"),
            ("origin", "https://stranger.example")
        ]));
        assert!(!admits(&[("host", "localhost"), ("origin", "null")]));
        assert!(!admits(&[
            ("host", "localhost"),
            ("origin", "https://localhost.stranger.example")
        ]));
    }

    #[test]
    fn in_production_only_the_servers_own_pages_are_known() {
        let origins = Origins {
            open: true,
            allowed: Vec::new(),
            development: false,
        };
        let admits =
            |origin| origins.admit(&headers(&[("host", "localhost:8000"), ("origin", origin)]));
        assert!(admits("http://localhost:8000").is_ok());
        assert!(admits("http://localhost:5173").is_err());
    }
}
