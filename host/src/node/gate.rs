//! A channel's log, until the channel is removed.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::{Append, AppendError, OrderedLog, Readiness, RecordHashFuture, Records};
use tokio::sync::watch;

use super::lease::Lease;

/// A log to which nothing is appended any more once it is closed, by whoever still holds it.
pub(super) struct Gate {
    log: Arc<dyn OrderedLog>,
    is_closed: RwLock<bool>,
    _lease: Lease,
}

impl Gate {
    pub(super) fn new(log: Arc<dyn OrderedLog>, lease: Lease) -> Self {
        Self { log, is_closed: RwLock::new(false), _lease: lease }
    }

    /// Appends fail from now on. What had its place in the order before is on its way.
    pub(super) fn close(&self) {
        *self.is_closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl OrderedLog for Gate {
    fn append(&self, channel: &ChannelId, record: Bytes) -> Append {
        // Held until the record has its place, so that none has one after the close.
        let is_closed = self.is_closed.read().unwrap_or_else(PoisonError::into_inner);
        match *is_closed {
            true => Append::failed(AppendError::Closed),
            false => self.log.append(channel, record),
        }
    }

    fn fails_in_order(&self) -> bool {
        self.log.fails_in_order()
    }

    fn record_bytes_max(&self, channel: &ChannelId) -> Option<u64> {
        self.log.record_bytes_max(channel)
    }

    fn read(&self, channel: &ChannelId, from: Offset) -> Records {
        self.log.read(channel, from)
    }

    fn state(&self, channel: &ChannelId) -> watch::Receiver<Readiness> {
        self.log.state(channel)
    }

    fn record_hash(&self, channel: &ChannelId, offset: Offset) -> RecordHashFuture {
        self.log.record_hash(channel, offset)
    }
}
