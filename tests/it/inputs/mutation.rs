//! Changes to bytes that leave much of them as it was: byte by byte, and by fields of nested messages, whose lengths
//! stay right.

use proptest::prelude::*;
use proptest::sample::Index;
use raddle_proto::wire::{Field, Fields, Value};

/// A change to some bytes.
#[derive(Clone, Debug)]
pub enum Mutation {
    Flip {
        at: Index,
        bit: u8,
    },
    Byte {
        at: Index,
        value: u8,
    },
    Cut {
        at: Index,
        length: usize,
    },
    Double {
        at: Index,
        length: usize,
    },
    Insert {
        at: Index,
        noise: Vec<u8>,
    },
    Truncate {
        at: Index,
    },
    /// A piece of another input of the same kind.
    Splice {
        at: Index,
        length: usize,
        other: Index,
        from: Index,
    },
    /// Goes down into messages in messages as far as the path leads, and changes a field there.
    Field {
        path: Vec<Index>,
        change: FieldChange,
    },
    /// The same, where what the field holds is changed as bytes.
    Within {
        path: Vec<Index>,
        change: Box<Mutation>,
    },
}

/// A change to one field of a message.
#[derive(Clone, Debug)]
pub enum FieldChange {
    Drop,
    Double,
    /// Two fields change places.
    Swap(Index),
    /// It gets the bytes of another field.
    Copy(Index),
    Number(u64),
    Varint(u64),
    /// Its length is said to be another one, and what follows is not moved.
    Length(u64),
    Empty,
    /// It is put into itself so many times.
    Nest(u8),
    /// It is there so many times.
    Repeat(u16),
}

/// Some changes, to be made in their order.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> + Clone {
    proptest::collection::vec(mutation(), 1..5)
}

fn index() -> impl Strategy<Value = Index> + Clone {
    any::<Index>()
}

fn bytewise() -> impl Strategy<Value = Mutation> + Clone {
    use Mutation::{Byte, Cut, Double, Flip, Insert, Splice, Truncate};
    prop_oneof![
        4 => (index(), 0u8..8).prop_map(|(at, bit)| Flip { at, bit }),
        4 => (index(), any::<u8>()).prop_map(|(at, value)| Byte { at, value }),
        2 => (index(), 1usize..40).prop_map(|(at, length)| Cut { at, length }),
        2 => (index(), 1usize..40).prop_map(|(at, length)| Double { at, length }),
        2 => (index(), proptest::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, noise)| Insert { at, noise }),
        1 => index().prop_map(|at| Truncate { at }),
        1 => (index(), 1usize..400, index(), index())
            .prop_map(|(at, length, other, from)| Splice { at, length, other, from }),
    ]
}

pub fn mutation() -> impl Strategy<Value = Mutation> + Clone {
    let path = proptest::collection::vec(index(), 1..12);
    prop_oneof![
        2 => bytewise(),
        3 => (path.clone(), field_change()).prop_map(|(path, change)| Mutation::Field { path, change }),
        2 => (path, bytewise()).prop_map(|(path, change)| Mutation::Within { path, change: Box::new(change) }),
    ]
}

/// Numbers at which something may turn.
pub fn odd_number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![
        0u64..20,
        (0u32..64).prop_map(|bit| 1 << bit),
        (0u32..64).prop_map(|bit| (1 << bit) - 1),
        any::<u64>(),
        Just(u64::MAX),
    ]
}

fn field_change() -> impl Strategy<Value = FieldChange> + Clone {
    use FieldChange::{Copy, Double, Drop, Empty, Length, Nest, Number, Repeat, Swap, Varint};
    prop_oneof![
        4 => Just(Drop),
        2 => Just(Double),
        2 => index().prop_map(Swap),
        2 => index().prop_map(Copy),
        2 => odd_number().prop_map(Number),
        2 => odd_number().prop_map(Varint),
        2 => odd_number().prop_map(Length),
        2 => Just(Empty),
        1 => any::<u8>().prop_map(Nest),
        1 => (1u16..600).prop_map(Repeat),
    ]
}

/// The bytes with all changes made; pieces of `others` may come in.
pub fn mutate(bytes: &[u8], mutations: &[Mutation], others: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let others: Vec<&[u8]> = others.iter().map(AsRef::as_ref).collect();
    mutations.iter().fold(bytes.to_vec(), |bytes, mutation| mutation.of(bytes, &others))
}

impl Mutation {
    fn of(&self, mut bytes: Vec<u8>, others: &[&[u8]]) -> Vec<u8> {
        if bytes.is_empty() {
            return bytes;
        }
        let piece = |at: &Index, length: usize| {
            let at = at.index(bytes.len());
            at..bytes.len().min(at + length)
        };
        match self {
            Self::Flip { at, bit } => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Byte { at, value } => {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            Self::Cut { at, length } => drop(bytes.drain(piece(at, *length))),
            Self::Double { at, length } => {
                let piece = piece(at, *length);
                bytes.splice(piece.start..piece.start, bytes[piece].to_vec());
            }
            Self::Insert { at, noise } => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, noise.iter().copied());
            }
            Self::Truncate { at } => bytes.truncate(at.index(bytes.len())),
            Self::Splice { at, length, other, from } => {
                let piece = piece(at, *length);
                let other = if others.is_empty() { &[] } else { *other.get(others) };
                if !other.is_empty() {
                    let from = from.index(other.len());
                    let end = other.len().min(from + length);
                    bytes.splice(piece, other[from..end].iter().copied());
                }
            }
            Self::Field { path, change } => {
                return at_field(&bytes, path, &mut |message, field, fields| {
                    change.of(message, field, fields)
                });
            }
            Self::Within { path, change } => {
                return at_field(&bytes, path, &mut |message, field, _| {
                    let value = match &field.value {
                        Value::Bytes(range) => range.clone(),
                        _ => field.raw.clone(),
                    };
                    let content = change.of(message[value.clone()].to_vec(), others);
                    match field.value {
                        Value::Bytes(_) => with_content(message, field, &content),
                        _ => [&message[..value.start], &content, &message[value.end..]].concat(),
                    }
                });
            }
        }
        bytes
    }
}

type Edit<'a> = &'a mut dyn FnMut(&[u8], &Field, &[Field]) -> Vec<u8>;

/// The message with the field changed to which the path leads; as it is where it has none.
fn at_field(message: &[u8], path: &[Index], edit: Edit<'_>) -> Vec<u8> {
    let Ok(fields) = Fields::new(message).collect::<Result<Vec<_>, _>>() else { return message.to_vec() };
    let Some((first, rest)) = path.split_first().filter(|_| !fields.is_empty()) else {
        return message.to_vec();
    };
    let field = first.get(&fields);
    if let Value::Bytes(range) = &field.value
        && !rest.is_empty()
        && is_message(&message[range.clone()])
    {
        let inner = at_field(&message[range.clone()], rest, edit);
        return with_content(message, field, &inner);
    }
    edit(message, field, &fields)
}

fn is_message(bytes: &[u8]) -> bool {
    !bytes.is_empty() && Fields::new(bytes).all(|field| field.is_ok())
}

/// The message, where a field of bytes holds others.
fn with_content(message: &[u8], field: &Field, content: &[u8]) -> Vec<u8> {
    let mut changed = message[..field.raw.start].to_vec();
    push_varint(&mut changed, content.len() as u64);
    changed.extend_from_slice(content);
    changed.extend_from_slice(&message[field.raw.end..]);
    changed
}

pub fn push_varint(bytes: &mut Vec<u8>, value: u64) {
    prost::encoding::encode_varint(value, bytes);
}

/// Where the field begins, with its tag.
fn start_of(field: &Field, fields: &[Field]) -> usize {
    fields.iter().map(|other| other.raw.end).filter(|end| *end < field.raw.start).max().unwrap_or(0)
}

impl FieldChange {
    fn of(&self, message: &[u8], field: &Field, fields: &[Field]) -> Vec<u8> {
        let whole = |field: &Field| start_of(field, fields)..field.raw.end;
        let own = whole(field);
        let replaced = |with: &[u8]| [&message[..own.start], with, &message[own.end..]].concat();
        match self {
            Self::Drop => replaced(&[]),
            Self::Double => replaced(&message[own.clone()].repeat(2)),
            Self::Repeat(times) if own.len() * usize::from(*times) < 1 << 17 => {
                replaced(&message[own.clone()].repeat((*times).into()))
            }
            Self::Repeat(_) => message.to_vec(),
            Self::Copy(other) => replaced(&message[whole(other.get(fields))]),
            Self::Swap(other) => {
                let other = whole(other.get(fields));
                let (first, second) = if own.start <= other.start { (own, other) } else { (other, own) };
                if first == second {
                    return message.to_vec();
                }
                let between = &message[first.end..second.start];
                let swapped = [&message[second.clone()], between, &message[first.clone()]].concat();
                [&message[..first.start], &swapped, &message[second.end..]].concat()
            }
            Self::Number(number) => {
                let mut changed = Vec::new();
                push_varint(&mut changed, number << 3 | (field.tag() & 7));
                changed.extend_from_slice(&message[field.raw.clone()]);
                replaced(&changed)
            }
            Self::Varint(value) => {
                let mut changed = Vec::new();
                push_varint(&mut changed, u64::from(field.number) << 3);
                push_varint(&mut changed, *value);
                replaced(&changed)
            }
            Self::Length(length) => {
                let Value::Bytes(content) = &field.value else { return message.to_vec() };
                let mut changed = message[..field.raw.start].to_vec();
                push_varint(&mut changed, *length);
                changed.extend_from_slice(&message[content.start..]);
                changed
            }
            Self::Empty => match field.value {
                Value::Bytes(_) => with_content(message, field, &[]),
                _ => replaced(&[]),
            },
            Self::Nest(times) => {
                let mut changed = message[own.clone()].to_vec();
                for _ in 0..*times {
                    let mut outer = Vec::new();
                    push_varint(&mut outer, u64::from(field.number) << 3 | 2);
                    push_varint(&mut outer, changed.len() as u64);
                    outer.extend_from_slice(&changed);
                    changed = outer;
                }
                replaced(&changed)
            }
        }
    }
}
