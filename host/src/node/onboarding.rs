//! Joining a channel behind its block 0 on a node that runs: its blocks come from other orderers first.
//!
//! ```text
//!  the block is kept ─▶ answered ─▶ blocks are pulled ─▶ ledger gets its name ─▶ channel starts ─▶ block is forgotten
//!        before: nothing is joined │ behind: it goes on at the next start, wherever it had come
//! ```
//!
//! What fails is tried again for ever, as in Fabric: an orderer that is away comes back, and whoever does not want to
//! wait for it removes the channel.
//!
//! Source: fabric v2.5.16 `orderer/common/follower/follower_chain.go`, `orderer/common/multichannel/registrar.go`
//! `JoinChannel`, `SwitchFollowerToChain`.

use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use raddle_core::bundle::GenesisError;
use raddle_core::ids::ChannelId;
use raddle_ledger::OpenError;
use raddle_serve::participation::{ChannelInfo, Refused, Relation, Status};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::registrar::{Registrar, StartError};
use crate::client::WireFault;
use crate::identity::Signer;
use crate::node::{Ledgers, participation};
use crate::pull::{self, JoinBlock, Pull, PullError, SourceFault, Told, Upstream};

/// Pause before the first try anew; it is doubled while nothing comes.
const PAUSE_MIN: Duration = Duration::from_millis(250);

/// Longest pause.
///
/// Source: fabric v2.5.16 `orderer/common/follower/options.go` `defaultPullRetryMaxInterval`.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why a channel that was being joined is not gone on with after a start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The block cannot be read or deleted.
    #[error("the block by which channel {channel} is being joined cannot be read or deleted: {cause}")]
    File {
        /// The channel.
        channel: ChannelId,
        /// Why.
        cause: std::io::Error,
    },
    /// It is none that the channel can be joined by.
    #[error("the block by which channel {channel} is being joined: {cause}")]
    Block {
        /// The channel.
        channel: ChannelId,
        /// Why.
        cause: GenesisError,
    },
}

/// A channel whose blocks are being pulled.
pub(super) struct Onboarding {
    pub(super) relation: Relation,
    height: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The work on it.
struct Joining {
    registrar: Weak<Registrar>,
    ledgers: Ledgers,
    signer: Arc<Signer>,
    upstream: Upstream,
    joined: JoinBlock,
    /// In the order in which they are asked.
    sources: Vec<String>,
    height: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
}

/// Why it is to be tried again.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Pull(#[from] PullError),
    #[error("no TLS towards other orderers: {0}")]
    Tls(#[from] WireFault),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("a task of the join failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

// === impl Registrar ===

impl Registrar {
    pub(super) fn onboarding(&self) -> MutexGuard<'_, std::collections::BTreeMap<String, Onboarding>> {
        self.onboarding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to join a channel by a later block than its first. To be called by who has [`Registrar::opening`].
    ///
    /// # Errors
    ///
    /// [`Refused::Other`]; nothing is kept.
    pub(super) fn begin_joining(&self, joined: JoinBlock, block: &Bytes) -> Result<ChannelInfo, Refused> {
        let (channel, number) = (joined.channel().clone(), joined.number);
        let other = |sentence: String| Err(Refused::Other(sentence));
        if joined.config.bundle.has_consortiums {
            return other(format!(
                "{channel} is a system channel, and block {number} is not its first: what it created would have to be \
                 joined too; stop the node, and use `raddle channel join` for each of them"
            ));
        }
        let path = self.ledgers().path(&channel);
        if path.exists() {
            return other(OpenError::Exists { path }.to_string());
        }
        match self.logs().is_own(&joined.config.bundle) {
            Ok(false) => {}
            Ok(true) => {
                return other(format!(
                    "{channel} is ordered by this node's own log, which holds no record of the blocks that would be \
                     pulled; join it by its block 0, or map it to the Kafka cluster that its orderers use"
                ));
            }
            Err(error) => return other(error.to_string()),
        }
        let sources = self.upstream().sources(&joined.config);
        if sources.is_empty() {
            return other(format!(
                "the config in block {number} of {channel} names no orderer but this node, so there is none to pull \
                 blocks from"
            ));
        }
        self.ledgers().keep_join_block(&channel, block).map_err(|cause| {
            Refused::Other(format!("failed saving joinblock to file repo for channel {channel}: {cause}"))
        })?;
        tracing::info!(%channel, block = %number, ?sources, "channel is being joined, its blocks are pulled");
        Ok(self.go_on_joining(joined, sources))
    }

    fn go_on_joining(&self, joined: JoinBlock, sources: Vec<String>) -> ChannelInfo {
        let id = joined.channel().0.clone();
        let relation = participation::relation_of(&joined.config.bundle.consensus.kind);
        let (stop, stopped) = watch::channel(false);
        let (told, height) = watch::channel(0);
        let joining = Joining {
            registrar: self.this(),
            ledgers: self.ledgers().clone(),
            signer: Arc::clone(self.signer()),
            upstream: self.upstream().clone(),
            joined,
            sources,
            height: told,
            stopped,
        };
        let task = self.runtime().spawn(joining.run());
        let onboarding = Onboarding { relation, height, stop, task };
        let info = onboarding.info(&id);
        self.onboarding().insert(id, onboarding);
        info
    }

    /// Goes on with the channels that were being joined when the node ended; answers those for which it cannot, with
    /// the places of their blocks. To be called when the channels that have a ledger are started.
    pub(super) fn resume_joins(&self) -> std::io::Result<Vec<(PathBuf, ResumeError)>> {
        let _opening = self.opening();
        let mut failed = Vec::new();
        for channel in self.ledgers().being_joined()? {
            if let Err(error) = self.resume_join(&channel) {
                failed.push((self.ledgers().join_block_path(&channel), error));
            }
        }
        Ok(failed)
    }

    fn resume_join(&self, channel: &ChannelId) -> Result<(), ResumeError> {
        let file = |cause| ResumeError::File { channel: channel.clone(), cause };
        if self.ledgers().path(channel).exists() {
            // It had come to its end.
            return self.ledgers().forget_join_block(channel).map_err(file);
        }
        let block = self.ledgers().join_block(channel).map_err(file)?;
        let joined = JoinBlock::read(block);
        let joined = joined.map_err(|cause| ResumeError::Block { channel: channel.clone(), cause })?;
        let sources = self.upstream().sources(&joined.config);
        tracing::info!(%channel, block = %joined.number, ?sources, "channel is being joined, as was begun before");
        self.go_on_joining(joined, sources);
        Ok(())
    }

    /// Starts the channel whose ledger has its name; does nothing if it is not to be joined any more. Blocks.
    fn finish_joining(&self, channel: &ChannelId) -> Result<(), StartError> {
        let _opening = self.opening();
        if !self.onboarding().contains_key(&channel.0) {
            return Ok(());
        }
        let started = self.start(self.ledgers().open(channel)?)?;
        // Whoever looks finds it here or there: it leaves the one when it is in the other.
        self.onboarding().remove(&channel.0);
        if let Err(error) = self.ledgers().forget_join_block(channel) {
            tracing::warn!(%channel, %error, "the block by which the channel was joined is left");
        }
        tracing::info!(%channel, height = started.board().height(), "channel joined");
        Ok(())
    }
}

// === impl Onboarding ===

impl Onboarding {
    /// How it stands. A channel is called failed by Fabric only when its removal is.
    pub(super) fn info(&self, id: &str) -> ChannelInfo {
        let (relation, height) = (self.relation, *self.height.borrow());
        ChannelInfo { name: id.to_owned(), relation, status: Status::OnBoarding, height }
    }

    /// Ends it; nobody is at its blocks any more when this returns. Blocks.
    pub(super) fn end(self, runtime: &Handle) {
        self.stop.send_replace(true);
        if let Err(error) = runtime.block_on(self.task) {
            tracing::error!(%error, "a join did not end as it should");
        }
    }
}

// === impl Joining ===

impl Joining {
    async fn run(mut self) {
        let channel = self.joined.channel().clone();
        let mut pause = PAUSE_MIN;
        loop {
            let before = *self.height.borrow();
            let error = match self.go_on().await {
                Ok(()) | Err(NotYet::Pull(PullError::Stopped { .. })) => return,
                Err(error) => error,
            };
            if *self.height.borrow() > before {
                pause = PAUSE_MIN;
            }
            tracing::warn!(%channel, "channel not joined yet: {error}; it is tried again in {pause:?}");
            tokio::select! {
                () = stop(self.stopped.clone()) => return,
                () = sleep(pause) => {}
            }
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    async fn go_on(&mut self) -> Result<(), NotYet> {
        let channel = self.joined.channel().clone();
        if !self.ledgers.path(&channel).exists() {
            self.pull().await?;
        }
        let Some(registrar) = self.registrar.upgrade() else { return Ok(()) };
        Ok(spawn_blocking(move || registrar.finish_joining(&channel)).await??)
    }

    /// Pulls until the ledger has its name. What can only be begun anew is.
    async fn pull(&mut self) -> Result<(), NotYet> {
        let pull = Pull {
            ledgers: self.ledgers.clone(),
            joined: self.joined.clone(),
            signer: Arc::clone(&self.signer),
            sources: self.sources.clone(),
            tls: self.upstream.client_tls(&self.joined.config)?,
            patience: self.upstream.patience,
            height: self.height.clone(),
        };
        let channel = self.joined.channel();
        let mut tell = |told: Told<'_>| match told {
            Told::Source { address, first, last } => {
                tracing::info!(%channel, %address, first, last, "blocks are pulled");
            }
            Told::Block => {}
            Told::Failed { address, fault } => tracing::warn!(%channel, %address, "no blocks: {fault}"),
        };
        let pulled = pull.run_until(stop(self.stopped.clone()), &mut tell).await;
        let is_wrong = match &pulled {
            Ok(pulled) => {
                tracing::info!(%channel, tip = %pulled.tip, "blocks pulled");
                false
            }
            Err(PullError::NoSource { failed, .. }) => {
                // Either lies, the one who gave the blocks or the one who has others. The latter is asked first now.
                let is_other = |(_, fault): &(_, SourceFault)| matches!(fault, SourceFault::OtherKept { .. });
                let at = failed.iter().position(is_other);
                self.sources.rotate_left(at.unwrap_or_default());
                at.is_some()
            }
            Err(PullError::OtherJoin { .. } | PullError::Kept { .. }) => true,
            Err(_) => false,
        };
        if is_wrong {
            tracing::warn!(channel = %self.joined.channel(), "what was pulled is dropped, and begun anew");
            let (ledgers, channel) = (self.ledgers.clone(), self.joined.channel().clone());
            spawn_blocking(move || pull::forget(&ledgers, &channel)).await??;
            self.height.send_replace(0);
        }
        Ok(pulled.map(drop)?)
    }
}

/// Ready when the join is to end, or its node has gone.
async fn stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}
