//! From sending to the block: finds what was sent in the blocks that the orderer delivers.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raddle_proto::common;
use raddle_proto::wire::Envelope;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Latencies, LoadError, Pool};
use crate::client::{ClientError, Deliveries};

/// When each of a pool's envelopes was sent and has not come in a block since.
pub struct Tracker {
    places: HashMap<Bytes, usize>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    sent: Vec<VecDeque<Instant>>,
    count: u64,
}

/// What was seen in blocks.
#[derive(Debug)]
pub struct InBlocks {
    /// From the time that an envelope was sent, or was to be sent, to its block.
    pub latencies: Latencies,
    /// Blocks that came.
    pub blocks: u64,
    /// Envelopes that were taken, and came in no block in time.
    pub missing: u64,
    /// What ended the blocks before their time.
    pub broken: Option<ClientError>,
}

/// Follows a channel on a thread and a connection of its own, so that reading blocks does not hold up the load. The
/// thread ends soon after this is dropped.
pub struct Blocks {
    seen: oneshot::Receiver<Result<InBlocks, LoadError>>,
    over: oneshot::Sender<Duration>,
}

// === impl Tracker ===

impl Tracker {
    /// Of a pool that is about to be sent.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        let places = pool.signatures().cloned().enumerate().map(|(place, signature)| (signature, place));
        let sent = (0..pool.len()).map(|_| VecDeque::new()).collect();
        Self { places: places.collect(), waiting: Mutex::new(Waiting { sent, count: 0 }) }
    }

    pub(super) fn sent(&self, place: usize, at: Instant) {
        let mut waiting = self.waiting();
        if let Some(times) = waiting.sent.get_mut(place) {
            times.push_back(at);
            waiting.count += 1;
        }
    }

    pub(super) fn not_taken(&self, place: usize) {
        let mut waiting = self.waiting();
        if waiting.sent.get_mut(place).and_then(VecDeque::pop_back).is_some() {
            waiting.count -= 1;
        }
    }

    /// Those of a block that were sent at `from` or later.
    fn came(&self, block: &common::Block, from: Instant, latencies: &mut Latencies) {
        let now = Instant::now();
        let data = block.data.iter().flat_map(|data| &data.data);
        let envelopes = data.filter_map(|bytes| Envelope::unmarshal(bytes.clone()).ok());
        let places: Vec<_> =
            envelopes.filter_map(|envelope| self.places.get(envelope.signature()).copied()).collect();
        let mut waiting = self.waiting();
        for place in places {
            // The same envelope sent twice comes twice: the first time for the first.
            let Some(sent) = waiting.sent.get_mut(place).and_then(VecDeque::pop_front) else { continue };
            waiting.count -= 1;
            if sent >= from {
                latencies.record(now.saturating_duration_since(sent));
            }
        }
    }

    fn missing(&self) -> u64 {
        self.waiting().count
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Blocks ===

impl Blocks {
    /// Follows from here on. `open` asks for the blocks from the newest on, within the thread's own runtime; the answer
    /// comes when the newest has, so that whatever is sent from then on is seen.
    ///
    /// # Errors
    ///
    /// The system gives no thread. Whatever keeps the blocks from coming is told at the end, or by `None`.
    pub fn follow<F>(
        tracker: Arc<Tracker>,
        from: Instant,
        open: impl FnOnce() -> F + Send + 'static,
    ) -> Result<(Self, oneshot::Receiver<()>), LoadError>
    where
        F: Future<Output = Result<Deliveries, ClientError>>,
    {
        let (over, ends) = oneshot::channel();
        let (ready, begun) = oneshot::channel();
        let (done, seen) = oneshot::channel();
        let work = move || -> Result<InBlocks, LoadError> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let mut seen = InBlocks { latencies: Latencies::new()?, blocks: 0, missing: 0, broken: None };
            let outcome = runtime.block_on(async {
                let mut blocks = open().await?;
                blocks.next().await?;
                let _ = ready.send(());
                follow(&tracker, from, blocks, ends, &mut seen).await
            });
            seen.broken = outcome.err();
            seen.missing = tracker.missing();
            Ok(seen)
        };
        thread::Builder::new().name("blocks".into()).spawn(move || drop(done.send(work())))?;
        Ok((Self { seen, over }, begun))
    }

    /// Nothing more is sent: waits for what is missing, at most so long.
    ///
    /// # Errors
    ///
    /// The thread ended otherwise than by its work.
    pub async fn finish(self, wait_max: Duration) -> Result<InBlocks, LoadError> {
        let _ = self.over.send(wait_max);
        let panicked = |_| std::io::Error::other("the thread that follows the blocks has panicked");
        self.seen.await.map_err(panicked)?
    }
}

async fn follow(
    tracker: &Tracker,
    from: Instant,
    mut blocks: Deliveries,
    ends: oneshot::Receiver<Duration>,
    seen: &mut InBlocks,
) -> Result<(), ClientError> {
    let mut ends = pin!(ends);
    let mut take = |block: &common::Block| {
        seen.blocks += 1;
        tracker.came(block, from, &mut seen.latencies);
    };
    let wait_max = loop {
        tokio::select! {
            block = blocks.next_whenever() => match block? {
                Some(block) => take(&block),
                None => return Ok(()),
            },
            wait_max = &mut ends => break wait_max.unwrap_or_default(),
        }
    };
    let rest = async {
        while tracker.missing() > 0
            && let Some(block) = blocks.next_whenever().await?
        {
            take(&block);
        }
        Ok(())
    };
    timeout(wait_max, rest).await.unwrap_or(Ok(()))
}
