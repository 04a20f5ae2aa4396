//! The socket on which operators are served.

use std::future::Future;
use std::sync::Arc;

use http::StatusCode;
use tokio::net::TcpListener;

use super::{Operations, handlers};
use crate::channels::BoxFuture;
use crate::tls::Acceptor;
use crate::web::{self, Answer, Asked, Site, WebServer};

/// A socket for operators that is open: connections are accepted by the system, and answered once it runs.
pub struct OperationsServer {
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    service: Arc<Service>,
}

struct Service {
    orderer: Arc<dyn Operations>,
    is_secured: bool,
}

impl OperationsServer {
    /// Serves on a socket that listens already; under TLS, if there is an acceptor. It should verify certificates that
    /// clients present: who presents none that can be verified does not get everything.
    #[must_use]
    pub fn on(listener: TcpListener, orderer: Arc<dyn Operations>, acceptor: Option<Acceptor>) -> Self {
        let is_secured = acceptor.is_some();
        Self { listener, acceptor, service: Arc::new(Service { orderer, is_secured }) }
    }

    /// Serves until `shutdown` is ready; then accepts nothing more, and returns when what was asked is answered, or
    /// after 5 s.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        WebServer::on(self.listener, self.acceptor, self.service).run(shutdown).await;
    }
}

impl Site for Service {
    const VISITOR: &'static str = "an operator";

    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<Answer> {
        Box::pin(async move { self.answered(asked).await })
    }
}

impl Service {
    /// Source: fabric v2.5.16 `common/fabhttp/server.go` `HandlerChain`, `core/middleware/require_cert.go`.
    async fn answered(&self, asked: Asked) -> Answer {
        let route = match handlers::route(&asked.head, &*self.orderer) {
            Ok(route) => route,
            Err(answer) => return answer,
        };
        let is_known = asked.client.as_ref().is_some_and(|client| client.is_verified);
        if self.is_secured && route.wants_certificate() && !is_known {
            let (method, path) = (&asked.head.method, asked.head.uri.path());
            tracing::warn!(%method, path, "an operator without a certificate that can be verified was not answered");
            return web::empty(StatusCode::UNAUTHORIZED);
        }
        let id = web::request_id(&asked.head.headers);
        web::with_request_id(handlers::serve(route, asked, &*self.orderer).await, &id)
    }
}
