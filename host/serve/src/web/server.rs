//! The socket on which a site is served.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, Request, request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{self, Answer};
use super::body::READ_MAX;
use super::patient::patient;
use crate::channels::BoxFuture;
use crate::tls::{Acceptor, ClientCertificate};

/// By which a request is known in logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Connections at once; what is beyond waits in the system's queue.
///
/// Differs: Fabric sets no limit.
const CONNECTIONS_MAX: usize = 100;

/// How long requests may take to be answered when the server stops.
///
/// Source: fabric v2.5.16 `common/fabhttp/server.go` `Stop`.
const STOP_MAX: Duration = Duration::from_secs(5);

/// What is served on a socket.
pub(crate) trait Site: Send + Sync + 'static {
    /// Who comes, for the log.
    const VISITOR: &'static str;

    /// Answers a request.
    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<Answer>;
}

/// A request, and who makes it.
pub(crate) struct Asked {
    /// Its beginning.
    pub(crate) head: request::Parts,
    /// What comes behind it.
    pub(crate) body: Incoming,
    /// The certificate that the connection was made with; none without TLS.
    pub(crate) client: Option<Arc<ClientCertificate>>,
}

/// A socket that is open: connections are accepted by the system, and answered once it runs.
pub(crate) struct WebServer<S> {
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    site: Arc<S>,
}

impl<S: Site> WebServer<S> {
    /// Serves on a socket that listens already, under TLS if there is an acceptor.
    pub(crate) fn on(listener: TcpListener, acceptor: Option<Acceptor>, site: Arc<S>) -> Self {
        Self { listener, acceptor, site }
    }

    /// Serves until `shutdown` is ready; then accepts nothing more, and returns when what was asked is answered, or
    /// after 5 s.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopping) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let accepting = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (self.listener.accept().await, slot)
            };
            let (accepted, slot) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepting => accepted,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((stream, from)) => {
                    let (site, stopping) = (Arc::clone(&self.site), stopping.clone());
                    let acceptor = self.acceptor.clone();
                    connections.spawn(async move {
                        let _slot = slot;
                        match acceptor {
                            None => serve(site, stream, None, from, stopping).await,
                            // Why a handshake fails the acceptor has told.
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(stream, &from.to_string()).await {
                                    let client = stream.tap.0.clone();
                                    serve(site, stream, client, from, stopping).await;
                                }
                            }
                        }
                    });
                }
                // Too many open files, say: others will be closed.
                Err(error) => {
                    tracing::warn!(%error, "a connection of {} was not accepted", S::VISITOR);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        stop.send_replace(true);
        // What is left is ended with the set.
        let _ = timeout(STOP_MAX, async { while connections.join_next().await.is_some() {} }).await;
    }
}

/// Answers the requests of one connection.
async fn serve<S: Site>(
    site: Arc<S>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Option<Arc<ClientCertificate>>,
    from: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let answer = Arc::clone(&site).answer(Asked { head, body, client: client.clone() });
        async move { Ok::<_, Infallible>(*answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_MAX)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(patient(stream)), service);
    tokio::pin!(connection);
    let stops = async { drop(stopping.wait_for(|stop| *stop).await) };
    let served = tokio::select! {
        served = &mut connection => Some(served),
        () = stops => None,
    };
    let served = match served {
        Some(served) => served,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%from, %error, "a connection of {} ended", S::VISITOR);
    }
}

/// How a request is called: as it calls itself, or by a name that is made for it.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get(REQUEST_ID).filter(|id| !id.is_empty());
    id.and_then(|id| id.to_str().map(str::to_owned).ok()).unwrap_or_else(new_id)
}

/// The answer to a request that is called so.
///
/// Source: fabric v2.5.16 `core/middleware/request_id.go`.
pub(crate) fn with_request_id(answer: Answer, id: &str) -> Answer {
    answer::with(answer, REQUEST_ID, id)
}

/// A random UUID, version 4.
fn new_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // It only names a request in a log.
        bytes = [0; 16];
    }
    let number = u128::from_be_bytes(bytes) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}
