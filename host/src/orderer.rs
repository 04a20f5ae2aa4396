//! An orderer in this process: its log, its ledgers, its node, and the socket on which it is served.

mod sites;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use raddle_core::bundle::{GenesisError, read_genesis};
use raddle_core::ids::ChannelId;
use raddle_rules::artifact::CompileWorker;
use raddle_serve::channels::Channels;
use raddle_serve::guard::Guard;
use raddle_serve::participation::AdminSettings;
use raddle_serve::server::{Health, Server, ServerError, ServerSettings};
use raddle_serve::tls::{Acceptor, ClientAuthorities, TlsSettings};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::certificates::{Expiry, Keeper, Listener};
use crate::config::Tls;
use crate::identity::Signer;
use crate::logs::{MappedLogs, Mapping};
use crate::node::{
    Channel, Doing, Ledgers, Modules, Node, NodeError, NodeParts, NodeSettings, Observer, ReadOnly,
    RemovalError, ResumeError, StartError, Suspicions,
};
use crate::operations::{Counted, Counting, NodeOperations, OperationsListener};
use sites::{Site, Socket};

/// How long the socket waits for the channels to order. Most do at once.
const BEGIN_MAX: Duration = Duration::from_secs(3);

/// How long a stop waits for those who are about to let go of a channel, as streams that have ended.
const RELEASE_MAX: Duration = Duration::from_secs(5);

/// How long a stop waits for channels to commit what is cut.
const CHANNELS_MAX: Duration = Duration::from_secs(10);

/// Where ledgers are, in an orderer's folder.
pub const LEDGERS: &str = "ledgers";

/// What an orderer is started with.
pub struct OrdererSettings {
    /// Where log and ledgers are, or will be.
    pub folder: PathBuf,
    /// Where it listens. With port 0 the system chooses the port.
    pub listen: SocketAddr,
    /// Whether it serves under TLS, and how.
    pub tls: Option<Tls>,
    /// Genesis blocks of channels that it must order: a ledger is made where there is none. Channels that have a ledger
    /// already are ordered too, named here or not.
    pub genesis: Vec<Bytes>,
    /// Which logs order which channels.
    pub logs: Mapping,
    /// Who signs the blocks.
    pub signer: Arc<Signer>,
    /// Who is told of blocks.
    pub observer: Arc<dyn Observer>,
    /// The process that compiles modules.
    pub worker: CompileWorker,
    /// How it judges.
    pub node: NodeSettings,
    /// What it allows its clients.
    pub server: ServerSettings,
    /// Where and how its admins are served; none: they are not.
    pub admin: Option<AdminListener>,
    /// Where and how its operators are served; none: they are not.
    pub operations: Option<OperationsListener>,
}

/// Where admins are served, and how.
#[derive(Clone, Debug)]
pub struct AdminListener {
    /// Where. With port 0 the system chooses the port.
    pub listen: SocketAddr,
    /// Its TLS; none: whoever can connect is an admin.
    pub tls: Option<Tls>,
    /// How.
    pub settings: AdminSettings,
}

/// Why an orderer does not start, or not end as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrdererError {
    /// The block is no genesis block of a channel that can be ordered here.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A folder cannot be made or read.
    #[error("{path} cannot be made or read: {cause}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The node does not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A channel does not start.
    #[error(transparent)]
    Channel(#[from] StartError),
    /// The removal of a channel is not finished.
    #[error(transparent)]
    Removal(#[from] RemovalError),
    /// A channel that was being joined is not gone on with.
    #[error(transparent)]
    Join(#[from] ResumeError),
    /// The socket cannot be served.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The metrics are none: our bug.
    #[error("metrics cannot be counted: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A task of ours panicked.
    #[error("a task of the orderer failed: {0}")]
    Task(#[from] JoinError),
}

/// An orderer that runs.
pub struct Orderer {
    node: Arc<Node>,
    failed: Vec<(PathBuf, OrdererError)>,
    address: SocketAddr,
    certificates: Keeper,
    read_only: Option<ReadOnly>,
    guard: Arc<Guard>,
    health: AbortOnDrop,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
    admin: Option<Site>,
    operations: Option<Site>,
}

impl Orderer {
    /// Opens logs and ledgers, or makes them, waits a little until the channels order, and serves.
    ///
    /// # Errors
    ///
    /// See [`OrdererError`]. What was there is as it was. A ledger that was not asked for and does not start is no
    /// error: [`Orderer::failed`] names it.
    pub async fn start(settings: OrdererSettings) -> Result<Self, OrdererError> {
        let OrdererSettings {
            folder,
            listen,
            tls,
            genesis,
            logs,
            signer,
            observer,
            worker,
            node,
            server,
            admin,
            operations,
        } = settings;
        let (runtime, started) = (Handle::current(), SystemTime::now());
        let identity = Expiry::of("enrollment", signer.certificate());
        let read_only = ReadOnly::by(&signer, started);
        let mut node = NodeSettings { read_only: read_only.clone(), ..node };
        // The sockets first: an address that is taken is the likeliest fault, and nothing has been done by then.
        let Socket { listener, address } = Socket::listen(listen).await?;
        node.upstream.own_port = address.port();
        let admin = Socket::for_some(admin, |admin| admin.listen).await?;
        let operations = Socket::for_some(operations, |operations| operations.listen).await?;
        let counted = Arc::new(Counted::new()?);
        let observer = Arc::new(Counting { counted: Arc::clone(&counted), then: observer });
        let opening = Opening { folder, genesis, logs, signer, observer, worker, node, runtime };
        let Opened { node, began, failed } = spawn_blocking(|| opening.open()).await??;
        wait_until_they_order(began).await;
        let mut listeners = Vec::new();
        let acceptor = acceptor_of_clients(tls, &node, server.connection_timeout, &mut listeners);
        let server = Server::on(listener, Arc::clone(&node) as Arc<dyn Channels>, server).await;
        let server = server.with_metrics(Arc::clone(&counted.served));
        let server = match acceptor {
            Some(acceptor) => server.with_tls(acceptor),
            None => server,
        };
        let admin = admin.map(|(socket, admin)| Site::of_admins(socket, &node, admin, &mut listeners));
        let operations = operations.map(|(socket, operations)| {
            let acceptor = sites::acceptor("Operations", operations.tls.clone(), &mut listeners);
            (socket, operations, acceptor)
        });
        let guard = server.guard();
        let health = AbortOnDrop(tokio::spawn(show_forks(node.suspicions(), server.health())));
        let certificates = Keeper::start(listeners, vec![identity]);
        let operations = operations.map(|(socket, operations, acceptor)| {
            let watched = (&certificates, Arc::clone(&guard));
            let told = NodeOperations::new(&node, operations, counted, watched, started);
            Site::of_operators(socket, acceptor, told)
        });
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async {
            // A dropped sender stops it too.
            let _ = stopped.await;
        }));
        Ok(Self {
            node,
            failed,
            address,
            certificates,
            read_only,
            guard,
            health,
            stop,
            serving,
            admin,
            operations,
        })
    }

    /// Ledgers that are there and do not start, and why.
    #[must_use]
    pub fn failed(&self) -> &[(PathBuf, OrdererError)] {
        &self.failed
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why it takes no envelopes and makes no blocks, if it does not.
    #[must_use]
    pub const fn read_only(&self) -> Option<&ReadOnly> {
        self.read_only.as_ref()
    }

    /// Who watches over the connections and streams of its clients, and counts them.
    #[must_use]
    pub const fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// What it is at, a line each: tasks and queues, channels, connections and streams.
    #[must_use]
    pub fn dump(&self) -> Vec<String> {
        let metrics = Handle::try_current().map(|runtime| runtime.metrics());
        let tasks = metrics.map(|it| {
            format!(
                "{} tasks on {} threads, {} of them wait for a thread",
                it.num_alive_tasks(),
                it.num_workers(),
                it.global_queue_depth()
            )
        });
        let (node, guard) = (self.node.dump(), self.guard.dump());
        tasks.into_iter().chain(node).chain(guard).collect()
    }

    /// Who looks after its certificates.
    #[must_use]
    pub const fn certificates(&self) -> &Keeper {
        &self.certificates
    }

    /// Where its admins are served.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.address)
    }

    /// Where its operators are served.
    #[must_use]
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations.as_ref().map(|operations| operations.address)
    }

    /// Its channels.
    #[must_use]
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Takes nothing more, answers what was received, commits what is cut, and cuts nothing. Its files can be opened
    /// again then, unless the caller still has one of its channels.
    ///
    /// Ends in time whatever clients, brokers and disks do: 2 s each for admins and operators,
    /// [`ServerSettings::drain_max`] and one second for clients, 10 s for channels, and 5 s for what has let go of
    /// neither. With the defaults that is below 30 s.
    ///
    /// # Errors
    ///
    /// The socket failed, or a task of ours did.
    pub async fn stop(self) -> Result<(), OrdererError> {
        let Self { node, certificates, health, stop, serving, admin, operations, .. } = self;
        drop(health);
        if let Some(admin) = admin {
            admin.stop().await?;
        }
        let _ = stop.send(());
        let served = serving.await?;
        // Until here operators can see what it still does.
        if let Some(operations) = operations {
            operations.stop().await?;
        }
        // It knows the node, too.
        drop(certificates);
        let released = node.released();
        match timeout(CHANNELS_MAX, spawn_blocking(move || node.stop())).await {
            Ok(stopped) => stopped?,
            Err(_) => {
                tracing::warn!(
                    "channels do not end in time: their log or disk is waited for; what is acknowledged stays"
                );
                return Ok(served?);
            }
        }
        if timeout(RELEASE_MAX, released).await.is_err() {
            tracing::warn!("something of this orderer is still at work; its files stay open until that ends");
        }
        Ok(served?)
    }
}

/// Waits a little. Envelopes wait for a channel whose brokers are away, and its blocks are delivered.
async fn wait_until_they_order(channels: Vec<Arc<Channel>>) {
    let began = async {
        for channel in channels {
            // A halt is told by the board, as one that comes later.
            let _ = channel.board().doing().wait_for(|doing| !matches!(doing, Doing::Starting)).await;
        }
    };
    let _ = timeout(BEGIN_MAX, began).await;
}

/// The TLS of those who send envelopes and read blocks: channels name whom it trusts beside the settings.
fn acceptor_of_clients(
    tls: Option<Tls>,
    node: &Arc<Node>,
    handshake_max: Duration,
    listeners: &mut Vec<Listener>,
) -> Option<Acceptor> {
    tls.map(|tls| {
        let channels = Arc::clone(node) as Arc<dyn ClientAuthorities>;
        let settings = tls.listener("General", Some(channels));
        let acceptor = Acceptor::new(TlsSettings { handshake_max, ..settings });
        listeners.push(Listener::new(tls, acceptor.clone()));
        acceptor
    })
}

/// A task that ends with this.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The name under which health says whether a fork is suspected; of one channel, with `/` and its id behind it.
pub const FORK_WATCH: &str = "raddle.ForkWatch";

/// Has health say which channels seem to have forked, and which do no more.
async fn show_forks(mut suspicions: watch::Receiver<Suspicions>, health: Health) {
    let mut shown = BTreeSet::new();
    health.set(FORK_WATCH, true).await;
    loop {
        let now: BTreeSet<ChannelId> =
            suspicions.borrow_and_update().keys().map(|(channel, _)| channel.clone()).collect();
        for channel in now.union(&shown) {
            health.set(&format!("{FORK_WATCH}/{channel}"), !now.contains(channel)).await;
        }
        health.set(FORK_WATCH, now.is_empty()).await;
        shown = now;
        if suspicions.changed().await.is_err() {
            return;
        }
    }
}

// === impl Opening ===

/// What is opened on threads that may wait for the disk.
struct Opening {
    folder: PathBuf,
    genesis: Vec<Bytes>,
    logs: Mapping,
    signer: Arc<Signer>,
    observer: Arc<dyn Observer>,
    worker: CompileWorker,
    node: NodeSettings,
    runtime: Handle,
}

/// A node, its channels, and what does not start.
struct Opened {
    node: Arc<Node>,
    began: Vec<Arc<Channel>>,
    failed: Vec<(PathBuf, OrdererError)>,
}

impl Opening {
    fn open(self) -> Result<Opened, OrdererError> {
        let ledgers = Ledgers::at(self.folder.join(LEDGERS));
        let no_folder = |cause| OrdererError::Folder { path: ledgers.folder().to_owned(), cause };
        ledgers.make_folder().map_err(no_folder)?;
        ledgers.clear_unfinished().map_err(no_folder)?;
        let modules = Modules { worker: self.worker, cache: Some(Modules::folder(&self.folder)) };
        let logs = MappedLogs::new(self.logs, self.folder.join("log.redb")).map_err(NodeError::NoLog)?;
        let parts = NodeParts {
            logs: Arc::new(logs),
            signer: self.signer,
            observer: self.observer,
            runtime: self.runtime,
            modules,
            ledgers: ledgers.clone(),
        };
        let node = Node::new(parts, self.node)?;
        let unfinished = node.finish_removals().map_err(no_folder)?.into_iter();
        let mut failed: Vec<_> = unfinished.map(|(path, error)| (path, OrdererError::from(error))).collect();
        let mut began = Vec::new();
        for genesis in self.genesis {
            let channel = read_genesis(genesis.clone())?.config.channel().clone();
            began.push(node.make_channel(&channel, &genesis)?);
        }
        for channel in ledgers.channels().map_err(no_folder)? {
            match node.open_channel(&channel) {
                Ok(channel) => began.push(channel),
                Err(error) => failed.push((ledgers.path(&channel), error.into())),
            }
        }
        let unjoined = node.resume_joins().map_err(no_folder)?.into_iter();
        failed.extend(unjoined.map(|(path, error)| (path, OrdererError::from(error))));
        Ok(Opened { node: Arc::new(node), began, failed })
    }
}
