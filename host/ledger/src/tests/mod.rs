//! Tests of the ledger: real redb, on real files and on a disk that tests can fail, freeze and crash.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod commits;
mod crash;
mod disk;
mod failing;
mod golden;
mod held;
mod kill;
mod model;
mod opening;
mod reading;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use raddle_core::block::{BlockHash, Offsets, UnsignedBlock};
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_proto::{common, hash, orderer};
use tempfile::TempDir;

use crate::{Ledger, LogAnchor, NewBlock, ReadError, Settings};

/// A folder for one ledger.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("mychannel")
    }

    fn create(&self, genesis: &NewBlock) -> Ledger {
        Ledger::create(&self.path(), &mychannel(), &genesis.block, &settings()).unwrap()
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path(), &mychannel(), &settings()).unwrap()
    }
}

fn mychannel() -> ChannelId {
    ChannelId("mychannel".to_owned())
}

fn settings() -> Settings {
    Settings::default()
}

/// Readers get nothing from memory.
fn without_tail() -> Settings {
    Settings { tail_bytes: 0, ..settings() }
}

/// All blocks of a channel as an orderer wrote them, each with the state that its metadata carry.
fn recorded() -> Vec<NewBlock> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5/mychannel.blocks.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let mut bytes = Bytes::from(bytes);
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let size = usize::try_from(prost::encoding::decode_varint(&mut bytes).unwrap()).unwrap();
        blocks.push(with_state(bytes.split_to(size)));
    }
    blocks
}

fn with_state(bytes: Bytes) -> NewBlock {
    let block = common::Block::decode(bytes.clone()).unwrap();
    let header = block.header.unwrap();
    let hash = BlockHash(hash::block_header_hash(header.number, &header.previous_hash, &header.data_hash));
    if header.number == 0 {
        return NewBlock { block: bytes, state: ChainState::genesis(hash), anchor: None };
    }
    let signatures = common::Metadata::decode(block.metadata.unwrap().metadata[0].clone()).unwrap();
    let signed = common::OrdererBlockMetadata::decode(signatures.value).unwrap();
    let consenter = common::Metadata::decode(signed.consenter_metadata).unwrap();
    let offsets = orderer::KafkaMetadata::decode(consenter.value).unwrap();
    let state = ChainState {
        tip: BlockNumber(header.number),
        tip_hash: hash,
        last_config: BlockNumber(signed.last_config.unwrap().index),
        offsets: Offsets {
            last_persisted: Offset(offsets.last_offset_persisted),
            last_original_processed: Offset(offsets.last_original_offset_processed),
            last_resubmitted_config: Offset(offsets.last_resubmitted_config_offset),
        },
        is_cut_by_next_record: header.number % 2 == 1,
    };
    NewBlock { block: bytes, state, anchor: Some(anchor(offsets.last_offset_persisted)) }
}

fn anchor(offset: i64) -> LogAnchor {
    LogAnchor {
        log_kind: "kafka".to_owned(),
        log_id: "cluster".to_owned(),
        offset: Offset(offset),
        record_hash: [offset.to_le_bytes()[0]; 32],
    }
}

/// A block of one envelope of this size on top of another; the first on top of none.
fn made(before: Option<&NewBlock>, size: usize) -> NewBlock {
    let (number, previous) =
        before.map_or((0, BlockHash([0; 32])), |it| (it.state.tip.0 + 1, it.state.tip_hash));
    let fill = number.to_le_bytes()[0];
    let data = vec![Bytes::from(vec![fill; size])];
    let block = UnsignedBlock::new(BlockNumber(number), previous, data, BlockNumber(0), Bytes::new());
    let hash = block.hash();
    let offset = i64::try_from(number).unwrap();
    let mut state = ChainState::genesis(hash);
    state.tip = BlockNumber(number);
    if number > 0 {
        state.offsets.last_persisted = Offset(offset);
    }
    let bytes = block.into_block(Vec::new()).encode_to_vec().into();
    NewBlock { block: bytes, state, anchor: (number > 0).then(|| anchor(offset)) }
}

/// Asserts that a ledger holds these blocks, with what belongs to the last of them, and no others.
fn assert_holds(ledger: &Ledger, blocks: &[NewBlock]) {
    assert_eq!(ledger.height(), blocks.len() as u64);
    let last = blocks.last().unwrap();
    let stored = ledger.state();
    assert_eq!((stored.chain, &stored.anchor), (last.state, &last.anchor));
    for (number, new) in (0..).map(BlockNumber).zip(blocks) {
        assert_eq!(ledger.block(number).unwrap().unwrap(), new.block, "{number}");
    }
    assert!(ledger.block(BlockNumber(ledger.height())).unwrap().is_none());
    let mut reported = Vec::new();
    ledger.verify(|checked, all| reported.push((checked, all))).unwrap();
    assert_eq!(reported.last(), Some(&(ledger.height(), ledger.height())));
}
