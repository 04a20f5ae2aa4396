//! The files' format, byte by byte: what one version writes, all later ones of this format read.

use raddle_proto::hash::hex;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::*;

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
    &["blocks 1 (20986, 10916)"],
    &["blocks 2 (31914, 6044)"],
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
    // What XXH3 makes of nothing, as its specification says.
    assert_eq!(twox_hash::XxHash3_64::oneshot(b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(&file[..16], b"raddleblocks\x01\0\0\0");
    assert_eq!(file[16..32], [7; 16]);
    // Size and checksum of block 0.
    assert_eq!(hex(&file[32..44]), "ce510000223c09aa2161351f");
    assert_eq!(file.len(), 37_970);
    assert_eq!(
        hex(&Sha256::digest(&file)),
        "4851900c9c43e98c944dace6492ab0b7e496c5d9f03daf41b8a09e8a38807e21"
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
