//! What is counted of connections and streams.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a server, since it was made. What only grows is a counter, what ends in `_open` a gauge.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that were let in.
    pub connections_opened: AtomicU64,
    /// Those that are there.
    pub connections_open: AtomicU64,
    /// Those that were closed at once: too many from one address.
    pub connections_refused: AtomicU64,
    /// Those that were closed because they had no stream for too long.
    pub connections_closed_idle: AtomicU64,
    /// Those that were closed because their clients did not read, and did not notice that their streams had ended.
    pub connections_closed_unread: AtomicU64,
    /// Streams, of all services, that were let in.
    pub streams_opened: AtomicU64,
    /// Those that are there.
    pub streams_open: AtomicU64,
    /// Those that were refused: too many of one client, or of all.
    pub streams_refused: AtomicU64,
    /// Those that were ended because their clients did not read.
    pub streams_ended_unread: AtomicU64,
    /// Times that a reader of blocks had to wait because too much was on its way to it or to all.
    pub reads_waited: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn take(gauge: &AtomicU64) {
        gauge.fetch_sub(1, Ordering::Relaxed);
    }
}
