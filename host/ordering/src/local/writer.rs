//! The thread that gives records their offsets and makes them durable.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use raddle_core::ids::{ChannelId, Offset};
use redb::{ReadableTable as _, Table, WriteTransaction};

use crate::{AppendError, Cause, Record, TimestampMs};

use super::Shared;
use super::channel::Stop;
use super::failure::Failure;
use super::format::{self, Place, Row};
use super::queue::Pending;
use super::settings::Clock;

/// Most that one transaction holds, a lone record apart: bounds redb's memory, not the throughput.
const MAX_TRANSACTION_BYTES: u64 = 64 << 20;

const WRITING: &str = "writing to the log";
const SYNCING: &str = "syncing the log";

/// Rows that are taken away in one transaction, between which others are written.
const FORGET_ROWS: usize = 64;

/// The only writer.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// All channels that have records. Ahead of what is durable while a group is being written.
    places: HashMap<ChannelId, Place>,
    next_number: Option<u32>,
    clock: Clock,
}

/// Why a group is not durable.
enum WriteError {
    /// The transaction was not committed: none of it is in the file.
    NotWritten(Failure),
    /// The commit failed, and what the disk has is unknown.
    Unknown(Failure),
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, places: HashMap<ChannelId, Place>, clock: Clock) -> Self {
        let next_number = match places.values().map(|place| place.number).max() {
            Some(last) => last.checked_add(1),
            None => Some(0),
        };
        Self { shared, places, next_number, clock }
    }

    /// Writes until the queue is closed and empty, or the log has failed. Closes the file.
    pub(super) fn run(mut self) {
        // The appends of a group that is lost in a panic are answered "unknown" as their senders are dropped.
        let stop = catch_unwind(AssertUnwindSafe(|| self.write_groups())).unwrap_or_else(|_| {
            let stop = Stop::Failed(Cause::new(Failure::Panicked { doing: WRITING }));
            self.shared.queue.fail(&stop);
            stop
        });
        self.shared.stop(&stop);
        // Closing writes once more, which redb may answer with a panic as well.
        let _ = catch_unwind(AssertUnwindSafe(|| self.shared.store.close()));
    }

    fn write_groups(&mut self) -> Stop {
        while let Some(group) = self.shared.queue.take(MAX_TRANSACTION_BYTES) {
            if !group.is_empty() {
                match self.write(&group) {
                    Ok(records) => self.publish(group, records),
                    Err(error) => return self.fail(group, error),
                }
            }
            if let Some(channel) = self.shared.queue.to_forget() {
                match self.forget_some(&channel) {
                    Ok(true) => self.shared.queue.forgotten(),
                    Ok(false) => {}
                    Err(error) => return self.fail(Vec::new(), error),
                }
            }
        }
        Stop::Closed
    }

    /// Takes the first records of a channel away, durably; answers whether there are no more. A crash leaves a channel
    /// that begins later.
    fn forget_some(&mut self, channel: &ChannelId) -> Result<bool, WriteError> {
        let Some(place) = self.places.get_mut(channel) else { return Ok(true) };
        let not_written = WriteError::NotWritten;
        let transaction = self.shared.store.write().map_err(Failure::at(WRITING)).map_err(not_written)?;
        let end = take_away(&transaction, channel, place).map_err(not_written)?;
        transaction.commit().map_err(Failure::at(SYNCING)).map_err(WriteError::Unknown)?;
        place.first = end;
        let is_done = place.first >= place.end;
        if is_done {
            self.places.remove(channel);
        }
        Ok(is_done)
    }

    /// Makes a group durable.
    fn write(&mut self, group: &[Pending]) -> Result<Vec<Record>, WriteError> {
        let not_written = WriteError::NotWritten;
        let transaction = self.shared.store.write().map_err(Failure::at(WRITING)).map_err(not_written)?;
        let records = self.fill(&transaction, group).map_err(not_written)?;
        transaction.commit().map_err(Failure::at(SYNCING)).map_err(WriteError::Unknown)?;
        Ok(records)
    }

    fn fill(&mut self, transaction: &WriteTransaction, group: &[Pending]) -> Result<Vec<Record>, Failure> {
        let mut channels = transaction.open_table(format::CHANNELS).map_err(Failure::at(WRITING))?;
        let mut rows = transaction.open_table(format::RECORDS).map_err(Failure::at(WRITING))?;
        let now = (self.clock)();
        let mut records = Vec::with_capacity(group.len());
        // By the channel's number; in order, so that the same group makes the same file.
        let mut filling = BTreeMap::<u32, Row>::new();
        for pending in group {
            let id = &pending.channel.id;
            if !self.places.contains_key(id) {
                let place = self.new_place(id)?;
                channels.insert(id.0.as_str(), place.number).map_err(Failure::at(WRITING))?;
                self.places.insert(id.clone(), place);
            }
            let full = || Failure::Full { channel: id.clone() };
            let place = self.places.get_mut(id).ok_or_else(full)?;
            let (offset, timestamp_ms) = (place.end, place.timestamp_ms.max(now));
            let record = Record { offset, timestamp_ms, value: pending.value.clone() };
            let row = filling.entry(place.number).or_insert_with(|| Row::new(offset));
            if !row.has_room_for(&record) {
                insert(&mut rows, place.number, &std::mem::replace(row, Row::new(offset)))?;
            }
            row.push(&record).ok_or_else(full)?;
            place.end = Offset(offset.0.checked_add(1).ok_or_else(full)?);
            place.timestamp_ms = timestamp_ms;
            records.push(record);
        }
        for (number, row) in filling {
            insert(&mut rows, number, &row)?;
        }
        Ok(records)
    }

    fn new_place(&mut self, id: &ChannelId) -> Result<Place, Failure> {
        let number = self.next_number.ok_or_else(|| Failure::Full { channel: id.clone() })?;
        self.next_number = number.checked_add(1);
        Ok(Place { number, first: Offset(0), end: Offset(0), timestamp_ms: TimestampMs(i64::MIN) })
    }

    /// Shows durable records to readers, then answers their appends, in order.
    fn publish(&self, group: Vec<Pending>, records: Vec<Record>) {
        let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
        for (pending, record) in group.iter().zip(records) {
            pending.channel.keep(record);
        }
        for pending in &group {
            let channel = &pending.channel;
            if let Some(place) = self.places.get(&channel.id)
                && channel.tip().end < place.end
            {
                channel.publish(place.number, place.end);
            }
        }
        for (pending, offset) in group.into_iter().zip(offsets) {
            pending.answer(Ok(offset));
        }
    }

    /// Stops the log and answers everybody.
    fn fail(&self, group: Vec<Pending>, error: WriteError) -> Stop {
        let (cause, is_unknown) = match error {
            WriteError::NotWritten(failure) => (Cause::new(failure), false),
            WriteError::Unknown(failure) => (Cause::new(failure), true),
        };
        let stop = Stop::Failed(cause.clone());
        // First, so that nobody who is told of the failure can append behind it.
        self.shared.queue.fail(&stop);
        for pending in group {
            let cause = cause.clone();
            pending.answer(Err(match is_unknown {
                true => AppendError::OutcomeUnknown { cause },
                false => AppendError::Unavailable { cause },
            }));
        }
        stop
    }
}

type Rows<'a> = Table<'a, (u32, i64), &'static [u8]>;

fn insert(rows: &mut Rows<'_>, number: u32, row: &Row) -> Result<(), Failure> {
    let key = (number, row.first.0);
    rows.insert(key, row.bytes.as_slice()).map(drop).map_err(Failure::at(WRITING))
}

/// Takes the first rows of a channel away, and with the last of them the channel's own. Answers the first record that
/// is left.
fn take_away(transaction: &WriteTransaction, id: &ChannelId, place: &Place) -> Result<Offset, Failure> {
    let mut rows = transaction.open_table(format::RECORDS).map_err(Failure::at(WRITING))?;
    let all =
        rows.range((place.number, i64::MIN)..=(place.number, i64::MAX)).map_err(Failure::at(WRITING))?;
    let mut firsts = Vec::new();
    for row in all.take(FORGET_ROWS.saturating_add(1)) {
        let (key, _) = row.map_err(Failure::at(WRITING))?;
        firsts.push(key.value());
    }
    for first in firsts.iter().take(FORGET_ROWS) {
        rows.remove(*first).map_err(Failure::at(WRITING))?;
    }
    if let Some((_, left)) = firsts.get(FORGET_ROWS) {
        return Ok(Offset(*left));
    }
    let mut channels = transaction.open_table(format::CHANNELS).map_err(Failure::at(WRITING))?;
    channels.remove(id.0.as_str()).map_err(Failure::at(WRITING))?;
    Ok(place.end)
}
