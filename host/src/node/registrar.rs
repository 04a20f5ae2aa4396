//! The channels of a node: those that are started, and those that a system channel creates.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::read_config_of;
use raddle_core::channel_creation::NewChannel;
use raddle_core::ids::ChannelId;
use raddle_ledger::{Ledger, OpenError};
use raddle_ordering::OrderedLog;
use raddle_proto::common;
use raddle_rules::BatchModule;
use raddle_rules::store::ModuleStore;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::board::{Board, ReadOnly};
use super::budgets::Accounts;
use super::channel::{Channel, ChannelParts};
use super::config::ConfigMaker;
use super::driver::{self, Threads};
use super::fork_watch::Suspected;
use super::gate::Gate;
use super::lease::Lease;
use super::ledgers::Ledgers;
use super::logs::Logs;
use super::onboarding::Onboarding;
use super::removal::Pending;
use super::rules::RulesMaker;
use super::shadows::Shadows;
use super::usage::Usage;
use super::workers::Workers;
use super::{NodeError, NodeParts, overridden};
use crate::config::{BatchPolicyOverride, Budgets};
use crate::identity::Signer;
use crate::pull::Upstream;

/// What all channels of a node work with.
pub(super) struct Common {
    pub(super) node: NodeParts,
    pub(super) maker: RulesMaker,
    pub(super) shipped: BatchModule,
    pub(super) store: Arc<ModuleStore>,
    pub(super) configs: ConfigMaker,
    pub(super) workers: Arc<Workers>,
    pub(super) config_workers: Arc<Workers>,
    pub(super) shadow_workers: Workers,
    pub(super) usage: Arc<Usage>,
    pub(super) batch_policy_override: Option<BatchPolicyOverride>,
    pub(super) budgets: Arc<Budgets>,
    pub(super) read_only: Option<ReadOnly>,
    pub(super) upstream: Upstream,
    pub(super) lease: Lease,
}

/// The channels of a node.
pub(super) struct Registrar {
    common: Common,
    channels: RwLock<BTreeMap<String, Running>>,
    /// Held while a ledger is opened and its channel started.
    opening: Mutex<()>,
    /// No config makes a channel a system channel, or ends its being one.
    system: RwLock<Option<Arc<Channel>>>,
    /// Channels whose blocks are being pulled.
    pub(super) onboarding: Mutex<BTreeMap<String, Onboarding>>,
    /// Channels that are being removed.
    pub(super) pending: Mutex<BTreeMap<String, Pending>>,
    count: watch::Sender<usize>,
    suspected: Arc<Suspected>,
    /// For those whose channels create others.
    this: Weak<Self>,
}

/// A channel at work.
pub(super) struct Running {
    pub(super) channel: Arc<Channel>,
    /// None where the channel only reads.
    pub(super) threads: Option<Threads>,
    pub(super) gate: Arc<Gate>,
}

/// Why a channel is not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its ledger cannot be opened or made.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// It has a ledger and does not start.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl Registrar {
    pub(super) fn new(common: Common) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            common,
            channels: RwLock::default(),
            opening: Mutex::default(),
            system: RwLock::default(),
            onboarding: Mutex::default(),
            pending: Mutex::default(),
            count: watch::Sender::new(0),
            suspected: Arc::new(Suspected::new()),
            this: Weak::clone(this),
        })
    }

    /// Starts a channel. To be called by who has [`Registrar::opening`].
    pub(super) fn start(&self, ledger: Ledger) -> Result<Arc<Channel>, NodeError> {
        let id = ledger.channel().clone();
        let config = read_config_of(config_of(&ledger)?)
            .map_err(|cause| NodeError::Config { channel: id.clone(), cause })?;
        let is_system_channel = config.bundle.has_consortiums;
        let gate =
            Arc::new(Gate::new(self.common.node.logs.log_of(&config.bundle)?, self.common.lease.clone()));
        let log = Arc::clone(&gate) as Arc<dyn OrderedLog>;
        let rules = self.common.maker.make(Arc::new(config));
        let rules = rules.map_err(|cause| NodeError::Rules { channel: id.clone(), cause })?;
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if channels.contains_key(&id.0) {
            return Err(NodeError::Twice(id));
        }
        if let Some(first) = self.system_channel().filter(|_| is_system_channel) {
            return Err(NodeError::SystemChannels { first: first.id().clone(), second: id });
        }
        let common = &self.common;
        let standard_from = overridden::standard_from(common.batch_policy_override.as_ref(), &ledger)?;
        let board = Arc::new(Board::new(ledger.height()));
        let channel = Arc::new(Channel::new(ChannelParts {
            rules,
            maker: common.maker.clone(),
            log: Arc::clone(&log),
            ledger: ledger.clone(),
            board: Arc::clone(&board),
            accounts: Arc::new(Accounts::new(id.clone(), Arc::clone(&common.budgets))),
            workers: Arc::new(common.workers.share()),
            configs: common.configs.clone(),
            config_workers: Arc::new(common.config_workers.share()),
            shadows: Shadows::new(common.shadow_workers.share()),
            usage: Arc::clone(&common.usage),
            registrar: Weak::clone(&self.this),
            lease: common.lease.clone(),
        }));
        let threads = match &common.read_only {
            Some(cause) => {
                board.read_only(cause.clone());
                None
            }
            None => Some(Threads::start(driver::Parts {
                channel: Arc::clone(&channel),
                log,
                ledger,
                node: common.node.clone(),
                shipped: common.shipped.clone(),
                store: Arc::clone(&common.store),
                board,
                usage: Arc::clone(&common.usage),
                standard_from,
            })?),
        };
        if is_system_channel {
            *self.system.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&channel));
        }
        channels.insert(id.0, Running { channel: Arc::clone(&channel), threads, gate });
        self.count.send_replace(channels.len());
        Ok(channel)
    }

    /// Makes sure that a channel is there that begins. One that is there already is left alone: a second creation of it
    /// was on its way, or the record is met again after a crash.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `newChain`.
    pub(super) fn create(&self, new: &NewChannel) -> Result<(), StartError> {
        let channel = &new.channel;
        if self.channel(&channel.0).is_some() {
            tracing::info!(%channel, "channel exists already, its creation is left alone");
            return Ok(());
        }
        self.start_with(channel, |ledgers| ledgers.open_or_make(channel, &new.genesis))?;
        tracing::info!(%channel, "channel created");
        Ok(())
    }

    /// Starts a channel with the ledger that `ledger` opens, unless it runs already.
    pub(super) fn start_with(
        &self,
        channel: &ChannelId,
        ledger: impl FnOnce(&Ledgers) -> Result<Ledger, OpenError>,
    ) -> Result<Arc<Channel>, StartError> {
        // Two that open one ledger would be in each other's way.
        let _opening = self.opening();
        match self.channel(&channel.0) {
            Some(channel) => Ok(channel),
            None => Ok(self.start(ledger(&self.common.node.ledgers)?)?),
        }
    }

    /// Whoever has it may open ledgers and start channels.
    pub(super) fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ledgers(&self) -> &Ledgers {
        &self.common.node.ledgers
    }

    pub(super) fn logs(&self) -> &dyn Logs {
        &*self.common.node.logs
    }

    pub(super) fn signer(&self) -> &Arc<Signer> {
        &self.common.node.signer
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.common.node.runtime
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.common.upstream
    }

    /// What waits for the threads of filters, and for those of configs.
    pub(super) fn queued(&self) -> (usize, usize) {
        let of_channels: usize = self.channels().iter().map(|channel| channel.workers().waiting()).sum();
        (of_channels, self.common.config_workers.waiting())
    }

    pub(super) const fn suspected(&self) -> &Arc<Suspected> {
        &self.suspected
    }

    pub(super) fn this(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    /// Takes a channel out, which still runs. Nobody finds it any more.
    pub(super) fn take(&self, id: &str) -> Option<Running> {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        let running = channels.remove(id)?;
        let mut system = self.system.write().unwrap_or_else(PoisonError::into_inner);
        system.take_if(|system| system.id().0 == id);
        self.count.send_replace(channels.len());
        self.suspected.forget(running.channel.id());
        Some(running)
    }

    pub(super) fn channel(&self, id: &str) -> Option<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(id).map(|running| Arc::clone(&running.channel))
    }

    pub(super) fn channels(&self) -> Vec<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().map(|running| Arc::clone(&running.channel)).collect()
    }

    /// The channel that creates others, if there is one.
    pub(super) fn system_channel(&self) -> Option<Arc<Channel>> {
        self.system.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// See [`super::Node::stop`].
    pub(super) fn stop(&self) {
        // First: one that comes to its end starts its channel. It needs the lock for that, so that is let go of before.
        let joining = std::mem::take(&mut *self.onboarding());
        for onboarding in joining.into_values() {
            onboarding.end(self.runtime());
        }
        loop {
            let channels =
                std::mem::take(&mut *self.channels.write().unwrap_or_else(PoisonError::into_inner));
            if channels.is_empty() {
                return;
            }
            for running in channels.values() {
                if let Some(threads) = &running.threads {
                    threads.tell_to_stop();
                }
            }
            // A system channel may have created one meanwhile: then there is another turn.
            for running in channels.into_values() {
                if let Some(threads) = running.threads {
                    threads.join();
                }
                running.channel.board().stopped();
            }
        }
    }
}

/// The envelope that holds the channel's config of now.
pub(crate) fn config_of(ledger: &Ledger) -> Result<Bytes, NodeError> {
    let block = config_block(ledger)?;
    let number = ledger.state().chain.last_config;
    let no_config = || NodeError::NoConfigBlock { channel: ledger.channel().clone(), number };
    block.data.unwrap_or_default().data.into_iter().next().ok_or_else(no_config)
}

/// The block in which it stands.
pub(super) fn config_block(ledger: &Ledger) -> Result<common::Block, NodeError> {
    let number = ledger.state().chain.last_config;
    let no_config = || NodeError::NoConfigBlock { channel: ledger.channel().clone(), number };
    let block = ledger.block(number)?.ok_or_else(no_config)?;
    common::Block::decode(block).map_err(|_| no_config())
}
