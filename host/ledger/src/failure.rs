//! What stops a running ledger, and what its callers are told.

use std::io;
use std::path::Path;
use std::sync::Arc;

use raddle_core::ids::BlockNumber;

use crate::check::BlockFault;

/// What stops a running ledger, or a read of it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The disk is full.
    #[error("{doing} the ledger {} failed, the disk is full: make room, then restart", path.display())]
    DiskFull {
        /// What the ledger was at.
        doing: &'static str,
        /// Its folder.
        path: Arc<Path>,
        /// What redb or the system said.
        source: redb::Error,
    },

    /// The disk, the file system or redb failed.
    #[error("{doing} the ledger {} failed: {source}; look at the disk, then restart", path.display())]
    Storage {
        /// What the ledger was at.
        doing: &'static str,
        /// Its folder.
        path: Arc<Path>,
        /// What redb or the system said.
        source: redb::Error,
    },

    /// The files do not hold what was written.
    #[error(
        "the ledger {} is damaged at block {number}: {damage}; keep a copy, then put back a backup", path.display()
    )]
    Damaged {
        /// Its folder.
        path: Arc<Path>,
        /// Whose place.
        number: BlockNumber,
        /// What is wrong there.
        damage: Damage,
    },

    /// A panic was caught: redb panics on some damaged files.
    #[error(
        "{doing} the ledger {} panicked, and its files may be damaged: look at the standard error, then restart",
        path.display()
    )]
    Panicked {
        /// What the ledger was at.
        doing: &'static str,
        /// Its folder.
        path: Arc<Path>,
    },
}

/// What is wrong with a block in the files.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The index does not name it.
    #[error("it is missing in the index")]
    Missing,
    /// It does not stand behind the block before it.
    #[error("it begins at byte {found} of the file blocks, expected is {expected}")]
    OutOfPlace {
        /// As the index says.
        found: u64,
        /// The end of the block before it.
        expected: u64,
    },
    /// The file ends before the block does.
    #[error("it ends at byte {end}, the file blocks has {file_bytes} bytes")]
    CutOff {
        /// Where it ends.
        end: u64,
        /// How much there is.
        file_bytes: u64,
    },
    /// Index and file contradict each other.
    #[error("it has {found} bytes in the file blocks, {expected} in the index")]
    Length {
        /// In front of the block.
        found: u32,
        /// As the index says.
        expected: u32,
    },
    /// The block has changed.
    #[error("it does not match its checksum")]
    Checksum,
    /// It is not the block that belongs here.
    #[error("{0}")]
    Fault(BlockFault),
    /// The chain state was written for another block.
    #[error("its header's hash is {found}, the chain state has {expected}")]
    TipHash {
        /// In hexadecimal digits.
        found: String,
        /// In hexadecimal digits.
        expected: String,
    },
}

/// Why a ledger takes nothing more.
#[derive(Clone, Debug)]
pub enum Stop {
    /// It was closed.
    Closed,
    /// A commit failed.
    Failed(Arc<Failure>),
}

/// Why blocks were not committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// A block does not belong there. None of them is in the ledger, which goes on.
    #[error("block {number} cannot be committed: {fault}")]
    Refused {
        /// The place it was given for.
        number: BlockNumber,
        /// What is wrong with it.
        fault: Arc<BlockFault>,
    },

    /// Writing failed. Whether the blocks are there is known when the ledger is opened again; all of them are, or none.
    #[error("whether the blocks are in the ledger is unknown: {cause}")]
    OutcomeUnknown {
        /// What failed.
        cause: Arc<Failure>,
    },

    /// An earlier commit failed. Nothing was written.
    #[error("the ledger has stopped: {cause}")]
    Stopped {
        /// What failed then.
        cause: Arc<Failure>,
    },

    /// The ledger is closed. Nothing was written.
    #[error("the ledger is closed")]
    Closed,
}

/// Why there is no block.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed, or the ledger has stopped and there will be no such block.
    #[error("{cause}")]
    Failed {
        /// What failed.
        cause: Arc<Failure>,
    },

    /// The ledger is closed.
    #[error("the ledger is closed")]
    Closed,
}

// === impl Failure ===

impl Failure {
    /// Takes what redb or the system said while the ledger was at something.
    pub(crate) fn at<E: Into<redb::Error>>(doing: &'static str, path: &Arc<Path>) -> impl Fn(E) -> Self {
        let path = Arc::clone(path);
        move |error| {
            let path = Arc::clone(&path);
            match error.into() {
                source if is_disk_full(&source) => Self::DiskFull { doing, path, source },
                source => Self::Storage { doing, path, source },
            }
        }
    }
}

/// Whether space is what is missing, the user's quota included.
pub(crate) fn is_disk_full(error: &redb::Error) -> bool {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    matches!(error, redb::Error::Io(error) if full.contains(&error.kind()))
}

// === impl Stop ===

impl From<Stop> for ReadError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed => Self::Closed,
            Stop::Failed(cause) => Self::Failed { cause },
        }
    }
}

impl From<Stop> for CommitError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed => Self::Closed,
            Stop::Failed(cause) => Self::Stopped { cause },
        }
    }
}

// === impl CommitError ===

impl From<(BlockNumber, BlockFault)> for CommitError {
    fn from((number, fault): (BlockNumber, BlockFault)) -> Self {
        Self::Refused { number, fault: Arc::new(fault) }
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        Self::OutcomeUnknown { cause: Arc::new(failure) }
    }
}
