//! Numbers and names that cross functions. One type each, so that none is taken for another.

use std::fmt;

/// A record's place in a channel's log.
///
/// Signed, as in Kafka: Fabric writes `-3` for "nothing read yet".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// What Fabric stores before the first record was read (`sarama.OffsetOldest - 1`).
    ///
    /// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `getOffsets`.
    pub const NOTHING_READ: Self = Self(-3);

    /// The place just before this one; the lowest place has itself before it.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// A block's place in its channel; block 0 is the genesis block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNumber(pub u64);

impl BlockNumber {
    /// The number of the block after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// How often a channel's config has changed. Grows by one with each config block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigSequence(pub u64);

/// A channel's id, as its headers carry it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub String);

/// A creator's number within one batch: 0 for the first, 1 for the next different one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreatorNumber(pub u32);

macro_rules! display_inner {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

display_inner!(Offset, BlockNumber, ConfigSequence, ChannelId, CreatorNumber);
