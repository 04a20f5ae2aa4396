//! A block before it is signed.

use bytes::Bytes;
use prost::Message;
use raddle_proto::{common, hash, orderer};

use crate::ids::{BlockNumber, Offset};

/// SHA-256 of a block header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockHash(pub [u8; 32]);

/// How far a channel has read its log, as block metadata carry it: `orderer.KafkaMetadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The last offset whose envelope is in a block, or that will never be in one.
    pub last_persisted: Offset,
    /// The watermark of resubmission: envelopes that were first met at or before it are settled.
    pub last_original_processed: Offset,
    /// Where the config record stood that was resubmitted last.
    pub last_resubmitted_config: Offset,
}

impl Offsets {
    /// A channel of which nothing has been read.
    ///
    /// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `getOffsets`.
    pub const START: Self = Self {
        last_persisted: Offset::NOTHING_READ,
        last_original_processed: Offset(0),
        last_resubmitted_config: Offset(0),
    };

    /// As Fabric marshals it.
    #[must_use]
    pub fn marshal(&self) -> Bytes {
        let metadata = orderer::KafkaMetadata {
            last_offset_persisted: self.last_persisted.0,
            last_original_offset_processed: self.last_original_processed.0,
            last_resubmitted_config_offset: self.last_resubmitted_config.0,
        };
        metadata.encode_to_vec().into()
    }
}

/// A block that is cut and not yet signed: header, data, and the values of its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedBlock {
    /// Its place.
    pub number: BlockNumber,
    /// Hash of the header before it.
    pub previous_hash: BlockHash,
    /// SHA-256 over `data`, one after the other.
    pub data_hash: [u8; 32],
    /// Marshalled envelopes.
    pub data: Vec<Bytes>,
    /// The last config block at or before this one.
    pub last_config: BlockNumber,
    /// Marshalled `orderer.KafkaMetadata`; empty in the block that changes the consensus type.
    pub consenter_metadata: Bytes,
}

impl UnsignedBlock {
    /// A block on top of `previous_hash`.
    #[must_use]
    pub fn new(
        number: BlockNumber,
        previous_hash: BlockHash,
        data: Vec<Bytes>,
        last_config: BlockNumber,
        consenter_metadata: Bytes,
    ) -> Self {
        let data_hash = hash::block_data_hash(data.iter().map(AsRef::as_ref));
        Self { number, previous_hash, data_hash, data, last_config, consenter_metadata }
    }

    /// What the header's hash is of, and the last part of what is signed: DER.
    #[must_use]
    pub fn header_bytes(&self) -> Vec<u8> {
        hash::block_header_bytes(self.number.0, &self.previous_hash.0, &self.data_hash)
    }

    /// Hash of the header.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash(hash::block_header_hash(self.number.0, &self.previous_hash.0, &self.data_hash))
    }

    /// The value of metadata entry SIGNATURES: a marshalled `OrdererBlockMetadata`, the first part of what is signed.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/blockwriter.go` `addBlockSignature`.
    #[must_use]
    pub fn signatures_value(&self) -> Bytes {
        let consenter = common::Metadata { value: self.consenter_metadata.clone(), signatures: Vec::new() };
        let value = common::OrdererBlockMetadata {
            last_config: Some(common::LastConfig { index: self.last_config.0 }),
            consenter_metadata: consenter.encode_to_vec().into(),
        };
        value.encode_to_vec().into()
    }

    /// The bytes that an orderer signs, given the signature header that goes beside the signature.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/blockwriter.go` `addBlockSignature`.
    #[must_use]
    pub fn signed_bytes(&self, signature_header: &[u8]) -> Vec<u8> {
        [self.signatures_value().as_ref(), signature_header, &self.header_bytes()].concat()
    }

    /// The whole block, with the given signatures in entry SIGNATURES.
    ///
    /// Five metadata entries: SIGNATURES, LAST_CONFIG, then TRANSACTIONS_FILTER, ORDERER and COMMIT_HASH empty, as
    /// Fabric v2.5 writes them.
    #[must_use]
    pub fn into_block(self, signatures: Vec<common::MetadataSignature>) -> common::Block {
        let signatures_entry = common::Metadata { value: self.signatures_value(), signatures };
        let last_config = common::LastConfig { index: self.last_config.0 };
        let last_config_entry =
            common::Metadata { value: last_config.encode_to_vec().into(), signatures: Vec::new() };
        common::Block {
            header: Some(common::BlockHeader {
                number: self.number.0,
                previous_hash: Bytes::copy_from_slice(&self.previous_hash.0),
                data_hash: Bytes::copy_from_slice(&self.data_hash),
            }),
            data: Some(common::BlockData { data: self.data }),
            metadata: Some(common::BlockMetadata {
                metadata: vec![
                    signatures_entry.encode_to_vec().into(),
                    last_config_entry.encode_to_vec().into(),
                    Bytes::new(),
                    Bytes::new(),
                    Bytes::new(),
                ],
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_names_the_last_config_and_the_offsets() {
        let (metadata, data) = (Offsets::START.marshal(), vec![Bytes::from_static(b"envelope")]);
        let block = UnsignedBlock::new(BlockNumber(9), BlockHash([7; 32]), data, BlockNumber(5), metadata);
        let value = common::OrdererBlockMetadata::decode(block.signatures_value()).unwrap();
        assert_eq!(value.last_config.unwrap().index, 5);
        let consenter = common::Metadata::decode(value.consenter_metadata).unwrap();
        assert_eq!(consenter.value, Offsets::START.marshal());
        let signed = block.signed_bytes(b"signature header");
        let expected = [&block.signatures_value()[..], b"signature header", &block.header_bytes()].concat();
        assert_eq!(signed, expected);
    }
}
