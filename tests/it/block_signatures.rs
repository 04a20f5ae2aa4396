//! Who must sign a block: what real Go orderers signed holds, and nothing that differs by a bit.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use raddle_core::access::{Access, PolicyVerdict};
use raddle_core::bundle::read_genesis;
use raddle_core::policy::BLOCK_VALIDATION;
use raddle_proto::common;

use crate::harness::Recorded;

fn access(recorded: &Recorded) -> Arc<Access> {
    let genesis = read_genesis(recorded.genesis.clone()).unwrap();
    Arc::clone(&genesis.config.access)
}

/// The block with another entry SIGNATURES.
fn with_signatures(block: &common::Block, change: impl FnOnce(&mut common::Metadata)) -> common::Block {
    let mut changed = block.clone();
    let entry = &mut changed.metadata.as_mut().unwrap().metadata[0];
    let mut metadata = common::Metadata::decode(entry.clone()).unwrap();
    change(&mut metadata);
    *entry = metadata.encode_to_vec().into();
    changed
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut changed = bytes.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    changed.into()
}

#[test]
fn what_go_orderers_signed_holds() {
    for recorded in [Recorded::mychannel(), Recorded::syschannel()] {
        let access = access(&recorded);
        for block in &recorded.blocks[1..] {
            let number = block.header.as_ref().unwrap().number;
            let verdict = access.evaluate_block(BLOCK_VALIDATION, block);
            assert_eq!(verdict, PolicyVerdict::Satisfied, "block {number}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_under_the_signature_or_in_it_does_not_hold() {
    let recorded = Recorded::mychannel();
    let access = access(&recorded);
    let block = &recorded.blocks[3];
    let mut other_number = block.clone();
    other_number.header.as_mut().unwrap().number ^= 1;
    let mut other_data = block.clone();
    let header = other_data.header.as_mut().unwrap();
    header.data_hash = flipped(&header.data_hash);
    let changed = [
        other_number,
        other_data,
        with_signatures(block, |metadata| metadata.value = flipped(&metadata.value)),
        with_signatures(block, |metadata| {
            metadata.signatures[0].signature = flipped(&metadata.signatures[0].signature);
        }),
        with_signatures(block, |metadata| {
            metadata.signatures[0].signature_header = flipped(&metadata.signatures[0].signature_header);
        }),
        with_signatures(block, |metadata| metadata.signatures.clear()),
        common::Block { metadata: None, ..block.clone() },
    ];
    for (place, changed) in changed.iter().enumerate() {
        let verdict = access.evaluate_block(BLOCK_VALIDATION, changed);
        assert!(matches!(verdict, PolicyVerdict::Denied(_)), "{place}: {verdict:?}");
        let proof = access.prove_block(BLOCK_VALIDATION, changed).unwrap();
        assert!(!proof.policy.holds, "{place}");
    }
}

#[test]
fn a_missing_policy_and_odd_metadata_are_told_apart() {
    let recorded = Recorded::mychannel();
    let access = access(&recorded);
    let block = &recorded.blocks[3];
    assert_eq!(access.evaluate_block("/Channel/Nobody", block), PolicyVerdict::Missing);
    let mut odd = block.clone();
    odd.metadata.as_mut().unwrap().metadata[0] = Bytes::from_static(b"\xff");
    let bad_header =
        with_signatures(block, |it| it.signatures[0].signature_header = Bytes::from_static(b"\xff"));
    let no_header = common::Block { header: None, ..block.clone() };
    for changed in [odd, bad_header, no_header] {
        let verdict = access.evaluate_block(BLOCK_VALIDATION, &changed);
        assert!(matches!(verdict, PolicyVerdict::Unreadable(_)), "{verdict:?}");
        assert!(access.prove_block(BLOCK_VALIDATION, &changed).is_none());
    }
}
