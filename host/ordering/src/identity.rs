//! How a store knows again the log that it was built from.
//!
//! Offsets mean something in one log only. A topic made anew, a file put back from a backup, a channel mapped to
//! another cluster: all of them have offsets too, and reading on from them would give other blocks than everybody else
//! has.

use std::fmt;

use raddle_core::ids::{ChannelId, Offset};
use sha2::{Digest, Sha256};

use crate::{OrderedLog, ReadError, Record};

/// The engine of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// A file of this node.
    Local,
    /// A Kafka cluster.
    Kafka,
}

impl LogKind {
    /// The kind of that name, as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Local, Self::Kafka].into_iter().find(|kind| kind.to_string() == name)
    }
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Kafka => "kafka",
        })
    }
}

/// Which log it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogIdentity {
    /// Its engine.
    pub kind: LogKind,
    /// Drawn when the log was made: a cluster id in Kafka, 32 hexadecimal digits in a local log.
    pub id: String,
}

impl fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} log {}", self.kind, self.id)
    }
}

/// SHA-256 over a record's timestamp (8 bytes, little-endian) and its value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// Hashes a record. Its offset is not part of it.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let hash =
            Sha256::new().chain_update(record.timestamp_ms.0.to_le_bytes()).chain_update(&record.value);
        Self(hash.finalize().into())
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a store keeps of a channel's log, written with every block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The log that the block's records came from.
    pub log: LogIdentity,
    /// The last record that the store has seen.
    pub offset: Offset,
    /// That record's hash.
    pub hash: RecordHash,
}

/// The log is not the one that the store was built from. The channel must halt: its offsets mean nothing here.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Mismatch {
    /// Another log altogether.
    #[error(
        "the store was built from the {expected}, this is the {found}: map the channel to the log that it had, or make \
         its ledger anew"
    )]
    Log {
        /// What the store remembers.
        expected: LogIdentity,
        /// What is there.
        found: LogIdentity,
    },

    /// Another record at the same place.
    #[error(
        "the record at offset {offset} had hash {expected}, the log has {found} there: put the log back as it was, or \
         make the ledger anew"
    )]
    Record {
        /// The last record that the store has seen.
        offset: Offset,
        /// What the store remembers.
        expected: RecordHash,
        /// What is there.
        found: RecordHash,
    },

    /// No record at that place: the log was cut off at its end or its beginning, or put back from a backup.
    #[error("the store has seen the record at offset {offset} with hash {expected}: {cause}")]
    NoRecord {
        /// The last record that the store has seen.
        offset: Offset,
        /// What the store remembers.
        expected: RecordHash,
        /// [`ReadError::Gone`] or [`ReadError::Beyond`].
        cause: ReadError,
    },

    /// Nothing can be said: the log does not work.
    #[error("whether this is the log that the store was built from cannot be told: {cause}")]
    Unknown {
        /// [`ReadError::Unavailable`] or [`ReadError::Closed`].
        cause: ReadError,
    },
}

impl Anchor {
    /// What to remember of a record.
    #[must_use]
    pub fn of(log: LogIdentity, record: &Record) -> Self {
        Self { log, offset: record.offset, hash: RecordHash::of(record) }
    }

    /// Whether a log is the one that is remembered: its identity, and the record at the remembered place.
    ///
    /// # Errors
    ///
    /// [`Mismatch`], with what is remembered and what is there.
    pub async fn check(
        &self,
        found: &LogIdentity,
        log: &dyn OrderedLog,
        channel: &ChannelId,
    ) -> Result<(), Mismatch> {
        if *found != self.log {
            return Err(Mismatch::Log { expected: self.log.clone(), found: found.clone() });
        }
        let (offset, expected) = (self.offset, self.hash);
        match log.record_hash(channel, offset).await {
            Ok(found) if found == expected => Ok(()),
            Ok(found) => Err(Mismatch::Record { offset, expected, found }),
            Err(cause @ (ReadError::Gone { .. } | ReadError::Beyond { .. })) => {
                Err(Mismatch::NoRecord { offset, expected, cause })
            }
            Err(cause) => Err(Mismatch::Unknown { cause }),
        }
    }
}
