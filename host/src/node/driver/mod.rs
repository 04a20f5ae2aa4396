//! What makes blocks of a channel's log: a thread that reads records, asks the chain, and does what it says.
//!
//! ```text
//!  log ─▶ Driver: Chain::step ─▶ sign ─▶ Committer ─▶ ledger
//!            │ PostTimeToCut, Resubmit                 │
//!            └──────────▶ log                          └▶ Board: Deliver's followers wake
//! ```
//!
//! The driver is ahead of the commit by a few blocks, so that signing and cutting do not wait for the disk; blocks that
//! are ready together go into one transaction. Nobody sees a block before it is committed.

mod appender;
mod away;
mod committer;
mod judgement;
mod place;
mod takeover;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use prost::Message as _;
use raddle_core::chain::{Action, Chain, ChainError, CutBlock, Event, Note};
use raddle_core::channel_creation::NewChannel;
use raddle_core::cutter::CutReason;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_ledger::{Ledger, LogAnchor, NewBlock};
use raddle_ordering::{Anchor, Cause, LogIdentity, LogKind, OrderedLog, ReadError, Record, Records};
use raddle_proto::wire::KafkaMessage;
use raddle_rules::store::ModuleStore;
use raddle_rules::{BatchModule, GuestStack, spawn_on_guest_stack};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::board::{Board, Halt};
use super::channel::Channel;
use super::observer::Committed;
use super::usage::{Metered, Usage};
use super::{NodeError, NodeParts};
use crate::ConfigBatchPolicies;
use appender::{Appender, Resubmission, Resubmissions};
use away::tell_of_log;
use committer::{Committer, Job};
use place::{find_log, to_stored};
use takeover::{Start, Takeover};

pub use takeover::NotTakenOver;

/// Blocks that may wait for the committer. Each holds at most AbsoluteMaxBytes, unless it is one envelope.
const BLOCKS_AHEAD_MAX: usize = 8;

/// How long a filter is left alone that cannot be run here: at first, and at most.
const TRY_AGAIN_FIRST: Duration = Duration::from_secs(1);
const TRY_AGAIN_MAX: Duration = Duration::from_secs(10);

/// What a channel's driver works with.
pub(super) struct Parts {
    pub(super) channel: Arc<Channel>,
    pub(super) log: Arc<dyn OrderedLog>,
    pub(super) ledger: Ledger,
    pub(super) node: NodeParts,
    pub(super) shipped: BatchModule,
    pub(super) store: Arc<ModuleStore>,
    pub(super) board: Arc<Board>,
    pub(super) usage: Arc<Usage>,
    /// From this record on the standard rule cuts, to the next config block.
    pub(super) standard_from: Option<Offset>,
}

/// The threads of a channel.
pub(super) struct Threads {
    stop: watch::Sender<bool>,
    driver: std::thread::JoinHandle<()>,
    committer: std::thread::JoinHandle<()>,
}

/// Why a driver ends.
enum Ended {
    /// It was told to. What is cut is committed, what is pending is not cut.
    Stopped,
    Halted(Halt),
}

impl From<Halt> for Ended {
    fn from(halt: Halt) -> Self {
        Self::Halted(halt)
    }
}

struct Driver {
    stack: GuestStack,
    id: ChannelId,
    chain: Chain,
    parts: Parts,
    appender: Appender,
    resubmissions: Resubmissions,
    blocks: mpsc::Sender<Job>,
    stop: watch::Receiver<bool>,
    timer: Option<Instant>,
    /// When the first of the envelopes was read that are pending.
    batch_began: Option<Instant>,
    log: LogIdentity,
    /// Why the log cannot be read just now.
    away: Option<Cause>,
    /// The last two records, the later one last: a block ends with the one or the other.
    seen: [Option<Record>; 2],
    /// What the ledger knew of the log at the start.
    anchor: Option<LogAnchor>,
    /// While the log makes blocks once more that are in the ledger already.
    takeover: Option<Takeover>,
}

// === impl Threads ===

impl Threads {
    /// Starts a channel's threads.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no addresses for its stack.
    pub(super) fn start(parts: Parts) -> Result<Self, NodeError> {
        let id = parts.ledger.channel().clone();
        let (stop, stopping) = watch::channel(false);
        let (blocks, jobs) = mpsc::channel(BLOCKS_AHEAD_MAX);
        let (log, board, mut stopped) = (parts.log.state(&id), Arc::clone(&parts.board), stopping.clone());
        parts.node.runtime.spawn(async move {
            tokio::select! {
                () = tell_of_log(log, board) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
        let appender = Appender::new(Arc::clone(&parts.log), id.clone(), stopping.clone());
        let (resubmissions, durable) = Resubmissions::start(&parts.node.runtime, appender.clone());
        let committer = Committer {
            ledger: parts.ledger.clone(),
            durable,
            board: Arc::clone(&parts.board),
            observer: Arc::clone(&parts.node.observer),
            runtime: parts.node.runtime.clone(),
        };
        let committer = committer.spawn(jobs)?;
        let runtime = parts.node.runtime.clone();
        let driver = spawn_on_guest_stack(&format!("chain-{id}"), move |stack| {
            let board = Arc::clone(&parts.board);
            let driving = || runtime.block_on(drive(stack, parts, appender, resubmissions, blocks, stopping));
            let panicked = Ended::Halted(Halt::Panicked { thread: "driver" });
            let ended = catch_unwind(AssertUnwindSafe(driving)).unwrap_or(Err(panicked));
            if let Err(Ended::Halted(halt)) = ended {
                board.halted(&halt);
                tracing::error!(channel = %id, %halt, "channel halted");
            }
        })?;
        Ok(Self { stop, driver, committer })
    }

    /// What is cut will be committed, and nothing more be cut.
    pub(super) fn tell_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the threads have ended.
    pub(super) fn join(self) {
        // A thread that panicked has said so on the board.
        let _ = self.driver.join();
        let _ = self.committer.join();
    }
}

// === the driver ===

/// Finds the place in the log, then reads on until told to stop.
async fn drive(
    stack: GuestStack,
    parts: Parts,
    appender: Appender,
    resubmissions: Resubmissions,
    blocks: mpsc::Sender<Job>,
    stop: watch::Receiver<bool>,
) -> Result<(), Ended> {
    let id = parts.ledger.channel().clone();
    let stored = parts.ledger.state();
    let log = find_log(&*parts.log, &id, stored.anchor.as_ref(), stop.clone()).await?;
    let policies = ConfigBatchPolicies::new(parts.shipped.clone(), Arc::clone(&parts.store), stack)
        .counted(Arc::clone(parts.channel.meters()));
    let policies = Rc::new(Metered::new(policies, Arc::clone(&parts.usage)));
    let config = Arc::clone(&parts.channel.rules().config);
    let mut stopping = stop.clone();
    let Start { state, config, takeover } = tokio::select! {
        _ = stopping.wait_for(|stop| *stop) => return Err(Ended::Stopped),
        start = takeover::start(&parts.ledger, &*parts.log, config) => start?,
    };
    let next = Offset(state.offsets.last_persisted.0.saturating_add(1).max(0));
    let chain = Chain::overridden(state, config, policies, parts.standard_from);
    let chain = chain.map_err(|cause| halt_at(next, cause))?;
    let records = parts.log.read(&id, next);
    parts.board.hold(chain.holds_ingress());
    parts.board.taken(state.offsets.last_persisted);
    if takeover.is_none() {
        parts.board.ordering();
    }
    let driver = Driver {
        stack,
        id,
        chain,
        appender,
        resubmissions,
        blocks,
        stop,
        timer: None,
        batch_began: None,
        log,
        away: None,
        seen: [None, None],
        anchor: stored.anchor.clone(),
        takeover,
        parts,
    };
    driver.try_again_later();
    driver.run(records).await
}

/// A halt for the batch policy says where: that is what operators put the standard rule in its place by.
fn halt_at(offset: Offset, cause: ChainError) -> Halt {
    match cause {
        ChainError::BatchPolicy(_) => Halt::BatchPolicy { offset, cause },
        cause => Halt::Chain(cause),
    }
}

// === impl Driver ===

impl Driver {
    async fn run(mut self, mut records: Records) -> Result<(), Ended> {
        let mut stop = self.stop.clone();
        loop {
            if let Some(cause) = self.away.take() {
                records = self.come_back(cause).await?;
            }
            let timer = self.timer;
            let event = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Err(Ended::Stopped),
                () = sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => {
                    self.timer = None;
                    Event::TimerExpired
                }
                record = records.next() => match self.take(record)? {
                    Some(event) => event,
                    None => continue,
                },
            };
            self.step(event).await?;
            self.must_be_taken_over().await?;
            if let Some(record) = &self.seen[1] {
                self.parts.board.taken(record.offset);
            }
        }
    }

    /// The event of what was read; none if the log is away and may come back.
    fn take(&mut self, read: Option<Result<Record, ReadError>>) -> Result<Option<Event>, Halt> {
        let record = match read.unwrap_or(Err(ReadError::Closed)) {
            Ok(record) => record,
            // Brokers come back; a disk that failed does not.
            Err(ReadError::Unavailable { cause }) if self.log.kind == LogKind::Kafka => {
                self.away = Some(cause);
                return Ok(None);
            }
            Err(cause) => return Err(Halt::Log { after: self.last_read(), cause }),
        };
        let event = Event::Record { offset: record.offset, value: record.value.clone() };
        self.seen.swap(0, 1);
        self.seen[1] = Some(record);
        Ok(Some(event))
    }

    fn last_read(&self) -> Offset {
        self.seen[1].as_ref().map_or(self.chain.state().offsets.last_persisted, |it| it.offset)
    }

    /// Applies an event, and does what follows from it, in order.
    async fn step(&mut self, event: Event) -> Result<(), Ended> {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let actions = self.chain.step(event).map_err(|cause| halt_at(self.last_read(), cause))?;
            for action in actions {
                match action {
                    Action::WriteBlock(cut) => self.write(*cut).await?,
                    Action::StartTimer(timeout) => {
                        self.batch_began.get_or_insert_with(Instant::now);
                        self.start_timer(timeout);
                    }
                    Action::StopTimer => self.stop_timer(),
                    Action::PostTimeToCut(number) => self.post_time_to_cut(number),
                    Action::Judge { offset, envelope, class, purpose } => {
                        let verdict = match self.pulled_verdict(offset, &envelope, class, purpose)? {
                            Some(verdict) => verdict,
                            None => self.judge(offset, envelope, class, purpose).await?,
                        };
                        next = Some(Event::Judged(verdict));
                    }
                    // The orderers that made the pulled blocks did it.
                    Action::Resubmit { .. } if self.takeover.is_some() => {}
                    Action::Resubmit { envelope, class, config_sequence, original_offset } => {
                        let resubmission = Resubmission { envelope, class, config_sequence, original_offset };
                        self.resubmissions.push(resubmission).await.map_err(|_| Ended::Stopped)?;
                    }
                    Action::Note(_) if self.takeover.is_some() => {}
                    Action::Note(note) => self.note(&note),
                }
            }
            self.parts.board.hold(self.chain.holds_ingress());
        }
        Ok(())
    }

    /// Signs a block and hands it to the committer. With a config block the channel's rules change here, at its place
    /// in the log.
    async fn write(&mut self, cut: CutBlock) -> Result<(), Ended> {
        if self.takeover.is_some() {
            return self.compare(&cut);
        }
        let CutBlock { block, state, reason, size_bytes, config, creates } = cut;
        // As in Fabric: a batch that the envelope fills with which it begins takes no time, and a config is no batch.
        let filled = self.batch_began.take().map_or(Duration::ZERO, |began| began.elapsed());
        if reason != CutReason::Config {
            self.parts.node.observer.filled(&self.id, filled);
        }
        if let Some(new) = creates {
            self.create(*new).await?;
        }
        let number = block.number;
        let signature = self.parts.node.signer.sign_block(&block);
        let signature = signature.map_err(|cause| Halt::Signature { number, cause: Arc::new(cause) })?;
        if let Some(config) = config {
            let offset = state.offsets.last_persisted;
            let changed = self.parts.channel.change_rules(config);
            changed.map_err(|cause| Halt::Rules { offset, cause: Arc::new(cause) })?;
            self.try_again_later();
        }
        let envelopes = block.data.len();
        let block = block.into_block(vec![signature]).encode_to_vec().into();
        let anchor = self.anchor(state.offsets.last_persisted);
        let told = Committed { number, envelopes, size_bytes, reason };
        let after_resubmissions = self.resubmissions.pushed();
        let job = Job { block: NewBlock { block, state, anchor }, after_resubmissions, told };
        // The committer ends only after it has said why.
        self.blocks.send(job).await.map_err(|_| Ended::Stopped)
    }

    /// Makes a channel and starts it, before anybody sees the block that says so.
    async fn create(&self, new: NewChannel) -> Result<(), Ended> {
        let Some(registrar) = self.parts.channel.registrar() else { return Err(Ended::Stopped) };
        let channel = new.channel.clone();
        let created = tokio::task::spawn_blocking(move || registrar.create(&new)).await;
        match created {
            Ok(created) => created.map_err(|cause| Halt::Creation { channel, cause: Arc::new(cause) }.into()),
            Err(_) => Err(Halt::Panicked { thread: "creation of a channel" }.into()),
        }
    }

    /// The last record at or before `offset` that this driver knows.
    fn anchor(&self, offset: Offset) -> Option<LogAnchor> {
        let record = self.seen.iter().rev().flatten().find(|record| record.offset <= offset);
        match record {
            Some(record) => Some(to_stored(Anchor::of(self.log.clone(), record))),
            None => self.anchor.clone(),
        }
    }

    fn post_time_to_cut(&self, number: BlockNumber) {
        let record = KafkaMessage::time_to_cut(number.0).marshal();
        let board = Arc::clone(&self.parts.board);
        let appender = self.appender.clone();
        self.parts.node.runtime.spawn(async move {
            appender.append("time-to-cut", record, || board.height() <= number.0).await;
        });
    }

    /// Where a filter of the channel's own cannot be run here and now, tries until it can or another config comes.
    fn try_again_later(&self) {
        if !self.parts.channel.rules().is_incomplete() {
            return;
        }
        let (channel, mut stop) = (Arc::clone(&self.parts.channel), self.stop.clone());
        self.parts.node.runtime.spawn(async move {
            let mut pause = TRY_AGAIN_FIRST;
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
                pause = TRY_AGAIN_MAX.min(pause * 2);
                let channel = Arc::clone(&channel);
                match tokio::task::spawn_blocking(move || channel.try_again()).await {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return,
                }
            }
        });
    }

    fn note(&self, note: &Note) {
        let channel = &self.id;
        match note {
            Note::ForkSuspected { offset, named, next, .. } => {
                tracing::error!(%channel, %note);
                if let Some(registrar) = self.parts.channel.registrar() {
                    registrar.suspected().time_to_cut(channel, *offset, *named, *next);
                }
            }
            Note::LateTimeToCut { .. } | Note::DuplicateResubmission { .. } => {
                tracing::debug!(%channel, %note)
            }
            _ => tracing::warn!(%channel, %note),
        }
        self.parts.node.observer.noted(channel, note);
    }
}
