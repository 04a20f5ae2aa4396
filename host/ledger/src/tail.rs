//! The last blocks, in memory.

use std::collections::VecDeque;

use bytes::Bytes;
use raddle_core::ids::BlockNumber;

/// What each block counts besides its bytes, so that many small ones are bounded too.
const BLOCK_OVERHEAD_BYTES: u64 = 128;

/// The last blocks, for readers that have caught up.
pub(crate) struct Tail {
    blocks: VecDeque<Bytes>,
    /// The number that the next block will have.
    end: BlockNumber,
    used_bytes: u64,
    max_bytes: u64,
}

/// What a block counts in budgets.
fn cost_bytes(block: &[u8]) -> u64 {
    u64::try_from(block.len()).unwrap_or(u64::MAX).saturating_add(BLOCK_OVERHEAD_BYTES)
}

impl Tail {
    pub fn new(end: BlockNumber, max_bytes: u64) -> Self {
        Self { blocks: VecDeque::new(), end, used_bytes: 0, max_bytes }
    }

    /// Keeps the next block, and as many of those before it as there is room for.
    pub fn push(&mut self, block: Bytes) {
        self.used_bytes = self.used_bytes.saturating_add(cost_bytes(&block));
        self.blocks.push_back(block);
        self.end = self.end.next();
        while self.used_bytes > self.max_bytes
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.used_bytes = self.used_bytes.saturating_sub(cost_bytes(&oldest));
        }
    }

    /// The block of this number, if it is one of them.
    pub fn get(&self, number: BlockNumber) -> Option<Bytes> {
        let kept = u64::try_from(self.blocks.len()).ok()?;
        let first = self.end.0.checked_sub(kept)?;
        let place = usize::try_from(number.0.checked_sub(first)?).ok()?;
        self.blocks.get(place).cloned()
    }
}
