//! One channel of the log, as its readers see it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use raddle_core::ids::{ChannelId, Offset};
use tokio::sync::watch;

use crate::budget::{self, cost_bytes};
use crate::{AppendError, Cause, ReadError, Readiness, Record, lock};

use super::format::Place;
use super::settings::Settings;

/// One channel: what is durable, and what is on its way.
#[derive(Debug)]
pub(super) struct Channel {
    pub id: ChannelId,
    /// Its number in the file, once it has a durable record.
    number: OnceLock<u32>,
    /// Raised under the queue's lock, lowered by the writer.
    in_flight_bytes: AtomicU64,
    tip: watch::Sender<Tip>,
    tail: Mutex<Tail>,
}

/// How far a channel goes.
#[derive(Clone, Debug)]
pub(super) struct Tip {
    pub first: Offset,
    /// The place after the last durable record.
    pub end: Offset,
    /// Why there will be no more.
    pub stop: Option<Stop>,
}

/// Why a log takes and shows nothing more.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Closed,
    Failed(Cause),
}

/// The last durable records, for readers that have caught up.
#[derive(Debug)]
struct Tail {
    records: VecDeque<Record>,
    used_bytes: u64,
    max_bytes: u64,
}

// === impl Channel ===

impl Channel {
    /// A channel without records.
    pub(super) fn new(id: ChannelId, tail_bytes: u64, stop: Option<Stop>) -> Self {
        let tail = Tail { records: VecDeque::new(), used_bytes: 0, max_bytes: tail_bytes };
        Self {
            id,
            number: OnceLock::new(),
            in_flight_bytes: AtomicU64::new(0),
            tip: watch::Sender::new(Tip { first: Offset(0), end: Offset(0), stop }),
            tail: Mutex::new(tail),
        }
    }

    /// A channel that has records in the file.
    pub(super) fn restored(id: &ChannelId, place: &Place, settings: &Settings) -> Self {
        let channel = Self::new(id.clone(), settings.tail_bytes, None);
        channel.number.get_or_init(|| place.number);
        channel.tip.send_replace(Tip { first: place.first, end: place.end, stop: None });
        channel
    }

    pub(super) fn number(&self) -> Option<u32> {
        self.number.get().copied()
    }

    pub(super) fn tip(&self) -> Tip {
        self.tip.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Tip> {
        self.tip.subscribe()
    }

    /// Counts a record as being on its way. To be called by one thread at a time.
    pub(super) fn reserve(&self, size_bytes: u64, limit_bytes: u64) -> Result<(), AppendError> {
        budget::check(self.in_flight_bytes.load(Ordering::Acquire), size_bytes, limit_bytes)?;
        self.in_flight_bytes.fetch_add(size_bytes, Ordering::AcqRel);
        Ok(())
    }

    /// Counts a record as having arrived, or failed.
    pub(super) fn release(&self, size_bytes: u64) {
        self.in_flight_bytes.fetch_sub(size_bytes, Ordering::AcqRel);
    }

    /// Keeps a durable record for readers. They see it once [`Channel::publish`] is called.
    pub(super) fn keep(&self, record: Record) {
        lock(&self.tail).push(record);
    }

    /// Shows readers all records before `end`, which are durable.
    pub(super) fn publish(&self, number: u32, end: Offset) {
        self.number.get_or_init(|| number);
        self.tip.send_modify(|tip| tip.end = end);
    }

    /// Ends the readers, each when it has read what is durable.
    pub(super) fn stop(&self, stop: Stop) {
        self.tip.send_modify(|tip| tip.stop = Some(stop));
    }

    /// Records from this place on and before `end`, if memory has the first of them, at most `max_bytes` and at least
    /// one. Those that are kept and not yet published stand behind the end that readers know.
    pub(super) fn tail_from(&self, from: Offset, end: Offset, max_bytes: u64) -> Option<VecDeque<Record>> {
        lock(&self.tail).from(from, end, max_bytes)
    }
}

// === impl Tail ===

impl Tail {
    fn push(&mut self, record: Record) {
        self.used_bytes = self.used_bytes.saturating_add(cost_bytes(&record.value));
        self.records.push_back(record);
        while self.used_bytes > self.max_bytes
            && let Some(oldest) = self.records.pop_front()
        {
            self.used_bytes = self.used_bytes.saturating_sub(cost_bytes(&oldest.value));
        }
    }

    fn from(&self, from: Offset, end: Offset, max_bytes: u64) -> Option<VecDeque<Record>> {
        let first = self.records.front()?.offset;
        let skipped = usize::try_from(from.0.checked_sub(first.0)?).ok()?;
        let mut taken_bytes = 0_u64;
        let fits = |record: &&Record| {
            let is_first = taken_bytes == 0;
            taken_bytes = taken_bytes.saturating_add(cost_bytes(&record.value));
            record.offset < end && (is_first || taken_bytes <= max_bytes)
        };
        let records: VecDeque<_> = self.records.iter().skip(skipped).take_while(fits).cloned().collect();
        (!records.is_empty()).then_some(records)
    }
}

// === impl Stop ===

impl From<Stop> for ReadError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed => Self::Closed,
            Stop::Failed(cause) => Self::Unavailable { cause },
        }
    }
}

impl From<Stop> for AppendError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed => Self::Closed,
            Stop::Failed(cause) => Self::Unavailable { cause },
        }
    }
}

impl From<Stop> for Readiness {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed => Self::Closed,
            Stop::Failed(cause) => Self::Unavailable { cause },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;

    use super::*;
    use crate::TimestampMs;

    /// A reader that took what it cannot know of yet would stand behind the end, and be told so.
    #[test]
    fn what_is_kept_and_not_yet_published_is_not_read() {
        let channel = Channel::new(ChannelId("a".into()), 1 << 20, None);
        for offset in 0..3 {
            let (offset, value) = (Offset(offset), Bytes::from_static(b"record"));
            channel.keep(Record { offset, timestamp_ms: TimestampMs(0), value });
        }
        channel.publish(0, Offset(2));
        let end = channel.tip().end;
        let read = channel.tail_from(Offset(0), end, 1 << 20).unwrap();
        assert_eq!(read.iter().map(|record| record.offset.0).collect::<Vec<_>>(), [0, 1]);
        assert!(channel.tail_from(Offset(2), end, 1 << 20).is_none());
    }
}
