//! The tables of the file and their rows. The module above describes them.

use std::collections::HashMap;

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use twox_hash::XxHash3_64;

use crate::{Record, TimestampMs};

use super::failure::{Damage, Failure};

/// The number of the file format that this crate reads and writes.
pub const FORMAT: u32 = 2;

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("raddle.log.meta");
pub(super) const CHANNELS: TableDefinition<'_, &str, u32> = TableDefinition::new("raddle.log.channels");
pub(super) const RECORDS: TableDefinition<'_, (u32, i64), &[u8]> = TableDefinition::new("raddle.log.records");

/// Keys of the meta table.
pub(super) const META_FORMAT: &str = "format";
pub(super) const META_ID: &str = "id";

/// What stands before a record in its row: timestamp, checksum and size.
const HEAD_BYTES: usize = 20;

/// Where a row is full, unless its only record is longer. With its key it fills a page of redb of 64 KiB.
const ROW_BYTES_MAX: usize = (64 << 10) - 256;

/// Neighbouring records of a channel, which are written together: a row for each costs redb a page for each.
#[derive(Debug)]
pub(super) struct Row {
    pub first: Offset,
    pub bytes: Vec<u8>,
}

/// A row's records that are still to be read.
pub(super) struct Rest {
    row_bytes: usize,
    /// The next record's.
    offset: Offset,
    rest: Bytes,
}

/// A record as it stands in its row.
pub(super) struct Stored {
    record: Record,
    checksum: u64,
}

/// Where a channel's next record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub number: u32,
    pub first: Offset,
    /// The next record's.
    pub end: Offset,
    /// The last record's.
    pub timestamp_ms: TimestampMs,
}

/// What the log knows of a file without reading its records.
#[derive(Debug)]
pub(super) struct Contents {
    /// 32 hexadecimal digits.
    pub id: String,
    pub places: HashMap<ChannelId, Place>,
}

/// Why a database is no log that can be opened.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is something else's database.
    NoLog,
    /// The format's number is another one.
    Format(u32),
    /// The meta table or the table of channels contradicts itself.
    Contradiction(String),
    Failure(Failure),
}

/// Writes the meta table and makes the others, in one transaction.
pub(super) fn initialise(database: &Database, id: [u8; 16]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT.to_le_bytes().as_slice())?;
        meta.insert(META_ID, id.as_slice())?;
        transaction.open_table(CHANNELS)?;
        transaction.open_table(RECORDS)?;
    }
    Ok(transaction.commit()?)
}

/// Reads what must be known before anything is appended or read.
pub(super) fn load(database: &Database) -> Result<Contents, Unfit> {
    let transaction = database.begin_read().map_err(storage)?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_) | redb::TableError::TableTypeMismatch { .. }) => {
            return Err(Unfit::NoLog);
        }
        Err(error) => return Err(storage(error)),
    };
    // The format comes first: of another one, nothing else is known.
    match meta_bytes(&meta, META_FORMAT)?.map(u32::from_le_bytes) {
        Some(FORMAT) => {}
        Some(other) => return Err(Unfit::Format(other)),
        None => return Err(Unfit::NoLog),
    }
    let no_id = || Unfit::Contradiction("its id is missing".to_owned());
    let id: [u8; 16] = meta_bytes(&meta, META_ID)?.ok_or_else(no_id)?;
    let id = id.iter().map(|byte| format!("{byte:02x}")).collect();

    let channels = transaction.open_table(CHANNELS).map_err(storage)?;
    let records = transaction.open_table(RECORDS).map_err(storage)?;
    let mut places = HashMap::new();
    let mut owners = HashMap::new();
    for row in channels.iter().map_err(storage)? {
        let (id, number) = row.map_err(storage)?;
        let (id, number) = (ChannelId(id.value().to_owned()), number.value());
        if let Some(other) = owners.insert(number, id.clone()) {
            return Err(Unfit::Contradiction(format!("channels {other} and {id} both have number {number}")));
        }
        let place = load_place(&records, &id, number)?;
        places.insert(id, place);
    }
    Ok(Contents { id, places })
}

fn meta_bytes<const N: usize>(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<[u8; N]>, Unfit> {
    let Some(value) = meta.get(key).map_err(storage)? else { return Ok(None) };
    let found = value.value();
    let wrong = |_| Unfit::Contradiction(format!("its {key} has {} bytes, not {N}", found.len()));
    found.try_into().map(Some).map_err(wrong)
}

fn load_place(
    records: &impl ReadableTable<(u32, i64), &'static [u8]>,
    id: &ChannelId,
    number: u32,
) -> Result<Place, Unfit> {
    let mut rows = records.range((number, i64::MIN)..=(number, i64::MAX)).map_err(storage)?;
    let first = rows.next().transpose().map_err(storage)?;
    let last = rows.next_back().transpose().map_err(storage)?;
    let Some((first_key, first_row)) = first else {
        return Err(Unfit::Contradiction(format!("channel {id} has no record")));
    };
    let first = Offset(first_key.value().1);
    let last = match &last {
        Some((key, row)) => last_of(Offset(key.value().1), row.value()),
        None => last_of(first, first_row.value()),
    };
    let Record { offset, timestamp_ms, .. } = last.map_err(|(offset, damage)| {
        Unfit::Failure(Failure::Damaged { channel: id.clone(), offset, damage })
    })?;
    let full = || Unfit::Failure(Failure::Full { channel: id.clone() });
    let end = Offset(offset.0.checked_add(1).ok_or_else(full)?);
    Ok(Place { number, first, end, timestamp_ms })
}

/// The last record of a row, or where the row is damaged.
fn last_of(first: Offset, row: &[u8]) -> Result<Record, (Offset, Damage)> {
    let mut rest = Rest::of(first, row);
    loop {
        let offset = rest.offset();
        let stored = rest.next().map_err(|damage| (offset, damage))?;
        if rest.is_empty() {
            return stored.checked().map_err(|damage| (offset, damage));
        }
    }
}

fn storage(error: impl Into<redb::Error>) -> Unfit {
    Unfit::Failure(Failure::at("reading the log")(error))
}

// === impl Row ===

impl Row {
    /// A row without records, the first of which will have this offset.
    pub(super) fn new(first: Offset) -> Self {
        Self { first, bytes: Vec::new() }
    }

    /// Whether a record may go behind those that are there.
    pub(super) fn has_room_for(&self, record: &Record) -> bool {
        let needed = self.bytes.len().saturating_add(HEAD_BYTES).saturating_add(record.value.len());
        self.bytes.is_empty() || needed <= ROW_BYTES_MAX
    }

    /// Puts a record at the end. None if it is longer than a row can say, which no log takes.
    pub(super) fn push(&mut self, record: &Record) -> Option<()> {
        let size_bytes = u32::try_from(record.value.len()).ok()?;
        self.bytes.extend(record.timestamp_ms.0.to_le_bytes());
        self.bytes.extend(checksum(record).to_le_bytes());
        self.bytes.extend(size_bytes.to_le_bytes());
        self.bytes.extend_from_slice(&record.value);
        Some(())
    }
}

// === impl Rest ===

impl Rest {
    /// All records of a row.
    pub(super) fn of(first: Offset, row: &[u8]) -> Self {
        Self { row_bytes: row.len(), offset: first, rest: Bytes::copy_from_slice(row) }
    }

    /// The next record's offset.
    pub(super) fn offset(&self) -> Offset {
        self.offset
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next record off the front.
    pub(super) fn next(&mut self) -> Result<Stored, Damage> {
        let short = |missing_bytes: usize| Damage::Short {
            size_bytes: self.row_bytes,
            min_bytes: self.row_bytes.saturating_add(missing_bytes),
        };
        let headless = || short(HEAD_BYTES.saturating_sub(self.rest.len()));
        let (timestamp, rest) = self.rest.split_first_chunk::<8>().ok_or_else(headless)?;
        let (checksum, rest) = rest.split_first_chunk::<8>().ok_or_else(headless)?;
        let (size, rest) = rest.split_first_chunk::<4>().ok_or_else(headless)?;
        let size_bytes = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let cut = || short(size_bytes.saturating_sub(rest.len()));
        let (value, rest) = rest.split_at_checked(size_bytes).ok_or_else(cut)?;
        let timestamp_ms = TimestampMs(i64::from_le_bytes(*timestamp));
        let record = Record { offset: self.offset, timestamp_ms, value: self.rest.slice_ref(value) };
        let stored = Stored { record, checksum: u64::from_le_bytes(*checksum) };
        self.rest = self.rest.slice_ref(rest);
        self.offset = Offset(self.offset.0.saturating_add(1));
        Ok(stored)
    }
}

// === impl Stored ===

impl Stored {
    /// The record, if it is as it was written.
    pub(super) fn checked(self) -> Result<Record, Damage> {
        if checksum(&self.record) == self.checksum { Ok(self.record) } else { Err(Damage::Checksum) }
    }
}

/// Of the record; a changed timestamp changes it too. It is against disks that forget, not against people.
fn checksum(record: &Record) -> u64 {
    let seed = u64::from_le_bytes(record.timestamp_ms.0.to_le_bytes());
    XxHash3_64::oneshot_with_seed(seed, &record.value)
}
