//! Whether other orderers have the same chain: now and then a header of theirs is compared with ours.
//!
//! Blocks depend on the log alone, so orderers of one channel have the same headers; metadata may differ. A header
//! holds the hash of the one before, so it is enough to compare the newest block that both have. What differs is told,
//! and nothing else is done: who of the two is wrong, people must find out.
//!
//! Another orderer's word is only a suspicion. Whether the signature under its block satisfies the channel's policy for
//! blocks is told beside it: then it is an orderer's, and the fork is real.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use raddle_core::access::PolicyVerdict;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_core::policy::BLOCK_VALIDATION;
use raddle_ledger::ReadError;
use raddle_proto::common;
use raddle_proto::hash::{Sha256Hash, hex};
use raddle_proto::orderer::SeekInfo;
use raddle_proto::orderer::seek_info::{SeekContentType, SeekErrorResponse};
use raddle_serve::clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_blocking};

use super::channel::Channel;
use super::registrar::Registrar;
use crate::client::{Client, ClientError, Patience, Place, WireFault, block_hash, range};
use crate::identity::{Signer, SignerError};
use crate::pull::Upstream;

/// Orderers of a channel that are asked at one look. The others are at the next one.
const ASKED_MAX: usize = 3;

/// Channels that are looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// How long an orderer is waited for: it is asked again soon enough.
const PATIENCE: Patience = Patience { connect: Duration::from_secs(3), answer: Duration::from_secs(5) };

/// Why a channel seems to have forked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Suspicion {
    /// Another orderer has another block at the same height.
    #[error(
        "{orderer} has block {first} with hash {theirs}, this orderer has it with {ours}; the signature under theirs \
         {}",
        if *is_signed { "is an orderer's" } else { "is not good" }
    )]
    Header {
        /// Its address.
        orderer: String,
        /// The first block that differs.
        first: BlockNumber,
        /// The hash of our header, in hexadecimal digits.
        ours: String,
        /// The hash of theirs.
        theirs: String,
        /// Whether their block is signed as the channel's policy asks for.
        is_signed: bool,
    },
    /// A time-to-cut names a block beyond the next one: whoever posted it has other blocks.
    #[error("the record at offset {offset} asks to cut block {named}, and the next block here is {next}")]
    TimeToCut {
        /// The record's.
        offset: Offset,
        /// The block it names.
        named: BlockNumber,
        /// The next block here.
        next: BlockNumber,
    },
}

/// What was done to find forks of a channel, since it was started.
#[derive(Debug, Default)]
pub struct ForkCounters {
    /// Headers of other orderers that were compared.
    pub compared: AtomicU64,
    /// Those that differed.
    pub differed: AtomicU64,
    /// Orderers that did not give a header when they were asked for one.
    pub unanswered: AtomicU64,
}

/// Suspicions by channel and by whom they come from.
pub type Suspicions = BTreeMap<(ChannelId, String), Suspicion>;

/// Who a time-to-cut is from is not known.
const SOMEBODY: &str = "the log";

/// All suspicions of a node.
#[derive(Debug)]
pub(super) struct Suspected(watch::Sender<Suspicions>);

/// The task that asks. It ends with this.
pub(super) struct ForkWatch(AbortHandle);

/// Why a header is not compared.
#[derive(Debug, thiserror::Error)]
enum NotCompared {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("no TLS towards other orderers: {0}")]
    Tls(#[from] WireFault),
    #[error("the request cannot be signed: {0}")]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Ledger(#[from] ReadError),
    #[error("a task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("{whose} block {number} has no header of that number")]
    NoHeader { whose: &'static str, number: u64 },
}

// === impl Suspected ===

impl Suspected {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Suspicions::new()))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Suspicions> {
        self.0.subscribe()
    }

    /// The channel's log holds a record of somebody who has other blocks.
    pub(super) fn time_to_cut(
        &self,
        channel: &ChannelId,
        offset: Offset,
        named: BlockNumber,
        next: BlockNumber,
    ) {
        self.tell(channel, SOMEBODY, Some(Suspicion::TimeToCut { offset, named, next }));
    }

    /// Forgets a channel that was removed.
    pub(super) fn forget(&self, channel: &ChannelId) {
        self.0.send_if_modified(|all| {
            let before = all.len();
            all.retain(|(of, _), _| of != channel);
            all.len() != before
        });
    }

    fn is_told(&self, channel: &ChannelId, who: &str) -> bool {
        self.0.borrow().contains_key(&(channel.clone(), who.to_owned()))
    }

    /// Whoever looks sees it before the log tells it.
    fn tell(&self, channel: &ChannelId, who: &str, suspicion: Option<Suspicion>) {
        let key = (channel.clone(), who.to_owned());
        let is_news = self.0.send_if_modified(|all| match &suspicion {
            Some(suspicion) => all.insert(key, suspicion.clone()).as_ref() != Some(suspicion),
            None => all.remove(&key).is_some(),
        });
        match suspicion {
            _ if !is_news => {}
            Some(suspicion) => tracing::error!(
                %channel, code = "RDL-4106",
                "fork suspected: {suspicion}; find out with a third orderer who is wrong, see `raddle help RDL-4106`"
            ),
            None => {
                tracing::warn!(%channel, orderer = who, "the fork that was suspected is gone: headers agree again")
            }
        }
    }
}

// === impl ForkWatch ===

impl ForkWatch {
    /// Looks at all channels of a node every `interval`.
    pub(super) fn start(
        runtime: &Handle,
        registrar: &Arc<Registrar>,
        interval: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let registrar = Arc::downgrade(registrar);
        Self(runtime.spawn(watch_for(registrar, interval, clock)).abort_handle())
    }

    /// Asks nobody any more.
    pub(super) fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for ForkWatch {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn watch_for(registrar: Weak<Registrar>, interval: Duration, clock: Arc<dyn Clock>) {
    for look in (0_usize..).step_by(ASKED_MAX) {
        let Some(due) = clock.now().checked_add(interval) else { return };
        clock.passes(due).await;
        let Some(registrar) = registrar.upgrade() else { return };
        let looks: Vec<_> = registrar
            .channels()
            .into_iter()
            .map(|channel| Look {
                channel,
                upstream: Upstream { patience: PATIENCE, ..registrar.upstream().clone() },
                signer: Arc::clone(registrar.signer()),
                suspected: Arc::clone(registrar.suspected()),
                clock: Arc::clone(&clock),
            })
            .collect();
        drop(registrar);
        let looks = stream::iter(looks).map(|one| one.run(look));
        looks.buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
    }
}

/// One look at one channel.
struct Look {
    channel: Arc<Channel>,
    upstream: Upstream,
    signer: Arc<Signer>,
    suspected: Arc<Suspected>,
    clock: Arc<dyn Clock>,
}

impl Look {
    async fn run(self, look: usize) {
        let config = Arc::clone(&self.channel.rules().config);
        let upstream = self.upstream.clone();
        // Names of hosts are resolved to leave this node out.
        let Ok(sources) = spawn_blocking(move || upstream.sources(&config)).await else { return };
        let count = sources.len();
        for source in
            sources.iter().cycle().skip(look.checked_rem(count).unwrap_or(0)).take(count.min(ASKED_MAX))
        {
            self.ask(source).await;
        }
    }

    async fn ask(&self, source: &str) {
        let (id, counters) = (self.channel.id(), self.channel.board().fork());
        match self.compare(source).await {
            Ok(None) => {
                counters.compared.fetch_add(1, Ordering::Relaxed);
                self.suspected.tell(id, source, None);
            }
            Ok(Some(suspicion)) => {
                counters.compared.fetch_add(1, Ordering::Relaxed);
                counters.differed.fetch_add(1, Ordering::Relaxed);
                self.suspected.tell(id, source, Some(suspicion));
            }
            Err(error) => {
                counters.unanswered.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(channel = %id, orderer = source, %error, "no header to compare");
            }
        }
    }

    /// Compares the newest block that both have. If it differs, finds the first one that does.
    async fn compare(&self, source: &str) -> Result<Option<Suspicion>, NotCompared> {
        let tls = self.upstream.client_tls(&self.channel.rules().config)?;
        let client = Client::connect_with(source, self.upstream.patience, tls).await?;
        let newest = self.theirs(&client, Place::Newest).await?;
        let (newest, tip) = (number(&newest), self.channel.board().height().saturating_sub(1));
        let common = newest.min(tip);
        let (ours, theirs) = self.both(&client, common).await?;
        if ours == hash(&theirs) {
            return Ok(None);
        }
        if self.suspected.is_told(self.channel.id(), source) {
            // Where it began does not change.
            let told =
                self.suspected.subscribe().borrow().get(&(self.channel.id().clone(), source.into())).cloned();
            return Ok(told);
        }
        // Equal at `same`, if block 0 is, and different at `other`.
        let (mut same, mut other) = (0, common);
        let mut first = (ours, theirs);
        while same < other {
            let middle = same.midpoint(other);
            let (ours, theirs) = self.both(&client, middle).await?;
            if ours == hash(&theirs) {
                same = middle.saturating_add(1);
            } else {
                (other, first) = (middle, (ours, theirs));
            }
        }
        let (ours, theirs) = first;
        let access = self.channel.rules();
        let is_signed = access.access().evaluate_block(BLOCK_VALIDATION, &theirs) == PolicyVerdict::Satisfied;
        let (ours, theirs) = (hex(&ours), hex(&hash(&theirs)));
        let (orderer, first) = (source.to_owned(), BlockNumber(other));
        Ok(Some(Suspicion::Header { orderer, first, ours, theirs, is_signed }))
    }

    /// The hash of our header, and their block without its envelopes.
    async fn both(&self, client: &Client, number: u64) -> Result<(Sha256Hash, common::Block), NotCompared> {
        let theirs = self.theirs(client, Place::Number(number)).await?;
        if theirs.header.as_ref().is_none_or(|header| header.number != number) {
            return Err(NotCompared::NoHeader { whose: "their", number });
        }
        let ledger = self.channel.ledger().clone();
        let block = spawn_blocking(move || ledger.block(BlockNumber(number))).await??;
        let ours = block.and_then(|block| common::Block::decode(block).ok()).and_then(|block| block.header);
        let ours = ours.ok_or(NotCompared::NoHeader { whose: "our", number })?;
        Ok((block_hash(&ours), theirs))
    }

    /// Also an orderer whose brokers are away says what it has.
    async fn theirs(&self, client: &Client, place: Place) -> Result<common::Block, NotCompared> {
        let seek = SeekInfo {
            error_response: SeekErrorResponse::BestEffort.into(),
            content_type: SeekContentType::HeaderWithSig.into(),
            ..range(place, place, false)
        };
        let hash = client.certificate_hash();
        let seek = self.signer.bound_seek(self.channel.id(), &seek, self.clock.now(), hash)?;
        let block = client.deliver(&seek).next().await?;
        block.ok_or(NotCompared::NoHeader { whose: "their", number: 0 })
    }
}

fn number(block: &common::Block) -> u64 {
    block.header.as_ref().map(|header| header.number).unwrap_or_default()
}

fn hash(block: &common::Block) -> Sha256Hash {
    block_hash(&block.header.clone().unwrap_or_default())
}
