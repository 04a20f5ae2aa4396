//! How messages of the service become bytes and come from them.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use raddle_proto::{common, orderer::BroadcastResponse, wire::Envelope};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_prost::ProstEncoder;

use crate::intake::SMALL_BYTES_MAX;

/// Reads requests as envelopes by Go's rules, and writes answers of type `T`.
pub(crate) struct EnvelopeCodec<T>(PhantomData<fn() -> T>);

impl<T> Default for EnvelopeCodec<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// What a server answers with.
pub(crate) trait Answer: Send + Sized + 'static {
    type Encoder: Encoder<Item = Self, Error = Status> + Default + Send + 'static;
}

impl Answer for BroadcastResponse {
    type Encoder = ProstEncoder<Self>;
}

impl Answer for crate::client::node::ModulesReport {
    type Encoder = ProstEncoder<Self>;
}

impl Answer for Delivered {
    type Encoder = DeliveredEncoder;
}

impl<T: Answer> Codec for EnvelopeCodec<T> {
    type Encode = T;
    type Decode = Envelope;
    type Encoder = T::Encoder;
    type Decoder = EnvelopeDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        T::Encoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        EnvelopeDecoder
    }
}

/// Reads an envelope by Go's rules: unknown fields are kept, known ones of a wrong wire type are unknown.
pub(crate) struct EnvelopeDecoder;

impl Decoder for EnvelopeDecoder {
    type Item = Envelope;
    type Error = Status;

    /// # Errors
    ///
    /// `Internal` where Go's Unmarshal fails, with the words of Go's server as far as they go; what follows is
    /// our own description of the fault.
    ///
    /// Source: grpc-go v1.79.3 `rpc_util.go` `recv`.
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Envelope>, Status> {
        let envelope = Envelope::unmarshal(take_out(buffer));
        let envelope = envelope.map_err(|error| {
            Status::internal(format!("grpc: failed to unmarshal the received message: proto: {error}"))
        })?;
        Ok(Some(envelope))
    }
}

/// A message, out of the buffer in which it came. A copy if it is small: the buffer may be far larger, and a slice
/// would keep all of it in memory. For a large one the buffer was made, and a copy would hold up all that this thread
/// does for others.
fn take_out(buffer: &mut impl Buf) -> Bytes {
    let length = buffer.remaining();
    if length > SMALL_BYTES_MAX {
        return buffer.copy_to_bytes(length);
    }
    let mut bytes = BytesMut::with_capacity(length);
    bytes.put(buffer);
    bytes.freeze()
}

/// Tags of `DeliverResponse.Type`.
const STATUS: u32 = 1;
const BLOCK: u32 = 2;

/// A `DeliverResponse` whose block is bytes already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    Status(common::Status),
    /// A marshalled `common.Block`.
    Block(Bytes),
}

impl Delivered {
    /// The length of the marshalled `DeliverResponse`.
    pub(crate) fn encoded_len(&self) -> usize {
        // Both tags take one byte.
        match self {
            Self::Status(status) => 1 + encoded_len_varint(status_number(*status)),
            Self::Block(block) => 1 + encoded_len_varint(block.len() as u64) + block.len(),
        }
    }

    fn encode(self, buffer: &mut impl BufMut) {
        match self {
            Self::Status(status) => {
                encode_key(STATUS, WireType::Varint, buffer);
                encode_varint(status_number(status), buffer);
            }
            Self::Block(block) => {
                encode_key(BLOCK, WireType::LengthDelimited, buffer);
                encode_varint(block.len() as u64, buffer);
                buffer.put_slice(&block);
            }
        }
    }
}

/// No status is negative.
fn status_number(status: common::Status) -> u64 {
    i32::from(status).unsigned_abs().into()
}

/// Writes blocks as the bytes they are.
#[derive(Default)]
pub(crate) struct DeliveredEncoder;

impl Encoder for DeliveredEncoder {
    type Item = Delivered;
    type Error = Status;

    fn encode(&mut self, delivered: Delivered, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(delivered.encoded_len());
        delivered.encode(buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use raddle_proto::{
        common::{Block, BlockData, BlockHeader, BlockMetadata},
        orderer::{DeliverResponse, deliver_response::Type},
    };

    use super::*;

    #[test]
    fn a_small_message_leaves_its_buffer_and_a_large_one_is_not_copied() {
        for (length, is_copied) in [(0, true), (SMALL_BYTES_MAX, true), (SMALL_BYTES_MAX + 1, false)] {
            let mut buffer = BytesMut::zeroed(2 * SMALL_BYTES_MAX);
            let there = buffer.as_ptr();
            let message = take_out(&mut (&mut buffer).take(length));
            assert_eq!((message.len(), buffer.len()), (length, 2 * SMALL_BYTES_MAX - length));
            assert_eq!(message.as_ptr() != there, is_copied, "{length}");
        }
    }

    fn bytes(delivered: Delivered) -> Vec<u8> {
        let (length, mut bytes) = (delivered.encoded_len(), Vec::new());
        delivered.encode(&mut bytes);
        assert_eq!(bytes.len(), length);
        bytes
    }

    fn as_prost_writes(r#type: Type) -> Vec<u8> {
        DeliverResponse { r#type: Some(r#type) }.encode_to_vec()
    }

    #[test]
    fn a_status_is_what_prost_writes() {
        for number in [0, 200, 400, 403, 404, 413, 500, 501, 503] {
            let status = common::Status::try_from(number);
            let written = status.map(|status| bytes(Delivered::Status(status)));
            assert_eq!(written, Ok(as_prost_writes(Type::Status(number))));
        }
    }

    fn check(block: Block) {
        let written = bytes(Delivered::Block(block.encode_to_vec().into()));
        assert_eq!(written, as_prost_writes(Type::Block(block)));
    }

    #[test]
    fn an_empty_block_is_there_and_empty() {
        check(Block::default());
        assert_eq!(bytes(Delivered::Block(Bytes::new())), [0x12, 0]);
    }

    proptest! {
        #[test]
        fn a_block_is_what_prost_writes(
            number in any::<u64>(),
            hashes in any::<[[u8; 32]; 2]>(),
            sizes in prop::collection::vec(0_usize..100_000, 0..5),
            metadata in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5),
        ) {
            let [previous_hash, data_hash] = hashes.map(|hash| Bytes::from(hash.to_vec()));
            check(Block {
                header: Some(BlockHeader { number, previous_hash, data_hash }),
                data: Some(BlockData { data: sizes.iter().map(|size| vec![7; *size].into()).collect() }),
                metadata: Some(BlockMetadata { metadata: metadata.into_iter().map(Bytes::from).collect() }),
            });
        }
    }
}
