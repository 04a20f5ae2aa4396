//! The ordered log: what all orderers of a channel read in one order.
//!
//! | word | means |
//! |---|---|
//! | ordered log | one order of records for each channel |
//! | record | bytes that the log holds and does not look into |
//! | offset | a record's place in its channel's order, without gaps here and with gaps in Kafka |
//! | durable | read again after any crash: fsynced here, acknowledged by all in-sync replicas in Kafka |
//! | end | the place after the last durable record |
//! | anchor | what a store remembers of a log, to know it again |
//!
//! Start reading at [`OrderedLog`]. The log of one node is [`local::LocalLog`]; its module describes the file, byte by
//! byte. The log of a fleet is [`kafka::KafkaLog`].

mod budget;
mod error;
mod identity;
pub mod kafka;
pub mod local;
mod log;

pub use error::{AppendError, Cause, ReadError};
pub use identity::{Anchor, LogIdentity, LogKind, Mismatch, RecordHash};
pub use log::{Append, OrderedLog, Readiness, Record, RecordHashFuture, Records, TimestampMs};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also where another thread panicked: no code that holds one of these locks leaves half a change behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
