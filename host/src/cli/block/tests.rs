//! Blocks of any bytes are verified and viewed without harm, and what is verified is what Go orderers wrote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use prost::Message as _;
use raddle_core::ids::ChannelId;
use raddle_proto::common;

use super::text::text;
use super::view::BlockView;
use crate::client::{Config, Verifier, Vouched};

static BLOCKS: &[u8] = include_bytes!("../../../../tests/golden/fabric-2.5/mychannel.blocks.gz");

fn recorded(count: usize) -> Vec<common::Block> {
    let mut bytes = Vec::new();
    GzDecoder::new(BLOCKS).read_to_end(&mut bytes).unwrap();
    let mut bytes = Bytes::from(bytes);
    (0..count).map(|_| common::Block::decode_length_delimited(&mut bytes).unwrap()).collect()
}

/// The parts of a block that hashes and signatures vouch for.
fn vouched_for(
    block: &common::Block,
) -> (Option<&common::BlockHeader>, Option<&common::BlockData>, Option<&Bytes>) {
    let signatures = block.metadata.as_ref().and_then(|metadata| metadata.metadata.first());
    (block.header.as_ref(), block.data.as_ref(), signatures)
}

/// One bit of each byte of a block that Go orderers wrote.
#[test]
fn a_flipped_bit_is_noticed_wherever_it_is_and_shown_without_harm() {
    let channel = ChannelId("mychannel".into());
    let blocks = recorded(2);
    let bytes = blocks[1].encode_to_vec();
    let genesis = Config::read(&channel, &blocks[0]).unwrap();
    let header = blocks[0].header.as_ref().unwrap();
    let mut verifier = Some(Verifier::after(channel.clone(), header, genesis));
    let (mut refused, mut harmless, mut undecodable) = (0, 0, 0);
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        let Ok(block) = common::Block::decode(changed.as_slice()) else {
            undecodable += 1;
            continue;
        };
        let mut current = verifier.take().unwrap();
        if current.verify(&block).is_ok() {
            assert_eq!(vouched_for(&block), vouched_for(&blocks[1]), "byte {place}");
            harmless += 1;
            let genesis = Config::read(&channel, &blocks[0]).unwrap();
            current = Verifier::after(channel.clone(), header, genesis);
        } else {
            refused += 1;
        }
        verifier = Some(current);
        let vouched = Vouched { number: 1, config: Some(0) };
        let header = block.header.clone().unwrap_or_default();
        let view = BlockView::new(&channel, &header, &block, vouched, true);
        assert!(!text(&view).contains('\u{1b}'));
        assert!(serde_json::to_string(&view).is_ok());
    }
    assert!(refused > 10_000 && undecodable > 10, "{refused} {harmless} {undecodable}");
    // The four empty entries behind SIGNATURES.
    assert!((1..=16).contains(&harmless), "{harmless}");
}
