//! The tables of the index and their rows. The crate's front page describes them.

use raddle_core::block::{BlockHash, Offsets};
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
};
use redb::{TableError, WriteTransaction};

use crate::blocks::FRAME_BYTES;
use crate::{LogAnchor, Stored};

/// The number of the file format that this crate reads and writes.
pub const FORMAT: u32 = 1;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("raddle.ledger.meta");
const BLOCKS: TableDefinition<'_, u64, (u64, u32)> = TableDefinition::new("raddle.ledger.blocks");

/// Keys of the meta table.
const META_ID: &str = "id";
const META_CHANNEL: &str = "channel";
const META_STATE: &str = "state";
const META_ANCHOR: &str = "anchor";

const STATE_BYTES: usize = 73;

/// Where a block is in the file of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where what stands before the block begins.
    pub at: u64,
    /// The block's own size.
    pub size_bytes: u32,
}

impl Row {
    /// Where the next block begins.
    pub fn end(&self) -> u64 {
        self.at.saturating_add(FRAME_BYTES).saturating_add(u64::from(self.size_bytes))
    }
}

/// What the index knows without its rows.
#[derive(Debug)]
pub(crate) struct Contents {
    pub id: [u8; 16],
    pub channel: ChannelId,
    pub stored: Stored,
    /// Where the next block goes.
    pub end: u64,
}

/// Why a database is no index that can be opened.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It is something else's, or contradicts itself.
    Contradiction(String),
    Failure(redb::Error),
}

/// Makes the tables, with the row of block 0.
pub(crate) fn initialise(
    database: &Database,
    id: [u8; 16],
    channel: &ChannelId,
    stored: &Stored,
    genesis: &[Row],
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_ID, id.as_slice())?;
        meta.insert(META_CHANNEL, channel.0.as_bytes())?;
    }
    write(&transaction, BlockNumber(0), genesis, stored)?;
    Ok(transaction.commit()?)
}

/// Writes the rows of blocks and the state behind the last of them.
pub(crate) fn write(
    transaction: &WriteTransaction,
    first: BlockNumber,
    rows: &[Row],
    stored: &Stored,
) -> Result<(), redb::Error> {
    let mut blocks = transaction.open_table(BLOCKS)?;
    for (number, row) in (first.0..).zip(rows) {
        blocks.insert(number, (row.at, row.size_bytes))?;
    }
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_STATE, encode_state(&stored.chain).as_slice())?;
    match &stored.anchor {
        Some(anchor) => meta.insert(META_ANCHOR, encode_anchor(anchor).as_slice())?,
        None => meta.remove(META_ANCHOR)?,
    };
    Ok(())
}

/// The rows from one block on and before another, as many as `is_enough` lets by. Fewer where one is missing.
pub(crate) fn rows(
    transaction: &ReadTransaction,
    from: BlockNumber,
    end: BlockNumber,
    mut fits: impl FnMut(&Row) -> bool,
) -> Result<Vec<Row>, redb::Error> {
    let table = transaction.open_table(BLOCKS)?;
    let mut rows = Vec::new();
    for (row, expected) in table.range(from.0..end.0)?.zip(from.0..) {
        let (number, row) = row?;
        let (at, size_bytes) = row.value();
        let row = Row { at, size_bytes };
        if number.value() != expected || !fits(&row) {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Reads what must be known before anything is written or read.
pub(crate) fn load(database: &Database) -> Result<Contents, Unfit> {
    let contradiction = |what: &str| Unfit::Contradiction(what.to_owned());
    let transaction = database.begin_read().map_err(failure)?;
    let no_index = || contradiction("its file index.redb is a redb database of something else");
    let table_error = |error| match error {
        TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. } => no_index(),
        error => failure(error),
    };
    let meta = transaction.open_table(META).map_err(table_error)?;
    let blocks = transaction.open_table(BLOCKS).map_err(table_error)?;
    let missing = |key: &str| contradiction(&format!("its {key} is missing in index.redb"));

    let id = bytes(&meta, META_ID)?.ok_or_else(no_index)?;
    let wrong = |_| contradiction(&format!("its id has {} bytes in index.redb, not 16", id.len()));
    let id = id.as_slice().try_into().map_err(wrong)?;
    let channel = bytes(&meta, META_CHANNEL)?.ok_or_else(|| missing(META_CHANNEL))?;
    let channel = String::from_utf8(channel)
        .map_err(|_| contradiction("the id of its channel is not UTF-8 in index.redb"))?;
    let state = bytes(&meta, META_STATE)?.ok_or_else(|| missing(META_STATE))?;
    let chain =
        decode_state(&state).ok_or_else(|| contradiction("its chain state cannot be read in index.redb"))?;
    let anchor = match bytes(&meta, META_ANCHOR)? {
        Some(row) => Some(
            decode_anchor(&row)
                .ok_or_else(|| contradiction("its place in the ordered log cannot be read in index.redb"))?,
        ),
        None => None,
    };

    let rows = blocks.len().map_err(failure)?;
    let last = blocks.last().map_err(failure)?;
    let last = last.ok_or_else(|| contradiction("index.redb names no block"))?;
    let (number, (at, size_bytes)) = (last.0.value(), last.1.value());
    if number != chain.tip.0 || rows != number.saturating_add(1) {
        let what = format!(
            "index.redb names {rows} blocks, the last is {number}, and its chain state says {}",
            chain.tip
        );
        return Err(Unfit::Contradiction(what));
    }
    let end = Row { at, size_bytes }.end();
    Ok(Contents { id, channel: ChannelId(channel), stored: Stored { chain, anchor }, end })
}

fn bytes(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Vec<u8>>, Unfit> {
    Ok(meta.get(key).map_err(failure)?.map(|value| value.value().to_vec()))
}

fn failure(error: impl Into<redb::Error>) -> Unfit {
    Unfit::Failure(error.into())
}

fn encode_state(state: &ChainState) -> Vec<u8> {
    let row = [
        state.tip.0.to_le_bytes().as_slice(),
        &state.tip_hash.0,
        &state.last_config.0.to_le_bytes(),
        &state.offsets.last_persisted.0.to_le_bytes(),
        &state.offsets.last_original_processed.0.to_le_bytes(),
        &state.offsets.last_resubmitted_config.0.to_le_bytes(),
        &[u8::from(state.is_cut_by_next_record)],
    ]
    .concat();
    debug_assert_eq!(row.len(), STATE_BYTES);
    row
}

fn decode_state(row: &[u8]) -> Option<ChainState> {
    let mut row = row;
    let state = ChainState {
        tip: BlockNumber(u64::from_le_bytes(take(&mut row)?)),
        tip_hash: BlockHash(take(&mut row)?),
        last_config: BlockNumber(u64::from_le_bytes(take(&mut row)?)),
        offsets: Offsets {
            last_persisted: Offset(i64::from_le_bytes(take(&mut row)?)),
            last_original_processed: Offset(i64::from_le_bytes(take(&mut row)?)),
            last_resubmitted_config: Offset(i64::from_le_bytes(take(&mut row)?)),
        },
        is_cut_by_next_record: match take(&mut row)? {
            [0] => false,
            [1] => true,
            _ => return None,
        },
    };
    row.is_empty().then_some(state)
}

fn encode_anchor(anchor: &LogAnchor) -> Vec<u8> {
    let kind_bytes = u32::try_from(anchor.log_kind.len()).unwrap_or(u32::MAX);
    [
        anchor.offset.0.to_le_bytes().as_slice(),
        &anchor.record_hash,
        &kind_bytes.to_le_bytes(),
        anchor.log_kind.as_bytes(),
        anchor.log_id.as_bytes(),
    ]
    .concat()
}

fn decode_anchor(row: &[u8]) -> Option<LogAnchor> {
    let mut row = row;
    let offset = Offset(i64::from_le_bytes(take(&mut row)?));
    let record_hash = take(&mut row)?;
    let kind_bytes = usize::try_from(u32::from_le_bytes(take(&mut row)?)).ok()?;
    let (kind, id) = row.split_at_checked(kind_bytes)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(LogAnchor { log_kind: text(kind)?, log_id: text(id)?, offset, record_hash })
}

/// Takes bytes off the front.
fn take<const N: usize>(row: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = row.split_first_chunk::<N>()?;
    *row = rest;
    Some(*first)
}
