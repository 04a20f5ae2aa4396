//! An orderer in this process: its log, its ledgers, its node, and the socket on which it is served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use raddle_core::bundle::{GenesisError, read_genesis};
use raddle_rules::artifact::CompileWorker;
use raddle_serve::channels::Channels;
use raddle_serve::participation::{AdminServer, AdminSettings, Participation};
use raddle_serve::server::{Server, ServerError, ServerSettings};
use raddle_serve::tls::{Acceptor, ClientAuthorities, Protocol, TlsSettings};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::certificates::{Expiry, Keeper, Listener};
use crate::config::Tls;
use crate::identity::Signer;
use crate::logs::{MappedLogs, Mapping};
use crate::node::{
    Channel, Doing, Ledgers, Modules, Node, NodeError, NodeParts, NodeSettings, Observer, ReadOnly,
    RemovalError, ResumeError, StartError,
};

/// How long the socket waits for the channels to order. Most do at once.
const BEGIN_MAX: Duration = Duration::from_secs(3);

/// How long a stop waits for those who are about to let go of a channel, as streams that have ended.
const RELEASE_MAX: Duration = Duration::from_secs(5);

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
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
    admin: Option<Admin>,
}

/// The admins' server, at work.
struct Admin {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
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
        } = settings;
        let runtime = Handle::current();
        let identity = Expiry::of("enrollment", signer.certificate());
        let read_only = ReadOnly::by(&signer, SystemTime::now());
        let mut node = NodeSettings { read_only: read_only.clone(), ..node };
        // The socket first: an address that is taken is the likeliest fault, and nothing has been done by then.
        let listener = Server::listen(listen).await?;
        node.upstream.own_port = listener.local_addr().map_or(listen.port(), |own| own.port());
        let admin = match admin {
            Some(admin) => Some((AdminServer::listen(admin.listen).await?, admin)),
            None => None,
        };
        let opening = Opening { folder, genesis, logs, signer, observer, worker, node, runtime };
        let Opened { node, started, failed } = spawn_blocking(|| opening.open()).await??;
        let began = async {
            for channel in started {
                // A halt is told by the board, as one that comes later.
                let _ = channel.board().doing().wait_for(|doing| !matches!(doing, Doing::Starting)).await;
            }
        };
        // Envelopes wait for a channel whose brokers are away, and its blocks are delivered.
        let _ = timeout(BEGIN_MAX, began).await;
        let connection_timeout = server.connection_timeout;
        let mut server = Server::on(listener, Arc::clone(&node) as Arc<dyn Channels>, server).await;
        let mut listeners = Vec::new();
        if let Some(tls) = tls {
            let channels = Arc::clone(&node) as Arc<dyn ClientAuthorities>;
            let settings = tls.listener("General", Some(channels));
            let acceptor = Acceptor::new(TlsSettings { handshake_max: connection_timeout, ..settings });
            server = server.with_tls(acceptor.clone());
            listeners.push(Listener::new(tls, acceptor));
        }
        let admin = match admin {
            Some((listener, admin)) => Some(Admin::start(listener, &node, admin, &mut listeners)?),
            None => None,
        };
        let certificates = Keeper::start(listeners, vec![identity]);
        let address = server.local_address().map_err(|cause| ServerError::Bind { address: listen, cause })?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async {
            // A dropped sender stops it too.
            let _ = stopped.await;
        }));
        Ok(Self { node, failed, address, certificates, read_only, stop, serving, admin })
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

    /// Its channels.
    #[must_use]
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Takes nothing more, answers what was received, commits what is cut, and cuts nothing. Its files can be opened
    /// again then, unless the caller still has one of its channels.
    ///
    /// # Errors
    ///
    /// The socket failed, or a task of ours did.
    pub async fn stop(self) -> Result<(), OrdererError> {
        let Self { node, certificates, stop, serving, admin, .. } = self;
        if let Some(admin) = admin {
            let _ = admin.stop.send(());
            admin.serving.await?;
        }
        let _ = stop.send(());
        let served = serving.await?;
        // It knows the node, too.
        drop(certificates);
        let released = node.released();
        spawn_blocking(move || node.stop()).await?;
        if timeout(RELEASE_MAX, released).await.is_err() {
            tracing::warn!("something of this orderer is still at work; its files stay open until that ends");
        }
        Ok(served?)
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
    started: Vec<Arc<Channel>>,
    failed: Vec<(PathBuf, OrdererError)>,
}

impl Opening {
    fn open(self) -> Result<Opened, OrdererError> {
        let ledgers = Ledgers::at(self.folder.join(LEDGERS));
        let no_folder = |cause| OrdererError::Folder { path: ledgers.folder().to_owned(), cause };
        ledgers.make_folder().map_err(no_folder)?;
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
        let mut started = Vec::new();
        for genesis in self.genesis {
            let channel = read_genesis(genesis.clone())?.config.channel().clone();
            started.push(node.make_channel(&channel, &genesis)?);
        }
        for channel in ledgers.channels().map_err(no_folder)? {
            match node.open_channel(&channel) {
                Ok(channel) => started.push(channel),
                Err(error) => failed.push((ledgers.path(&channel), error.into())),
            }
        }
        let unjoined = node.resume_joins().map_err(no_folder)?.into_iter();
        failed.extend(unjoined.map(|(path, error)| (path, OrdererError::from(error))));
        Ok(Opened { node: Arc::new(node), started, failed })
    }
}

// === impl Admin ===

impl Admin {
    /// Serves a node's admins. If it is under TLS it is one more of those whose certificates are looked after.
    fn start(
        listener: TcpListener,
        node: &Arc<Node>,
        admin: AdminListener,
        listeners: &mut Vec<Listener>,
    ) -> Result<Self, ServerError> {
        let AdminListener { listen, tls, settings } = admin;
        let address = listener.local_addr().map_err(|cause| ServerError::Bind { address: listen, cause })?;
        let acceptor = tls.map(|tls| {
            let settings = TlsSettings { protocol: Protocol::Http1, ..tls.listener("Admin", None) };
            let acceptor = Acceptor::new(settings);
            listeners.push(Listener::new(tls, acceptor.clone()));
            acceptor
        });
        let server = AdminServer::on(listener, Arc::clone(node) as Arc<dyn Participation>, settings)
            .with_tls(acceptor);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async {
            // A dropped sender stops it too.
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, serving })
    }
}
