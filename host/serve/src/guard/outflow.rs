//! What is on its way to clients.
//!
//! Bytes count from when they are handed to HTTP/2 until they have left it for the socket, however slowly their client
//! takes them. A reader of blocks waits until there is room, for all clients and for its own, before it takes the next
//! block; one at the tip as one far behind. So what all readers hold is the limit, and beyond it one block for each of
//! [`READS_MAX`] reads from the disk and for each thread of the runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use super::{Client, Counters, Guard, Open};
use crate::channels::{BlockUnavailable, BoxFuture};

/// Blocks that are read from disks at once.
pub const READS_MAX: usize = 16;

/// One client may hold a quarter of all.
const CLIENT_SHARE: usize = 4;

/// The account of a server.
#[derive(Debug)]
pub(super) struct Outflow {
    bytes: AtomicUsize,
    bytes_max: usize,
    /// Some of it was taken, and somebody may go on.
    taken: Notify,
    reads: Arc<Semaphore>,
}

/// What one stream may take.
#[derive(Clone)]
pub(crate) struct Room {
    guard: Arc<Guard>,
    client: Arc<Client>,
}

/// Bytes that count until they are dropped.
struct Counted {
    bytes: Bytes,
    guard: Arc<Guard>,
    client: Arc<Client>,
    /// The stream whose client takes them.
    open: Option<Arc<Open>>,
}

// === impl Outflow ===

impl Outflow {
    pub(super) fn new(bytes_max: usize) -> Self {
        let reads = Arc::new(Semaphore::new(READS_MAX));
        Self { bytes: AtomicUsize::new(0), bytes_max, taken: Notify::new(), reads }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }
}

// === impl Room ===

impl Room {
    pub(super) const fn new(guard: Arc<Guard>, client: Arc<Client>) -> Self {
        Self { guard, client }
    }

    /// Waits until there is room. False if there is none for twice as long as a reader may take to read: then those
    /// that held it are gone, and others hold it.
    pub(crate) async fn wait(&self) -> bool {
        if self.is_there() {
            return true;
        }
        Counters::add(&self.guard.counters.reads_waited);
        let waiting = async {
            loop {
                let taken = self.guard.outflow.taken.notified();
                if self.is_there() {
                    return;
                }
                taken.await;
            }
        };
        timeout(self.time_max(), waiting).await.is_ok()
    }

    /// How long is waited.
    pub(crate) fn time_max(&self) -> Duration {
        2 * self.guard.limits.reader_time_max
    }

    /// Reads a block that is not in memory, when its turn comes.
    ///
    /// On a task of its own: a client that stops reading just then must not keep the turn.
    pub(crate) async fn read(
        &self,
        reading: BoxFuture<Result<Bytes, BlockUnavailable>>,
    ) -> Result<Bytes, BlockUnavailable> {
        let unavailable = |cause: String| BlockUnavailable { cause };
        let turn = Arc::clone(&self.guard.outflow.reads).acquire_owned().await;
        let turn = turn.map_err(|error| unavailable(error.to_string()))?;
        let room = self.clone();
        let read = tokio::spawn(async move {
            let block = reading.await.map(|block| room.counted(block, None));
            drop(turn);
            block
        });
        match read.await {
            Ok(block) => block,
            // As if it had been read here: the stream says that it failed.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(unavailable(format!("it was not read: {error}"))),
        }
    }

    /// The same bytes, which count until they are dropped.
    pub(super) fn counted(&self, bytes: Bytes, open: Option<Arc<Open>>) -> Bytes {
        let (guard, client) = (Arc::clone(&self.guard), Arc::clone(&self.client));
        guard.outflow.bytes.fetch_add(bytes.len(), Ordering::SeqCst);
        client.bytes.fetch_add(bytes.len(), Ordering::SeqCst);
        if let Some(open) = &open {
            open.gave(bytes.len());
        }
        Bytes::from_owner(Counted { bytes, guard, client, open })
    }

    fn is_there(&self) -> bool {
        let (outflow, client) = (&self.guard.outflow, &self.client);
        outflow.bytes() < outflow.bytes_max
            && client.bytes.load(Ordering::SeqCst) < (outflow.bytes_max / CLIENT_SHARE).max(1)
    }
}

// === impl Counted ===

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count = self.bytes.len();
        self.guard.outflow.bytes.fetch_sub(count, Ordering::SeqCst);
        self.client.bytes.fetch_sub(count, Ordering::SeqCst);
        if let Some(open) = &self.open {
            open.took(count, self.guard.now());
        }
        self.guard.outflow.taken.notify_waiters();
    }
}
