//! Hashes and messages against blocks that Fabric wrote.

use bytes::Bytes;
use prost::Message;
use raddle_proto::{
    common::{Block, ConfigEnvelope, Payload},
    hash::{block_data_hash, block_header_hash},
    wire::{Envelope, channel_header, go_decode, signature_header},
};

use crate::{from_hex, golden};

/// Genesis blocks, their channels, and the `previous_hash` of the block 1 that was recorded after them.
const GENESIS: [(&str, &str, Option<&str>); 4] = [
    ("appkafka.block", "appkafka", None),
    (
        "kafka-genesis.block",
        "syschannel",
        Some("77adaa7edfbd64cfbf84c7bb665c6731d67938c7c9814bcaa9041edeaab8d047"),
    ),
    (
        "mychannel.block",
        "mychannel",
        Some("74142644128ccb96895a4e9075e39e822022fc7e63245e999cc70e1e97332aa7"),
    ),
    ("raftchannel.block", "raftchannel", None),
];

fn block(file: &str) -> (Bytes, Block) {
    let bytes = Bytes::from(golden(&format!("fabric-2.5/{file}")));
    let block = go_decode(bytes.clone()).unwrap();
    (bytes, block)
}

#[test]
fn hashes_equal_recorded_ones() {
    for (file, _, next_previous_hash) in GENESIS {
        let (_, block) = block(file);
        let header = block.header.unwrap();
        let data_hash = block_data_hash(block.data.unwrap().data.iter().map(|envelope| &envelope[..]));
        assert_eq!(header.data_hash, data_hash[..], "{file}");
        if let Some(expected) = next_previous_hash {
            let hash = block_header_hash(header.number, &header.previous_hash, &header.data_hash);
            assert_eq!(hash[..], from_hex(expected), "{file}");
        }
    }
}

#[test]
fn recorded_blocks_encode_to_the_same_bytes() {
    for (file, _, _) in GENESIS {
        let (bytes, block) = block(file);
        assert_eq!(block.encode_to_vec(), bytes, "{file}");
    }
}

#[test]
fn recorded_envelopes_are_read_without_a_copy() {
    for (file, channel, _) in GENESIS {
        let (_, block) = block(file);
        let bytes = block.data.unwrap().data.remove(0);
        let envelope = Envelope::unmarshal(bytes.clone()).unwrap();
        assert_eq!(envelope.marshal().as_ptr(), bytes.as_ptr(), "{file}");
        assert_eq!(channel_header(&envelope).unwrap().channel_id, channel);
        assert_eq!(signature_header(&envelope).unwrap().nonce.len(), 24, "{file}");
    }
}

#[test]
fn no_part_of_a_recorded_config_is_lost() {
    for (file, _, _) in GENESIS {
        let (_, block) = block(file);
        let envelope = Envelope::unmarshal(block.data.unwrap().data.remove(0)).unwrap();
        let payload: Payload = go_decode(envelope.payload().clone()).unwrap();
        let config: ConfigEnvelope = go_decode(payload.data.clone()).unwrap();
        // Fabric does not sort its maps, so the length must do.
        assert_eq!(config.encoded_len(), payload.data.len(), "{file}");
        let root = config.config.unwrap().channel_group.unwrap();
        assert!(root.groups.contains_key("Orderer"), "{file}");
    }
}
