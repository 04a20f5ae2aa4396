//! The files' format, byte by byte: what one version writes, all later ones of this format read.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::*;
use crate::check::hex;

/// The rows of the index after three recorded blocks, with values that can be told apart: each field of the chain state
/// and of the place in the ordered log on a line of its own.
const ROWS: [&[&str]; 7] = [
    &[
        "meta anchor ",
        "0500000000000000",
        "0505050505050505050505050505050505050505050505050505050505050505",
        "05000000",
        "6b61666b61",
        "636c7573746572",
    ],
    &["meta channel 6d796368616e6e656c"],
    &["meta id 07070707070707070707070707070707"],
    &[
        "meta state ",
        "0200000000000000",
        "6394226421b0baf2b471977664b6e8757ab15d9a84abc44d947f03dd8d676f2d",
        "0100000000000000",
        "0500000000000000",
        "fdffffffffffffff",
        "0400000000000000",
        "01",
    ],
    &["blocks 0 (32, 20942)"],
    &["blocks 1 (20982, 10916)"],
    &["blocks 2 (31906, 6044)"],
];

#[test]
fn the_format_is_what_it_was() {
    let mut blocks = recorded();
    let offsets = Offsets {
        last_persisted: Offset(5),
        last_original_processed: Offset(-3),
        last_resubmitted_config: Offset(4),
    };
    let state =
        ChainState { last_config: BlockNumber(1), offsets, is_cut_by_next_record: true, ..blocks[2].state };
    blocks[2] = NewBlock { state, anchor: Some(anchor(5)), ..blocks[2].clone() };
    let disk = Disk::with_ledger(&blocks[0]);
    let ledger = disk.open();
    ledger.commit(&blocks[1..2]).unwrap();
    ledger.commit(&blocks[2..3]).unwrap();
    drop(ledger);
    let [file, index] = disk.live();
    // The check value of CRC-32C: another polynomial has another.
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(&file[..16], b"raddleblocks\x01\0\0\0");
    assert_eq!(file[16..32], [7; 16]);
    // Size and checksum of block 0.
    assert_eq!(hex(&file[32..40]), "ce5100003285a7d8");
    assert_eq!(file.len(), 37_958);
    assert_eq!(
        hex(&Sha256::digest(&file)),
        "97088725f76965d1f5edcea27b316d96e076f5d097af362f5dd283e87502dcde"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.redb");
    std::fs::write(&path, index).unwrap();
    let database = Database::open(path).unwrap();
    let transaction = database.begin_read().unwrap();
    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("raddle.ledger.meta");
    let rows: TableDefinition<'_, u64, (u64, u32)> = TableDefinition::new("raddle.ledger.blocks");
    let mut dump = Vec::new();
    for row in transaction.open_table(meta).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        dump.push(format!("meta {} {}", key.value(), hex(value.value())));
    }
    for row in transaction.open_table(rows).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        dump.push(format!("blocks {} {:?}", key.value(), value.value()));
    }
    assert_eq!(dump, ROWS.map(|row| row.concat()));
    assert_eq!(transaction.list_tables().unwrap().count(), 2);
}
