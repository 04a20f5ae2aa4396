//! Why a replay ends early.

use std::io;

use raddle_core::bundle::GenesisError;
use raddle_core::chain::ChainError;
use raddle_core::ids::Offset;

use super::LineError;
use crate::identity::SignerError;

/// Why a replay ended early. Nothing has appeared under the output's name then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The genesis block cannot be used.
    #[error("{0}")]
    Genesis(#[from] GenesisError),
    /// The dump cannot be opened.
    #[error("{name} cannot be opened: {error}")]
    Open {
        /// The dump.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// A line that is no record.
    #[error("{name}, line {line}: {error}")]
    Line {
        /// The dump.
        name: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        error: LineError,
    },
    /// Records are missing.
    #[error("{name}, line {line}: offset {found} where {expected} is next: {} missing", missing(*expected, *found))]
    Gap {
        /// The dump.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The offset that the line before leads to.
        expected: Offset,
        /// The line's.
        found: Offset,
    },
    /// Records are doubled or out of order.
    #[error(
        "{name}, line {line}: offset {found} where {expected} is next: the record is doubled or out of order"
    )]
    Backwards {
        /// The dump.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The offset that the line before leads to.
        expected: Offset,
        /// The line's.
        found: Offset,
    },
    /// The topic is another channel's.
    #[error("{name} holds envelopes of channel {found:?}, but the genesis block is of channel {expected:?}")]
    OtherChannel {
        /// The dump.
        name: String,
        /// Whose envelopes it holds.
        found: String,
        /// Whose genesis block it is.
        expected: String,
    },
    /// The chain halts.
    #[error("{name}, line {line}: {error}")]
    Chain {
        /// The dump.
        name: String,
        /// The line, from 1.
        line: u64,
        /// Why.
        error: ChainError,
    },
    /// A block cannot be signed.
    #[error("block {number} cannot be signed: {error}")]
    Sign {
        /// The block's number.
        number: u64,
        /// Why.
        error: SignerError,
    },
    /// A block cannot be written.
    #[error("block {number} cannot be written: {error}")]
    Write {
        /// The block's number.
        number: u64,
        /// Why.
        error: io::Error,
    },
}

fn missing(expected: Offset, found: Offset) -> String {
    match found.0.saturating_sub(expected.0) {
        1 => "1 record is".into(),
        count => format!("{count} records are"),
    }
}
