//! What can be set about a ledger.

/// What can be set about a ledger. None of it changes the files' format.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much of the channel's end is kept in memory for readers that have caught up. Each block counts 128 bytes
    /// more than it has. A ledger that was just opened has read none of it.
    pub tail_bytes: u64,
    /// redb's cache. It holds places of blocks, not blocks: 1 MiB is enough for some twenty thousand.
    pub cache_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tail_bytes: 32 << 20, cache_bytes: 4 << 20 }
    }
}
