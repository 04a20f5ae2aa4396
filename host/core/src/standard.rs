//! The standard rule: where Fabric's block cutter cuts.
//!
//! It is the fallback of every module that breaks, and the shipped guest `batch-count-and-bytes` is tested equal to it.
//!
//! Source: fabric v2.5.16 `orderer/common/blockcutter/blockcutter.go` `Ordered`.
//! Differs: sizes are added in 64 bits, where Go's 32 bits wrap beyond 4 GiB.

use crate::batch_policy::{Batch, BatchPolicy, EnvelopeInfo, Fault, Pending};
use crate::bundle::BatchSize;

/// The standard rule for one channel config. It has no memory: what is pending says all.
#[derive(Clone, Copy, Debug)]
pub struct Standard {
    batch_size: BatchSize,
}

impl Standard {
    /// The rule under these limits.
    #[must_use]
    pub const fn new(batch_size: BatchSize) -> Self {
        Self { batch_size }
    }

    /// Whether an envelope of `size_bytes` may join: the batch stays within the preferred size. An envelope larger
    /// than that joins nothing.
    #[must_use]
    pub fn fits(&self, size_bytes: u64, pending: Pending) -> bool {
        pending.size_bytes.saturating_add(size_bytes) <= u64::from(self.batch_size.preferred_max_bytes)
    }

    /// Whether the batch is full once an envelope of `size_bytes` has joined: by count, or because the envelope alone
    /// is larger than the preferred size.
    #[must_use]
    pub fn is_full_with(&self, size_bytes: u64, pending: Pending) -> bool {
        size_bytes > u64::from(self.batch_size.preferred_max_bytes)
            || pending.count.saturating_add(1) >= self.batch_size.max_message_count
    }
}

impl BatchPolicy for Standard {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        Ok(Box::new(*self))
    }
}

impl Batch for Standard {
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        Ok(Self::fits(self, envelope.size_bytes, pending))
    }

    fn add(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        Ok(self.is_full_with(envelope.size_bytes, pending))
    }
}
