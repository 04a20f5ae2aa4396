//! Messages decoded with Go's rules.
//!
//! prost does the decoding, but it fails where a known field has a wrong wire type, and Go does not. So the bytes
//! are first walked by the message's schema. Nearly always nothing is amiss and prost gets them as they are;
//! otherwise it gets a copy without the fields that Go would set aside.

use std::ops::Range;

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{
    Fields, Value, WireError,
    schema::{Kind, MessageSchema, schema},
};

/// Most messages inside a message. A map's entry is a message too.
///
/// Differs: Go stops at 10,000, or nowhere for the types that Fabric generated with an old compiler. prost stops
/// here, and nothing that Fabric accepts comes near it.
pub const MESSAGE_DEPTH_MAX: usize = 100;

/// Bytes that a rewritten length takes, whatever it is: nine times seven bits hold the length of any slice.
const LENGTH_BYTES: usize = 9;

/// Decodes any message of this crate: fails where Go's Unmarshal fails and holds the same known fields otherwise.
/// Unknown fields are dropped. Takes time linear in the length of `bytes`, and shares them where it can.
///
/// # Errors
///
/// A [`WireError`] where Go fails. [`WireError::MessageDepth`] above [`MESSAGE_DEPTH_MAX`].
/// [`WireError::NoSchema`] for a type that this crate does not generate.
pub fn go_decode<M>(bytes: Bytes) -> Result<M, WireError>
where
    M: prost::Message + prost::Name + Default,
{
    let name = M::full_name();
    let Some(schema) = schema(&name) else {
        return Err(WireError::NoSchema { name });
    };
    let all = 0..bytes.len();
    if is_plain(schema, &bytes, all.clone(), 0)? {
        return Ok(M::decode(bytes)?);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    push_plain(schema, &bytes, all, &mut plain)?;
    Ok(M::decode(Bytes::from(plain))?)
}

/// What a field is to a message.
enum Role {
    /// Known, and of the wire type that belongs to it.
    Known,
    /// The same, and a message itself.
    Nested(&'static MessageSchema, Range<usize>),
    /// Unknown, or set aside for its wire type.
    Unknown,
    /// The same, but it leaves an empty message behind if there is none yet.
    Empty,
}

fn role(schema: &MessageSchema, number: u32, value: &Value) -> Role {
    let Some(field) = schema.field(number) else {
        return Role::Unknown;
    };
    match (&field.kind, value) {
        (Kind::Message(nested), Value::Bytes(range)) => Role::Nested(nested, range.clone()),
        (Kind::Bytes | Kind::Text, Value::Bytes(_))
        | (Kind::Varint, Value::Varint(_))
        | (Kind::Fixed32, Value::Fixed32)
        | (Kind::Fixed64, Value::Fixed64) => Role::Known,
        // Numbers packed into one value; whether they fill it exactly is left to prost, which has Go's rules.
        (Kind::Varint | Kind::Fixed32 | Kind::Fixed64, Value::Bytes(_)) if field.repeated => {
            Role::Known
        }
        _ if field.set_by_any_type => Role::Empty,
        _ => Role::Unknown,
    }
}

/// Checks a message by Go's rules and tells whether all its fields are known ones of the right wire type.
fn is_plain(
    schema: &MessageSchema,
    buffer: &[u8],
    range: Range<usize>,
    depth: usize,
) -> Result<bool, WireError> {
    if depth > MESSAGE_DEPTH_MAX {
        return Err(WireError::MessageDepth {
            at: range.start,
            max: MESSAGE_DEPTH_MAX,
        });
    }
    let mut plain = true;
    for field in Fields::within(buffer, range) {
        let field = field?;
        match role(schema, field.number, &field.value) {
            Role::Known => check_text(schema, buffer, field.number, &field.value)?,
            Role::Nested(nested, range) => plain &= is_plain(nested, buffer, range, depth + 1)?,
            Role::Unknown | Role::Empty => plain = false,
        }
    }
    Ok(plain)
}

/// Refuses a string that is not UTF-8.
fn check_text(
    schema: &MessageSchema,
    buffer: &[u8],
    number: u32,
    value: &Value,
) -> Result<(), WireError> {
    let is_text = schema
        .field(number)
        .is_some_and(|field| matches!(field.kind, Kind::Text));
    match value {
        Value::Bytes(range) if is_text => {
            let text = buffer.get(range.clone()).unwrap_or_default();
            match std::str::from_utf8(text) {
                Ok(_) => Ok(()),
                Err(_) => Err(WireError::NotUtf8 {
                    at: range.start,
                    message: schema.name,
                    field: number,
                }),
            }
        }
        _ => Ok(()),
    }
}

/// Appends a checked message without its unknown fields.
fn push_plain(
    schema: &MessageSchema,
    buffer: &[u8],
    range: Range<usize>,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    for field in Fields::within(buffer, range) {
        let field = field?;
        match role(schema, field.number, &field.value) {
            Role::Known => {
                encode_varint(field.tag(), out);
                out.extend_from_slice(buffer.get(field.raw).unwrap_or_default());
            }
            Role::Nested(nested, range) => {
                encode_varint(field.tag(), out);
                let length_at = out.len();
                out.extend_from_slice(&[0; LENGTH_BYTES]);
                push_plain(nested, buffer, range, out)?;
                set_length(out, length_at);
            }
            // Merged into the message that is there, if any, it changes nothing.
            Role::Empty => {
                encode_key(field.number, WireType::LengthDelimited, out);
                encode_varint(0, out);
            }
            Role::Unknown => {}
        }
    }
    Ok(())
}

/// Writes the number of bytes behind it into the place kept free at `at`: a varint padded to its full width, so
/// that nothing has to move.
fn set_length(out: &mut [u8], at: usize) {
    let mut length = out.len().saturating_sub(at + LENGTH_BYTES);
    let place = out.get_mut(at..).unwrap_or_default();
    for (index, byte) in place.iter_mut().take(LENGTH_BYTES).enumerate() {
        let more = if index + 1 < LENGTH_BYTES { 0x80 } else { 0 };
        *byte = (length & 0x7f) as u8 | more;
        length >>= 7;
    }
}
