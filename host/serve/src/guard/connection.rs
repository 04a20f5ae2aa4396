//! A connection that can be ended from outside.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Context,
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, future::ready, task::AtomicWaker};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::{ClientId, Counters, Guard};
use crate::{
    tapped::{Tap, Tapped},
    tls::ClientCertificate,
};

/// A connection, as it is watched.
#[derive(Debug)]
pub(crate) struct Connection {
    number: u64,
    address: Option<SocketAddr>,
    streams: AtomicUsize,
    /// Milliseconds of the guard's time at which the last stream ended.
    idle_since: AtomicU64,
    is_ended: AtomicBool,
    /// Of the task that serves it.
    task: AtomicWaker,
}

/// Who is at the other end of a connection. Tonic hands it on among the extensions of requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Under TLS, if the client has presented one.
    pub certificate: Option<Arc<ClientCertificate>>,
    pub(crate) connection: Arc<Connection>,
}

/// Keeps a connection among those of a guard, and fails its reads and writes once it is ended.
pub(crate) struct Kept {
    guard: Arc<Guard>,
    connection: Arc<Connection>,
}

/// The same connections without those that are one too many from their address, which are closed.
pub(crate) fn guarded<S>(
    connections: impl Stream<Item = io::Result<S>>,
    guard: Arc<Guard>,
) -> impl Stream<Item = io::Result<Tapped<S, Kept>>>
where
    S: Connected<ConnectInfo = TcpConnectInfo>,
{
    connections.filter_map(move |accepted| {
        ready(match accepted {
            Ok(socket) => {
                let address = socket.connect_info().remote_addr();
                guard.connect(address).map(|tap| Ok(Tapped { socket, tap }))
            }
            Err(error) => Some(Err(error)),
        })
    })
}

impl Guard {
    /// A connection's place; none if its address has too many.
    fn connect(self: &Arc<Self>, address: Option<SocketAddr>) -> Option<Kept> {
        let mut held = self.held();
        if let Some(address) = address {
            let count = held.addresses.entry(address.ip()).or_default();
            if *count >= self.limits.address_connections_max.max(1) {
                Counters::add(&self.counters.connections_refused);
                return None;
            }
            *count += 1;
        }
        let connection = Arc::new(Connection {
            number: self.number(),
            address,
            streams: AtomicUsize::new(0),
            idle_since: AtomicU64::new(millis(self.now())),
            is_ended: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        held.connections.insert(connection.number, Arc::clone(&connection));
        Counters::add(&self.counters.connections_opened);
        Counters::add(&self.counters.connections_open);
        Some(Kept { guard: Arc::clone(self), connection })
    }

    fn disconnect(&self, connection: &Connection) {
        let mut held = self.held();
        held.connections.remove(&connection.number);
        if let Some(ip) = connection.address.map(|address| address.ip()) {
            let left = held.addresses.get_mut(&ip).map(|count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == Some(0) {
                held.addresses.remove(&ip);
            }
        }
        drop(held);
        Counters::take(&self.counters.connections_open);
        self.gone.notify_waiters();
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

// === impl Connection ===

impl Connection {
    /// Has its next read or write fail. False if it was ended already.
    pub(super) fn end(&self) -> bool {
        let is_news = !self.is_ended.swap(true, Ordering::SeqCst);
        self.task.wake();
        is_news
    }

    pub(super) fn stream_opens(&self) {
        self.streams.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn stream_ends(&self, now: Duration) {
        self.idle_since.store(millis(now), Ordering::SeqCst);
        self.streams.fetch_sub(1, Ordering::SeqCst);
    }

    /// For how long it has had no stream; none if it has one.
    pub(super) fn idle(&self, now: Duration) -> Option<Duration> {
        let since = Duration::from_millis(self.idle_since.load(Ordering::SeqCst));
        (self.streams.load(Ordering::SeqCst) == 0).then(|| now.saturating_sub(since))
    }

    fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }

    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.task.register(context.waker());
        if self.is_ended.load(Ordering::SeqCst) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.streams.load(Ordering::SeqCst);
        write!(f, "connection {} from ", self.number)?;
        match self.address {
            Some(address) => write!(f, "{address}: {streams} streams"),
            None => write!(f, "an unknown address: {streams} streams"),
        }
    }
}

// === impl Peer ===

impl Peer {
    /// Who counts as one client.
    pub(super) fn client(&self) -> ClientId {
        match (&self.certificate, self.connection.ip()) {
            (Some(certificate), _) if certificate.is_verified => ClientId::Certificate(certificate.hash),
            (_, Some(address)) => ClientId::Address(address),
            (_, None) => ClientId::Unknown,
        }
    }

    /// The address that the connection comes from, for the log.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.connection.address
    }
}

// === impl Kept ===

impl<S> Connected for Tapped<S, Kept> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer { certificate: None, connection: Arc::clone(&self.tap.connection) }
    }
}

impl Tap for Kept {
    fn before_read(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.connection.check(context)
    }

    fn before_write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.connection.check(context)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.guard.disconnect(&self.connection);
    }
}
