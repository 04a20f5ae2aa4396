//! Reading a channel's blocks one after the other, as they come.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::ids::BlockNumber;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::Tip;
use crate::failure::ReadError;
use crate::shared::Shared;

/// How much a reader takes at once, a lone block apart. It bounds the memory of one that does not go on.
const CHUNK_BYTES: u64 = 1 << 20;

/// Committed blocks from one place on, for ever.
///
/// Near the channel's end they come from memory. Others are read from the file, in a runtime of tokio on a thread that
/// may block, a mebibyte at a time or one block, and what was read and not asked for yet is all that a reader holds.
pub struct Blocks {
    shared: Arc<Shared>,
    tip: watch::Receiver<Tip>,
    /// Blocks from `next` on.
    ready: VecDeque<Bytes>,
    next: BlockNumber,
}

impl Blocks {
    pub(crate) fn new(shared: Arc<Shared>, from: BlockNumber) -> Self {
        Self { tip: shared.watch(), shared, ready: VecDeque::new(), next: from }
    }

    /// The number of the block that [`Blocks::next`] will give.
    #[must_use]
    pub const fn number(&self) -> BlockNumber {
        self.next
    }

    /// The next block, as soon as it is committed: marshalled, as it was given to the ledger.
    ///
    /// Dropping the future loses no block: the next call gives it.
    ///
    /// # Errors
    ///
    /// It cannot be read; or there will be none, because the ledger has stopped or is closed. A stopped ledger still
    /// gives all blocks that are committed, a closed one those that memory has.
    pub async fn next(&mut self) -> Result<Bytes, ReadError> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                self.next = self.next.next();
                return Ok(block);
            }
            let tip = self.tip.borrow_and_update().clone();
            let end = BlockNumber(tip.height());
            if self.next < end {
                self.ready = match self.shared.tail_from(self.next, end, CHUNK_BYTES) {
                    Some(blocks) => blocks,
                    None => self.read_file(end).await?,
                };
            } else if let Some(stop) = tip.stop {
                return Err(stop.into());
            } else {
                self.tip.changed().await.map_err(|_| ReadError::Closed)?;
            }
        }
    }

    async fn read_file(&self, end: BlockNumber) -> Result<VecDeque<Bytes>, ReadError> {
        let (shared, from) = (Arc::clone(&self.shared), self.next);
        let read = move || shared.read_file(from, end, CHUNK_BYTES);
        match Handle::try_current() {
            // The task ends without an answer only where the runtime does.
            Ok(runtime) => runtime.spawn_blocking(read).await.map_err(|_| ReadError::Closed)?,
            Err(_) => read(),
        }
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks")
            .field("channel", self.shared.channel())
            .field("number", &self.next)
            .finish_non_exhaustive()
    }
}
