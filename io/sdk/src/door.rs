//! The way to an agent: which address, which proof, how patiently.

use std::time::Duration;

use elevenlabs::{Account, ApiError, SignedUrl, StartOptions, Url};
use protocol::agents::Initiation;
use tokio::time::timeout;

use crate::{Access, ConnectError, Liveness, WebSocket, known, websocket::Address};

/// A way to an agent that can be taken again. Cheap to clone. From [`Builder::door`](crate::Builder::door).
#[derive(Clone, Debug)]
pub struct Door {
    pub(crate) account: Account,
    pub(crate) target: Target,
    pub(crate) access: Access,
    pub(crate) check_agent: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) liveness: Liveness,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Agent(String),
    Signed(SignedUrl),
    Orchestrator(String),
}

impl Door {
    pub(crate) fn new(account: Account, target: Target) -> Self {
        Self {
            account,
            target,
            access: Access::Automatic,
            check_agent: true,
            connect_timeout: Duration::from_secs(10),
            liveness: Liveness::default(),
        }
    }

    /// Opens a connection and says nothing yet; for [`Conversation::begin`](crate::Conversation::begin) with the
    /// settings of which `initiation` is a part. Tried once; the agent's settings are not read.
    pub async fn open(&self, initiation: &Initiation) -> Result<WebSocket, ConnectError> {
        let (socket, _) = Box::pin(self.enter(initiation, false)).await?;
        Ok(socket)
    }

    /// Opens a connection for a conversation that begins with `initiation`; the first time its settings are looked at
    /// too.
    pub(crate) async fn enter(
        &self,
        initiation: &Initiation,
        first: bool,
    ) -> Result<(WebSocket, Url), ConnectError> {
        let has_key = self.account.api_key().is_some();
        let mut key = None;
        let mut subprotocol = true;
        let url = match &self.target {
            Target::Agent(id) => {
                if first && self.check_agent && has_key && self.access != Access::Public {
                    self.in_time(self.consult(id, initiation)).await?;
                }
                match self.access {
                    Access::SignedUrl => self.in_time(self.signed(id, initiation)).await?,
                    Access::Automatic if has_key => {
                        self.in_time(self.signed(id, initiation)).await?
                    }
                    Access::Automatic | Access::Public => self.plain(id, initiation),
                    Access::Key => {
                        key = Some(self.account.api_key().ok_or(ApiError::NoKey)?);
                        self.plain(id, initiation)
                    }
                }
            }
            Target::Signed(url) => url.expose().clone(),
            Target::Orchestrator(url) => {
                subprotocol = false;
                key = self
                    .account
                    .api_key()
                    .filter(|_| self.access == Access::Key);
                Url::parse(url).map_err(|error| ConnectError::Settings {
                    what: "the orchestrator's address".to_owned(),
                    reason: error.to_string(),
                })?
            }
        };
        let url = if subprotocol {
            introduced(url, initiation)
        } else {
            url
        };
        let address = Address {
            url: &url,
            key,
            subprotocol,
            tls: self.account.tls(),
        };
        let socket = WebSocket::open(address, self.connect_timeout, self.liveness).await?;
        Ok((socket, url))
    }

    /// The account has longer for other things than a conversation has to begin.
    async fn in_time<R>(
        &self,
        asked: impl Future<Output = Result<R, ConnectError>>,
    ) -> Result<R, ConnectError> {
        timeout(self.connect_timeout, asked)
            .await
            .unwrap_or_else(|_| {
                Err(ConnectError::TimedOut {
                    host: self.host(),
                    after: self.connect_timeout,
                })
            })
    }

    fn host(&self) -> String {
        let url = self.account.url("");
        url.host_str().unwrap_or_default().to_owned()
    }

    /// Reads the agent's settings. A key that may not read them may still talk.
    async fn consult(&self, id: &str, initiation: &Initiation) -> Result<(), ConnectError> {
        match self.account.agents().get(id).await {
            Ok(agent) => known::check(&agent, initiation),
            Err(ApiError::NotFound(said)) => Err(ConnectError::NoSuchAgent {
                agent: id.to_owned(),
                reason: said.to_string(),
            }),
            Err(ApiError::Forbidden(said)) => {
                tracing::debug!(%said, "the agent's settings may not be read");
                Ok(())
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    async fn signed(&self, id: &str, initiation: &Initiation) -> Result<Url, ConnectError> {
        let options = StartOptions {
            branch_id: initiation.branch_id.clone(),
            environment: initiation.environment.clone(),
            ..StartOptions::default()
        };
        match self.account.signed_url(id, &options).await {
            Ok(url) => Ok(url.expose().clone()),
            Err(ApiError::NotFound(said)) => Err(ConnectError::NoSuchAgent {
                agent: id.to_owned(),
                reason: said.to_string(),
            }),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: ApiError) -> ConnectError {
        match error {
            ApiError::Unauthorised(said) => ConnectError::Unauthorised {
                host: self.host(),
                reason: said.to_string(),
            },
            ApiError::Tls {
                host,
                trouble,
                reason,
            } => ConnectError::Tls {
                host,
                trouble,
                reason,
            },
            error => error.into(),
        }
    }

    fn plain(&self, id: &str, initiation: &Initiation) -> Url {
        let mut url = self.account.socket_url("/v1/convai/conversation");
        let mut query = url.query_pairs_mut();
        query.append_pair("agent_id", id);
        if let Some(branch) = &initiation.branch_id {
            query.append_pair("branch_id", branch);
        }
        drop(query);
        url
    }
}

/// With what both SDKs add to every URL.
fn introduced(mut url: Url, initiation: &Initiation) -> Url {
    let mut more: Vec<(&str, &str)> = Vec::new();
    if let Some(info) = &initiation.source_info {
        more.extend(
            info.source
                .as_ref()
                .map(|source| ("source", source.as_str())),
        );
        more.extend(
            info.version
                .as_ref()
                .map(|version| ("version", version.as_str())),
        );
    }
    if let Some(environment) = &initiation.environment
        && !url.query_pairs().any(|(name, _)| name == "environment")
    {
        more.push(("environment", environment));
    }
    if !more.is_empty() {
        url.query_pairs_mut().extend_pairs(more);
    }
    url
}

/// Puts the host in, which a conversation does not know.
pub(crate) fn named(error: ConnectError, url: &Url) -> ConnectError {
    match error {
        ConnectError::NotAnAgent { reason, .. } => ConnectError::NotAnAgent {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason,
        },
        error => error,
    }
}
