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
///
/// Unknown fields are dropped, those of an envelope inside the message too; use [`super::Envelope`] where they
/// matter. Takes time linear in the length of `bytes`, and shares them where it can.
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
    match schema(&name) {
        Some(schema) => decode_by(schema, bytes),
        None => Err(WireError::NoSchema { name }),
    }
}

/// Whether a message that [`go_decode`] takes has fields that it drops: unknown ones, or known ones of another wire
/// type, in the message or in one inside it.
///
/// # Errors
///
/// Those of [`go_decode`].
pub fn has_unknown_fields<M: prost::Name>(bytes: &[u8]) -> Result<bool, WireError> {
    let name = M::full_name();
    match schema(&name) {
        Some(schema) => Ok(!is_plain(schema, bytes, 0..bytes.len(), 0)?),
        None => Err(WireError::NoSchema { name }),
    }
}

fn decode_by<M>(schema: &MessageSchema, bytes: Bytes) -> Result<M, WireError>
where
    M: prost::Message + Default,
{
    let all = 0..bytes.len();
    if is_plain(schema, &bytes, all.clone(), 0)? {
        return Ok(M::decode(bytes)?);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    push_plain(schema, &bytes, all, &mut plain)?;
    Ok(M::decode(Bytes::from(plain))?)
}

/// What a field is to its message.
enum Role {
    /// Known, and of the wire type that belongs to it.
    Known,
    /// The same, and a string.
    Text(Range<usize>),
    /// The same, and a message itself.
    Nested(&'static MessageSchema, Range<usize>),
    /// Unknown, or set aside for its wire type.
    Unknown,
    /// The same, but it leaves an empty message behind if there is none yet.
    Empty,
}

fn role(schema: &MessageSchema, number: u32, value: Value) -> Role {
    let Some(field) = schema.field(number) else {
        return Role::Unknown;
    };
    match (&field.kind, value) {
        (Kind::Message(nested), Value::Bytes(range)) => Role::Nested(nested, range),
        (Kind::Text, Value::Bytes(range)) => Role::Text(range),
        (Kind::Bytes, Value::Bytes(_))
        | (Kind::Varint, Value::Varint(_))
        | (Kind::Fixed32, Value::Fixed32)
        | (Kind::Fixed64, Value::Fixed64) => Role::Known,
        // Numbers packed into one value; whether they fill it exactly is left to prost, which has Go's rules.
        (Kind::Varint | Kind::Fixed32 | Kind::Fixed64, Value::Bytes(_)) if field.repeated => Role::Known,
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
    let at = range.start;
    if depth > MESSAGE_DEPTH_MAX {
        return Err(WireError::MessageDepth { at, max: MESSAGE_DEPTH_MAX });
    }
    let mut plain = true;
    for field in Fields::within(buffer, range) {
        let field = field?;
        match role(schema, field.number, field.value) {
            Role::Known => {}
            Role::Text(range) => check_text(schema, field.number, buffer, range)?,
            Role::Nested(nested, range) => plain &= is_plain(nested, buffer, range, depth + 1)?,
            Role::Empty if depth == MESSAGE_DEPTH_MAX => {
                return Err(WireError::MessageDepth { at, max: MESSAGE_DEPTH_MAX });
            }
            Role::Unknown | Role::Empty => plain = false,
        }
    }
    Ok(plain)
}

/// Refuses a string that is not UTF-8.
fn check_text(
    schema: &MessageSchema,
    field: u32,
    buffer: &[u8],
    range: Range<usize>,
) -> Result<(), WireError> {
    let at = range.start;
    let text = buffer.get(range).unwrap_or_default();
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(WireError::NotUtf8 { at, message: schema.name, field }),
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
        let tag = field.tag();
        match role(schema, field.number, field.value) {
            Role::Known | Role::Text(_) => {
                encode_varint(tag, out);
                out.extend_from_slice(buffer.get(field.raw).unwrap_or_default());
            }
            Role::Nested(nested, range) => {
                encode_varint(tag, out);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

    use prost::Message;

    use super::*;
    use crate::common::{
        ChannelHeader, ConfigGroup, ConfigPolicy, Payload, Policy, SignaturePolicy, signature_policy,
    };

    /// A signature policy inside another, and so on.
    fn nested_rules(levels: usize) -> Vec<u8> {
        let mut rule = SignaturePolicy::default();
        for _ in 0..levels {
            let some = signature_policy::NOutOf { n: 1, rules: vec![rule] };
            rule = SignaturePolicy { r#type: Some(signature_policy::Type::NOutOf(some)) };
        }
        rule.encode_to_vec()
    }

    /// A config group inside another, and so on.
    fn nested_groups(levels: usize) -> Vec<u8> {
        let mut group = ConfigGroup::default();
        for _ in 0..levels {
            group = ConfigGroup { groups: [("g".to_owned(), group)].into(), ..ConfigGroup::default() };
        }
        group.encode_to_vec()
    }

    /// Two messages a level, in both: the plain way, and with an unknown field that makes it the other.
    #[test]
    fn messages_go_a_hundred_levels_deep() {
        for unknown in [&[][..], &[0x78, 1]] {
            let extend = |bytes: Vec<u8>| Bytes::from([&bytes, unknown].concat());
            assert!(go_decode::<SignaturePolicy>(extend(nested_rules(50))).is_ok());
            assert!(go_decode::<ConfigGroup>(extend(nested_groups(50))).is_ok());
            let too_deep = go_decode::<SignaturePolicy>(extend(nested_rules(51)));
            assert!(matches!(too_deep, Err(WireError::MessageDepth { max: 100, .. })));
            let too_deep = go_decode::<ConfigGroup>(extend(nested_groups(51)));
            assert!(matches!(too_deep, Err(WireError::MessageDepth { max: 100, .. })));
        }
    }

    /// A field of wire type 2.
    fn field(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![tag];
        encode_varint(content.len() as u64, &mut field);
        field.extend_from_slice(content);
        field
    }

    #[test]
    fn an_empty_message_left_at_the_deepest_level_is_too_deep() {
        // An entry of the map of policies, 98 levels down; the config policy in it stands on level 100.
        let policy_at_100 = |policy: &[u8]| {
            let innermost = field(0x22, &field(0x12, policy));
            let group = (0..49).fold(innermost, |group, _| field(0x12, &field(0x12, &group)));
            go_decode::<ConfigGroup>(group.into())
        };
        assert!(policy_at_100(&[8, 1]).is_ok());
        // Its `policy` as a number leaves an empty message, which is one level too many.
        let too_deep = policy_at_100(&[0x10, 1]);
        assert!(matches!(too_deep, Err(WireError::MessageDepth { .. })), "{too_deep:?}");
    }

    #[test]
    fn a_singular_message_of_wrong_wire_type_is_there_and_empty() {
        let bytes = field(0x22, &field(0x12, &[0x10, 1]));
        let group: ConfigGroup = go_decode(bytes.into()).unwrap();
        let policy = Some(Policy::default());
        assert_eq!(group.policies[""], ConfigPolicy { policy, ..ConfigPolicy::default() });
        // Not so Google's own types.
        let header: ChannelHeader = go_decode(Bytes::from_static(&[0x18, 1])).unwrap();
        assert_eq!(header.timestamp, None);
    }

    #[test]
    fn fields_that_get_lost_are_told() {
        let group = nested_groups(3);
        assert_eq!(has_unknown_fields::<ConfigGroup>(&group), Ok(false));
        assert_eq!(has_unknown_fields::<ConfigGroup>(&[&group[..], &[0x78, 1]].concat()), Ok(true));
        // An entry of the map of values, with a value whose version is a text.
        let inside = field(0x1a, &field(0x12, &field(0x0a, b"7")));
        assert_eq!(has_unknown_fields::<ConfigGroup>(&inside), Ok(true));
        assert!(has_unknown_fields::<ConfigGroup>(&[0x12, 9]).is_err());
    }

    #[test]
    fn no_depth_exhausts_the_stack() {
        // Written from the end: each level is the length of what is there and a tag.
        let mut reversed = Vec::new();
        for _ in 0..100_000 {
            let mut length = Vec::new();
            encode_varint(reversed.len() as u64, &mut length);
            reversed.extend(length.iter().rev());
            reversed.push(0x12);
        }
        let bytes: Bytes = reversed.into_iter().rev().collect();
        let too_deep = go_decode::<SignaturePolicy>(bytes);
        assert!(matches!(too_deep, Err(WireError::MessageDepth { .. })));
    }

    #[test]
    fn bytes_are_shared_when_nothing_is_amiss() {
        let bytes = Bytes::from(Payload { header: None, data: vec![7; 9].into() }.encode_to_vec());
        let payload: Payload = go_decode(bytes.clone()).unwrap();
        assert_eq!(payload.data.as_ptr(), bytes[2..].as_ptr());
    }

    #[test]
    fn an_error_says_where_it_is() {
        // Epoch, then a channel id of two bytes that are no text.
        let bytes = Bytes::from_static(&[0x30, 1, 0x22, 2, 0xff, 0xff]);
        let error = go_decode::<ChannelHeader>(bytes).unwrap_err();
        assert_eq!(error, WireError::NotUtf8 { at: 4, message: "common.ChannelHeader", field: 4 });
        assert_eq!(error.to_string(), "field 4 of common.ChannelHeader at byte 4 is not UTF-8");
    }

    #[test]
    fn numbers_come_packed_or_one_by_one() {
        // Fabric has no repeated numbers; a message of descriptors does.
        type Location = prost_types::source_code_info::Location;
        static LOCATION: MessageSchema = MessageSchema {
            name: "google.protobuf.SourceCodeInfo.Location",
            fields: &[super::super::schema::FieldSchema {
                number: 1,
                kind: Kind::Varint,
                repeated: true,
                set_by_any_type: false,
            }],
        };
        let cases: [(&[u8], Option<&[i32]>); 6] = [
            (&[8, 1, 8, 2], Some(&[1, 2])),
            (&[10, 2, 1, 2, 8, 3], Some(&[1, 2, 3])),
            (&[13, 0, 0, 0, 0, 10, 3, 1, 0x80, 1], Some(&[1, 128])),
            (&[10, 0], Some(&[])),
            (&[10, 2, 1, 0x80], None),
            (&[10, 3, 1], None),
        ];
        for (bytes, expected) in cases {
            let location: Option<Location> = decode_by(&LOCATION, Bytes::from_static(bytes)).ok();
            let path = location.map(|location| location.path);
            assert_eq!(path.as_deref(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_message_of_another_crate_has_no_schema() {
        let error = go_decode::<prost_types::Duration>(Bytes::new()).unwrap_err();
        assert_eq!(error, WireError::NoSchema { name: "google.protobuf.Duration".to_owned() });
    }
}
