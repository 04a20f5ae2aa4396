//! Blocks, as clients, peers of ours and admins who join a channel bring them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;
use raddle::client::{Config, Verifier, last_config};
use raddle_core::bundle::{is_config_block, read_config_block, read_genesis, read_join_block};
use raddle_core::ids::ChannelId;
use raddle_proto::common;
use raddle_proto::wire::go_decode;

use super::mutation::{mutate, mutations};
use super::{Outcome, try_inputs};
use crate::harness::Recorded;

/// The recorded channel's blocks, and who verifies some of them: they know all before.
struct Blocks {
    channel: ChannelId,
    blocks: Vec<common::Block>,
    verifiers: RefCell<BTreeMap<usize, Verifier>>,
}

impl Blocks {
    fn read() -> Self {
        let Recorded { blocks, .. } = Recorded::mychannel();
        let channel = ChannelId("mychannel".into());
        let this = Self { channel, blocks, verifiers: RefCell::default() };
        // The first ones, all config blocks, and those that these judge.
        let is_config = |place: usize| is_config_block(&this.blocks[place]);
        let is_wanted = |place: &usize| *place < 20 || is_config(*place) || is_config(place - 1);
        let places: Vec<usize> = (0..this.blocks.len()).filter(is_wanted).collect();
        this.verifiers.replace(places.iter().map(|place| (*place, this.verifier(*place))).collect());
        this
    }

    fn verifier(&self, place: usize) -> Verifier {
        let Some(before) = place.checked_sub(1) else { return Verifier::from_start(self.channel.clone()) };
        let before = &self.blocks[before];
        let config = usize::try_from(last_config(before).unwrap()).unwrap();
        let config = Config::read(&self.channel, &self.blocks[config]).unwrap();
        Verifier::after(self.channel.clone(), before.header.as_ref().unwrap(), config)
    }

    /// Whether bytes are taken for the block of this place. Only the block itself is, and one whose bytes are divided
    /// into other envelopes: in Fabric's format the data hash does not say where one ends.
    fn verify(&self, place: usize, block: &common::Block) -> Outcome {
        let verified = self.verifiers.borrow_mut().get_mut(&place).unwrap().verify(block);
        if verified.is_ok() {
            let original = &self.blocks[place];
            assert!(block.header == original.header && data(block) == data(original));
            if place > 0 {
                assert_eq!(last_config(block).unwrap(), last_config(original).unwrap());
                // What the signatures are over. The other entries nobody vouches for.
                assert_eq!(vouched_for(block), vouched_for(original));
            }
            let again = self.verifier(place);
            self.verifiers.borrow_mut().insert(place, again);
        }
        Outcome::of(&verified)
    }
}

/// What the data hash is over.
fn data(block: &common::Block) -> Vec<u8> {
    block.data.as_ref().map(|data| data.data.concat()).unwrap_or_default()
}

/// What a block's signatures are over beside its header.
fn vouched_for(block: &common::Block) -> Bytes {
    let entry = block.metadata.as_ref().unwrap().metadata[0].clone();
    go_decode::<common::Metadata>(entry).unwrap().value
}

/// Reads the bytes as the block that begins a channel, or with which one is joined.
fn read_as_a_beginning(bytes: &Bytes, block: &common::Block) {
    let (genesis, config) = (read_genesis(bytes.clone()), read_config_block(bytes.clone()));
    if let Ok(genesis) = &genesis {
        let config = config.expect("a genesis block is a config block");
        assert_eq!(genesis.config.config, config.config.config);
        let again = read_genesis(genesis.block.encode_to_vec().into()).unwrap();
        assert_eq!(again.config.config, genesis.config.config);
    }
    let joins = read_join_block(block);
    assert!(joins.is_err() || is_config_block(block));
}

#[test]
fn block() {
    let blocks = Blocks::read();
    let places: Vec<usize> = blocks.verifiers.borrow().keys().copied().collect();
    assert!(places.len() > 30);
    let all: Vec<Vec<u8>> = blocks.blocks.iter().map(prost::Message::encode_to_vec).collect();
    let strategy = (any::<Index>(), mutations());
    try_inputs("block", 300, &strategy, |(which, mutations)| {
        let place = *which.get(&places);
        let bytes = Bytes::from(mutate(&all[place], &mutations, &all));
        let decoded = go_decode::<common::Block>(bytes.clone());
        let Ok(block) = decoded else {
            assert!(read_genesis(bytes).is_err());
            return Outcome::Refused;
        };
        assert_eq!(go_decode::<common::Block>(block.encode_to_vec().into()).as_ref(), Ok(&block));
        if block.encoded_len() < 1 << 20 {
            read_as_a_beginning(&bytes, &block);
        }
        blocks.verify(place, &block)
    });
}
