//! What clients may have of a server at once, and what becomes of those that hold on to it.
//!
//! - Connections: so many from one address. One without streams is closed after a while.
//! - Streams: so many of one client, who is a certificate that was verified, or an address, and so many of all.
//! - What is to be sent: see `outflow`. A client that does not read has its stream ended; one that does not notice
//!   that either has its connection closed.
//!
//! What clients *send* is bounded elsewhere: by [`intake`](crate::intake) and by [`LaneLimits`].
//!
//! [`LaneLimits`]: crate::broadcast::LaneLimits

mod connection;
mod counters;
mod outflow;
mod streams;

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tonic::Status;

use self::{connection::Connection, outflow::Outflow, streams::Open};
pub use self::{connection::Peer, counters::Counters, outflow::READS_MAX};
pub(crate) use self::{
    connection::guarded,
    outflow::Room,
    streams::{Guarding, Seat},
};
use crate::{
    answer,
    channels::{Code, Detail},
};

/// What a server allows its clients to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// Connections from one IP address at once; 500. What is beyond is closed.
    ///
    /// - Set by: `Limits.ConnectionsPerAddress`.
    pub address_connections_max: usize,
    /// Streams of one client at once, over all its connections; 1,024. What is beyond gets `ResourceExhausted`.
    ///
    /// - Set by: `Limits.StreamsPerClient`.
    pub client_streams_max: usize,
    /// Streams of all clients at once; 8,192. What is beyond gets `Unavailable`.
    ///
    /// - Set by: `Limits.Streams`.
    pub streams_max: usize,
    /// What is on its way to all clients that have not taken it; 256 MiB, and a quarter of it to one client. Readers of
    /// blocks wait for room.
    ///
    /// - Set by: `Limits.DeliverBytes`.
    pub deliver_bytes_max: usize,
    /// How long a client may take to take some of what it is sent; 60 s. Then its stream ends, and as long after that
    /// its connection.
    ///
    /// - Set by: `Limits.ReaderTime`.
    pub reader_time_max: Duration,
    /// How long a connection may have no stream; 1 h.
    ///
    /// - Set by: `Limits.IdleTime`.
    pub idle_time_max: Duration,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            address_connections_max: 500,
            client_streams_max: 1024,
            streams_max: 8192,
            deliver_bytes_max: 256 << 20,
            reader_time_max: Duration::from_secs(60),
            idle_time_max: Duration::from_secs(60 * 60),
        }
    }
}

/// Who counts as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientId {
    /// SHA-256 of a certificate that was verified. One that was not is no name: anybody makes as many as they like.
    Certificate([u8; 32]),
    Address(IpAddr),
    Unknown,
}

/// What a client holds.
#[derive(Debug, Default)]
struct Client {
    streams: AtomicUsize,
    /// Bytes that were sent to it and that it has not taken.
    bytes: AtomicUsize,
    /// It has taken so much that its readers may go on.
    taken: Notify,
}

/// Why a stream is not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum NotOpened {
    #[error(
        "{client} has {limit} streams open here, and at most {limit} (Limits.StreamsPerClient) are allowed; end some"
    )]
    Client { client: ClientId, limit: usize },
    #[error(
        "{limit} streams are open here, and at most {limit} (Limits.Streams) are allowed; go to another orderer"
    )]
    All { limit: usize },
}

/// Watches over a server's connections and streams.
#[derive(Debug)]
pub struct Guard {
    limits: GuardLimits,
    counters: Counters,
    start: Instant,
    next: AtomicU64,
    held: Mutex<Held>,
    /// A connection has gone.
    gone: Notify,
    outflow: Outflow,
}

#[derive(Debug, Default)]
struct Held {
    addresses: BTreeMap<IpAddr, usize>,
    clients: BTreeMap<ClientId, Arc<Client>>,
    connections: BTreeMap<u64, Arc<Connection>>,
    streams: BTreeMap<u64, Arc<Open>>,
}

/// Most lines of a dump.
const DUMP_LINES_MAX: usize = 1000;

// === impl Guard ===

impl Guard {
    pub(crate) fn new(limits: GuardLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            counters: Counters::default(),
            start: Instant::now(),
            next: AtomicU64::new(1),
            held: Mutex::default(),
            gone: Notify::new(),
            outflow: Outflow::new(limits.deliver_bytes_max),
        })
    }

    /// What was counted since the server was made.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Bytes that are on their way to clients that have not taken them.
    #[must_use]
    pub fn outflow_bytes(&self) -> usize {
        self.outflow.bytes()
    }

    /// What there is at this moment, a line for each: connections, then streams. For people who look for what is stuck.
    #[must_use]
    pub fn dump(&self) -> Vec<String> {
        let held = self.held();
        let mut lines = vec![format!(
            "{} connections from {} addresses, {} streams of {} clients, {} bytes on their way",
            held.connections.len(),
            held.addresses.len(),
            held.streams.len(),
            held.clients.len(),
            self.outflow.bytes(),
        )];
        lines.extend(held.connections.values().map(|connection| connection.to_string()));
        lines.extend(held.streams.values().map(|open| open.to_string()));
        let beyond = lines.len().saturating_sub(DUMP_LINES_MAX);
        lines.truncate(DUMP_LINES_MAX);
        if beyond > 0 {
            lines.push(format!("and {beyond} more"));
        }
        lines
    }

    /// Looks after what is held, for as long as it is polled.
    pub(crate) async fn watch(&self) {
        let pause = (self.limits.reader_time_max / 8).min(self.limits.idle_time_max / 4);
        let pause = pause.clamp(Duration::from_millis(10), Duration::from_secs(10));
        let mut told = [0; 3];
        loop {
            sleep(pause).await;
            self.look();
            told = self.tell(told);
        }
    }

    /// Ready when there is no connection.
    pub(crate) async fn all_gone(&self) {
        loop {
            let gone = self.gone.notified();
            if self.held().connections.is_empty() {
                return;
            }
            gone.await;
        }
    }

    /// Closes all connections at once.
    pub(crate) fn end_all(&self) {
        let connections: Vec<_> = self.held().connections.values().cloned().collect();
        for connection in connections {
            connection.end();
        }
    }

    /// Ends what has been held for too long.
    fn look(&self) {
        let (streams, connections): (Vec<_>, Vec<_>) = {
            let held = self.held();
            (held.streams.values().cloned().collect(), held.connections.values().cloned().collect())
        };
        let (now, limits) = (self.now(), &self.limits);
        for open in streams {
            let Some(stalled) = open.stalled(now) else { continue };
            if stalled > 2 * limits.reader_time_max {
                tracing::debug!(stream = %open, "connection closed, its client does not read");
                Counters::add(&self.counters.connections_closed_unread);
                open.connection().end();
            } else if stalled > limits.reader_time_max && open.give_up() {
                tracing::debug!(stream = %open, "stream ended, its client does not read");
                Counters::add(&self.counters.streams_ended_unread);
            }
        }
        for connection in connections {
            if connection.idle(now).is_some_and(|idle| idle > limits.idle_time_max) && connection.end() {
                tracing::debug!(%connection, "connection closed, it had no stream");
                Counters::add(&self.counters.connections_closed_idle);
            }
        }
    }

    /// What was refused since the last look goes to the log as one line: clients cannot fill the disk.
    fn tell(&self, before: [u64; 3]) -> [u64; 3] {
        let Counters { connections_refused, streams_refused, streams_ended_unread, .. } = &self.counters;
        let now =
            [connections_refused, streams_refused, streams_ended_unread].map(|it| it.load(Ordering::Relaxed));
        if now != before {
            let [connections, streams, unread] = now;
            let [connections_before, streams_before, unread_before] = before;
            tracing::warn!(
                connections_refused = connections.saturating_sub(connections_before),
                streams_refused = streams.saturating_sub(streams_before),
                streams_ended_unread = unread.saturating_sub(unread_before),
                "clients hold more than they may; see Limits in raddle.yaml, and SIGUSR1 for who they are"
            );
        }
        now
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl NotOpened ===

impl From<NotOpened> for Status {
    fn from(not_opened: NotOpened) -> Self {
        let (code, number) = match not_opened {
            NotOpened::Client { .. } => (tonic::Code::ResourceExhausted, Code::TOO_MANY_STREAMS),
            NotOpened::All { .. } => (tonic::Code::Unavailable, Code::ORDERER_FULL),
        };
        Self::with_metadata(code, not_opened.to_string(), answer::trailers(Detail::from(number)))
    }
}

// === impl ClientId ===

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(hash) => {
                f.write_str("the client with certificate ")?;
                hash.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Address(address) => write!(f, "the client at {address}"),
            Self::Unknown => f.write_str("a client"),
        }
    }
}
