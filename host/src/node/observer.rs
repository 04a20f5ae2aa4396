//! Who is told what a node does.

use std::time::Duration;

use raddle_core::chain::Note;
use raddle_core::cutter::CutReason;
use raddle_core::ids::{BlockNumber, ChannelId};

/// Is told what happens on a node's channels, on threads that must not be held up.
pub trait Observer: Send + Sync + 'static {
    /// A block is in the ledger.
    fn committed(&self, channel: &ChannelId, block: &Committed);

    /// The chain noted something about a record.
    fn noted(&self, channel: &ChannelId, note: &Note);

    /// A batch was cut this long after its first envelope was read.
    fn filled(&self, channel: &ChannelId, took: Duration) {
        let _ = (channel, took);
    }

    /// One transaction of the ledger, of one block or more, took this long.
    fn stored(&self, channel: &ChannelId, took: Duration) {
        let _ = (channel, took);
    }
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn committed(&self, _: &ChannelId, _: &Committed) {}

    fn noted(&self, _: &ChannelId, _: &Note) {}
}

/// A block that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its place.
    pub number: BlockNumber,
    /// Envelopes in it.
    pub envelopes: usize,
    /// Bytes of payload and signature in it.
    pub size_bytes: u64,
    /// Why it was cut. Blocks themselves do not tell.
    pub reason: CutReason,
}
