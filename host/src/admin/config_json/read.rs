//! From bytes to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raddle_proto::wire;
use serde_json::{Map, Value, json};

use super::schema::{Field, First, Form, Kind, Message};
use super::{MESSAGE_DEPTH_MAX, ToJsonError, time};

/// One occurrence of a field whose wire type is the one expected. Others are unknown fields to Go, and not shown.
enum Item<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A field and its occurrences, in the order of the wire.
struct Found<'a> {
    items: Vec<Item<'a>>,
    /// Place of the last one among all fields of the message.
    last: usize,
}

/// The members of a message.
pub(super) fn message(
    schema: &Message,
    bytes: &[u8],
    depth: usize,
) -> Result<Map<String, Value>, ToJsonError> {
    if depth >= MESSAGE_DEPTH_MAX {
        return Err(ToJsonError::Depth { max: MESSAGE_DEPTH_MAX });
    }
    let found = collect(schema, bytes)?;
    let first = match found.first().and_then(|found| found.items.last()) {
        Some(Item::Number(number)) => First::Number(*number),
        Some(Item::Bytes(bytes)) => First::Bytes(bytes),
        None => First::Number(0),
    };
    let chosen = schema
        .fields
        .iter()
        .zip(&found)
        .filter(|(field, found)| field.form == Form::OneOf && !found.items.is_empty())
        .max_by_key(|(_, found)| found.last)
        .map(|(field, _)| field.number);
    let mut members = Map::new();
    for (field, found) in schema.fields.iter().zip(&found) {
        let reader = Reader { schema, field, first, depth };
        let value = match field.form {
            Form::OneOf if chosen != Some(field.number) => continue,
            Form::OneOf | Form::Single => reader.single(&found.items)?,
            Form::Repeated => {
                let values = found.items.iter().map(|item| reader.single(std::slice::from_ref(item)));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            Form::Map => reader.map(&found.items)?,
        };
        members.insert(field.name.to_owned(), value);
    }
    Ok(members)
}

/// The occurrences of each field of the schema, in the schema's order.
fn collect<'a>(schema: &Message, bytes: &'a [u8]) -> Result<Vec<Found<'a>>, ToJsonError> {
    let mut all: Vec<Found<'_>> =
        schema.fields.iter().map(|_| Found { items: Vec::new(), last: 0 }).collect();
    for (place, read) in wire::Fields::new(bytes).enumerate() {
        let read = read.map_err(|error| ToJsonError::Wire { message: schema.name, error })?;
        let mut known = schema.fields.iter().zip(&mut all);
        let Some((field, found)) = known.find(|(field, _)| field.number == read.number) else { continue };
        match (read.value, field.is_varint()) {
            (wire::Value::Varint(number), true) => found.items.push(Item::Number(number)),
            (wire::Value::Bytes(range), false) => {
                found.items.push(Item::Bytes(bytes.get(range).unwrap_or_default()));
            }
            _ => continue,
        }
        found.last = place;
    }
    Ok(all)
}

impl Field {
    fn is_varint(&self) -> bool {
        let is_number = matches!(
            self.kind,
            Kind::Bool | Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 | Kind::Enum(_)
        );
        is_number && self.form != Form::Map
    }
}

/// Reads one field.
struct Reader<'a> {
    schema: &'a Message,
    field: &'a Field,
    first: First<'a>,
    depth: usize,
}

impl Reader<'_> {
    fn single(&self, items: &[Item<'_>]) -> Result<Value, ToJsonError> {
        if let Kind::Message(schema) = self.field.kind {
            // Occurrences of one message are merged, which is what their bytes are, one behind the other.
            let parts: Vec<&[u8]> = items.iter().filter_map(Item::bytes).collect();
            return match parts.as_slice() {
                [] => Ok(Value::Null),
                [one] => self.below(schema, one),
                _ => self.below(schema, &parts.concat()),
            };
        }
        let number = items.last().and_then(Item::number).unwrap_or_default();
        let bytes = items.last().and_then(Item::bytes).unwrap_or_default();
        self.value(self.field.kind, number, bytes)
    }

    fn value(&self, kind: Kind, number: u64, bytes: &[u8]) -> Result<Value, ToJsonError> {
        Ok(match kind {
            // The casts cut as Go's do.
            Kind::Bool => json!(number != 0),
            Kind::Int32 => json!(number as i32),
            Kind::Uint32 => json!(number as u32),
            Kind::Int64 => json!((number as i64).to_string()),
            Kind::Uint64 => json!(number.to_string()),
            Kind::Enum(names) => {
                let number = number as i32;
                let name = names.iter().find(|(known, _)| *known == number);
                name.map_or(json!(number), |(_, name)| json!(name))
            }
            Kind::Text => json!(self.text(bytes)?),
            // Go reads no bytes as nil.
            Kind::Bytes if bytes.is_empty() && self.field.form == Form::Single => Value::Null,
            Kind::Bytes => json!(STANDARD.encode(bytes)),
            Kind::Timestamp if bytes.is_empty() => Value::Null,
            Kind::Timestamp => time::show(bytes).unwrap_or_else(|| json!(STANDARD.encode(bytes))),
            Kind::Message(schema) => self.below(schema, bytes)?,
            Kind::Keyed(_) => Value::Null,
            Kind::Opaque(schema) => self.opaque(Some(schema), bytes),
            Kind::Chosen(choose) => self.opaque(choose(self.first), bytes),
        })
    }

    fn below(&self, schema: &Message, bytes: &[u8]) -> Result<Value, ToJsonError> {
        message(schema, bytes, self.depth + 1).map(Value::Object)
    }

    /// A message in bytes; as base64 where it is none.
    fn opaque(&self, schema: Option<&Message>, bytes: &[u8]) -> Value {
        if bytes.is_empty() && self.field.form == Form::Single {
            return Value::Null;
        }
        let shown = schema.and_then(|schema| self.below(schema, bytes).ok());
        shown.unwrap_or_else(|| json!(STANDARD.encode(bytes)))
    }

    fn map(&self, items: &[Item<'_>]) -> Result<Value, ToJsonError> {
        let mut members = Map::new();
        for entry in items.iter().filter_map(Item::bytes) {
            let (mut key, mut value) = (&[][..], Vec::new());
            for read in wire::Fields::new(entry) {
                let read = read.map_err(|error| ToJsonError::Wire { message: self.schema.name, error })?;
                let wire::Value::Bytes(range) = read.value else { continue };
                match read.number {
                    1 => key = entry.get(range).unwrap_or_default(),
                    2 => value.push(entry.get(range).unwrap_or_default()),
                    _ => {}
                }
            }
            let key = self.text(key)?;
            let value = match self.field.kind {
                Kind::Message(schema) => self.below(schema, &value.concat())?,
                Kind::Keyed(choose) => self.below(choose(&key), &value.concat())?,
                kind => self.value(kind, 0, value.last().copied().unwrap_or_default())?,
            };
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }

    fn text(&self, bytes: &[u8]) -> Result<String, ToJsonError> {
        let not_utf8 = |_| ToJsonError::NotUtf8 { message: self.schema.name, field: self.field.name };
        std::str::from_utf8(bytes).map(str::to_owned).map_err(not_utf8)
    }
}

impl<'a> Item<'a> {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bytes(_) => None,
        }
    }

    fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Number(_) => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}
