//! Reading DER as Go's `cryptobyte` reads it.
//!
//! What is a certificate and what is not decides who is an identity, and it must be decided as Fabric's peers decide
//! it. So certificates are read with the rules of the parser that Fabric uses. The usual DER crates disagree with it in
//! both directions: on long serial numbers, on tags, on what may follow inside a SEQUENCE.
//!
//! Source: Go 1.26 `vendor/golang.org/x/crypto/cryptobyte/asn1.go`.

use super::oid::Oid;

/// Tags of one octet, as they stand in the encoding.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const NUMERIC_STRING: u8 = 0x12;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const T61_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// The tag of a context-specific element that is primitive.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// The tag of a context-specific element that is constructed.
    pub(crate) const fn context_constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One element: its tag, all its bytes and its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) whole: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// A BIT STRING whose unused bits are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitString<'a> {
    pub(crate) bytes: &'a [u8],
    unused_bits: u8,
}

/// What is left to read. Every method reads nothing and says `None` when the next element is not what is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

// === impl BitString ===

impl BitString<'_> {
    /// The bits as a number's octets: moved right, so that the last bit is the last bit of the last octet.
    pub(crate) fn right_aligned(&self) -> Vec<u8> {
        if self.unused_bits == 0 {
            return self.bytes.to_vec();
        }
        let mut carry = 0;
        self.bytes
            .iter()
            .map(|&byte| {
                let aligned = carry | (byte >> self.unused_bits);
                carry = byte << (8 - self.unused_bits);
                aligned
            })
            .collect()
    }

    /// The bit at `index`, counted from the highest of the first octet. Bits that are not there are zero.
    pub(crate) fn bit(&self, index: usize) -> bool {
        self.bytes.get(index / 8).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the next element has this tag.
    pub(crate) fn is_next(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    /// The next element, whatever its tag. Tags of several octets and lengths that are not minimal are refused.
    pub(crate) fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, after_tag) = self.rest.split_first()?;
        let (&first, after_first) = after_tag.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, header) = if first & 0x80 == 0 {
            (usize::from(first), 2)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let octets = after_first.get(..count)?;
            let length = octets.iter().fold(0_u32, |length, &octet| (length << 8) | u32::from(octet));
            if length < 0x80 || octets.first() == Some(&0) {
                return None;
            }
            (usize::try_from(length).ok()?, 2 + count)
        };
        let (whole, rest) = self.rest.split_at_checked(header.checked_add(length)?)?;
        self.rest = rest;
        Some(Element { tag, whole, content: whole.get(header..)? })
    }

    /// The next element, if it has this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.any().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// The content of the next element, if it has this tag.
    pub(crate) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element(tag).map(|element| element.content)
    }

    /// A reader of the content of the next element, if it has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.content(tag).map(Reader::new)
    }

    /// As [`Reader::enter`], but an absent element is `Some(None)`; `None` is a malformed one.
    pub(crate) fn enter_optional(&mut self, tag: u8) -> Option<Option<Reader<'a>>> {
        if self.is_next(tag) { self.enter(tag).map(Some) } else { Some(None) }
    }

    /// The octets of an INTEGER in its shortest form, two's complement.
    pub(crate) fn integer(&mut self) -> Option<&'a [u8]> {
        self.content(tag::INTEGER).filter(|octets| is_minimal_integer(octets))
    }

    /// A number under `tag`, an INTEGER's or one in its place, that fits 64 bits.
    pub(crate) fn integer_i64(&mut self, tag: u8) -> Option<i64> {
        let octets = self.content(tag).filter(|octets| is_minimal_integer(octets) && octets.len() <= 8)?;
        let start = if octets.first()? & 0x80 == 0 { 0 } else { -1 };
        Some(octets.iter().fold(start, |value: i64, &octet| (value << 8) | i64::from(octet)))
    }

    pub(crate) fn oid(&mut self) -> Option<Oid<'a>> {
        self.content(tag::OBJECT_IDENTIFIER).and_then(Oid::new)
    }

    pub(crate) fn boolean(&mut self) -> Option<bool> {
        match self.content(tag::BOOLEAN)? {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    pub(crate) fn bit_string(&mut self) -> Option<BitString<'a>> {
        let (&unused_bits, bytes) = self.content(tag::BIT_STRING)?.split_first()?;
        let is_clean = match bytes.last() {
            None => unused_bits == 0,
            Some(last) => unused_bits <= 7 && last & ((1_u8 << unused_bits) - 1) == 0,
        };
        is_clean.then_some(BitString { bytes, unused_bits })
    }
}

/// Whether an INTEGER's content is the shortest that means it.
pub(crate) fn is_minimal_integer(octets: &[u8]) -> bool {
    match octets {
        [] => false,
        [_] => true,
        [first, second, ..] => !(*first == 0 && second & 0x80 == 0 || *first == 0xff && second & 0x80 != 0),
    }
}

/// An element's bytes: tag, shortest length, content.
pub(crate) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    if let Ok(short @ 0..=0x7f) = u8::try_from(content.len()) {
        encoded.push(short);
    } else {
        let octets = u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes();
        let octets: Vec<u8> = octets.into_iter().skip_while(|&octet| octet == 0).collect();
        encoded.push(0x80 | u8::try_from(octets.len()).unwrap_or(8));
        encoded.extend(octets);
    }
    encoded.extend_from_slice(content);
    encoded
}

/// The bytes of an INTEGER that is not negative, from its octets in any length.
pub(crate) fn encode_unsigned(octets: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = octets.iter().copied().skip_while(|&octet| octet == 0).collect();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    encode(tag::INTEGER, &content)
}
