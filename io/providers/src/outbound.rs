//! HTTP to addresses that strangers name: tools, documents. The private network is out of bounds unless it is allowed.
//!
//! What counts is the address that is connected to, not the name: names are resolved here, private addresses are taken
//! out of the answer, and the connection goes to what is left. A name that changes its mind between a check and the
//! connection gains nothing. No proxy is used and no redirect is followed without being looked at again.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::{
    Method, Request, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};

use crate::http::{Authorities, TlsTrouble, builder, describe};

/// Hosts of the private network that may be reached all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    all: bool,
    hosts: Vec<(String, Option<u16>)>,
}

impl AllowedHosts {
    /// Reads a list such as `127.0.0.1:9000, crm.internal`: names or addresses, with a port or for every port. `*` allows
    /// everything. Default: nothing private.
    ///
    /// # Errors
    /// Says which entry is no host.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in list
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            if entry == "*" {
                allowed.all = true;
                continue;
            }
            // Read as a URL, so that both sides write addresses alike.
            let url = Url::parse(&format!("http://{entry}"))
                .map_err(|_| format!("{entry:?} is no host"))?;
            let host = url
                .host_str()
                .filter(|_| url.path() == "/" && url.query().is_none());
            let host = host.ok_or_else(|| format!("{entry:?} is no host"))?;
            let has_port = entry
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
                && (!entry.starts_with('[') || entry.contains("]:"));
            let port = has_port.then(|| url.port_or_known_default()).flatten();
            allowed.hosts.push((host.to_owned(), port));
        }
        Ok(allowed)
    }

    /// Everything, the private network included.
    pub fn everything() -> Self {
        Self {
            all: true,
            hosts: Vec::new(),
        }
    }

    fn allows(&self, host: &str, port: Option<u16>) -> bool {
        self.all
            || self.hosts.iter().any(|(known, known_port)| {
                known.eq_ignore_ascii_case(host)
                    && (known_port.is_none() || port.is_none() || *known_port == port)
            })
    }
}

/// Why a request was not made, or came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The address is private, or no address of the web. Trying again will not help.
    #[error("{0}")]
    Refused(String),
    /// It could not be reached: nothing was sent. Safe to try again.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke, or the answer was no HTTP. It may have been sent.
    #[error("{0}")]
    Broken(String),
    /// The answer has more bytes than are taken.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// How many are taken.
        limit: usize,
    },
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, unpacked.
    pub body: Vec<u8>,
    /// Where it came from.
    pub url: Url,
}

/// Makes requests. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    allowed: Arc<AllowedHosts>,
    authorities: Authorities,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// With these exceptions.
    ///
    /// # Errors
    /// Fails only when TLS cannot be set up.
    pub fn new(allowed: AllowedHosts) -> Result<Self, String> {
        Self::trusting(allowed, Authorities::public())
    }

    /// With these exceptions, and certificates of `authorities`.
    ///
    /// # Errors
    /// Fails only when TLS cannot be set up.
    pub fn trusting(allowed: AllowedHosts, authorities: Authorities) -> Result<Self, String> {
        let allowed = Arc::new(allowed);
        let client = builder(authorities.tls()?)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guard(Arc::clone(&allowed))))
            .build()
            .map_err(|error| describe(&error))?;
        Ok(Self {
            client,
            allowed,
            authorities,
        })
    }

    /// Whose certificates are trusted.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// A request to build on. Send it with [`Outbound::send`].
    pub fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Whether `url` may be asked at all. Names are looked at again when they are resolved.
    ///
    /// # Errors
    /// [`OutboundError::Refused`], with the reason.
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutboundError::Refused(format!(
                "{} is no address of the web: http or https is needed",
                url.scheme()
            )));
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(OutboundError::Refused(
                "the address names no host".to_owned(),
            ));
        };
        let port = url.port_or_known_default();
        if self.allowed.allows(host, port) {
            return Ok(());
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) if !is_public(address) => Err(private(host)),
            // Allowed on another port: the resolver would let it pass.
            _ if self.allowed.allows(host, None) => Err(private(host)),
            _ => Ok(()),
        }
    }

    /// Sends a request and reads at most `limit` bytes of the answer. Redirects are answers like any other.
    ///
    /// # Errors
    /// As [`OutboundError`] says. There is no limit of time: drop the future.
    pub async fn send(&self, request: Request, limit: usize) -> Result<Answer, OutboundError> {
        self.check(request.url())?;
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| explain(&error))?;
        read(response, limit).await
    }

    /// Fetches `url` and follows up to `redirects` redirects, each of which is looked at as if it had been asked for.
    ///
    /// # Errors
    /// As [`OutboundError`] says.
    pub async fn fetch(
        &self,
        mut url: Url,
        redirects: usize,
        limit: usize,
    ) -> Result<Answer, OutboundError> {
        for _ in 0..=redirects {
            let request = self.request(Method::GET, url.clone()).build();
            let request = request.map_err(|error| OutboundError::Refused(describe(&error)))?;
            let answer = self.send(request, limit).await?;
            match redirect(&answer) {
                Some(next) => url = next,
                None => return Ok(answer),
            }
        }
        Err(OutboundError::Refused(format!(
            "more than {redirects} redirects"
        )))
    }
}

/// Where an answer points, if it is a redirect.
pub(crate) fn redirect(answer: &Answer) -> Option<Url> {
    if !answer.status.is_redirection() {
        return None;
    }
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    answer.url.join(location).ok()
}

async fn read(mut response: Response, limit: usize) -> Result<Answer, OutboundError> {
    let status = response.status();
    let headers = response.headers().clone();
    let url = response.url().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(OutboundError::TooLong { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
        url,
    })
}

fn explain(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(forbidden) = one.downcast_ref::<Forbidden>() {
            return private(&forbidden.0);
        }
        cause = one.source();
    }
    // A URL may hold secrets, so the library's words are used without it.
    let mut words = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        words = one.to_string();
        cause = one.source();
    }
    if words.is_empty() {
        "no connection".clone_into(&mut words);
    }
    if let Some(trouble) = TlsTrouble::find(error) {
        words = format!("{words}; {}", trouble.remedy());
    }
    if error.is_connect() {
        OutboundError::Unreachable(format!("it could not be reached: {words}"))
    } else {
        OutboundError::Broken(format!("the connection broke: {words}"))
    }
}

fn private(host: &str) -> OutboundError {
    OutboundError::Refused(format!(
        "{host} is an address of the private network, which is not allowed here (the server's setting ALLOWED_PRIVATE_HOSTS names exceptions)"
    ))
}

/// A name that leads to the private network only.
#[derive(Debug, thiserror::Error)]
#[error("{0} is an address of the private network")]
struct Forbidden(String);

/// Resolves names, and keeps private addresses to itself.
struct Guard(Arc<AllowedHosts>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.allows(name.as_str(), None);
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let kept: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|address| allowed || is_public(address.ip()))
                .collect();
            if kept.is_empty() && !found.is_empty() {
                return Err(Forbidden(name.as_str().to_owned()).into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a >= 240
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // Shared by carriers, reserved for protocols, for measuring networks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let words = address.segments();
    let tail = || {
        let [a, b] = [words[6].to_be_bytes(), words[7].to_be_bytes()];
        Ipv4Addr::new(a[0], a[1], b[0], b[1])
    };
    if address.to_ipv4_mapped().is_some() || (words[0] == 0x64 && words[1] == 0xff9b) {
        return is_public_v4(tail());
    }
    match words[0] {
        // 6to4 carries an IPv4 address behind its prefix.
        0x2002 => {
            let [a, b] = [words[1].to_be_bytes(), words[2].to_be_bytes()];
            is_public_v4(Ipv4Addr::new(a[0], a[1], b[0], b[1]))
        }
        // Teredo, protocols and documentation.
        0x2001 => words[1] >= 0x200 && words[1] != 0xdb8,
        // Only this block is given out to the public.
        first => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn exceptions_hold_for_their_host_and_port_alone() {
        let outbound =
            Outbound::new(AllowedHosts::parse("127.0.0.1:9000, crm.internal, [::1]:80").unwrap())
                .unwrap();
        let check = |url: &str| outbound.check(&Url::parse(url).unwrap()).is_ok();
        assert!(check("http://127.0.0.1:9000/x"));
        assert!(!check("http://127.0.0.1:9001/x"));
        assert!(check("http://crm.internal:1234/"));
        assert!(check("http://[::1]/"));
        assert!(!check("http://[::1]:81/"));
        // Other ways to write the same address.
        assert!(!check("http://2130706433:9001/"));
        assert!(!check("http://0x7f.1/"));
        assert!(!check("ftp://example.org/"));
        assert!(check("https://example.org/"));
        assert!(AllowedHosts::parse("a b").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_when_it_is_resolved() {
        let outbound = Outbound::new(AllowedHosts::default()).unwrap();
        let error = outbound
            .fetch(Url::parse("http://localhost:9/").unwrap(), 0, 10)
            .await
            .unwrap_err();
        assert!(matches!(error, OutboundError::Refused(_)), "{error}");
    }
}
