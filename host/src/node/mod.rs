//! A node: channels that judge envelopes by their config, append them to an ordered log, and make blocks of it.
//!
//! ```text
//!  Broadcast ─▶ Channel::admit ─▶ Channel::append ─▶ ordered log
//!                  Rules (filters)                       │
//!  Deliver  ◀── Channel::block ◀── ledger ◀── driver ◀───┘
//! ```

pub mod answers;
mod board;
mod budgets;
mod channel;
mod config;
mod creation;
mod deliver;
mod denial;
mod driver;
mod dump;
mod fork_watch;
mod gate;
mod guest_log;
mod judge;
mod lease;
mod ledgers;
mod logs;
mod meters;
mod modules;
mod observer;
mod onboarding;
mod overridden;
mod participation;
mod registrar;
mod removal;
mod rules;
mod shadows;
mod usage;
mod workers;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raddle_core::bundle::GenesisError;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_rules::admission::{ExpirationChecks, RuleSetError, StandardFilters};
use raddle_rules::store::ModuleStore;
use raddle_rules::{BatchEngine, EngineError, FilterEngine, LoadError, StackError};
use raddle_serve::channels::{Channels, DeliverChannel, Found};
use raddle_serve::clock::SystemClock;
use raddle_serve::tls::ClientAuthorities;
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use board::{Board, Doing, Halt, ReadOnly};
pub use budgets::{Meter, OverBudget, Spent};
pub use channel::Channel;
pub use driver::NotTakenOver;
pub use fork_watch::{ForkCounters, Suspicion, Suspicions};
pub use guest_log::GuestLog;
pub use judge::EnvelopeJudge;
pub use ledgers::Ledgers;
pub use logs::{Logs, NoLog, OneLog};
pub(crate) use meters::Meters;
pub use meters::ModuleUsage;
pub use modules::Modules;
pub use observer::{Committed, NoObserver, Observer};
pub use onboarding::ResumeError;
pub use registrar::StartError;
pub(crate) use registrar::config_of;
pub use removal::{RemovalError, finish as finish_removal};
pub use rules::{BrokenFilter, Rules};
pub use usage::{Usage, Used};
pub use workers::{NotCompleted, Workers};

use crate::config::{BatchPolicies, BatchPolicyOverride, Budgets};
use crate::identity::Signer;
use crate::load_shipped;
use crate::pull::Upstream;
use config::ConfigMaker;
use fork_watch::ForkWatch;
use lease::Lease;
use registrar::{Common, Registrar};
use rules::RulesMaker;

/// Threads on which config updates are judged. A module that takes long to compile holds up other updates only.
const CONFIG_THREADS: NonZeroUsize = NonZeroUsize::MIN;

/// Threads on which filters in mode shadow are asked, of all channels: whatever they cost, the others keep the rest of
/// the machine.
const SHADOW_THREADS: NonZeroUsize = NonZeroUsize::MIN;

/// How a node judges.
#[derive(Clone, Debug)]
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
    /// Which channels on Kafka may be given the capability for batch policies of their own: a Go orderer that meets it
    /// ends.
    ///
    /// - Default: none.
    /// - Set by: `BatchPolicies` of `raddle.yaml`.
    pub batch_policies: BatchPolicies,
    /// Where the standard rule takes the place of a channel's batch policy. The same on all orderers of the channel.
    ///
    /// - Default: nowhere.
    /// - Set by: `BatchPolicyOverride` of `raddle.yaml`.
    pub batch_policy_override: Option<BatchPolicyOverride>,
    /// What organisations may send to a channel in a second.
    ///
    /// - Default: as much as they like.
    /// - Set by: `Budgets` of `raddle.yaml`.
    pub budgets: Budgets,
    /// How often the headers of other orderers are compared with ours; none: never.
    ///
    /// - Default: never, since those that a config of tests names are not there.
    /// - Set by: `ForkWatch` of `raddle.yaml`, where it is 30 s by default.
    pub fork_watch: Option<Duration>,
    /// Why the node takes no envelopes and makes no blocks.
    ///
    /// - Default: it does both.
    pub read_only: Option<ReadOnly>,
    /// How other orderers are asked for the blocks of channels that are joined.
    ///
    /// - Default: without TLS.
    /// - Set by: `General.Cluster` and `General.TLS` of `orderer.yaml`.
    pub upstream: Upstream,
}

impl Default for NodeSettings {
    fn default() -> Self {
        let filter_threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            filter_threads,
            expiration: ExpirationChecks::On,
            counts_usage: false,
            batch_policies: BatchPolicies::None,
            batch_policy_override: None,
            budgets: Budgets::default(),
            fork_watch: None,
            read_only: None,
            upstream: Upstream::default(),
        }
    }
}

/// What a node works with.
#[derive(Clone)]
pub struct NodeParts {
    /// Where envelopes are put in order.
    pub logs: Arc<dyn Logs>,
    /// Who signs the blocks.
    pub signer: Arc<Signer>,
    /// Who is told of blocks and of odd records.
    pub observer: Arc<dyn Observer>,
    /// Where the node's timers and appends run. It must outlive the node.
    pub runtime: Handle,
    /// How modules of channel configs are compiled.
    pub modules: Modules,
    /// Where the ledgers of channels are that a system channel creates.
    pub ledgers: Ledgers,
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
    /// The channel has no ordered log.
    #[error(transparent)]
    NoLog(#[from] NoLog),
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
    /// A node has one system channel at most.
    #[error("channel {second} is a system channel, and so is {first}: a node has one at most")]
    SystemChannels {
        /// The one that runs.
        first: ChannelId,
        /// The one that does not.
        second: ChannelId,
    },
    /// The sandbox does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A shipped module does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are no threads for filters.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// There is no thread for the ledger.
    #[error("no thread for the ledger: {0}")]
    Thread(#[from] std::io::Error),
}

/// Channels on their ordered logs.
pub struct Node {
    registrar: Arc<Registrar>,
    usage: Arc<Usage>,
    fork_watch: Option<ForkWatch>,
    lease: Lease,
}

// === impl Node ===

impl Node {
    /// A node without channels.
    ///
    /// # Errors
    ///
    /// The sandbox or its threads do not start.
    pub fn new(parts: NodeParts, settings: NodeSettings) -> Result<Self, NodeError> {
        // A filter in mode shadow must not keep another from its slot.
        let threads = settings.filter_threads.saturating_add(SHADOW_THREADS.get());
        let engine = Arc::new(FilterEngine::new(slots(threads))?);
        let batches = Arc::new(BatchEngine::new()?);
        let standard = Arc::new(StandardFilters::load(&engine)?);
        let shipped = load_shipped(&batches)?;
        let store = Arc::new(ModuleStore::new(engine, batches, parts.modules.settings()));
        let usage = Arc::new(Usage::new(settings.counts_usage));
        let maker = RulesMaker {
            standard,
            store: Arc::clone(&store),
            expiration: settings.expiration,
            meters: Arc::default(),
        };
        let configs = ConfigMaker {
            signer: Arc::clone(&parts.signer),
            store: Arc::clone(&store),
            rules: maker.clone(),
            logs: Arc::clone(&parts.logs),
            usage: Arc::clone(&usage),
            batch_policies: Arc::new(settings.batch_policies),
        };
        let (lease, runtime) = (Lease::new(), parts.runtime.clone());
        let registrar = Registrar::new(Common {
            node: parts,
            maker,
            shipped,
            store,
            configs,
            workers: Arc::new(Workers::start("filters", settings.filter_threads)?),
            config_workers: Arc::new(Workers::start("configs", CONFIG_THREADS)?),
            shadow_workers: Workers::start("shadows", SHADOW_THREADS)?,
            usage: Arc::clone(&usage),
            batch_policy_override: settings.batch_policy_override,
            budgets: Arc::new(settings.budgets),
            read_only: settings.read_only,
            upstream: settings.upstream,
            lease: lease.clone(),
        });
        let fork_watch = settings
            .fork_watch
            .map(|interval| ForkWatch::start(&runtime, &registrar, interval, Arc::new(SystemClock)));
        Ok(Self { registrar, usage, fork_watch, lease })
    }

    /// The channel of this id, which begins with its genesis block if it has no ledger. It takes envelopes at once, and
    /// goes on in the log where the ledger ends. If it runs already it is left alone.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. What keeps it from ordering once it runs, its [`Board`] tells.
    pub fn make_channel(&self, channel: &ChannelId, genesis: &Bytes) -> Result<Arc<Channel>, StartError> {
        self.registrar.start_with(channel, |ledgers| ledgers.open_or_make(channel, genesis))
    }

    /// The channel of this id, which is started from its ledger. If it runs already it is left alone.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn open_channel(&self, channel: &ChannelId) -> Result<Arc<Channel>, StartError> {
        self.registrar.start_with(channel, |ledgers| ledgers.open(channel))
    }

    /// Finishes the removals of channels that a crash or a failure has left; answers those that are still not
    /// finished, with the places of their ledgers. Blocks. To be called before channels are started.
    ///
    /// # Errors
    ///
    /// The folder of ledgers cannot be read.
    pub fn finish_removals(&self) -> std::io::Result<Vec<(PathBuf, RemovalError)>> {
        self.registrar.finish_removals()
    }

    /// Goes on with the channels that were being joined when the node ended; answers those for which it cannot, with
    /// the places of their blocks. Blocks. To be called when the channels that have ledgers are started.
    ///
    /// # Errors
    ///
    /// The folder of ledgers cannot be read.
    pub fn resume_joins(&self) -> std::io::Result<Vec<(PathBuf, ResumeError)>> {
        self.registrar.resume_joins()
    }

    /// A channel by its id.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<Arc<Channel>> {
        self.registrar.channel(id)
    }

    /// All channels, in order of their ids.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        self.registrar.channels()
    }

    /// How many channels there are; changes when one is created.
    #[must_use]
    pub fn count(&self) -> watch::Receiver<usize> {
        self.registrar.count()
    }

    /// What the rules of all channels have cost so far; nothing unless [`NodeSettings::counts_usage`] says so.
    #[must_use]
    pub fn used(&self) -> Used {
        self.usage.used()
    }

    /// Why channels seem to have forked, to look at or to wait for. Nothing halts for it.
    #[must_use]
    pub fn suspicions(&self) -> watch::Receiver<Suspicions> {
        self.registrar.suspected().subscribe()
    }

    /// Ends all channels: commits what is cut, cuts nothing. What is pending stands in the log, and is read again at
    /// the next start. Blocks for as long as the commits take; must not be called on a thread of the runtime.
    pub fn stop(&self) {
        self.fork_watch.iter().for_each(ForkWatch::stop);
        self.registrar.stop();
    }

    /// Ends when this node is dropped and nobody has anything of it: from then on its files can be opened again.
    pub fn released(&self) -> impl Future<Output = ()> + use<> {
        self.lease.ended()
    }
}

impl Channels for Node {
    fn find(&self, channel_id: &str) -> Found {
        match self.registrar.channel(channel_id).or_else(|| self.registrar.system_channel()) {
            Some(channel) => Found::Channel(channel as _),
            None => Found::Unknown,
        }
    }

    fn find_blocks(&self, channel_id: &str) -> Option<Arc<dyn DeliverChannel>> {
        self.channel(channel_id).map(|channel| channel as _)
    }
}

/// What the present configs of all channels name. A config that was cut counts before its block is committed, as for
/// Broadcast.
///
/// Source: fabric v2.5.16 `orderer/common/server/main.go` `updateTrustedRoots`.
impl ClientAuthorities for Node {
    fn present(&self) -> Vec<Bytes> {
        let of =
            |channel: &Arc<Channel>| channel.rules().access().tls_authorities().cloned().collect::<Vec<_>>();
        let all: BTreeSet<Bytes> = self.channels().iter().flat_map(of).collect();
        all.into_iter().collect()
    }
}

/// A thread runs one filter at a time.
fn slots(threads: NonZeroUsize) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::try_from(threads).unwrap_or(std::num::NonZeroU16::MAX)
}
