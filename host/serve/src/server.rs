//! A socket on which an orderer is served.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, time};
use tonic::transport::{self, server::TcpIncoming};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    DESCRIPTORS,
    broadcast::{LaneLimits, Phase, Service},
    channels::Channels,
    clock::{Clock, SystemClock},
    connections::{beginning, limited},
    deliver::{SEEK_BYTES_MAX, Source},
    guard::{Guard, GuardLimits, Guarding, guarded},
    intake::{Intake, IntakeLimits},
    metrics::{Counted, Metrics},
    node::NodeService,
    service::atomic_broadcast_server::AtomicBroadcastServer,
    service::node::node_server::NodeServer,
    tls::{Acceptor, secured},
};

/// The name under which health reports on Broadcast and Deliver.
pub const ATOMIC_BROADCAST: &str = "orderer.AtomicBroadcast";

/// How long the last words to clients may take, once nothing more is waited for.
const END_MAX: Duration = Duration::from_secs(1);

/// What a server allows its clients. The defaults suit an orderer for peers and applications in data centres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// How much of one Broadcast stream may be under way at once.
    pub lane: LaneLimits,
    /// What the messages of all streams together may cost.
    pub intake: IntakeLimits,
    /// What clients may have open and hold.
    pub guard: GuardLimits,
    /// Longest message received; 100 MiB. What is longer ends its stream with gRPC's `ResourceExhausted`.
    ///
    /// Source: fabric v2.5.16 `sampleconfig/orderer.yaml` `General.MaxRecvMsgSize`.
    pub receive_bytes_max: usize,
    /// Longest message sent; 100 MiB. A block that is longer ends its stream with gRPC's `ResourceExhausted`.
    ///
    /// Source: fabric v2.5.16 `sampleconfig/orderer.yaml` `General.MaxSendMsgSize`.
    pub send_bytes_max: usize,
    /// How far the timestamp of a request for blocks may be from our time, before it or behind; 15 min.
    ///
    /// Source: fabric v2.5.16 `sampleconfig/orderer.yaml` `General.Authentication.TimeWindow`.
    pub time_window: Duration,
    /// Connections at once; 1,000. What is beyond waits in the system's queue.
    ///
    /// Differs: Fabric sets no limit.
    pub connections_max: usize,
    /// Streams that one connection may have open at once; 256. What is beyond waits in the client.
    ///
    /// Differs: Fabric sets no limit.
    pub connection_streams_max: u32,
    /// Headers of one request, names and values with 32 bytes for each; 16 KiB. What is beyond gets HTTP's 431, or ends
    /// the connection.
    ///
    /// Differs: Go's server allows 16 MiB.
    pub header_bytes_max: u32,
    /// Streams that a client may open and reset before they are looked at; 32. What is beyond ends the connection:
    /// nobody opens streams to reset them. Those that end by a client's faults count for as long as it is connected, so
    /// their limit is HTTP/2's own of 1,024.
    pub resets_max: usize,
    /// What a client may send on one stream before we have read it; 512 KiB.
    pub stream_window_bytes: u32,
    /// What a client may send on one connection before we have read it; 1 MiB.
    pub connection_window_bytes: u32,
    /// How long a connection is silent before we ask whether its client is there; 2 h. `None`: never.
    ///
    /// Source: fabric v2.5.16 `sampleconfig/orderer.yaml` `General.Keepalive.ServerInterval`.
    pub keepalive_interval: Option<Duration>,
    /// How long a client may take to say that it is there; 20 s.
    ///
    /// Source: fabric v2.5.16 `sampleconfig/orderer.yaml` `General.Keepalive.ServerTimeout`.
    pub keepalive_timeout: Duration,
    /// The same on the level of TCP, where the kernel asks; 15 s, as Go's sockets do. `None`: never.
    pub tcp_keepalive: Option<Duration>,
    /// How long a client may take to begin to speak HTTP/2; 5 s.
    ///
    /// Source: fabric v2.5.16 `internal/pkg/comm/config.go` `DefaultConnectionTimeout`; grpc-go `ConnectionTimeout`.
    pub connection_timeout: Duration,
    /// How long envelopes that were received may take to be answered when the server stops; 10 s.
    pub drain_max: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            lane: LaneLimits::default(),
            intake: IntakeLimits::default(),
            guard: GuardLimits::default(),
            receive_bytes_max: 100 << 20,
            send_bytes_max: 100 << 20,
            time_window: Duration::from_secs(15 * 60),
            connections_max: 1000,
            connection_streams_max: 256,
            header_bytes_max: 16 << 10,
            resets_max: 32,
            stream_window_bytes: 512 << 10,
            connection_window_bytes: 1 << 20,
            keepalive_interval: Some(Duration::from_secs(2 * 60 * 60)),
            keepalive_timeout: Duration::from_secs(20),
            connection_timeout: Duration::from_secs(5),
            tcp_keepalive: Some(Duration::from_secs(15)),
            drain_max: Duration::from_secs(10),
        }
    }
}

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The descriptors of our own services are not descriptors: our bug.
    #[error("reflection cannot be offered: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The metrics are none: our bug.
    #[error("metrics cannot be offered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The socket failed while it was served.
    #[error("the server failed: {0}")]
    Transport(#[from] transport::Error),
}

/// A server whose socket is open: connections are accepted by the system, and answered once it runs.
pub struct Server {
    channels: Arc<dyn Channels>,
    settings: ServerSettings,
    listener: TcpListener,
    health: HealthReporter,
    guard: Arc<Guard>,
    clock: Arc<dyn Clock>,
    tls: Option<Acceptor>,
    metrics: Option<Arc<Metrics>>,
}

/// Says what gRPC's health service answers. Clones speak for the same server.
#[derive(Clone)]
pub struct Health(HealthReporter);

impl Health {
    /// From now on `service` is served, or is not. The empty name means the server as a whole.
    pub async fn set(&self, service: &str, is_serving: bool) {
        let status = if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.set_service_status(service, status).await;
    }
}

impl Server {
    /// Opens a socket. With port 0 the system chooses the port.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`] if the address is taken, not ours, or not allowed to us.
    pub async fn bind(
        address: SocketAddr,
        channels: Arc<dyn Channels>,
        settings: ServerSettings,
    ) -> Result<Self, ServerError> {
        Ok(Self::on(Self::listen(address).await?, channels, settings).await)
    }

    /// Opens a socket to serve on later.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`] if the address is taken, not ours, or not allowed to us.
    pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
        TcpListener::bind(address).await.map_err(|cause| ServerError::Bind { address, cause })
    }

    /// Serves on a socket that listens already.
    pub async fn on(listener: TcpListener, channels: Arc<dyn Channels>, settings: ServerSettings) -> Self {
        let health = HealthReporter::new();
        health.set_service_status(ATOMIC_BROADCAST, ServingStatus::Serving).await;
        let guard = Guard::new(settings.guard);
        let clock = Arc::new(SystemClock);
        Self { channels, settings, listener, health, guard, clock, tls: None, metrics: None }
    }

    /// Takes the time from another clock than the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Serves under TLS. If it has its clients' certificates verified, requests for blocks must be bound to them.
    #[must_use]
    pub fn with_tls(mut self, acceptor: Acceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Counts what it does where somebody can see it.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    ///
    /// What the system says when it does not know.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Who watches over connections and streams, to be asked what there is.
    #[must_use]
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard)
    }

    /// A handle on what the health service answers. Everything is served until told otherwise.
    #[must_use]
    pub fn health(&self) -> Health {
        Health(self.health.clone())
    }

    /// Serves until `shutdown` is ready; then accepts nothing more, ends all streams of Deliver at once and those of
    /// Broadcast when what was received is answered, with gRPC's `Unavailable`, and returns. After
    /// [`ServerSettings::drain_max`], and a second for the last words, it closes all connections and returns all the
    /// same: a client that does not read does not learn of the end.
    ///
    /// # Errors
    ///
    /// A [`ServerError`] when the socket fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let (phase, phases) = watch::channel(Phase::Serving);
        let settings = self.settings;
        let metrics = self.metrics.map_or_else(|| Metrics::new().map(Arc::new), Ok)?;
        let source = Source {
            channels: self.channels,
            clock: self.clock,
            time_window: settings.time_window,
            send_bytes_max: settings.send_bytes_max,
            is_bound: self.tls.as_ref().is_some_and(Acceptor::requires_certificates),
            metrics: Arc::clone(&metrics),
        };
        let node = NodeServer::new(NodeService { source: source.clone() });
        let service = Service { source, limits: settings.lane, phase: phases };
        let broadcast = AtomicBroadcastServer::new(service)
            .max_decoding_message_size(settings.receive_bytes_max)
            .max_encoding_message_size(settings.send_bytes_max);
        // Of each service, counting stands outermost: what the intake does not take is a call too.
        let broadcast = Intake::new(broadcast, settings.intake, settings.receive_bytes_max);
        let broadcast = Counted::new(broadcast, Arc::clone(&metrics.calls));
        let node = Counted::new(node.max_decoding_message_size(SEEK_BYTES_MAX), Arc::clone(&metrics.calls));

        let health = tonic_health::server::HealthService::from_health_reporter(self.health.clone());
        let health = tonic_health::pb::health_server::HealthServer::new(health);
        let health = Counted::new(health, Arc::clone(&metrics.calls));

        let incoming =
            TcpIncoming::from(self.listener).with_nodelay(Some(true)).with_keepalive(settings.tcp_keepalive);
        // The guard stands before all services, so that a client's streams are counted together.
        let router = transport(&settings)
            .layer(Guarding(Arc::clone(&self.guard)))
            .add_service(broadcast)
            .add_service(node)
            .add_service(health)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);

        let stopping = phase.subscribe();
        let guard = self.guard;
        // What is beyond the limit is not accepted at all. The guard comes before TLS, which asks it whose the
        // connection is; the time for a client's first words runs behind TLS, whose handshake has a time of its own.
        let incoming = limited(Box::pin(incoming), settings.connections_max);
        let incoming = guarded(incoming, Arc::clone(&guard));
        let until = async {
            shutdown.await;
            phase.send_replace(Phase::Draining);
        };
        type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), transport::Error>> + Send + 'a>>;
        let served: Serving<'_> = match self.tls {
            Some(acceptor) => {
                let secured = beginning(secured(Box::pin(incoming), acceptor), settings.connection_timeout);
                Box::pin(router.serve_with_incoming_shutdown(secured, until))
            }
            None => {
                let incoming = beginning(incoming, settings.connection_timeout);
                Box::pin(router.serve_with_incoming_shutdown(incoming, until))
            }
        };
        tokio::select! {
            served = served => served?,
            () = guard.watch() => {}
            () = drained(stopping, settings.drain_max) => {}
        }
        phase.send_replace(Phase::Over);
        // For the ends of streams to be sent to those that read.
        let _ = time::timeout(END_MAX, guard.all_gone()).await;
        guard.end_all();
        Ok(())
    }
}

/// Ready when a server that stops has left its streams their time to end.
async fn drained(mut phase: watch::Receiver<Phase>, drain_max: Duration) {
    // Fails only if there is nobody left to wait for.
    let _ = phase.wait_for(|phase| *phase > Phase::Serving).await;
    time::sleep(drain_max).await;
}

/// The limits of HTTP/2.
fn transport(settings: &ServerSettings) -> transport::Server {
    transport::Server::builder()
        .initial_stream_window_size(settings.stream_window_bytes)
        .initial_connection_window_size(settings.connection_window_bytes)
        .max_concurrent_streams(settings.connection_streams_max)
        .http2_keepalive_interval(settings.keepalive_interval)
        .http2_keepalive_timeout(Some(settings.keepalive_timeout))
        .http2_max_header_list_size(settings.header_bytes_max)
        .http2_max_pending_accept_reset_streams(Some(settings.resets_max))
}

/// Reflection is offered under two names: tools of today ask for the first, older ones for the second.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
