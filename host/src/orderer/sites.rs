//! An orderer's servers of HTTP: for admins and for operators.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use raddle_serve::channels::BoxFuture;
use raddle_serve::operations::OperationsServer;
use raddle_serve::participation::{AdminServer, Participation};
use raddle_serve::server::{Server, ServerError};
use raddle_serve::tls::{Acceptor, Protocol, TlsSettings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use super::AdminListener;
use crate::certificates::Listener;
use crate::config::Tls;
use crate::node::Node;
use crate::operations::NodeOperations;

/// How long a stop waits for requests of admins, and for those of operators.
const SITE_MAX: Duration = Duration::from_secs(2);

/// A socket that is open, and not served yet.
pub(super) struct Socket {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
}

/// A server, at work.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Socket {
    /// Opens a socket. With port 0 the system chooses the port.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`].
    pub(super) async fn listen(at: SocketAddr) -> Result<Self, ServerError> {
        let listener = Server::listen(at).await?;
        let address = listener.local_addr().map_err(|cause| ServerError::Bind { address: at, cause })?;
        Ok(Self { listener, address })
    }

    /// Opens one for what shall be served, if it shall be.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`].
    pub(super) async fn for_some<T>(
        served: Option<T>,
        at: impl Fn(&T) -> SocketAddr,
    ) -> Result<Option<(Self, T)>, ServerError> {
        let Some(served) = served else { return Ok(None) };
        Ok(Some((Self::listen(at(&served)).await?, served)))
    }
}

impl Site {
    /// Serves a node's admins.
    pub(super) fn of_admins(
        socket: Socket,
        node: &Arc<Node>,
        admin: AdminListener,
        listeners: &mut Vec<Listener>,
    ) -> Self {
        let node = Arc::clone(node) as Arc<dyn Participation>;
        let server = AdminServer::on(socket.listener, node, admin.settings);
        let server = server.with_tls(acceptor("Admin", admin.tls, listeners));
        Self::start(socket.address, |stopped| Box::pin(server.run(stopped)))
    }

    /// Serves a node's operators.
    pub(super) fn of_operators(socket: Socket, acceptor: Option<Acceptor>, told: NodeOperations) -> Self {
        let server = OperationsServer::on(socket.listener, Arc::new(told), acceptor);
        Self::start(socket.address, |stopped| Box::pin(server.run(stopped)))
    }

    fn start(address: SocketAddr, serve: impl FnOnce(BoxFuture<()>) -> BoxFuture<()>) -> Self {
        let (stop, stopped) = oneshot::channel();
        // A dropped sender stops it too.
        let serving = tokio::spawn(serve(Box::pin(async { drop(stopped.await) })));
        Self { address, stop, serving }
    }

    /// Ends when what was asked is answered, or has taken too long.
    pub(super) async fn stop(mut self) -> Result<(), JoinError> {
        let _ = self.stop.send(());
        if let Ok(ended) = timeout(SITE_MAX, &mut self.serving).await {
            return ended;
        }
        tracing::warn!("a request to {} did not end in time, and is broken off", self.address);
        self.serving.abort();
        Ok(())
    }
}

/// A site that is under TLS is one more of those whose certificates are looked after.
pub(super) fn acceptor(
    name: &'static str,
    tls: Option<Tls>,
    listeners: &mut Vec<Listener>,
) -> Option<Acceptor> {
    tls.map(|tls| {
        let settings = TlsSettings { protocol: Protocol::Http1, ..tls.listener(name, None) };
        let acceptor = Acceptor::new(settings);
        listeners.push(Listener::new(tls, acceptor.clone()));
        acceptor
    })
}
