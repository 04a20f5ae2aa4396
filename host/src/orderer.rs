//! An orderer in this process: its log, its ledgers, its node, and the socket on which it is served.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::bundle::{GenesisError, read_genesis};
use raddle_core::ids::ChannelId;
use raddle_ledger::Ledger;
use raddle_ordering::OrderedLog;
use raddle_ordering::local::{self, LocalLog, system_clock};
use raddle_serve::channels::Channels;
use raddle_serve::server::{Server, ServerError, ServerSettings};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::identity::Signer;
use crate::node::{Doing, Node, NodeError, NodeParts, NodeSettings, Observer};

/// What an orderer is started with.
pub struct OrdererSettings {
    /// Where log and ledgers are, or will be.
    pub folder: PathBuf,
    /// Where it listens. With port 0 the system chooses the port.
    pub listen: SocketAddr,
    /// The genesis block of the channel that it orders.
    pub genesis: Bytes,
    /// Who signs the blocks.
    pub signer: Arc<Signer>,
    /// Who is told of blocks.
    pub observer: Arc<dyn Observer>,
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
    /// A folder cannot be made.
    #[error("{path} cannot be made: {cause}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] local::OpenError),
    /// A ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] raddle_ledger::OpenError),
    /// The node or a channel does not start.
    #[error(transparent)]
    Node(#[from] NodeError),
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
    channel: ChannelId,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
}

impl Orderer {
    /// Opens log and ledger, or makes them, waits until the channel orders, and serves.
    ///
    /// # Errors
    ///
    /// See [`OrdererError`]. What was there is as it was.
    pub async fn start(settings: OrdererSettings) -> Result<Self, OrdererError> {
        let OrdererSettings { folder, listen, genesis, signer, observer, node, server } = settings;
        let runtime = Handle::current();
        // The socket first: an address that is taken is the likeliest fault, and nothing has been done by then.
        let listener = Server::listen(listen).await?;
        let (node, channel, started) = spawn_blocking(move || {
            let (log, ledger) = open(&folder, genesis)?;
            let channel = ledger.channel().clone();
            let node = Node::new(NodeParts { log, signer, observer, runtime }, node)?;
            let started = node.start_channel(ledger)?;
            Ok::<_, OrdererError>((Arc::new(node), channel, started))
        })
        .await??;
        // A halt is told by the board, as one that comes later.
        let _ = started.board().doing().wait_for(|doing| !matches!(doing, Doing::Starting)).await;
        let server = Server::on(listener, Arc::clone(&node) as Arc<dyn Channels>, server).await;
        let address = server.local_address().map_err(|cause| ServerError::Bind { address: listen, cause })?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async {
            // A dropped sender stops it too.
            let _ = stopped.await;
        }));
        Ok(Self { node, channel, address, stop, serving })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The channel that it orders.
    #[must_use]
    pub const fn channel(&self) -> &ChannelId {
        &self.channel
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

/// Log and ledger of a folder.
fn open(folder: &Path, genesis: Bytes) -> Result<(Arc<dyn OrderedLog>, Ledger), OrdererError> {
    let channel = read_genesis(genesis.clone())?.bundle.channel;
    let ledgers = folder.join("ledgers");
    std::fs::create_dir_all(&ledgers)
        .map_err(|cause| OrdererError::Folder { path: ledgers.clone(), cause })?;
    let (path, settings) = (folder.join("log.redb"), local::Settings::default());
    let log = if path.exists() {
        LocalLog::open(&path, &settings, system_clock())?
    } else {
        LocalLog::create(&path, &settings, system_clock())?
    };
    let (path, settings) = (ledgers.join(&channel.0), raddle_ledger::Settings::default());
    let ledger = if path.exists() {
        Ledger::open(&path, &channel, &settings)?
    } else {
        Ledger::create(&path, &channel, &genesis, &settings)?
    };
    Ok((Arc::new(log), ledger))
}
