//! How messages of the service become bytes and come from them.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, BytesMut};
use prost::Message;
use raddle_proto::wire::Envelope;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

/// Reads requests as envelopes by Go's rules, and writes answers of type `T`.
pub(crate) struct EnvelopeCodec<T>(PhantomData<fn() -> T>);

impl<T> Default for EnvelopeCodec<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + Send + 'static> Codec for EnvelopeCodec<T> {
    type Encode = T;
    type Decode = Envelope;
    type Encoder = ProstEncoder<T>;
    type Decoder = EnvelopeDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
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
        // A copy: the buffer may be far larger than this message, and a slice would keep all of it in memory.
        let mut bytes = BytesMut::with_capacity(buffer.remaining());
        bytes.put(buffer);
        let envelope = Envelope::unmarshal(bytes.freeze());
        let envelope = envelope.map_err(|error| {
            Status::internal(format!("grpc: failed to unmarshal the received message: proto: {error}"))
        })?;
        Ok(Some(envelope))
    }
}
