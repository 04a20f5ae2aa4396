//! The messages of a channel's config, field by field: names as JSON has them, numbers as the wire has them.
//!
//! A table of its own, since it holds what no `.proto` says: which message the bytes of a field are.
//!
//! Source: fabric-config v0.1.0 `protolator/protoext`, as fabric v2.5.16 has it.

mod groups;
mod messages;

pub(super) use messages::{BLOCK, CONFIG, CONFIG_ENVELOPE, CONFIG_UPDATE, CONFIG_UPDATE_ENVELOPE, ENVELOPE};

/// A message.
pub(super) struct Message {
    /// The name of its type, for people.
    pub name: &'static str,
    /// Its fields, in ascending order of their numbers.
    pub fields: &'static [Field],
}

/// A field.
pub(super) struct Field {
    pub number: u32,
    pub name: &'static str,
    pub form: Form,
    pub kind: Kind,
}

/// How often a field stands in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Single,
    Repeated,
    /// Texts to what the kind says.
    Map,
    /// One of several of which a message has at most one.
    OneOf,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bytes,
    Bool,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Enum(&'static [(i32, &'static str)]),
    Timestamp,
    Message(&'static Message),
    /// The message depends on the key in the map.
    Keyed(fn(&str) -> &'static Message),
    /// Bytes that are a marshalled message.
    Opaque(&'static Message),
    /// Bytes that are a marshalled message; which one, field 1 of the message around it says.
    Chosen(fn(First<'_>) -> Option<&'static Message>),
}

/// What field 1 of a message says.
#[derive(Clone, Copy)]
pub(super) enum First<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl First<'_> {
    /// As an `int32`.
    pub fn number(self) -> i32 {
        match self {
            // As Go cuts it.
            Self::Number(number) => number as i32,
            Self::Bytes(_) => 0,
        }
    }
}

const fn single(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, form: Form::Single, kind }
}

const fn repeated(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, form: Form::Repeated, kind }
}

const fn map(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, form: Form::Map, kind }
}

const fn one_of(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, form: Form::OneOf, kind }
}
