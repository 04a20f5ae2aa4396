//! What stops a running log.

use std::io;

use raddle_core::ids::{ChannelId, Offset};

/// What stops a running log; the cause behind `Unavailable` and `OutcomeUnknown`.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The disk is full.
    #[error("{doing} failed, the disk is full: make room, then restart")]
    DiskFull {
        /// What the log was at.
        doing: &'static str,
        /// redb's error.
        source: redb::Error,
    },

    /// The disk, the file system or redb failed.
    #[error("{doing} failed: {source}; look at the disk, then restart")]
    Storage {
        /// What the log was at.
        doing: &'static str,
        /// redb's error.
        source: redb::Error,
    },

    /// The file does not hold what was written.
    #[error("the log's file is damaged at offset {offset} of channel {channel}: {damage}")]
    Damaged {
        /// Whose record.
        channel: ChannelId,
        /// Its place.
        offset: Offset,
        /// What is wrong there.
        damage: Damage,
    },

    /// No number is left for another channel, or no offset for another record.
    #[error("channel {channel} has no place left for another record")]
    Full {
        /// The channel.
        channel: ChannelId,
    },

    /// A panic was caught: redb panics on some damaged files.
    #[error("{doing} panicked, and the log's file may be damaged: look at the standard error, then restart")]
    Panicked {
        /// What the log was at.
        doing: &'static str,
    },
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The row is not there.
    #[error("the row is missing")]
    Missing,
    /// The row ends within a record.
    #[error("the row has {size_bytes} bytes, at least {min_bytes} are needed")]
    Short {
        /// The row's size.
        size_bytes: usize,
        /// Its size if the record were whole.
        min_bytes: usize,
    },
    /// The record or its timestamp has changed.
    #[error("the record does not match its checksum")]
    Checksum,
}

impl Failure {
    /// Takes what redb said while the log was at something.
    pub(super) fn at<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> Self {
        move |error| match error.into() {
            source if is_disk_full(&source) => Self::DiskFull { doing, source },
            source => Self::Storage { doing, source },
        }
    }
}

/// Whether space is what is missing, the user's quota included.
pub(super) fn is_disk_full(error: &redb::Error) -> bool {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    matches!(error, redb::Error::Io(error) if full.contains(&error.kind()))
}
