//! Reading a channel, near its end from memory and elsewhere from the file.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use raddle_core::ids::Offset;
use redb::ReadTransaction;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::budget::cost_bytes;
use crate::log::RecordSource;
use crate::{Cause, ReadError, Record};

use super::Shared;
use super::channel::{Channel, Tip};
use super::failure::{Damage, Failure};
use super::format::{self, Rest};

/// How much a reader takes at once, a lone record apart. It bounds the memory of one that does not go on.
const CHUNK_BYTES: u64 = 1 << 20;

const READING: &str = "reading the log";

/// A place in a channel.
pub(super) struct Reader {
    shared: Arc<Shared>,
    channel: Arc<Channel>,
    tip: watch::Receiver<Tip>,
    /// Durable records from `next` on.
    ready: VecDeque<Record>,
    next: Offset,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, channel: Arc<Channel>, from: Offset) -> Self {
        Self { shared, tip: channel.watch(), channel, ready: VecDeque::new(), next: from }
    }

    /// A chunk of the file, read on a thread that may block.
    async fn read_file(&self, from: Offset, end: Offset) -> Result<VecDeque<Record>, ReadError> {
        let (shared, channel) = (Arc::clone(&self.shared), Arc::clone(&self.channel));
        let read = move || {
            let read = || read_chunk(&shared, &channel, from, end);
            catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(Failure::Panicked { doing: READING }))
        };
        let chunk = match Handle::try_current() {
            // The task ends without an answer only where the runtime does.
            Ok(runtime) => runtime.spawn_blocking(read).await.map_err(|_| ReadError::Closed)?,
            Err(_) => read(),
        };
        match chunk {
            Ok(Some(records)) => Ok(records),
            Ok(None) => Err(ReadError::Closed),
            Err(Failure::Storage { source: redb::Error::DatabaseClosed, .. }) => Err(ReadError::Closed),
            Err(failure) => Err(ReadError::Unavailable { cause: Cause::new(failure) }),
        }
    }
}

impl RecordSource for Reader {
    async fn next(&mut self) -> Result<Record, ReadError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                self.next = Offset(record.offset.0.saturating_add(1));
                return Ok(record);
            }
            let tip = self.tip.borrow_and_update().clone();
            let from = self.next;
            if from < tip.first {
                return Err(ReadError::Gone { from, first: tip.first });
            }
            if from > tip.end {
                return Err(ReadError::Beyond { from, end: tip.end });
            }
            if from < tip.end {
                self.ready = match self.channel.tail_from(from, tip.end, CHUNK_BYTES) {
                    Some(records) => records,
                    None => self.read_file(from, tip.end).await?,
                };
            } else if let Some(stop) = tip.stop {
                return Err(stop.into());
            } else {
                self.tip.changed().await.map_err(|_| ReadError::Closed)?;
            }
        }
    }
}

/// Records from `from`, all before `end`, at least one; none when the file is closed.
fn read_chunk(
    shared: &Shared,
    channel: &Channel,
    from: Offset,
    end: Offset,
) -> Result<Option<VecDeque<Record>>, Failure> {
    shared.store.read(|transaction| read_rows(transaction, channel, from, end))
}

/// What stands before damage is read all the same; the next chunk begins with the damage.
fn read_rows(
    transaction: &ReadTransaction,
    channel: &Channel,
    from: Offset,
    end: Offset,
) -> Result<VecDeque<Record>, Failure> {
    let mut records = VecDeque::new();
    let read = gather(transaction, channel, from, end, &mut records);
    match read {
        Err(failure) if records.is_empty() => Err(failure),
        _ => Ok(records),
    }
}

fn gather(
    transaction: &ReadTransaction,
    channel: &Channel,
    from: Offset,
    end: Offset,
    records: &mut VecDeque<Record>,
) -> Result<(), Failure> {
    let damaged = |offset, damage| Failure::Damaged { channel: channel.id.clone(), offset, damage };
    let number = channel.number().ok_or_else(|| damaged(from, Damage::Missing))?;
    let table = transaction.open_table(format::RECORDS).map_err(Failure::at(READING))?;
    let mut before = table.range((number, i64::MIN)..=(number, from.0)).map_err(Failure::at(READING))?;
    let row = before.next_back().transpose().map_err(Failure::at(READING))?;
    let mut next = Offset(row.map_or(from.0, |(key, _)| key.value().1));
    let rows = table.range((number, next.0)..(number, end.0)).map_err(Failure::at(READING))?;
    let mut taken_bytes = 0_u64;
    for row in rows {
        let (key, row) = row.map_err(Failure::at(READING))?;
        if key.value() != (number, next.0) {
            return Err(damaged(next.max(from), Damage::Missing));
        }
        let mut rest = Rest::of(next, row.value());
        while !rest.is_empty() {
            let offset = rest.offset();
            let stored = rest.next().map_err(|damage| damaged(offset, damage))?;
            if offset < from {
                continue;
            }
            let record = stored.checked().map_err(|damage| damaged(offset, damage))?;
            taken_bytes = taken_bytes.saturating_add(cost_bytes(&record.value));
            if taken_bytes > CHUNK_BYTES && !records.is_empty() {
                return Ok(());
            }
            records.push_back(record);
        }
        next = rest.offset();
    }
    if records.is_empty() { Err(damaged(from, Damage::Missing)) } else { Ok(()) }
}
