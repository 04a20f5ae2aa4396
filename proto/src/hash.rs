//! Hashes that chain blocks together.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Sha256Hash = [u8; 32];

/// Two lower-case hexadecimal digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const TAG_INTEGER: u8 = 0x02;
const TAG_OCTET_STRING: u8 = 0x04;
const TAG_SEQUENCE: u8 = 0x30;

/// A block header in DER: a SEQUENCE of INTEGER `number`, OCTET STRING `previous_hash`, OCTET STRING `data_hash`.
///
/// Both hashes may have any length: block 0 has an empty `previous_hash`.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `BlockHeaderBytes`.
#[must_use]
pub fn block_header_bytes(number: u64, previous_hash: &[u8], data_hash: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(16 + previous_hash.len() + data_hash.len());
    push_der(&mut content, TAG_INTEGER, &integer(number));
    push_der(&mut content, TAG_OCTET_STRING, previous_hash);
    push_der(&mut content, TAG_OCTET_STRING, data_hash);
    let mut der = Vec::with_capacity(6 + content.len());
    push_der(&mut der, TAG_SEQUENCE, &content);
    der
}

/// SHA-256 of a block header's DER form: the `previous_hash` of the next block.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `BlockHeaderHash`.
#[must_use]
pub fn block_header_hash(number: u64, previous_hash: &[u8], data_hash: &[u8]) -> Sha256Hash {
    Sha256::digest(block_header_bytes(number, previous_hash, data_hash)).into()
}

/// SHA-256 over a block's marshalled envelopes, one after the other.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `BlockDataHash`.
#[must_use]
pub fn block_data_hash<'a>(envelopes: impl IntoIterator<Item = &'a [u8]>) -> Sha256Hash {
    let mut hasher = Sha256::new();
    for envelope in envelopes {
        hasher.update(envelope);
    }
    hasher.finalize().into()
}

/// The least big-endian two's complement bytes of `number`: a leading zero keeps a set high bit from meaning minus.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let mut content: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    content
}

/// Appends one DER element. Lengths from 128 on take the long form, with as few bytes as they need.
fn push_der(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = (content.len() as u64).to_be_bytes();
    match content.len() {
        short @ 0..0x80 => out.push(short as u8),
        _ => {
            let least = length.into_iter().skip_while(|byte| *byte == 0);
            out.push(0x80 | least.clone().count() as u8);
            out.extend(least);
        }
    }
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_a_der_integer_of_least_length() {
        let cases: [(u64, &[u8]); 6] = [
            (0, &[0]),
            (1, &[1]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (256, &[1, 0]),
            (u64::MAX, &[0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ];
        for (number, bytes) in cases {
            assert_eq!(integer(number), bytes, "{number}");
        }
    }

    #[test]
    fn long_contents_have_long_lengths() {
        for (length, header) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (255, &[4, 0x81, 255]),
            (256, &[4, 0x82, 1, 0]),
            (65_536, &[4, 0x83, 1, 0, 0]),
        ] {
            let mut der = Vec::new();
            push_der(&mut der, TAG_OCTET_STRING, &vec![7; length]);
            assert!(der.starts_with(header), "{length}");
            assert_eq!(der.len(), header.len() + length);
        }
    }

    #[test]
    fn a_header_is_one_sequence() {
        let der = block_header_bytes(200, &[], &[0xaa; 2]);
        assert_eq!(der, [0x30, 10, 2, 2, 0, 200, 4, 0, 4, 2, 0xaa, 0xaa]);
    }

    #[test]
    fn digits_are_lower_case_and_two_for_each_byte() {
        assert_eq!(hex(&[0, 7, 0xab, 0xff]), "0007abff");
    }

    #[test]
    fn data_is_hashed_as_if_joined() {
        let parts: [&[u8]; 3] = [b"ab", b"", b"c"];
        assert_eq!(block_data_hash(parts), block_data_hash([&b"abc"[..]]));
    }
}
