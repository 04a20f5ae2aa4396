//! Puts blocks into the ledger, in order, as many at once as are ready.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use raddle_ledger::{Ledger, NewBlock};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::node::board::{Board, Halt};
use crate::node::observer::{Committed, Observer};

/// Bytes of blocks that go into one transaction, a lone block apart.
const TRANSACTION_BYTES_MAX: usize = 16 << 20;

/// A block on its way to the ledger.
pub(super) struct Job {
    pub(super) block: NewBlock,
    /// So many resubmissions must be durable before the block is committed: otherwise the block's watermark would
    /// have orderers drop envelopes that are in no block.
    pub(super) after_resubmissions: u64,
    pub(super) told: Committed,
}

/// What the thread works with.
pub(super) struct Committer {
    pub(super) ledger: Ledger,
    /// Resubmissions that are durable.
    pub(super) durable: watch::Receiver<u64>,
    pub(super) board: Arc<Board>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) runtime: Handle,
}

impl Committer {
    /// Starts the thread. It ends when all senders of jobs are gone, or when a commit fails; then it has said so on
    /// the board.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(super) fn spawn(self, jobs: mpsc::Receiver<Job>) -> io::Result<JoinHandle<()>> {
        let name = format!("ledger-{}", self.ledger.channel());
        std::thread::Builder::new().name(name).spawn(move || {
            let board = Arc::clone(&self.board);
            if catch_unwind(AssertUnwindSafe(|| self.run(jobs))).is_err() {
                board.halted(&Halt::Panicked { thread: "committer" });
            }
        })
    }

    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut held = None;
        while let Some(first) = held.take().or_else(|| jobs.blocking_recv()) {
            let Some(durable) = self.wait_for(first.after_resubmissions) else { return };
            let mut bytes = first.block.block.len();
            let (mut blocks, mut told) = (vec![first.block], vec![first.told]);
            while let Ok(next) = jobs.try_recv() {
                bytes = bytes.saturating_add(next.block.block.len());
                if bytes > TRANSACTION_BYTES_MAX || next.after_resubmissions > durable {
                    held = Some(next);
                    break;
                }
                blocks.push(next.block);
                told.push(next.told);
            }
            let began = Instant::now();
            if let Err(error) = self.ledger.commit(&blocks) {
                let halt = Halt::Ledger(Arc::new(error));
                self.board.halted(&halt);
                tracing::error!(channel = %self.ledger.channel(), %halt, "channel halted");
                return;
            }
            self.observer.stored(self.ledger.channel(), began.elapsed());
            // Who follows the blocks finds the observer informed.
            for block in &told {
                self.tell(block);
            }
            self.board.committed(self.ledger.height());
        }
    }

    /// Waits until so many resubmissions are durable; answers how many are. None if there will be no more.
    fn wait_for(&mut self, count: u64) -> Option<u64> {
        let durable = self.durable.wait_for(|durable| *durable >= count);
        self.runtime.block_on(durable).ok().map(|durable| *durable)
    }

    fn tell(&self, block: &Committed) {
        let channel = self.ledger.channel();
        let Committed { number, envelopes, size_bytes, reason } = block;
        tracing::info!(%channel, %number, envelopes, size_bytes, ?reason, "block committed");
        self.observer.committed(channel, block);
    }
}
