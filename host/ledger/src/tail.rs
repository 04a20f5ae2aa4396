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
pub(crate) fn cost_bytes(block: &[u8]) -> u64 {
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

    /// Blocks from this one on, all before `end`, if memory has the first of them: at most `max_bytes`, at least one.
    pub fn from(&self, from: BlockNumber, end: BlockNumber, max_bytes: u64) -> Option<VecDeque<Bytes>> {
        let kept = u64::try_from(self.blocks.len()).ok()?;
        let first = self.end.0.checked_sub(kept)?;
        let skipped = usize::try_from(from.0.checked_sub(first)?).ok()?;
        let count = usize::try_from(end.0.checked_sub(from.0)?).ok()?;
        let mut taken_bytes = 0_u64;
        let fits = |block: &&Bytes| {
            let is_first = taken_bytes == 0;
            taken_bytes = taken_bytes.saturating_add(cost_bytes(block));
            is_first || taken_bytes <= max_bytes
        };
        let blocks: VecDeque<_> =
            self.blocks.iter().skip(skipped).take(count).take_while(fits).cloned().collect();
        (!blocks.is_empty()).then_some(blocks)
    }
}
