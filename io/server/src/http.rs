//! The port: connections, routes, and how it all ends.

mod cors;
mod question;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    extract::State,
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::service::Service as _;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Answerer, Judge, Origin, Problem, Records, Registry, Settings, StoredAgent, Workers,
    access::Origins, admission::Admission, agent_tests::AgentTests, conversation, ids, rest,
    signature::Signer,
};

/// Everything the routes need.
pub(crate) struct House {
    pub(crate) settings: Settings,
    pub(crate) origins: Origins,
    pub(crate) registry: Arc<Registry>,
    pub(crate) answerer: Arc<dyn Answerer>,
    pub(crate) signer: Signer,
    pub(crate) admission: Arc<Admission>,
    /// Places for conversations that only try an agent out.
    pub(crate) rehearsals: Arc<Semaphore>,
    /// Agents' tests, and how they went.
    pub(crate) tests: AgentTests,
    /// Who keeps conversations. None: nobody.
    pub(crate) records: Option<Records>,
    /// When this server came up, in seconds since 1970.
    pub(crate) started: u64,
    /// Conversations, which outlive the HTTP connection they came by.
    pub(crate) calls: TaskTracker,
    /// No new conversations.
    pub(crate) closing: CancellationToken,
    /// Running conversations end now.
    pub(crate) closed: CancellationToken,
}

/// So many conversations that only try an agent out are held at once.
const REHEARSALS: usize = 8;
/// How long a request waits for one of them to end.
const REHEARSAL_WAIT: Duration = Duration::from_secs(10);

impl House {
    /// A place for a conversation that only tries an agent out.
    pub(crate) async fn rehearsal(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match timeout(REHEARSAL_WAIT, Arc::clone(&self.rehearsals).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::too_many()),
        }
    }
}

/// A connection's place among all connections.
pub(crate) type Permit = Arc<OwnedSemaphorePermit>;

/// A server that has its port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    house: Arc<House>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The port is taken, or may not be used.
    #[error("could not listen on {address}")]
    Port {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// What was kept by an earlier run cannot be read.
    #[error("could not read what is kept in the data folder")]
    Data(#[source] io::Error),
    /// Other machines could call it, and nobody would be asked who they are.
    #[error("a server on {address}, which other machines can reach, needs at least one API key")]
    Open {
        /// Where.
        address: SocketAddr,
    },
}

impl Server {
    /// Takes the port. Connections are answered once [`Server::run`] runs.
    pub async fn bind(
        settings: Settings,
        registry: Registry,
        answerer: Arc<dyn Answerer>,
    ) -> Result<Self, BindError> {
        let address = settings.bind;
        if settings.keys.is_empty() && !address.ip().is_loopback() {
            return Err(BindError::Open { address });
        }
        let port = |source| BindError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(port)?;
        let address = listener.local_addr().map_err(port)?;
        let limits = &settings.limits;
        let house = House {
            origins: Origins {
                open: settings.keys.is_empty(),
                allowed: settings.allowed_origins.clone(),
                development: settings.development,
            },
            signer: Signer::new(
                settings.keys.secret().unwrap_or_else(ids::secret),
                limits.signed_url,
                now(),
            ),
            admission: Arc::new(Admission::new(
                limits.conversations,
                limits.conversations_per_key,
            )),
            rehearsals: Arc::new(Semaphore::new(REHEARSALS)),
            tests: AgentTests::open(registry.shelf())
                .await
                .map_err(BindError::Data)?,
            records: None,
            started: now(),
            calls: TaskTracker::new(),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            settings,
            registry: Arc::new(registry),
            answerer,
        };
        Ok(Self {
            listener,
            address,
            house: Arc::new(house),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same with somebody who keeps conversations: the routes that show them work, and what follows a conversation is
    /// done while the server runs.
    #[must_use]
    pub fn with_records(mut self, records: Records) -> Self {
        if let Some(house) = Arc::get_mut(&mut self.house) {
            house.records = Some(records);
        }
        self
    }

    /// Answers until `stop`; then takes no new calls and lets those under way finish, for as long as
    /// [`Limits::drain`](crate::Limits::drain) allows.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let house = self.house;
        let workers = house.records.clone().and_then(|records| {
            Workers::start(records, judge(&house))
                .inspect_err(
                    |error| tracing::error!(%error, "nobody does what follows a conversation"),
                )
                .ok()
        });
        crate::agent_tests::resume(&house);
        let service = TowerToHyperService::new(routes(&house));
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(house.settings.limits.head)
            // The default buffer grows to 400 KiB; heads of this API are small.
            .max_buf_size(32 * 1024);
        let connections = Arc::new(Semaphore::new(house.settings.limits.connections));
        let open = TaskTracker::new();
        let accept = async {
            loop {
                let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
                    break;
                };
                let Some(stream) = accept(&self.listener).await else {
                    continue;
                };
                // Held by the connection, and by the socket it may become.
                let permit = Arc::new(permit);
                let service = service.clone();
                let held = Arc::clone(&permit);
                let routes = hyper::service::service_fn(move |mut request: hyper::Request<_>| {
                    request.extensions_mut().insert(Arc::clone(&held));
                    service.call(request)
                });
                let connection = http
                    .serve_connection(TokioIo::new(stream), routes)
                    .with_upgrades();
                let closing = house.closing.clone();
                open.spawn(async move {
                    let mut connection = std::pin::pin!(connection);
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        () = closing.cancelled() => {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.await;
                        }
                    }
                    drop(permit);
                });
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
        drop(self.listener);
        house.closing.cancel();
        open.close();
        house.calls.close();
        let drain = house.settings.limits.drain;
        let finished = async {
            open.wait().await;
            house.calls.wait().await;
        };
        if timeout(drain, finished).await.is_err() {
            tracing::info!(
                calls = house.admission.count(),
                "ending the calls that are left"
            );
            house.closed.cancel();
            // Long enough for a close frame and its answer.
            let _ = timeout(conversation::FAREWELL * 2, house.calls.wait()).await;
        }
        if let Some(workers) = workers {
            workers.stop().await;
        }
        if let Some(records) = &house.records {
            // Its trouble has been told where it arose.
            let _ = records.store().log().flush().await;
        }
    }
}

/// Finds the llm that judges an agent's conversations.
pub(crate) fn judge(house: &House) -> Judge {
    let answerer = Arc::clone(&house.answerer);
    Arc::new(move |id, document| {
        answerer.llm(&StoredAgent {
            id: id.to_owned(),
            document: document.clone(),
            script: None,
            text: None,
            origin: Origin::Created,
            created: 0,
            updated: 0,
        })
    })
}

/// The next connection. Errors of a single connection are passed over; when the process has no more file descriptors,
/// waiting is all that helps.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Frames are small and each of them is awaited by somebody.
            let _ = stream.set_nodelay(true);
            Some(stream)
        }
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            None
        }
    }
}

fn routes(house: &Arc<House>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/v1/convai/conversation", get(conversation::open))
        .merge(rest::routes())
        .fallback(rest::nowhere)
        .method_not_allowed_fallback(rest::no_method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(house),
            cors::guard,
        ))
        .layer(middleware::from_fn(question::heard))
        .with_state(Arc::clone(house))
}

async fn health(State(house): State<Arc<House>>) -> Response {
    let conversations = house.admission.count();
    axum::Json(serde_json::json!({"status": "ok", "conversations": conversations})).into_response()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
