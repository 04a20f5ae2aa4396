//! A node: channels that judge envelopes by their config, append them to an ordered log, and make blocks of it.
//!
//! ```text
//!  Broadcast ─▶ Channel::admit ─▶ Channel::append ─▶ ordered log
//!                  Rules (filters)                       │
//!  Deliver  ◀── Channel::block ◀── ledger ◀── driver ◀───┘
//! ```

pub mod answers;
mod board;
mod channel;
mod config;
mod deliver;
mod driver;
mod judge;
mod modules;
mod observer;
mod rules;
mod usage;
mod workers;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::{GenesisError, read_config_of};
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_ledger::Ledger;
use raddle_ordering::OrderedLog;
use raddle_proto::common;
use raddle_rules::admission::{ExpirationChecks, RuleSetError, StandardFilters};
use raddle_rules::store::ModuleStore;
use raddle_rules::{BatchEngine, EngineError, FilterEngine, LoadError, StackError};
use raddle_serve::channels::{Channels, DeliverChannel, Found};
use tokio::runtime::Handle;

pub use board::{Board, Doing, Halt};
pub use channel::Channel;
pub use modules::Modules;
pub use observer::{Committed, NoObserver, Observer};
pub use rules::{BrokenFilter, Rules};
pub use usage::{Usage, Used};
pub use workers::{NotCompleted, Workers};

use crate::identity::Signer;
use channel::ChannelParts;
use config::ConfigMaker;
use driver::Threads;
use rules::RulesMaker;

/// Threads on which config updates are judged. A module that takes long to compile holds up other updates only.
const CONFIG_THREADS: NonZeroUsize = NonZeroUsize::MIN;

/// How a node judges.
#[derive(Clone, Copy, Debug)]
pub struct NodeSettings {
    /// Threads on which filters run.
    ///
    /// - Bounds: at least one. More than the machine has cores gain nothing.
    /// - Default: as many as the machine has cores.
    pub filter_threads: NonZeroUsize,
    /// Whether clients whose certificates have ended are refused.
    ///
    /// - Default: where the channel's capabilities ask for it.
    /// - Set by: Fabric's `General.Authentication.NoExpirationChecks`.
    pub expiration: ExpirationChecks,
    /// Whether the processor time of the rules is counted, for [`Node::used`].
    ///
    /// - Default: no.
    pub counts_usage: bool,
    /// Whether a channel on Kafka may be given the capability for batch policies of its own: a Go orderer that meets
    /// it ends.
    ///
    /// - Default: no.
    pub allows_batch_policies: bool,
}

impl Default for NodeSettings {
    fn default() -> Self {
        let filter_threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            filter_threads,
            expiration: ExpirationChecks::On,
            counts_usage: false,
            allows_batch_policies: false,
        }
    }
}

/// What a node works with.
#[derive(Clone)]
pub struct NodeParts {
    /// Where envelopes are put in order.
    pub log: Arc<dyn OrderedLog>,
    /// Who signs the blocks.
    pub signer: Arc<Signer>,
    /// Who is told of blocks and of odd records.
    pub observer: Arc<dyn Observer>,
    /// Where the node's timers and appends run. It must outlive the node.
    pub runtime: Handle,
    /// How modules of channel configs are compiled.
    pub modules: Modules,
}

/// Why a node, or one of its channels, does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The channel's config cannot be ordered by.
    #[error("channel {channel}: {cause}")]
    Config {
        /// Which channel.
        channel: ChannelId,
        /// Why.
        cause: GenesisError,
    },
    /// The standard filters do not take the channel's config.
    #[error("channel {channel}: {cause}")]
    Rules {
        /// Which channel.
        channel: ChannelId,
        /// Why.
        cause: RuleSetError,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] raddle_ledger::ReadError),
    /// The ledger lacks a block that it must have.
    #[error("the ledger of channel {channel} has no block {number}, where the channel's config stands")]
    NoConfigBlock {
        /// Which channel.
        channel: ChannelId,
        /// Which block.
        number: BlockNumber,
    },
    /// The channel runs already.
    #[error("channel {0} is there already")]
    Twice(ChannelId),
    /// The sandbox does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A shipped filter does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are no threads for filters.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// There is no thread for the ledger.
    #[error("no thread for the ledger: {0}")]
    Thread(#[from] std::io::Error),
}

/// Channels on one ordered log.
pub struct Node {
    parts: NodeParts,
    maker: RulesMaker,
    batches: Arc<BatchEngine>,
    store: Arc<ModuleStore>,
    configs: ConfigMaker,
    workers: Arc<Workers>,
    config_workers: Arc<Workers>,
    usage: Arc<Usage>,
    channels: RwLock<BTreeMap<String, Running>>,
}

/// A channel at work.
struct Running {
    channel: Arc<Channel>,
    threads: Threads,
}

// === impl Node ===

impl Node {
    /// A node without channels.
    ///
    /// # Errors
    ///
    /// The sandbox or its threads do not start.
    pub fn new(parts: NodeParts, settings: NodeSettings) -> Result<Self, NodeError> {
        // One slot more for each thread on which configs are made.
        let engine = Arc::new(FilterEngine::new(slots(settings.filter_threads))?);
        let batches = Arc::new(BatchEngine::new()?);
        let standard = Arc::new(StandardFilters::load(&engine)?);
        let store = Arc::new(ModuleStore::new(engine, Arc::clone(&batches), parts.modules.settings()));
        let usage = Arc::new(Usage::new(settings.counts_usage));
        let configs = ConfigMaker {
            signer: Arc::clone(&parts.signer),
            store: Arc::clone(&store),
            usage: Arc::clone(&usage),
            allows_batch_policies: settings.allows_batch_policies,
        };
        Ok(Self {
            parts,
            maker: RulesMaker { standard, store: Arc::clone(&store), expiration: settings.expiration },
            batches,
            store,
            configs,
            workers: Arc::new(Workers::start("filters", settings.filter_threads)?),
            config_workers: Arc::new(Workers::start("configs", CONFIG_THREADS)?),
            usage,
            channels: RwLock::default(),
        })
    }

    /// Starts the channel of a ledger: it takes envelopes at once, and goes on in the log where the ledger ends.
    ///
    /// # Errors
    ///
    /// See [`NodeError`]. What keeps it from ordering once it runs, its [`Board`] tells.
    pub fn start_channel(&self, ledger: Ledger) -> Result<Arc<Channel>, NodeError> {
        let id = ledger.channel().clone();
        let config = read_config_of(config_of(&ledger)?)
            .map_err(|cause| NodeError::Config { channel: id.clone(), cause })?;
        let rules = self.maker.make(Arc::new(config));
        let rules = rules.map_err(|cause| NodeError::Rules { channel: id.clone(), cause })?;
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if channels.contains_key(&id.0) {
            return Err(NodeError::Twice(id));
        }
        let board = Arc::new(Board::new(ledger.height()));
        let channel = Arc::new(Channel::new(ChannelParts {
            rules,
            maker: self.maker.clone(),
            log: Arc::clone(&self.parts.log),
            ledger: ledger.clone(),
            board: Arc::clone(&board),
            workers: Arc::clone(&self.workers),
            configs: self.configs.clone(),
            config_workers: Arc::clone(&self.config_workers),
            usage: Arc::clone(&self.usage),
        }));
        let threads = Threads::start(driver::Parts {
            channel: Arc::clone(&channel),
            ledger,
            node: self.parts.clone(),
            batches: Arc::clone(&self.batches),
            store: Arc::clone(&self.store),
            board,
            usage: Arc::clone(&self.usage),
        })?;
        channels.insert(id.0, Running { channel: Arc::clone(&channel), threads });
        Ok(channel)
    }

    /// A channel by its id.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(id).map(|running| Arc::clone(&running.channel))
    }

    /// All channels, in order of their ids.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().map(|running| Arc::clone(&running.channel)).collect()
    }

    /// The log of all channels.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn OrderedLog> {
        &self.parts.log
    }

    /// What the rules of all channels have cost so far; nothing unless [`NodeSettings::counts_usage`] says so.
    #[must_use]
    pub fn used(&self) -> Used {
        self.usage.used()
    }

    /// Ends all channels: commits what is cut, cuts nothing. What is pending stands in the log, and is read again at
    /// the next start. Blocks for as long as the commits take; must not be called on a thread of the runtime.
    pub fn stop(&self) {
        let channels = std::mem::take(&mut *self.channels.write().unwrap_or_else(PoisonError::into_inner));
        for running in channels.values() {
            running.threads.tell_to_stop();
        }
        for running in channels.into_values() {
            running.threads.join();
            running.channel.board().stopped();
        }
    }
}

impl Channels for Node {
    fn find(&self, channel_id: &str) -> Found {
        match self.channel(channel_id) {
            Some(channel) => Found::Channel(channel as _),
            None => Found::Unknown,
        }
    }

    fn find_blocks(&self, channel_id: &str) -> Option<Arc<dyn DeliverChannel>> {
        self.channel(channel_id).map(|channel| channel as _)
    }
}

/// The envelope that holds the channel's config of now.
fn config_of(ledger: &Ledger) -> Result<Bytes, NodeError> {
    let number = ledger.state().chain.last_config;
    let no_config = || NodeError::NoConfigBlock { channel: ledger.channel().clone(), number };
    let block = ledger.block(number)?.ok_or_else(no_config)?;
    let block = common::Block::decode(block).map_err(|_| no_config())?;
    block.data.unwrap_or_default().data.into_iter().next().ok_or_else(no_config)
}

/// A thread runs one filter at a time.
fn slots(threads: NonZeroUsize) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::try_from(threads).unwrap_or(std::num::NonZeroU16::MAX)
}
