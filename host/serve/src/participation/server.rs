//! The socket on which admins are served.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
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
use super::form::Body;
use super::routes::{Direct, Route, route};
use super::{Participation, handlers};
use crate::server::{Server, ServerError};
use crate::tls::Acceptor;

/// By which a request is known in logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Connections at once; what is beyond waits in the system's queue.
///
/// Differs: Fabric sets no limit.
const CONNECTIONS_MAX: usize = 100;

/// How long a request may take to arrive.
///
/// Source: fabric v2.5.16 `common/fabhttp/server.go` `initializeServer`.
const READ_MAX: Duration = Duration::from_secs(10);

/// How long requests may take to be answered when the server stops.
///
/// Source: fabric v2.5.16 `common/fabhttp/server.go` `Stop`.
const STOP_MAX: Duration = Duration::from_secs(5);

/// What is read and thrown away of a body that is too long, so that its client sees the answer.
const OVERLONG_BYTES_MAX: usize = 16 << 20;

/// How admins are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Whether the API answers at all.
    ///
    /// - Set by: Fabric's `ChannelParticipation.Enabled`.
    pub is_enabled: bool,
    /// Longest body of a request, in bytes.
    ///
    /// - Set by: Fabric's `ChannelParticipation.MaxRequestBodySize`.
    pub body_bytes_max: usize,
}

/// A socket for admins that is open: connections are accepted by the system, and answered once it runs.
pub struct AdminServer {
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    service: Arc<Service>,
}

struct Service {
    channels: Arc<dyn Participation>,
    settings: AdminSettings,
}

impl AdminServer {
    /// Serves on a socket that listens already, see [`Server::listen`].
    #[must_use]
    pub fn on(listener: TcpListener, channels: Arc<dyn Participation>, settings: AdminSettings) -> Self {
        Self { listener, acceptor: None, service: Arc::new(Service { channels, settings }) }
    }

    /// Serves under TLS, if there is an acceptor. It should have clients' certificates verified: whoever gets in is an
    /// admin.
    #[must_use]
    pub fn with_tls(self, acceptor: Option<Acceptor>) -> Self {
        Self { acceptor, ..self }
    }

    /// Opens a socket to serve on later. With port 0 the system chooses the port.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`] if the address is taken, not ours, or not allowed to us.
    pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
        Server::listen(address).await
    }

    /// Serves until `shutdown` is ready; then accepts nothing more, and returns when what was asked is answered, or
    /// after 5 s.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
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
                    let (service, stopping) = (Arc::clone(&self.service), stopping.clone());
                    let acceptor = self.acceptor.clone();
                    connections.spawn(async move {
                        let _slot = slot;
                        match acceptor {
                            None => service.connection(stream, from, stopping).await,
                            // Why a handshake fails the acceptor has told.
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(stream, &from.to_string()).await {
                                    service.connection(stream, from, stopping).await;
                                }
                            }
                        }
                    });
                }
                // Too many open files, say: others will be closed.
                Err(error) => {
                    tracing::warn!(%error, "a connection of an admin was not accepted");
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

impl Service {
    async fn connection(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        from: SocketAddr,
        mut stopping: watch::Receiver<bool>,
    ) {
        let service = service_fn(|request| {
            let service = Arc::clone(&self);
            async move { Ok::<_, Infallible>(*service.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_MAX)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service);
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
            tracing::debug!(%from, %error, "a connection of an admin ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let id = request.headers().get(REQUEST_ID).filter(|id| !id.is_empty()).cloned();
        let answer = match route(&request) {
            Err(direct) if !direct.is_inside => return direct.answer,
            _ if !self.settings.is_enabled => {
                let sentence = "channel participation API is disabled";
                answer::error(StatusCode::SERVICE_UNAVAILABLE, sentence)
            }
            Err(direct) => {
                let Direct { answer, .. } = *direct;
                answer
            }
            Ok(route) => self.handle(route, request).await,
        };
        let id = id.and_then(|id| id.to_str().map(str::to_owned).ok()).unwrap_or_else(new_id);
        answer::with(answer, REQUEST_ID, &id)
    }

    async fn handle(&self, route: Route, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let read = match route {
            Route::Join | Route::Update => timeout(READ_MAX, read(body, self.settings.body_bytes_max)).await,
            _ => Ok(Ok((Bytes::new(), false))),
        };
        let sentence = |why: &str| format!("cannot read form from request body: {why}");
        let (bytes, is_cut) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                return answer::error(StatusCode::BAD_REQUEST, &sentence(&error.to_string()));
            }
            Err(_) => return answer::error(StatusCode::BAD_REQUEST, &sentence("i/o timeout")),
        };
        let body = Body { bytes: &bytes, is_cut };
        let served = handlers::serve(&*self.channels, route, &head.headers, body).await;
        let answer = served.unwrap_or_else(|refused| refused);
        if is_cut { answer::with(answer, CONNECTION, "close") } else { answer }
    }
}

/// A body up to a limit, and whether it goes on.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<(Bytes, bool), hyper::Error> {
    let (mut bytes, mut overlong) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = bytes_max.saturating_sub(bytes.len()).min(data.len());
        let (kept, rest) = data.split_at(room);
        bytes.extend_from_slice(kept);
        overlong = overlong.saturating_add(rest.len());
        if overlong > OVERLONG_BYTES_MAX {
            break;
        }
    }
    Ok((bytes.into(), overlong > 0))
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
