//! The client: who asks, where, how patiently.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, Url, header::HeaderMap};
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    ApiError, ApiKey, Authorities, Region, Said,
    http::{self, TlsTrouble, root},
    multipart::Form,
    retry,
    stream::Body,
};

/// The largest answer that is read whole (not streamed), and the largest error body. 64 MiB.
const LARGEST: usize = 64 << 20;

/// How an account is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key. Default: none; some calls need none.
    pub api_key: Option<ApiKey>,
    /// Where the account lives. Default: global.
    pub region: Region,
    /// Any compatible server, such as `http://127.0.0.1:8000`; then the region does not matter. Default: none.
    pub base_url: Option<String>,
    /// How long an answer may take to begin, to be complete (unless it is streamed) and to go on (if it is). Default
    /// 240 s, as in the official SDK.
    pub timeout: Duration,
    /// How often a request is made again after 408, 409, 429, 5xx or a connection that could not be made. Default 2.
    pub retries: u32,
    /// Whether requests that can leave no trace on the platform shall leave none. Default no.
    ///
    /// Needs a plan that offers it; others refuse the request.
    pub zero_retention: bool,
    /// Whose certificates are trusted, over HTTP and sockets. Default: the public authorities.
    pub authorities: Authorities,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_key: None,
            region: Region::Global,
            base_url: None,
            timeout: Duration::from_mins(4),
            retries: 2,
            zero_retention: false,
            authorities: Authorities::public(),
        }
    }
}

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The base URL is no URL of a server.
    #[error("{url:?} is no base URL: {reason}; write it like https://api.elevenlabs.io")]
    BaseUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key holds characters that no key has.
    #[error("the API key holds characters that cannot be sent; copy it again")]
    Key,
    /// TLS cannot be set up on this machine.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// An account, ready to be asked. Cheap to clone; all clones share one pool of connections.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    tls: Arc<ClientConfig>,
    base: Url,
    settings: Settings,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("base", &self.0.base.as_str())
            .field("api_key", &self.0.settings.api_key)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// An account reached as `settings` say. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let base = match &settings.base_url {
            Some(url) => base_url(url)?,
            None => base_url(&format!("https://{}", settings.region.host()))?,
        };
        if let Some(key) = &settings.api_key
            && !key.expose().bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(SettingsError::Key);
        }
        let tls = settings.authorities.tls().map_err(SettingsError::Tls)?;
        let http = http::builder(tls.clone())
            .build()
            .map_err(|error| SettingsError::Tls(http::describe(&error)))?;
        Ok(Self(Arc::new(Inner {
            http,
            tls: Arc::new(tls),
            base,
            settings,
        })))
    }

    /// The key, if there is one.
    pub fn api_key(&self) -> Option<&ApiKey> {
        self.0.settings.api_key.as_ref()
    }

    /// TLS for sockets, with the authorities of the settings.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.tls)
    }

    /// Where it lives.
    pub fn region(&self) -> Region {
        self.0.settings.region
    }

    /// Whether requests that can leave no trace shall leave none.
    pub fn zero_retention(&self) -> bool {
        self.0.settings.zero_retention
    }

    /// The URL of `path` (`/v1/models`) over HTTP.
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.0.base.clone();
        let joined = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    /// The URL of `path` as a WebSocket: `ws` where HTTP is plain, `wss` where it is not.
    pub fn socket_url(&self, path: &str) -> Url {
        let mut url = self.url(path);
        let scheme = if url.scheme() == "http" { "ws" } else { "wss" };
        // Between these four schemes a change is always allowed.
        let _ = url.set_scheme(scheme);
        url
    }

    /// What lies at a public URL, fetched without the key.
    pub(crate) async fn fetch_public(&self, url: &str) -> Result<Body, ApiError> {
        let garbled = |reason: String| ApiError::Garbled {
            host: self.host(),
            reason,
        };
        let url = Url::parse(url).map_err(|error| garbled(error.to_string()))?;
        let response = match timeout(self.patience(), self.0.http.get(url).send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(broken(self, error)),
            Err(_) => return Err(late(self)),
        };
        let status = response.status().as_u16();
        if response.status().is_success() {
            Ok(Body::new(response, self))
        } else {
            Err(ApiError::of_status(status, Said::read(b"", None), None))
        }
    }

    pub(crate) fn garbled(&self, reason: String) -> ApiError {
        ApiError::Garbled {
            host: self.host(),
            reason,
        }
    }

    pub(crate) fn host(&self) -> String {
        self.0.base.host_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn patience(&self) -> Duration {
        self.0.settings.timeout
    }

    pub(crate) fn get(&self, path: &str) -> Request<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Request<'_> {
        self.request(Method::POST, path)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Request<'_> {
        Request {
            account: self,
            method,
            url: self.url(path),
            payload: Payload::None,
            needs_key: true,
            repeats: true,
        }
    }
}

fn base_url(text: &str) -> Result<Url, SettingsError> {
    let wrong = |reason: &str| SettingsError::BaseUrl {
        // A password in it is nobody's business.
        url: text.split('@').next_back().unwrap_or_default().to_owned(),
        reason: reason.to_owned(),
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    let scheme = match url.scheme() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return Err(wrong("it must begin with http:// or https://")),
    };
    let _ = url.set_scheme(scheme);
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user name or a password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// One step of a path made of something a caller gave.
pub(crate) fn step(text: &str) -> String {
    // These mean another place however they are written; nothing is called that.
    if matches!(text, "" | "." | "..") {
        return "_".to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
            }
        }
    }
    out
}

enum Payload {
    None,
    Json(Value),
    Bytes { kind: String, bytes: Bytes },
}

/// One request on its way.
pub(crate) struct Request<'a> {
    account: &'a Account,
    method: Method,
    url: Url,
    payload: Payload,
    needs_key: bool,
    /// Whether doing it twice does no more than doing it once, as far as the platform says.
    repeats: bool,
}

impl Request<'_> {
    /// A parameter of the query.
    pub(crate) fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.url
            .query_pairs_mut()
            .append_pair(name, &value.to_string());
        self
    }

    /// A parameter of the query, if there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Says where it matters that nothing shall be kept.
    pub(crate) fn retention(self) -> Self {
        if self.account.zero_retention() {
            self.query("enable_logging", false)
        } else {
            self
        }
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_value(body)
            .map_err(|error| ApiError::Invalid(Said::read(error.to_string().as_bytes(), None)))?;
        self.payload = Payload::Json(body);
        Ok(self)
    }

    pub(crate) fn bytes(mut self, kind: String, bytes: Bytes) -> Self {
        self.payload = Payload::Bytes { kind, bytes };
        self
    }

    /// Fields and files.
    pub(crate) fn form(self, form: Form<'_>) -> Self {
        let (kind, bytes) = form.finish();
        self.bytes(kind, bytes)
    }

    /// Must not be done twice: it is asked again only where it was certainly not done (429).
    pub(crate) const fn once_only(mut self) -> Self {
        self.repeats = false;
        self
    }

    /// Goes without a key where there is none.
    pub(crate) const fn open_to_all(mut self) -> Self {
        self.needs_key = false;
        self
    }

    /// The answer as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let account = self.account;
        let body = self.whole().await?;
        serde_json::from_slice(&body).map_err(|error| account.garbled(error.to_string()))
    }

    /// The answer as JSON; null where there is none.
    pub(crate) async fn read_or_null(self) -> Result<Value, ApiError> {
        let account = self.account;
        let body = self.whole().await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| account.garbled(error.to_string()))
    }

    /// The answer does not matter, as long as it is one.
    pub(crate) async fn done(self) -> Result<(), ApiError> {
        self.whole().await.map(drop)
    }

    /// The answer, read whole.
    pub(crate) async fn whole(self) -> Result<Bytes, ApiError> {
        self.stream().await?.whole(LARGEST).await
    }

    /// The answer as it comes.
    pub(crate) async fn stream(self) -> Result<Body, ApiError> {
        if self.needs_key && self.account.api_key().is_none() {
            return Err(ApiError::NoKey);
        }
        let retries = self.account.0.settings.retries;
        let mut next = 1;
        loop {
            let wait = match self.once().await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    if response.status().is_success() {
                        return Ok(Body::new(response, self.account));
                    }
                    let again = if self.repeats {
                        retry::is_worth_another_try(status)
                    } else {
                        status == 429
                    };
                    if next > retries || !again {
                        return Err(self.refused(response).await);
                    }
                    retry::delay(response.headers(), next, now())
                }
                // Nothing was asked yet, so asking again cannot do anything twice.
                Err(Failure::NotConnected(_)) if next <= retries => retry::backoff(next),
                Err(Failure::NotConnected(error) | Failure::Other(error)) => return Err(error),
            };
            tracing::debug!(path = self.url.path(), next, ?wait, "trying again");
            sleep(wait).await;
            next += 1;
        }
    }

    async fn once(&self) -> Result<Response, Failure> {
        let patience = self.account.patience();
        match timeout(patience, self.build().send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let not_connected = error.is_connect();
                let error = broken(self.account, error);
                Err(if not_connected && error.is_transient() {
                    Failure::NotConnected(error)
                } else {
                    Failure::Other(error)
                })
            }
            Err(_) => Err(Failure::Other(late(self.account))),
        }
    }

    fn build(&self) -> RequestBuilder {
        let inner = &self.account.0;
        let mut request = inner.http.request(self.method.clone(), self.url.clone());
        if let Some(key) = self.account.api_key() {
            request = request.header("xi-api-key", key.expose());
        }
        match &self.payload {
            Payload::None => request,
            Payload::Json(body) => request.json(body),
            Payload::Bytes { kind, bytes } => request
                .header(reqwest::header::CONTENT_TYPE, kind)
                .body(bytes.clone()),
        }
    }

    async fn refused(&self, response: Response) -> ApiError {
        let status = response.status().as_u16();
        let request_id = header(response.headers(), "request-id");
        let retry_after = retry::asked_for(response.headers(), now());
        // What cannot be read says nothing; the status still does.
        let body = Body::new(response, self.account)
            .whole(1 << 20)
            .await
            .unwrap_or_default();
        ApiError::of_status(status, Said::read(&body, request_id), retry_after)
    }
}

enum Failure {
    NotConnected(ApiError),
    Other(ApiError),
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

pub(crate) fn late(account: &Account) -> ApiError {
    ApiError::TimedOut {
        host: account.host(),
        after: account.patience(),
    }
}

pub(crate) fn broken(account: &Account, error: reqwest::Error) -> ApiError {
    if error.is_timeout() {
        return ApiError::TimedOut {
            host: account.host(),
            after: http::CONNECT_TIMEOUT,
        };
    }
    let connected = !error.is_connect();
    let error = error.without_url();
    // What the layers in between say helps nobody.
    let (host, reason) = (account.host(), root(&error));
    match TlsTrouble::find(&error) {
        Some(trouble) => ApiError::Tls {
            host,
            trouble,
            reason,
        },
        // The library has no other name for what is no HTTP; this chooses words alone.
        None if connected && reason.ends_with("parsed") => ApiError::Garbled { host, reason },
        None => ApiError::Unreachable { host, reason },
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(base_url: &str) -> Result<Account, SettingsError> {
        Account::new(Settings {
            api_key: Some(ApiKey::new("sk_hush")),
            base_url: Some(base_url.to_owned()),
            ..Settings::default()
        })
    }

    #[test]
    fn paths_keep_the_base_and_sockets_keep_its_security() {
        let plain = account("http://127.0.0.1:8000/voice/").unwrap();
        assert_eq!(
            plain.url("/v1/models").as_str(),
            "http://127.0.0.1:8000/voice/v1/models"
        );
        assert_eq!(
            plain.socket_url("/v1/x").as_str(),
            "ws://127.0.0.1:8000/voice/v1/x"
        );
        let global = Account::new(Settings::default()).unwrap();
        assert_eq!(
            global.socket_url("/v1/x").as_str(),
            "wss://api.elevenlabs.io/v1/x"
        );
    }

    #[test]
    fn a_base_that_is_none_is_refused_with_an_example() {
        for wrong in [
            "",
            "localhost:8000",
            "ftp://host",
            "https://",
            "https://me:secret@host",
        ] {
            let error = account(wrong).unwrap_err().to_string();
            assert!(error.contains("https://api.elevenlabs.io"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_key_never_prints() {
        let shown = format!("{:?}", account("http://localhost").unwrap());
        assert!(
            shown.contains("***") && !shown.contains("sk_hush"),
            "{shown}"
        );
    }

    #[test]
    fn ids_cannot_leave_their_place_in_a_path() {
        assert_eq!(step("agent_1"), "agent_1");
        assert_eq!(step("../keys?x#y"), "%2E%2E%2Fkeys%3Fx%23y");
        let account = account("http://localhost").unwrap();
        let path = format!("/v1/convai/agents/{}", step(".."));
        assert_eq!(account.url(&path).path(), "/v1/convai/agents/_");
    }
}
