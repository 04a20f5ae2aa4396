//! The walk over a message's fields that everything else here is made of.

use std::ops::Range;

use super::WireError;

/// Most groups inside a group. Source: `protowire.DefaultRecursionLimit`.
pub const GROUP_DEPTH_MAX: usize = 10_000;

/// Greatest number of a message's field. Source: `protowire.MaxValidNumber`.
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

/// Greatest number of a field inside a group. Source: `protowire.DecodeTag`, which spares room for message sets.
const GROUP_FIELD_NUMBER_MAX: u64 = i32::MAX as u64;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

/// One field of a message as it stands in the bytes. Ranges count from the start of the whole buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// 1 to 2^29 − 1.
    pub number: u32,
    /// What follows the tag, read by its wire type.
    pub value: Value,
    /// All bytes after the tag: a length prefix and a group's end tag are among them.
    pub raw: Range<usize>,
}

/// A field's value by its wire type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1: eight bytes.
    Fixed64,
    /// Wire type 2: where the bytes behind the length prefix are.
    Bytes(Range<usize>),
    /// Wire type 3: a well-formed group with its end.
    Group,
    /// Wire type 5: four bytes.
    Fixed32,
}

impl Field {
    /// The tag, as an integer. Its varint of least length is what Go writes before an unknown value.
    #[must_use]
    pub fn tag(&self) -> u64 {
        let wire_type = match self.value {
            Value::Varint(_) => VARINT,
            Value::Fixed64 => FIXED64,
            Value::Bytes(_) => BYTES,
            Value::Group => START_GROUP,
            Value::Fixed32 => FIXED32,
        };
        u64::from(self.number) << 3 | u64::from(wire_type)
    }
}

/// The fields of a message, one after the other. After an error it is at its end.
///
/// Every value, known or unknown, is checked as Go's `protowire.ConsumeFieldValue` does; Go's readers of known
/// fields take and refuse the same bytes.
///
/// Source: protobuf-go v1.36.11 `internal/impl/decode.go` `unmarshalPointerEager`, `encoding/protowire/wire.go`.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Walks the message that is all of `buffer`.
    #[must_use]
    pub fn new(buffer: &'a [u8]) -> Self {
        Self { buffer, at: 0 }
    }

    /// Walks the message that is `range` of `buffer`. What of `range` lies outside of `buffer` is not there.
    #[must_use]
    pub fn within(buffer: &'a [u8], range: Range<usize>) -> Self {
        let end = range.end.min(buffer.len());
        Self { buffer: buffer.get(..end).unwrap_or_default(), at: range.start }
    }

    fn field(&mut self) -> Result<Field, WireError> {
        let at = self.at;
        let (number, wire_type) = self.tag(FIELD_NUMBER_MAX)?;
        let start = self.at;
        let value = match wire_type {
            START_GROUP => {
                self.skip_group(number)?;
                Value::Group
            }
            _ => self.scalar(at, number, wire_type)?,
        };
        // The tag's check has bounded the number.
        let number = number as u32;
        Ok(Field { number, value, raw: start..self.at })
    }

    /// Reads a tag; numbers reach from 1 to `number_max`.
    fn tag(&mut self, number_max: u64) -> Result<(u64, u8), WireError> {
        let at = self.at;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > number_max {
            return Err(WireError::FieldNumber { at, number, max: number_max });
        }
        Ok((number, (tag & 7) as u8))
    }

    /// Reads a value that is no group; `at` is where its tag began.
    fn scalar(&mut self, at: usize, number: u64, wire_type: u8) -> Result<Value, WireError> {
        match wire_type {
            VARINT => self.varint().map(Value::Varint),
            FIXED64 => self.take(at, 8).map(|_| Value::Fixed64),
            FIXED32 => self.take(at, 4).map(|_| Value::Fixed32),
            BYTES => {
                let length = self.varint()?;
                self.take(at, length).map(Value::Bytes)
            }
            END_GROUP => Err(WireError::EndGroup { at, number }),
            _ => Err(WireError::WireType { at, wire_type }),
        }
    }

    /// Reads on to the end of group `number`, whose tag was just read. Keeps the open groups in a list, so that
    /// no input can exhaust the stack.
    fn skip_group(&mut self, number: u64) -> Result<(), WireError> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            let at = self.at;
            let (number, wire_type) = self.tag(GROUP_FIELD_NUMBER_MAX)?;
            match wire_type {
                END_GROUP if number == innermost => {
                    open.pop();
                }
                START_GROUP if open.len() > GROUP_DEPTH_MAX => {
                    return Err(WireError::GroupDepth { at, max: GROUP_DEPTH_MAX });
                }
                START_GROUP => open.push(number),
                _ => {
                    self.scalar(at, number, wire_type)?;
                }
            }
        }
        Ok(())
    }

    /// Reads a varint of at most ten bytes; the tenth may be 0 or 1.
    fn varint(&mut self) -> Result<u64, WireError> {
        let at = self.at;
        let rest = self.buffer.get(at..).unwrap_or_default();
        let mut value = 0;
        for (index, byte) in rest.iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                return Err(WireError::VarintOverflow { at });
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at = at + index + 1;
                return Ok(value);
            }
        }
        Err(WireError::Truncated { at })
    }

    /// Takes the next `length` bytes; `at` is where the field began.
    fn take(&mut self, at: usize, length: u64) -> Result<Range<usize>, WireError> {
        let left = self.buffer.len().saturating_sub(self.at);
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let start = self.at;
                self.at += length;
                Ok(start..self.at)
            }
            _ => Err(WireError::Truncated { at }),
        }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.buffer.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.buffer.len();
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;

    fn walk(bytes: &[u8]) -> Result<Vec<Field>, WireError> {
        Fields::new(bytes).collect()
    }

    #[test]
    fn a_field_has_a_number_a_value_and_its_bytes() {
        let cases: [(&[u8], u32, Value); 6] = [
            (&[0x08, 0x96, 1], 1, Value::Varint(150)),
            (&[0x11, 1, 2, 3, 4, 5, 6, 7, 8], 2, Value::Fixed64),
            (&[0x1a, 2, 7, 7], 3, Value::Bytes(2..4)),
            (&[0x23, 0x2b, 0x2c, 0x24], 4, Value::Group),
            (&[0x2d, 1, 2, 3, 4], 5, Value::Fixed32),
            (&[0xf8, 0xff, 0xff, 0xff, 0x0f, 1], (1 << 29) - 1, Value::Varint(1)),
        ];
        for (bytes, number, value) in cases {
            let start = if number > 15 { 5 } else { 1 };
            let field = Field { number, value, raw: start..bytes.len() };
            assert_eq!(u64::from(bytes[0] & 7), field.tag() & 7);
            assert_eq!(walk(bytes), Ok(vec![field]));
        }
    }

    #[test]
    fn a_malformed_field_is_named_with_its_place() {
        let overlong = [&[0x08][..], &[0xff; 9], &[2]].concat();
        let cases: [(&[u8], WireError); 9] = [
            (&[0x08], WireError::Truncated { at: 1 }),
            (&[0x0a, 2, 7], WireError::Truncated { at: 0 }),
            (&[0x15, 0, 0, 0], WireError::Truncated { at: 0 }),
            (&overlong, WireError::VarintOverflow { at: 1 }),
            (&[0x00, 1], WireError::FieldNumber { at: 0, number: 0, max: FIELD_NUMBER_MAX }),
            (&[0x0e], WireError::WireType { at: 0, wire_type: 6 }),
            (&[0x0c], WireError::EndGroup { at: 0, number: 1 }),
            (&[0x0b, 0x14], WireError::EndGroup { at: 1, number: 2 }),
            (&[0x0b, 0x08, 1], WireError::Truncated { at: 3 }),
        ];
        for (bytes, error) in cases {
            assert_eq!(walk(bytes), Err(error), "{bytes:02x?}");
        }
    }

    #[test]
    fn groups_go_ten_thousand_deep() {
        let nested = |levels| [vec![0x0b; levels], vec![0x0c; levels]].concat();
        assert!(walk(&nested(GROUP_DEPTH_MAX + 1)).is_ok());
        let too_deep = WireError::GroupDepth { at: GROUP_DEPTH_MAX + 1, max: GROUP_DEPTH_MAX };
        assert_eq!(walk(&nested(GROUP_DEPTH_MAX + 2)), Err(too_deep.clone()));
        assert_eq!(walk(&[0x0b; 1_000_000]), Err(too_deep));
    }

    #[test]
    fn an_error_ends_the_walk() {
        let mut fields = Fields::new(&[0x0e, 0x08, 1]);
        assert!(fields.next().is_some_and(|field| field.is_err()));
        assert_eq!(fields.next(), None);
    }

    #[test]
    fn a_range_is_a_message_of_its_own() {
        let bytes = [0x0a, 2, 0x08, 5, 0x08, 9];
        let inner: Vec<_> = Fields::within(&bytes, 2..4).flatten().collect();
        assert_eq!(inner, [Field { number: 1, value: Value::Varint(5), raw: 3..4 }]);
        // A length that leads out of the range is not followed.
        let cut: Vec<_> = Fields::within(&bytes, 0..3).collect();
        assert_eq!(cut, [Err(WireError::Truncated { at: 0 })]);
        assert_eq!(Fields::within(&bytes, 9..20).next(), None);
    }
}
