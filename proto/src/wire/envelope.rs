//! Envelopes, with whatever stands in them beside payload and signature.

use std::ops::Range;

use bytes::Bytes;
use prost::encoding::{encode_varint, encoded_len_varint};

use super::{Field, Fields, Value, WireError};

const PAYLOAD: u32 = 1;
const SIGNATURE: u32 = 2;

/// An envelope as Go's Unmarshal leaves it, together with the bytes that Go's Marshal makes of it.
///
/// Those bytes are what goes into a block, so they keep unknown fields. Never changed once made; clones share
/// the bytes.
///
/// Source: fabric-protos-go v0.2.0 `common.Envelope`, protobuf-go v1.36.11 `internal/impl/{decode,encode}.go`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Payload, signature, unknown fields, in this order; the three below are parts of it.
    marshalled: Bytes,
    payload: Bytes,
    signature: Bytes,
    unknown: Bytes,
}

impl Envelope {
    /// An envelope without unknown fields.
    #[must_use]
    pub fn new(payload: &[u8], signature: &[u8]) -> Self {
        Self::assemble(payload, signature, &[])
    }

    /// Reads an envelope. Copies nothing when `bytes` are what [`Envelope::marshal`] would give.
    ///
    /// # Errors
    ///
    /// A [`WireError`] where Go's Unmarshal fails.
    pub fn unmarshal(bytes: Bytes) -> Result<Self, WireError> {
        let (mut payload, mut signature, mut unknown) = (0..0, 0..0, Vec::new());
        // Fields are in order as long as none belongs before one that was already met.
        let (mut is_ordered, mut last_place) = (true, 0);
        for field in Fields::new(&bytes) {
            let field = field?;
            let place = match (field.number, &field.value) {
                (PAYLOAD, Value::Bytes(range)) => {
                    payload = range.clone();
                    1
                }
                (SIGNATURE, Value::Bytes(range)) => {
                    signature = range.clone();
                    2
                }
                _ => {
                    unknown.push(field);
                    3
                }
            };
            is_ordered &= place >= last_place;
            last_place = place;
        }

        let unknown_len: usize = unknown.iter().map(unknown_field_len).sum();
        let marshalled_len = known_field_len(&payload) + known_field_len(&signature) + unknown_len;
        // In order, and nothing to be gained by writing it anew: no repeats, no empty fields, no padded varints.
        if is_ordered && marshalled_len == bytes.len() {
            return Ok(Self {
                payload: bytes.slice(payload),
                signature: bytes.slice(signature),
                unknown: bytes.slice(bytes.len() - unknown_len..),
                marshalled: bytes,
            });
        }
        let mut kept = Vec::with_capacity(unknown_len);
        for field in unknown {
            encode_varint(field.tag(), &mut kept);
            kept.extend_from_slice(part(&bytes, field.raw));
        }
        Ok(Self::assemble(part(&bytes, payload), part(&bytes, signature), &kept))
    }

    fn assemble(payload: &[u8], signature: &[u8], unknown: &[u8]) -> Self {
        let known = payload.len() + signature.len();
        let mut out = Vec::with_capacity(known + unknown.len() + 2 * 11);
        let payload = push_known_field(PAYLOAD, payload, &mut out);
        let signature = push_known_field(SIGNATURE, signature, &mut out);
        let unknown_at = out.len();
        out.extend_from_slice(unknown);
        let marshalled = Bytes::from(out);
        Self {
            payload: marshalled.slice(payload),
            signature: marshalled.slice(signature),
            unknown: marshalled.slice(unknown_at..),
            marshalled,
        }
    }

    /// The bytes that Go's Marshal gives. Cheap: they were made when the envelope was.
    #[must_use]
    pub fn marshal(&self) -> Bytes {
        self.marshalled.clone()
    }

    /// What is signed: a marshalled `Payload`. Empty when absent; Go does not tell these apart.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The signature. Empty when absent.
    #[must_use]
    pub fn signature(&self) -> &Bytes {
        &self.signature
    }

    /// All other fields, in the order in which they were met, each with its tag.
    #[must_use]
    pub fn unknown(&self) -> &Bytes {
        &self.unknown
    }

    /// Bytes of payload and signature, which is what every limit of Fabric counts.
    ///
    /// Source: fabric v2.5.16 `orderer/common/blockcutter/blockcutter.go` `messageSizeBytes`.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        (self.payload.len() + self.signature.len()) as u64
    }
}

fn part(bytes: &Bytes, range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// Bytes that payload or signature takes with tag and length; none when it is empty.
fn known_field_len(content: &Range<usize>) -> usize {
    match content.len() {
        0 => 0,
        length => 1 + encoded_len_varint(length as u64) + length,
    }
}

fn unknown_field_len(field: &Field) -> usize {
    encoded_len_varint(field.tag()) + field.raw.len()
}

/// Appends payload or signature unless it is empty, and tells where its content is.
fn push_known_field(number: u32, content: &[u8], out: &mut Vec<u8>) -> Range<usize> {
    if !content.is_empty() {
        encode_varint(u64::from(number) << 3 | 2, out);
        encode_varint(content.len() as u64, out);
        out.extend_from_slice(content);
    }
    out.len() - content.len()..out.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Payload `p`, signature `s` and an unknown field 3, as Go writes them.
    const CANONICAL: &[u8] = &[10, 1, b'p', 18, 1, b's', 24, 7];

    #[test]
    fn odd_forms_become_the_canonical_one() {
        let cases: [&[u8]; 8] = [
            CANONICAL,
            &[18, 1, b's', 10, 1, b'p', 24, 7],
            &[24, 7, 10, 1, b'p', 18, 1, b's'],
            &[10, 0, 10, 1, b'p', 18, 1, b's', 24, 7],
            &[10, 1, b'x', 18, 1, b's', 24, 7, 10, 1, b'p'],
            &[0x8a, 0, 1, b'p', 18, 1, b's', 24, 7],
            &[10, 0x81, 0, b'p', 18, 1, b's', 24, 7],
            &[10, 1, b'p', 18, 1, b's', 0x98, 0, 7],
        ];
        for bytes in cases {
            let envelope = Envelope::unmarshal(Bytes::from_static(bytes)).unwrap();
            assert_eq!(envelope.marshal(), CANONICAL, "{bytes:?}");
            assert_eq!(envelope.payload(), "p");
            assert_eq!(envelope.signature(), "s");
            assert_eq!(envelope.unknown(), &[24, 7][..]);
            assert_eq!(envelope.size_bytes(), 2);
            let is_shared = envelope.marshal().as_ptr() == bytes.as_ptr();
            assert_eq!(is_shared, bytes == CANONICAL, "{bytes:?}");
        }
    }

    #[test]
    fn the_value_of_an_unknown_field_stays_as_it_was() {
        // Field 1 as a padded number, whose tag is padded too: only the tag changes.
        let envelope = Envelope::unmarshal(Bytes::from_static(&[0x88, 0, 0x81, 0])).unwrap();
        assert_eq!(envelope.marshal(), &[8, 0x81, 0][..]);
        assert_eq!(envelope.size_bytes(), 0);
    }

    #[test]
    fn no_bytes_are_an_empty_envelope() {
        let empty = Envelope::unmarshal(Bytes::new()).unwrap();
        assert_eq!(empty, Envelope::new(b"", b""));
        assert!(empty.marshal().is_empty());
    }
}
