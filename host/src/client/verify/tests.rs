//! What Go orderers wrote holds, and nothing that differs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use flate2::read::GzDecoder;
use prost::Message as _;
use std::io::Read as _;

use super::*;

fn recorded() -> Vec<common::Block> {
    let gzipped = include_bytes!("../../../../tests/golden/fabric-2.5/mychannel.blocks.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(&gzipped[..]).read_to_end(&mut bytes).unwrap();
    let mut bytes = Bytes::from(bytes);
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        blocks.push(common::Block::decode_length_delimited(&mut bytes).unwrap());
    }
    blocks
}

fn channel() -> ChannelId {
    ChannelId("mychannel".into())
}

fn header(block: &mut common::Block) -> &mut common::BlockHeader {
    block.header.as_mut().unwrap()
}

fn flip(bytes: &mut Bytes) {
    let mut changed = bytes.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    *bytes = changed.into();
}

/// A verifier that has verified all blocks below `number`.
fn verifier(blocks: &[common::Block], number: usize) -> Verifier {
    let mut verifier = Verifier::from_start(channel());
    for block in &blocks[..number] {
        verifier.verify(block).unwrap();
    }
    verifier
}

#[test]
fn a_whole_channel_holds_and_each_block_by_the_config_before_it() {
    let blocks = recorded();
    let mut verifier = Verifier::from_start(channel());
    let mut by = Vec::new();
    for block in &blocks {
        by.push(verifier.verify(block).unwrap().config);
    }
    assert_eq!(by.len(), 262);
    assert_eq!(
        (by[0], by[1], by[17], by[18], by[58], by[261]),
        (None, Some(0), Some(0), Some(17), Some(17), Some(260))
    );
    assert!(verifier.config().unwrap().is_on_a_log());
    assert_eq!(verifier.next_number(), 262);
}

#[test]
fn a_block_holds_by_itself_with_the_block_before_it_and_the_config_it_names() {
    let blocks = recorded();
    for number in [1, 17, 18, 100, 250, 261] {
        let config = config_in_force(&blocks[number - 1], &blocks[number]).unwrap();
        let config = Config::read(&channel(), &blocks[usize::try_from(config).unwrap()]).unwrap();
        let previous = blocks[number - 1].header.as_ref().unwrap();
        let vouched = Verifier::after(channel(), previous, config).verify(&blocks[number]).unwrap();
        assert!(vouched.config.is_some(), "{number}");
    }
}

#[test]
fn each_fault_is_told_with_what_was_expected_and_found() {
    let blocks = recorded();
    let changed = |change: &dyn Fn(&mut common::Block)| {
        let mut block = blocks[3].clone();
        change(&mut block);
        let mut verifier = verifier(&blocks, 3);
        let fault = verifier.verify(&block).unwrap_err();
        // A fault changes nothing: the right block still follows.
        verifier.verify(&blocks[3]).unwrap();
        fault.to_string()
    };
    let data_hash = hex(&blocks[3].header.as_ref().unwrap().data_hash);
    let previous = hex(&blocks[3].header.as_ref().unwrap().previous_hash);
    for (said, expected) in [
        (changed(&|block| block.header = None), "a block came without a header where block 3 was to come".into()),
        (changed(&|block| header(block).number = 4), "block 4 came where block 3 was to come".into()),
        (
            changed(&|block| flip(&mut block.data.as_mut().unwrap().data[0])),
            format!("block 3 holds other data than its header says: expected data hash {data_hash}, found "),
        ),
        (
            changed(&|block| flip(&mut header(block).previous_hash)),
            format!("block 3 does not follow block 2: expected previous hash {previous}, found "),
        ),
        (
            changed(&|block| {
                let other = blocks[40].metadata.clone();
                block.metadata = other;
            }),
            "block 3 names a wrong config block: expected 0, found 17".into(),
        ),
        (
            changed(&|block| block.metadata = blocks[4].metadata.clone()),
            "the signatures of block 3 do not satisfy /Channel/Orderer/BlockValidation of the config in block 0: \
             implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the \
             'Writers' sub-policies to be satisfied"
                .into(),
        ),
        (
            changed(&|block| block.metadata.as_mut().unwrap().metadata[0] = Bytes::from_static(b"\xff")),
            "the metadata of block 3 cannot be read: ".into(),
        ),
        (
            changed(&|block| block.metadata = None),
            "the signatures of block 3 do not satisfy /Channel/Orderer/BlockValidation".into(),
        ),
    ] {
        assert!(said.starts_with(&expected), "{said}\nwanted: {expected}");
    }
}

#[test]
fn a_config_of_another_channel_and_what_is_no_config_are_not_taken() {
    let blocks = recorded();
    let other = ChannelId("other".into());
    let said = |outcome: Result<Config, BlockFault>| outcome.err().unwrap().to_string();
    assert_eq!(
        said(Config::read(&other, &blocks[17])),
        "the config in block 17 cannot be used: it is of channel \"mychannel\", not of \"other\""
    );
    assert_eq!(
        said(Config::read(&channel(), &blocks[1])),
        "the config in block 1 cannot be used: it is no config block: its envelope is of type 0"
    );
    let empty = common::Block { data: None, ..blocks[17].clone() };
    assert!(said(Config::read(&channel(), &empty)).contains("it has no envelope"));
    let fault = Verifier::from_start(other).verify(&blocks[0]).unwrap_err();
    assert!(matches!(fault, BlockFault::Config { number: 0, .. }), "{fault}");
}

#[test]
fn offsets_are_those_of_a_log() {
    let blocks = recorded();
    assert_eq!(offsets(&blocks[0]), None);
    let read = offsets(&blocks[256]).unwrap();
    assert_eq!((read.last_offset_persisted, read.last_original_offset_processed), (1952, 907));
    // Before v1.4.1 they stood apart, and the last config too.
    let mut old = blocks[256].clone();
    let entry = |value: Vec<u8>| {
        Bytes::from(common::Metadata { value: value.into(), signatures: Vec::new() }.encode_to_vec())
    };
    let last_config = common::LastConfig { index: 17 };
    old.metadata = Some(common::BlockMetadata {
        metadata: vec![
            Bytes::new(),
            entry(last_config.encode_to_vec()),
            Bytes::new(),
            entry(read.encode_to_vec()),
        ],
    });
    assert_eq!((offsets(&old), super::last_config(&old)), (Some(read), Ok(17)));
}
