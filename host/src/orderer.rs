//! An orderer in this process: its log, its ledgers, its node, and the socket on which it is served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raddle_core::bundle::{GenesisError, read_genesis};
use raddle_rules::artifact::CompileWorker;
use raddle_serve::channels::Channels;
use raddle_serve::server::{Server, ServerError, ServerSettings};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::identity::Signer;
use crate::logs::{MappedLogs, Mapping};
use crate::node::{Doing, Ledgers, Modules, Node, NodeError, NodeParts, NodeSettings, Observer, StartError};

/// How long the socket waits for the channels to order. Most do at once.
const BEGIN_MAX: Duration = Duration::from_secs(3);

/// Where ledgers are, in an orderer's folder.
pub const LEDGERS: &str = "ledgers";

/// What an orderer is started with.
pub struct OrdererSettings {
    /// Where log and ledgers are, or will be.
    pub folder: PathBuf,
    /// Where it listens. With port 0 the system chooses the port.
    pub listen: SocketAddr,
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
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
}

impl Orderer {
    /// Opens logs and ledgers, or makes them, waits a little until the channels order, and serves.
    ///
    /// # Errors
    ///
    /// See [`OrdererError`]. What was there is as it was. A ledger that was not asked for and does not start is no
    /// error: [`Orderer::failed`] names it.
    pub async fn start(settings: OrdererSettings) -> Result<Self, OrdererError> {
        let OrdererSettings { folder, listen, genesis, logs, signer, observer, worker, node, server } =
            settings;
        let runtime = Handle::current();
        // The socket first: an address that is taken is the likeliest fault, and nothing has been done by then.
        let listener = Server::listen(listen).await?;
        let (node, started, failed) = spawn_blocking(move || {
            let ledgers = Ledgers::at(folder.join(LEDGERS));
            let no_folder = |cause| OrdererError::Folder { path: ledgers.folder().to_owned(), cause };
            ledgers.make_folder().map_err(no_folder)?;
            let modules = Modules { worker, cache: Some(folder.join("modules")) };
            let logs = MappedLogs::new(logs, folder.join("log.redb")).map_err(NodeError::NoLog)?;
            let parts = NodeParts {
                logs: Arc::new(logs),
                signer,
                observer,
                runtime,
                modules,
                ledgers: ledgers.clone(),
            };
            let node = Node::new(parts, node)?;
            let mut started = Vec::new();
            for genesis in genesis {
                let channel = read_genesis(genesis.clone())?.config.channel().clone();
                started.push(node.make_channel(&channel, &genesis)?);
            }
            let mut failed = Vec::new();
            for channel in ledgers.channels().map_err(no_folder)? {
                match node.open_channel(&channel) {
                    Ok(channel) => started.push(channel),
                    Err(error) => failed.push((ledgers.path(&channel), error.into())),
                }
            }
            Ok::<_, OrdererError>((Arc::new(node), started, failed))
        })
        .await??;
        let began = async {
            for channel in started {
                // A halt is told by the board, as one that comes later.
                let _ = channel.board().doing().wait_for(|doing| !matches!(doing, Doing::Starting)).await;
            }
        };
        // Envelopes wait for a channel whose brokers are away, and its blocks are delivered.
        let _ = timeout(BEGIN_MAX, began).await;
        let server = Server::on(listener, Arc::clone(&node) as Arc<dyn Channels>, server).await;
        let address = server.local_address().map_err(|cause| ServerError::Bind { address: listen, cause })?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async {
            // A dropped sender stops it too.
            let _ = stopped.await;
        }));
        Ok(Self { node, failed, address, stop, serving })
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

    /// Its channels.
    #[must_use]
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Takes nothing more, answers what was received, commits what is cut, and cuts nothing.
    ///
    /// # Errors
    ///
    /// The socket failed, or a task of ours did.
    pub async fn stop(self) -> Result<(), OrdererError> {
        let _ = self.stop.send(());
        let served = self.serving.await?;
        let node = self.node;
        spawn_blocking(move || node.stop()).await?;
        Ok(served?)
    }
}
