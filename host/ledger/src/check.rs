//! What makes a block the next one of a channel.

use bytes::Bytes;
use raddle_core::block::BlockHash;
use raddle_core::chain::ChainState;
use raddle_core::ids::BlockNumber;
use raddle_proto::common;
use raddle_proto::hash::{self, hex};
use raddle_proto::wire::{WireError, go_decode};

use crate::NewBlock;

/// Most that a marshalled block can have: its length has four bytes in the file.
pub const MAX_BLOCK_BYTES: u64 = u32::MAX as u64;

/// Why bytes are not the block that is asked for.
#[derive(Debug, thiserror::Error)]
pub enum BlockFault {
    /// The bytes are no `common.Block`.
    #[error("it is not a block: {0}")]
    NotABlock(WireError),

    /// A block needs a header.
    #[error("it has no header")]
    NoHeader,

    /// It belongs elsewhere in the channel.
    #[error("its header has number {found}, expected is {expected}")]
    Number {
        /// As its header says.
        found: BlockNumber,
        /// Its place.
        expected: BlockNumber,
    },

    /// It stands on another block.
    #[error("its previous hash is {found}, the block before it has {expected}")]
    PreviousHash {
        /// As its header says, in hexadecimal digits.
        found: String,
        /// Hash of the header before it, in hexadecimal digits.
        expected: String,
    },

    /// Header and data are of two blocks.
    #[error("the data hash of its header is {found}, its data have {expected}")]
    DataHash {
        /// As its header says, in hexadecimal digits.
        found: String,
        /// SHA-256 of its data, in hexadecimal digits.
        expected: String,
    },

    /// It does not fit the file's format.
    #[error("it has {size_bytes} bytes, a block can have {limit_bytes}")]
    TooLarge {
        /// Its size.
        size_bytes: u64,
        /// The most that a block can have.
        limit_bytes: u64,
    },

    /// The chain state given with it is of another block.
    #[error("the chain state given with it has {field} {found}, the block has {expected}")]
    State {
        /// The field of [`ChainState`].
        field: &'static str,
        /// Its value.
        found: String,
        /// What the block asks for.
        expected: String,
    },
}

/// The place on top of a block, or at the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: BlockNumber,
    /// None where the block before is not known.
    previous: Option<BlockHash>,
}

impl Place {
    /// The place of a block whose predecessor is not looked at, as that of block 0, which has none.
    pub fn alone(number: BlockNumber) -> Self {
        Self { number, previous: None }
    }

    pub fn after(state: &ChainState) -> Self {
        Self { number: state.tip.next(), previous: Some(state.tip_hash) }
    }

    /// Checks that a block belongs here and is whole, steps on top of it and says its hash.
    pub fn take(&mut self, block: &Bytes) -> Result<BlockHash, BlockFault> {
        let (hash, data) = self.step(block)?;
        data.check()?;
        Ok(hash)
    }

    /// Checks that a header belongs here, steps on top of it and says its hash. Its data are to be checked.
    fn step(&mut self, block: &Bytes) -> Result<(BlockHash, Data), BlockFault> {
        let size_bytes = u64::try_from(block.len()).unwrap_or(u64::MAX);
        if size_bytes > MAX_BLOCK_BYTES {
            return Err(BlockFault::TooLarge { size_bytes, limit_bytes: MAX_BLOCK_BYTES });
        }
        let block: common::Block = go_decode(block.clone()).map_err(BlockFault::NotABlock)?;
        let header = block.header.ok_or(BlockFault::NoHeader)?;
        let (found, expected) = (BlockNumber(header.number), self.number);
        if found != expected {
            return Err(BlockFault::Number { found, expected });
        }
        if let Some(BlockHash(expected)) = self.previous
            && header.previous_hash != expected.as_slice()
        {
            let (found, expected) = (hex(&header.previous_hash), hex(&expected));
            return Err(BlockFault::PreviousHash { found, expected });
        }
        let hash = hash::block_header_hash(header.number, &header.previous_hash, &header.data_hash);
        let hash = BlockHash(hash);
        *self = Self { number: self.number.next(), previous: Some(hash) };
        let data = Data { envelopes: block.data.unwrap_or_default().data, hash: header.data_hash };
        Ok((hash, data))
    }
}

/// What a block's header says of its data, and the data.
struct Data {
    envelopes: Vec<Bytes>,
    hash: Bytes,
}

impl Data {
    /// Takes half a millisecond a megabyte.
    fn check(&self) -> Result<(), BlockFault> {
        let expected = hash::block_data_hash(self.envelopes.iter().map(AsRef::as_ref));
        if self.hash != expected.as_slice() {
            return Err(BlockFault::DataHash { found: hex(&self.hash), expected: hex(&expected) });
        }
        Ok(())
    }
}

/// Data of blocks whose headers are checked.
pub(crate) struct Unchecked(Vec<(BlockNumber, Data)>);

impl Unchecked {
    pub fn check(&self) -> Result<(), (BlockNumber, BlockFault)> {
        let Self(blocks) = self;
        blocks.iter().try_for_each(|(number, data)| data.check().map_err(|fault| (*number, fault)))
    }
}

/// Checks that headers follow one another on top of a state, each with its own.
pub(crate) fn follow(
    mut state: ChainState,
    blocks: &[NewBlock],
) -> Result<Unchecked, (BlockNumber, BlockFault)> {
    let mut unchecked = Vec::with_capacity(blocks.len());
    for new in blocks {
        let number = state.tip.next();
        let (hash, data) = Place::after(&state).step(&new.block).map_err(|fault| (number, fault))?;
        check_state(&state, &new.state, number, hash).map_err(|fault| (number, fault))?;
        unchecked.push((number, data));
        state = new.state;
    }
    Ok(Unchecked(unchecked))
}

fn check_state(
    before: &ChainState,
    state: &ChainState,
    number: BlockNumber,
    hash: BlockHash,
) -> Result<(), BlockFault> {
    let fault = |field, found, expected| BlockFault::State { field, found, expected };
    if state.tip != number {
        return Err(fault("tip", state.tip.to_string(), number.to_string()));
    }
    if state.tip_hash != hash {
        return Err(fault("tip_hash", hex(&state.tip_hash.0), hex(&hash.0)));
    }
    if !(before.last_config..=number).contains(&state.last_config) {
        let expected = format!("{} to {number}", before.last_config);
        return Err(fault("last_config", state.last_config.to_string(), expected));
    }
    Ok(())
}
