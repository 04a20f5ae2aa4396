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
    /// There is room again, and one reader that waits for it may go on. It has the next one go on: a client's least
    /// answer must not cost as many polls as there are readers.
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

    fn has_room(&self) -> bool {
        self.bytes() < self.bytes_max
    }

    /// What one client may hold.
    fn share(&self) -> usize {
        (self.bytes_max / CLIENT_SHARE).max(1)
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
        let (outflow, client) = (&self.guard.outflow, &self.client);
        let waiting = async {
            // Called by somebody who has room, and owes the call to the next one.
            let mut is_called = false;
            loop {
                let (ours, all) = (client.taken.notified(), outflow.taken.notified());
                if !self.client_has_room() {
                    if std::mem::take(&mut is_called) {
                        outflow.taken.notify_one();
                    }
                    ours.await;
                } else if outflow.has_room() {
                    outflow.taken.notify_one();
                    return;
                } else {
                    all.await;
                    is_called = true;
                }
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
        self.guard.outflow.has_room() && self.client_has_room()
    }

    fn client_has_room(&self) -> bool {
        self.client.bytes.load(Ordering::SeqCst) < self.guard.outflow.share()
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
        let (count, outflow, client) = (self.bytes.len(), &self.guard.outflow, &self.client);
        outflow.bytes.fetch_sub(count, Ordering::SeqCst);
        let held = client.bytes.fetch_sub(count, Ordering::SeqCst);
        if let Some(open) = &self.open {
            open.took(count, self.guard.now());
        }
        if held >= outflow.share() && held - count < outflow.share() {
            client.taken.notify_waiters();
        }
        if outflow.has_room() {
            outflow.taken.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Wake, Waker},
    };

    use super::*;
    use crate::guard::GuardLimits;

    /// How often a future was woken.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Readers of one client that wait for room.
    struct Waiting {
        wakes: Arc<Wakes>,
        readers: Vec<Pin<Box<dyn Future<Output = bool>>>>,
    }

    impl Waiting {
        fn begin(room: &Room, count: usize) -> Self {
            let reader = |room: Room| Box::pin(async move { room.wait().await }) as _;
            let mut waiting =
                Self { wakes: Arc::default(), readers: (0..count).map(|_| reader(room.clone())).collect() };
            assert_eq!(waiting.go_on(), 0);
            waiting
        }

        /// Polls those that wait, and gives how many have room now.
        fn go_on(&mut self) -> usize {
            let waker = Waker::from(Arc::clone(&self.wakes));
            let before = self.readers.len();
            self.readers
                .retain_mut(|reader| reader.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            before - self.readers.len()
        }

        fn woken(&self) -> usize {
            self.wakes.0.swap(0, Ordering::SeqCst)
        }
    }

    fn guard() -> Arc<Guard> {
        Guard::new(GuardLimits { deliver_bytes_max: 4000, ..GuardLimits::default() })
    }

    fn room(guard: &Arc<Guard>) -> Room {
        Room::new(Arc::clone(guard), Arc::default())
    }

    fn bytes(count: usize) -> Bytes {
        vec![0; count].into()
    }

    #[tokio::test]
    async fn who_takes_a_little_wakes_nobody_as_long_as_there_is_no_room() {
        let guard = guard();
        let [holder, small, reader] = [(); 3].map(|()| room(&guard));
        let held = holder.counted(bytes(4100), None);
        let mut waiting = Waiting::begin(&reader, 50);
        for _ in 0..10 {
            drop(small.counted(bytes(20), None));
        }
        assert_eq!((waiting.woken(), waiting.go_on()), (0, 0));
        drop(held);
        assert_eq!(waiting.woken(), 1);
        // Each has the next one go on.
        assert_eq!(waiting.go_on(), 50);
    }

    #[tokio::test]
    async fn who_waits_for_its_own_share_is_woken_by_it_and_keeps_back_nobody_else() {
        let guard = guard();
        let [full, other, holder] = [(); 3].map(|()| room(&guard));
        let (own, held) = (full.counted(bytes(1000), None), holder.counted(bytes(3000), None));
        let (mut full, mut other) = (Waiting::begin(&full, 3), Waiting::begin(&other, 1));
        drop(held);
        assert_eq!((full.woken(), other.woken()), (0, 1));
        assert_eq!((full.go_on(), other.go_on()), (0, 1));
        drop(own);
        assert_eq!((full.woken(), full.go_on()), (3, 3));
    }

    #[tokio::test]
    async fn who_was_called_and_has_no_share_any_more_calls_the_next_one() {
        let guard = guard();
        let [first, second, holder] = [(); 3].map(|()| room(&guard));
        let held = holder.counted(bytes(4000), None);
        let (mut waiting, mut next) = (Waiting::begin(&first, 1), Waiting::begin(&second, 1));
        drop(held);
        assert_eq!((waiting.woken(), next.woken()), (1, 0));
        let own = first.counted(bytes(1000), None);
        assert_eq!((waiting.go_on(), next.woken()), (0, 1));
        assert_eq!(next.go_on(), 1);
        drop(own);
        assert_eq!((waiting.woken(), waiting.go_on()), (1, 1));
    }
}
