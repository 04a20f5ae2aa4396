//! Why blocks are not pulled.

use std::io;
use std::path::PathBuf;

use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_ledger::{CommitError, OpenError, ReadError};
use tokio::task::JoinError;

use crate::client::{BlockFault, ClientError};

/// Why one source does not give what was asked for. What it gave before and was right stays.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceFault {
    /// It does not answer, does not let us read, or breaks off.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A block is not the channel's.
    #[error(transparent)]
    Block(#[from] BlockFault),
    /// It does not have the block that the channel is joined by.
    #[error("its newest block is {newest}, the channel is joined by block {wanted}")]
    Behind {
        /// Its newest block.
        newest: u64,
        /// The one that is given.
        wanted: BlockNumber,
    },
    /// Its block is another than the one that the channel is joined by: a fork, or a file of another network.
    #[error(
        "its block {number} has hash {found}, the file's block {number} has {expected}: it is not the same chain"
    )]
    OtherBlock {
        /// The given block.
        number: BlockNumber,
        /// Hash of the given block's header, in hexadecimal digits.
        expected: String,
        /// The source's.
        found: String,
    },
    /// Blocks that are kept already are not the source's.
    #[error("its block {number} has hash {found}, the one that is kept from an earlier source has {kept}")]
    OtherKept {
        /// The last block that is kept.
        number: BlockNumber,
        /// Hash of its header, in hexadecimal digits.
        kept: String,
        /// The source's.
        found: String,
    },
    /// The given block came, and does not stand upon what came before.
    #[error(
        "block {number} is the file's, and does not follow the {dropped} blocks that came before it: expected previous \
         hash {expected}, found {found}; all of them are wrong and were dropped"
    )]
    Unfounded {
        /// The given block.
        number: BlockNumber,
        /// The hash of the header that came before it, in hexadecimal digits.
        expected: String,
        /// What the given block says.
        found: String,
        /// How many blocks were dropped.
        dropped: u64,
    },
    /// It says that one block was delivered, and sent none.
    #[error("it sends no block where one was asked for, and says that all was delivered")]
    Nothing,
    /// It says that all was delivered, and it was not.
    #[error("it ended after block {}, and had promised blocks up to {newest}", before(*next))]
    Short {
        /// The block that is missing.
        next: u64,
        /// The last one that was asked for.
        newest: u64,
    },
}

/// Why a channel is not joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// No source gives the blocks up to the given one.
    #[error(
        "no orderer gives the blocks of {channel} up to the one that it is joined by; {kept} blocks are kept"
    )]
    NoSource {
        /// The channel.
        channel: ChannelId,
        /// Where the blocks are kept.
        path: PathBuf,
        /// How many there are.
        kept: u64,
        /// Whom was asked, and what each did.
        failed: Vec<(String, SourceFault)>,
    },
    /// It was not to go on. What was pulled is kept.
    #[error("the pull of {channel} was stopped")]
    Stopped {
        /// The channel.
        channel: ChannelId,
    },
    /// What an earlier pull left was pulled by another block.
    #[error(
        "{} holds blocks of an earlier join, whose block {number} has hash {kept}, and the file's has {given}: remove \
         that folder to begin anew", path.display()
    )]
    OtherJoin {
        /// Where they are.
        path: PathBuf,
        /// The given block's number.
        number: BlockNumber,
        /// Hash of the block that is kept, in hexadecimal digits.
        kept: String,
        /// Hash of the given one.
        given: String,
    },
    /// What an earlier pull left cannot be gone on with.
    #[error("{} is no whole rest of an earlier join: {what}; remove that folder to begin anew", path.display())]
    Kept {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The ledger cannot be opened or made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A block cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A block cannot be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A folder cannot be renamed or removed.
    #[error("{} cannot be {doing}: {cause}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// A task of ours panicked.
    #[error("a task of the pull failed: {0}")]
    Task(#[from] JoinError),
}

fn before(next: u64) -> String {
    next.checked_sub(1).map_or_else(|| "none".to_owned(), |number| number.to_string())
}
