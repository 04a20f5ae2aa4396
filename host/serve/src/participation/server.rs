//! The socket on which admins are served.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONNECTION;
use tokio::net::TcpListener;

use super::answer::{self, Answer};
use super::form::Body;
use super::routes::{Direct, Route, route};
use super::{Participation, handlers};
use crate::channels::BoxFuture;
use crate::tls::Acceptor;
use crate::web::{self, Asked, Site, WebServer};

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
    /// Serves on a socket that listens already, see [`Server::listen`](crate::server::Server::listen).
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

    /// Serves until `shutdown` is ready; then accepts nothing more, and returns when what was asked is answered, or
    /// after 5 s.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        WebServer::on(self.listener, self.acceptor, self.service).run(shutdown).await;
    }
}

impl Site for Service {
    const VISITOR: &'static str = "an admin";

    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<Answer> {
        Box::pin(async move { self.answered(asked).await })
    }
}

impl Service {
    async fn answered(&self, asked: Asked) -> Answer {
        let id = web::request_id(&asked.head.headers);
        let answer = match route(&asked.head) {
            Err(direct) if !direct.is_inside => return direct.answer,
            _ if !self.settings.is_enabled => {
                let sentence = "channel participation API is disabled";
                answer::error(StatusCode::SERVICE_UNAVAILABLE, sentence)
            }
            Err(direct) => {
                let Direct { answer, .. } = *direct;
                answer
            }
            Ok(route) => self.handle(route, asked).await,
        };
        web::with_request_id(answer, &id)
    }

    async fn handle(&self, route: Route, asked: Asked) -> Answer {
        let Asked { head, body, .. } = asked;
        let read = match route {
            Route::Join | Route::Update => web::read(body, self.settings.body_bytes_max).await,
            _ => Ok((Bytes::new(), false)),
        };
        let (bytes, is_cut) = match read {
            Ok(read) => read,
            Err(why) => {
                let sentence = format!("cannot read form from request body: {why}");
                return answer::error(StatusCode::BAD_REQUEST, &sentence);
            }
        };
        let body = Body { bytes: &bytes, is_cut };
        let served = handlers::serve(&*self.channels, route, &head.headers, body).await;
        let answer = served.unwrap_or_else(|refused| refused);
        if is_cut { answer::with(answer, CONNECTION, "close") } else { answer }
    }
}
