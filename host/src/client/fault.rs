//! What is wrong with a block.

use raddle_core::access::AccessError;
use raddle_core::policy::{BLOCK_VALIDATION, SignedDataError};

/// Why a block is not the channel's, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFault {
    /// The block has no header.
    #[error("a block came without a header where block {expected} was to come")]
    NoHeader {
        /// The number that was to come.
        expected: u64,
    },
    /// Another block than was asked for, or than is next.
    #[error("block {found} came where block {expected} was to come")]
    Number {
        /// The number that was to come.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// The envelopes are not those that the header is of.
    #[error(
        "block {number} holds other data than its header says: expected data hash {expected}, found {found}"
    )]
    DataHash {
        /// The block's number.
        number: u64,
        /// The header's, in hexadecimal.
        expected: String,
        /// That of the envelopes, in hexadecimal.
        found: String,
    },
    /// The block does not stand upon the one before it.
    #[error("block {number} does not follow {}: expected previous hash {expected}, found {found}", before(*number))]
    PreviousHash {
        /// The block's number.
        number: u64,
        /// The hash of the header before it, in hexadecimal; `none` before block 0.
        expected: String,
        /// What the block says, in hexadecimal.
        found: String,
    },
    /// The block names another config than the one in force.
    #[error("block {number} names a wrong config block: expected {expected}, found {found}")]
    LastConfig {
        /// The block's number.
        number: u64,
        /// The block with the config in force.
        expected: u64,
        /// What the block says.
        found: u64,
    },
    /// The block's metadata cannot be read.
    #[error("the metadata of block {number} cannot be read: {error}")]
    Metadata {
        /// The block's number.
        number: u64,
        /// What is wrong with them.
        error: SignedDataError,
    },
    /// The block is not signed by those who must.
    #[error(
        "the signatures of block {number} do not satisfy {BLOCK_VALIDATION} of the config in block {config}: {text}"
    )]
    Signatures {
        /// The block's number.
        number: u64,
        /// The block with the config in force.
        config: u64,
        /// The policy's words.
        text: String,
        /// Who signed, and what was needed.
        proof: Option<String>,
    },
    /// The config that the signatures are to be judged by cannot be used.
    #[error("the config in block {number} cannot be used: {fault}")]
    Config {
        /// The config block's number.
        number: u64,
        /// Why.
        fault: ConfigFault,
    },
}

/// Why a config block gives no config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// It holds something else.
    #[error("it is no config block: {0}")]
    NotConfig(String),
    /// It is of another channel.
    #[error("it is of channel {found:?}, not of {expected:?}")]
    OtherChannel {
        /// The channel that was asked for.
        expected: String,
        /// The channel that the config is of.
        found: String,
    },
    /// Its MSPs or policies cannot be used.
    #[error("{0}")]
    Access(AccessError),
}

fn before(number: u64) -> String {
    match number.checked_sub(1) {
        Some(before) => format!("block {before}"),
        None => "nothing, as a first block must".to_owned(),
    }
}
