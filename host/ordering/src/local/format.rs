//! The tables of the file and their rows. The module above describes them.

use std::collections::HashMap;

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::{Record, RecordHash, TimestampMs};

use super::failure::{Damage, Failure};

/// The number of the file format that this crate reads and writes.
pub const FORMAT: u32 = 1;

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("raddle.log.meta");
pub(super) const CHANNELS: TableDefinition<'_, &str, u32> = TableDefinition::new("raddle.log.channels");
pub(super) const RECORDS: TableDefinition<'_, (u32, i64), &[u8]> = TableDefinition::new("raddle.log.records");

/// Keys of the meta table.
pub(super) const META_FORMAT: &str = "format";
pub(super) const META_ID: &str = "id";

/// What stands before a record in its row: timestamp and checksum.
pub(super) const ROW_HEAD_BYTES: usize = 16;

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
    let (offset, row) = match &last {
        Some((key, row)) => (Offset(key.value().1), row.value()),
        None => (first, first_row.value()),
    };
    let record = decode(offset, row)
        .map_err(|damage| Unfit::Failure(Failure::Damaged { channel: id.clone(), offset, damage }))?;
    let full = || Unfit::Failure(Failure::Full { channel: id.clone() });
    let end = Offset(offset.0.checked_add(1).ok_or_else(full)?);
    Ok(Place { number, first, end, timestamp_ms: record.timestamp_ms })
}

fn storage(error: impl Into<redb::Error>) -> Unfit {
    Unfit::Failure(Failure::at("reading the log")(error))
}

/// Writes a record's row into a slice of `ROW_HEAD_BYTES` and the record's length.
pub(super) fn encode(record: &Record, row: &mut [u8]) {
    let RecordHash(hash) = RecordHash::of(record);
    let head = record.timestamp_ms.0.to_le_bytes().into_iter().chain(hash.into_iter().take(8));
    for (byte, value) in row.iter_mut().zip(head) {
        *byte = value;
    }
    if let Some(rest) = row.get_mut(ROW_HEAD_BYTES..) {
        rest.copy_from_slice(&record.value);
    }
}

/// Reads a row and compares the checksum.
pub(super) fn decode(offset: Offset, row: &[u8]) -> Result<Record, Damage> {
    let short = Damage::Short { size_bytes: row.len(), min_bytes: ROW_HEAD_BYTES };
    let (timestamp, rest) = row.split_first_chunk::<8>().ok_or(short)?;
    let (checksum, value) = rest.split_first_chunk::<8>().ok_or(short)?;
    let timestamp_ms = TimestampMs(i64::from_le_bytes(*timestamp));
    let record = Record { offset, timestamp_ms, value: Bytes::copy_from_slice(value) };
    let RecordHash(hash) = RecordHash::of(&record);
    if hash.starts_with(checksum) { Ok(record) } else { Err(Damage::Checksum) }
}
