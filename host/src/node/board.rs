//! Where a channel stands: what Broadcast waits for, what Deliver follows, what people are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use raddle_core::chain::ChainError;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_ledger::CommitError;
use raddle_ordering::{Mismatch, ReadError, Readiness};
use raddle_rules::admission::RuleSetError;
use raddle_serve::channels::{Condition, Failure, Standing};
use tokio::sync::watch;

use super::answers;
use super::driver::NotTakenOver;
use super::fork_watch::ForkCounters;
use super::registrar::StartError;
use crate::certificates::Expiry;
use crate::identity::{Signer, SignerError};

/// Why a channel halts: to go on could fork it, or lose what is in its log. The other channels go on, and nothing that
/// was acknowledged is lost: it stands in the log.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Halt {
    /// The ledger was built from another log.
    #[error("the ordered log is not the one that the ledger was built from: {0}")]
    OtherLog(Mismatch),
    /// The ledger was built from a kind of log that this version does not have.
    #[error("the ledger was built from a log of kind {0:?}, which this version does not know")]
    UnknownLogKind(String),
    /// The ledger's blocks were pulled, and the log did not make them.
    #[error(transparent)]
    NotTakenOver(NotTakenOver),
    /// The log cannot be read on.
    #[error("the ordered log cannot be read after offset {after}: {cause}")]
    Log {
        /// The last record that was read.
        after: Offset,
        /// Why.
        cause: ReadError,
    },
    /// A record cannot be gone beyond.
    #[error(transparent)]
    Chain(ChainError),
    /// The batch policy cannot run here, at this record or from there on. If no orderer gets beyond it, operators name
    /// its offset in `BatchPolicyOverride`.
    #[error("offset {offset}: {cause}")]
    BatchPolicy {
        /// The record's.
        offset: Offset,
        /// Why.
        cause: ChainError,
    },
    /// The rules of a new config cannot be built.
    #[error("offset {offset}: the rules of the new config cannot be built: {cause}")]
    Rules {
        /// Where the config stands.
        offset: Offset,
        /// Why.
        cause: Arc<RuleSetError>,
    },
    /// A channel that this one creates cannot be made or started.
    #[error("channel {channel}, which was created, is not there: {cause}")]
    Creation {
        /// The new channel.
        channel: ChannelId,
        /// Why.
        cause: Arc<StartError>,
    },
    /// A block cannot be signed.
    #[error("block {number} cannot be signed: {cause}")]
    Signature {
        /// The block.
        number: BlockNumber,
        /// Why.
        cause: Arc<SignerError>,
    },
    /// A block cannot be committed.
    #[error(transparent)]
    Ledger(Arc<CommitError>),
    /// A thread of the channel ended by a panic: our bug.
    #[error("the channel's {thread} panicked")]
    Panicked {
        /// What it does.
        thread: &'static str,
    },
}

/// Why a node only reads: its channels give the blocks that they have, take no envelopes and make no blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadOnly {
    /// The certificate has expired by whose key blocks are signed: peers would refuse them.
    #[error("the certificate of this orderer, {subject}, has expired: it was valid until {until}")]
    IdentityExpired {
        /// Whom the certificate is about.
        subject: String,
        /// Its end, as people write it.
        until: String,
    },
}

impl ReadOnly {
    /// Whether a node that signs as `signer` may only read.
    ///
    /// Differs: Fabric does not start then. As there, what expires while the node runs goes on.
    ///
    /// Source: fabric v2.5.16 `msp/mspimplsetup.go` `setupSigningIdentity`.
    #[must_use]
    pub fn by(signer: &Signer, now: SystemTime) -> Option<Self> {
        let certificate = signer.certificate();
        let expiry = Expiry::of("enrollment", certificate);
        (expiry.seconds_left(now) < 0)
            .then_some(Self::IdentityExpired { subject: expiry.subject, until: expiry.ends_text })
    }
}

/// What a channel does.
#[derive(Clone, Debug)]
pub enum Doing {
    /// It looks whether its log is the right one.
    Starting,
    /// It orders.
    Ordering,
    /// It gives the blocks that it has, and does nothing else.
    ReadOnly(ReadOnly),
    /// It does nothing more until it is started again.
    Halted(Halt),
    /// It was stopped.
    Stopped,
}

/// Tells everybody where a channel stands.
#[derive(Debug)]
pub struct Board {
    doing: watch::Sender<Doing>,
    standing: watch::Sender<Standing>,
    /// Whether envelopes wait for a config that was appended again.
    is_held: watch::Sender<bool>,
    /// The last record that is known to be in the log, and the last one that the chain has taken.
    appended: AtomicI64,
    taken: AtomicI64,
    /// Changes when the chain has taken a record and somebody waits for it.
    has_taken: watch::Sender<()>,
    fork: ForkCounters,
}

impl Board {
    /// A channel that starts, with the blocks that it has.
    #[must_use]
    pub fn new(height: u64) -> Self {
        let condition = Condition::Failed(answers::starting(&Readiness::Starting));
        Self {
            doing: watch::Sender::new(Doing::Starting),
            standing: watch::Sender::new(Standing { height, condition }),
            is_held: watch::Sender::new(false),
            appended: AtomicI64::new(Offset::NOTHING_READ.0),
            taken: AtomicI64::new(Offset::NOTHING_READ.0),
            has_taken: watch::Sender::new(()),
            fork: ForkCounters::default(),
        }
    }

    /// Waits until the chain is at most `records` behind the log.
    pub(super) async fn keeps_up(&self, records: i64) {
        let mut has_taken = self.has_taken.subscribe();
        let is_near = |_: &()| {
            let (appended, taken) = (self.appended.load(Ordering::SeqCst), self.taken.load(Ordering::SeqCst));
            appended.saturating_sub(taken) <= records
        };
        // The sender lives as long as the board.
        let _ = has_taken.wait_for(is_near).await;
    }

    /// Records that are known to be in the log and that the chain has not taken.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let (appended, taken) = (self.appended.load(Ordering::SeqCst), self.taken.load(Ordering::SeqCst));
        u64::try_from(appended.saturating_sub(taken)).unwrap_or(0)
    }

    pub(super) fn appended(&self, offset: Offset) {
        self.appended.fetch_max(offset.0, Ordering::SeqCst);
    }

    pub(super) fn taken(&self, offset: Offset) {
        self.taken.store(offset.0, Ordering::SeqCst);
        if self.has_taken.receiver_count() > 0 {
            self.has_taken.send_replace(());
        }
    }

    /// The last record that is known to be in the log, and the last one that the chain has taken.
    #[must_use]
    pub fn places(&self) -> (Offset, Offset) {
        (Offset(self.appended.load(Ordering::SeqCst)), Offset(self.taken.load(Ordering::SeqCst)))
    }

    /// Whether new envelopes wait until a config update that was appended again is settled, to look at or to wait for.
    #[must_use]
    pub fn is_held(&self) -> watch::Receiver<bool> {
        self.is_held.subscribe()
    }

    pub(super) fn hold(&self, is_held: bool) {
        self.is_held.send_if_modified(|was_held| std::mem::replace(was_held, is_held) != is_held);
    }

    /// What the channel does, to look at or to wait for.
    #[must_use]
    pub fn doing(&self) -> watch::Receiver<Doing> {
        self.doing.subscribe()
    }

    /// How many look at what Deliver sees of it.
    pub(super) fn readers(&self) -> usize {
        self.standing.receiver_count()
    }

    /// What Deliver sees of it.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// What was done to find out whether the channel has forked.
    #[must_use]
    pub const fn fork(&self) -> &ForkCounters {
        &self.fork
    }

    /// Blocks that are committed.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.standing.borrow().height
    }

    pub(super) fn ordering(&self) {
        self.standing.send_modify(|standing| standing.condition = Condition::Serving);
        self.doing.send_replace(Doing::Ordering);
    }

    /// From its start on the channel only reads.
    pub(super) fn read_only(&self, cause: ReadOnly) {
        self.standing.send_modify(|standing| standing.condition = Condition::Serving);
        self.doing.send_replace(Doing::ReadOnly(cause));
    }

    /// Tells readers that the log cannot be read, or that it can again; while the channel does not order they are told
    /// something else.
    pub(super) fn log_is_away(&self, failure: Option<Failure>) {
        self.doing.send_if_modified(|doing| {
            if matches!(doing, Doing::Ordering) {
                let condition = failure.map_or(Condition::Serving, Condition::Failed);
                self.standing.send_modify(|standing| standing.condition = condition);
            }
            false
        });
    }

    pub(super) fn committed(&self, height: u64) {
        self.standing.send_modify(|standing| standing.height = height);
    }

    /// The first reason stays. Whoever learns of it finds that Deliver knows it too.
    pub(super) fn halted(&self, halt: &Halt) {
        self.doing.send_if_modified(|doing| {
            let goes_on = matches!(doing, Doing::Starting | Doing::Ordering);
            if goes_on {
                let failure = answers::halted(halt);
                self.standing.send_modify(|standing| standing.condition = Condition::Failed(failure));
                *doing = Doing::Halted(halt.clone());
            }
            goes_on
        });
    }

    /// A halted channel stays halted.
    pub(super) fn stopped(&self) {
        self.standing.send_modify(|standing| standing.condition = Condition::Closed);
        self.doing.send_if_modified(|doing| {
            let goes_on = matches!(doing, Doing::Starting | Doing::Ordering | Doing::ReadOnly(_));
            if goes_on {
                *doing = Doing::Stopped;
            }
            goes_on
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Wake};

    use super::*;

    /// Looks how the channel stands when somebody is told what it does.
    struct Look {
        standing: watch::Receiver<Standing>,
        seen: Mutex<Vec<Condition>>,
    }

    impl Wake for Look {
        fn wake(self: Arc<Self>) {
            self.seen.lock().unwrap().push(self.standing.borrow().condition.clone());
        }
    }

    #[test]
    fn who_is_told_what_the_channel_does_finds_that_it_stands_so() {
        let halt = Halt::Panicked { thread: "driver" };
        type Tell<'a> = &'a dyn Fn(&Board);
        let tellings: [(Tell<'_>, Condition); 3] = [
            (&Board::ordering, Condition::Serving),
            (&|board| board.halted(&halt), Condition::Failed(answers::halted(&halt))),
            (&Board::stopped, Condition::Closed),
        ];
        for (tell, condition) in tellings {
            let board = Board::new(1);
            let look = Arc::new(Look { standing: board.standing(), seen: Mutex::default() });
            let mut doing = board.doing();
            let mut told = pin!(doing.changed());
            assert!(told.as_mut().poll(&mut Context::from_waker(&Arc::clone(&look).into())).is_pending());
            tell(&board);
            assert_eq!(*look.seen.lock().unwrap(), [condition]);
        }
    }

    #[test]
    fn a_log_that_is_away_is_told_while_the_channel_orders() {
        let (board, halt) = (Board::new(1), Halt::Panicked { thread: "driver" });
        let away = answers::stopped();
        let condition = |board: &Board| board.standing().borrow().condition.clone();
        board.log_is_away(None);
        assert_eq!(condition(&board), Condition::Failed(answers::starting(&Readiness::Starting)));
        board.ordering();
        board.log_is_away(Some(away.clone()));
        assert_eq!(condition(&board), Condition::Failed(away));
        board.log_is_away(None);
        assert_eq!(condition(&board), Condition::Serving);
        board.halted(&halt);
        board.log_is_away(None);
        assert_eq!(condition(&board), Condition::Failed(answers::halted(&halt)));
    }

    #[test]
    fn the_first_halt_stays_and_a_stop_closes_what_has_halted() {
        let board = Board::new(1);
        let (first, second) = (Halt::Panicked { thread: "driver" }, Halt::Panicked { thread: "committer" });
        board.halted(&first);
        board.halted(&second);
        board.committed(2);
        let failed = Condition::Failed(answers::halted(&first));
        assert_eq!(*board.standing().borrow(), Standing { height: 2, condition: failed });
        board.stopped();
        assert_eq!(board.standing().borrow().condition, Condition::Closed);
        assert!(matches!(&*board.doing().borrow(), Doing::Halted(Halt::Panicked { thread: "driver" })));
    }
}
