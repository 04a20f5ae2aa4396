//! What a channel must remember across a restart.

use crate::block::{BlockHash, Offsets};
use crate::ids::BlockNumber;

/// A channel at the end of a block: with the bundle of that place, all that a chain needs to go on.
///
/// It is stored with each block. Block metadata carry the same three offsets for peers and Go orderers, but not in
/// every block, and are read only to take over a Go orderer's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// The last block.
    pub tip: BlockNumber,
    /// Hash of its header.
    pub tip_hash: BlockHash,
    /// The last config block at or before it.
    pub last_config: BlockNumber,
    /// How far the log was read.
    pub offsets: Offsets,
    /// The record after `offsets.last_persisted` caused the cut and is itself not yet in a block.
    ///
    /// Where the watermark follows Go, such an envelope does not move it if it stays pending. A Go orderer forgets that
    /// in a restart and then drops copies that others keep; the flag makes a restart invisible.
    pub is_cut_by_next_record: bool,
}

impl ChainState {
    /// A channel of which only the genesis block exists.
    #[must_use]
    pub const fn genesis(genesis_hash: BlockHash) -> Self {
        Self {
            tip: BlockNumber(0),
            tip_hash: genesis_hash,
            last_config: BlockNumber(0),
            offsets: Offsets::START,
            is_cut_by_next_record: false,
        }
    }
}
