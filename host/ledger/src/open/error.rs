//! Why there is no ledger, each reason with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use raddle_core::ids::ChannelId;
use redb::{DatabaseError, StorageError};

use crate::check::BlockFault;
use crate::failure::{Failure, is_disk_full};
use crate::format::FORMAT;

use super::{INDEX, OPENING};

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such folder.
    #[error(
        "there is no ledger at {}: if there was one, put it back, or join channel {channel} again", path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// Whose ledger was looked for.
        channel: ChannelId,
    },

    /// A new ledger would take the place of something.
    #[error("{} exists, no new ledger is made in its place: open it, or move it away", path.display())]
    Exists {
        /// What exists.
        path: PathBuf,
    },

    /// The block that a new ledger would begin with is none, or not the first.
    #[error("no ledger is made at {}, block 0 is wrong: {fault}", path.display())]
    Genesis {
        /// Where it would be.
        path: PathBuf,
        /// What is wrong with the block.
        fault: BlockFault,
    },

    /// It is open already.
    #[error("the ledger {} is open already, in another process or here: close it first", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },

    /// The user may not read and write it.
    #[error("{doing} {} is not permitted: give this process's user read and write access", path.display())]
    Permission {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
    },

    /// The disk is full.
    #[error("{doing} {} failed, the disk is full: make room", path.display())]
    DiskFull {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
    },

    /// It is no ledger.
    #[error("{} is no ledger: {found}; the path may be wrong", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        found: Foreign,
    },

    /// It is another channel's.
    #[error(
        "the ledger {} is that of channel {found}, not of {expected}: put each back in its own place", path.display()
    )]
    OtherChannel {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: ChannelId,
        /// Whose it should be.
        expected: ChannelId,
    },

    /// It was written by another version.
    #[error(
        "the ledger {} has format {found}, this version reads {FORMAT}: use the version that wrote it", path.display()
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// The number of its format.
        found: u32,
    },

    /// redb has changed its file format.
    #[error(
        "the ledger {} has redb's file format {found}, which this version does not read: use the version that wrote \
         it", path.display()
    )]
    RedbFormat {
        /// The folder.
        path: PathBuf,
        /// The number of redb's format.
        found: u8,
    },

    /// It is damaged.
    #[error("the ledger {} is damaged: {what}; keep a copy, then put back a backup", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },

    /// The file system failed.
    #[error("{doing} {} failed: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What something is that is no ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// A file, a device, a socket.
    #[error("it is not a folder")]
    NoFolder,
    /// A folder of something else.
    #[error("the folder holds no file blocks and no file index.redb")]
    NoFiles,
    /// A file of that name, but of something else.
    #[error("its file blocks does not begin as a ledger's")]
    OtherBlocks,
}

pub(super) fn folder_error(folder: &Path, error: io::Error) -> OpenError {
    io_error(folder, "writing the folder", error)
}

pub(super) fn io_error(path: &Path, doing: &'static str, error: io::Error) -> OpenError {
    storage_error(path, doing, redb::Error::Io(error))
}

pub(super) fn failure_error(path: &Path, failure: Failure) -> OpenError {
    match failure {
        Failure::DiskFull { source, .. } | Failure::Storage { source, .. } => {
            storage_error(path, OPENING, source)
        }
        Failure::Damaged { number, damage, .. } => {
            OpenError::Damaged { path: path.to_owned(), what: format!("block {number}: {damage}") }
        }
        panicked @ Failure::Panicked { .. } => {
            OpenError::Damaged { path: path.to_owned(), what: panicked.to_string() }
        }
    }
}

pub(super) fn database_error(path: &Path, doing: &'static str, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked { path: path.to_owned() }
        }
        DatabaseError::UpgradeRequired(found) => OpenError::RedbFormat { path: path.to_owned(), found },
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            let what = format!("its file {INDEX} does not begin as a redb database");
            OpenError::Damaged { path: path.to_owned(), what }
        }
        other => storage_error(path, doing, other.into()),
    }
}

pub(super) fn storage_error(path: &Path, doing: &'static str, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    if is_disk_full(&error) {
        return OpenError::DiskFull { path, doing };
    }
    match error {
        redb::Error::Io(error) => match error.kind() {
            io::ErrorKind::PermissionDenied => OpenError::Permission { path, doing },
            io::ErrorKind::UnexpectedEof => {
                OpenError::Damaged { path, what: "a file is shorter than it says it is".to_owned() }
            }
            _ => OpenError::Io { path, doing, source: error },
        },
        redb::Error::Corrupted(what) => OpenError::Damaged { path, what },
        other => OpenError::Damaged { path, what: other.to_string() },
    }
}
