//! A node: channels that judge envelopes by their config and append them to an ordered log.
//!
//! Each channel starts from its block 0. What it takes stands in the log; blocks are not made of it here yet.

pub mod answers;
mod channel;
mod judge;
mod workers;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::access::{Access, AccessError};
use raddle_core::bundle::{Genesis, GenesisError, read_genesis};
use raddle_ordering::OrderedLog;
use raddle_rules::admission::{ExpirationChecks, RuleSet, RuleSetError, StandardFilters};
use raddle_rules::{EngineError, FilterEngine, LoadError, NoLog, StackError};
use raddle_serve::channels::{Channels, DeliverChannel, Found};

pub use channel::{Channel, Rules};
pub use workers::{NotCompleted, Workers};

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
}

impl Default for NodeSettings {
    fn default() -> Self {
        let filter_threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { filter_threads, expiration: ExpirationChecks::On }
    }
}

/// Why a node, or one of its channels, does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The block is no genesis block of a channel.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The channel's config says nothing usable about who may do what.
    #[error("the channel's config cannot be used: {0}")]
    Access(#[from] AccessError),
    /// The filters cannot be bound to the channel's config.
    #[error(transparent)]
    Rules(#[from] RuleSetError),
    /// Two blocks are of one channel.
    #[error("channel {0} is there twice")]
    Twice(String),
    /// The sandbox does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A shipped filter does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are no threads for filters.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// Channels on one ordered log.
pub struct Node {
    channels: BTreeMap<String, Arc<Channel>>,
}

impl Node {
    /// Starts a channel from each genesis block.
    ///
    /// # Errors
    ///
    /// See [`NodeError`].
    pub fn start(
        genesis_blocks: impl IntoIterator<Item = Bytes>,
        log: &Arc<dyn OrderedLog>,
        settings: NodeSettings,
    ) -> Result<Self, NodeError> {
        let engine = FilterEngine::new(slots(settings.filter_threads))?;
        let standard = StandardFilters::load(&engine)?;
        let workers = Arc::new(Workers::start(settings.filter_threads)?);
        let mut channels = BTreeMap::new();
        for genesis in genesis_blocks {
            let rules = rules(genesis, &standard, settings.expiration)?;
            let name = rules.set.bundle().channel.0.clone();
            let channel = Channel::new(rules, Arc::clone(log), Arc::clone(&workers));
            if channels.insert(name.clone(), Arc::new(channel)).is_some() {
                return Err(NodeError::Twice(name));
            }
        }
        Ok(Self { channels })
    }

    /// A channel by its id.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<&Arc<Channel>> {
        self.channels.get(id)
    }
}

impl Channels for Node {
    fn find(&self, channel_id: &str) -> Found {
        match self.channels.get(channel_id) {
            Some(channel) => Found::Channel(Arc::clone(channel) as _),
            None => Found::Unknown,
        }
    }

    /// None: blocks are not made here yet.
    fn find_blocks(&self, _: &str) -> Option<Arc<dyn DeliverChannel>> {
        None
    }
}

/// A thread runs one filter at a time.
fn slots(threads: NonZeroUsize) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::try_from(threads).unwrap_or(std::num::NonZeroU16::MAX)
}

fn rules(
    genesis: Bytes,
    standard: &StandardFilters,
    expiration: ExpirationChecks,
) -> Result<Rules, NodeError> {
    let Genesis { bundle, channel_group, .. } = read_genesis(genesis)?;
    let access = Arc::new(Access::read(&channel_group)?);
    let set = RuleSet::new(&Arc::new(bundle), standard, expiration, Vec::new(), |_| Arc::new(NoLog))?;
    Ok(Rules { access, set })
}
