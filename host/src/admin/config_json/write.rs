//! From JSON to bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::Value;

use super::schema::{Field, First, Form, Kind, Message};
use super::{FromJsonError, time};

/// Most characters of what was found that an error names.
const FOUND_CHARS_MAX: usize = 60;

/// Where in the JSON we are.
#[derive(Default)]
pub(super) struct Path(Vec<String>);

impl Path {
    fn error(&self, what: impl Into<String>) -> FromJsonError {
        FromJsonError { place: self.0.join("/"), what: what.into() }
    }

    fn within<T>(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce(&mut Self) -> Result<T, FromJsonError>,
    ) -> Result<T, FromJsonError> {
        self.0.push(name.into());
        let done = work(self)?;
        self.0.pop();
        Ok(done)
    }
}

/// What a field comes to on the wire.
enum Written {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Written {
    fn as_first(&self) -> First<'_> {
        match self {
            Self::Number(number) => First::Number(*number),
            Self::Bytes(bytes) => First::Bytes(bytes),
        }
    }
}

/// Marshals a message: fields in ascending order, defaults left out.
pub(super) fn message(schema: &Message, json: &Value, path: &mut Path) -> Result<Vec<u8>, FromJsonError> {
    let Value::Object(members) = json else {
        return Err(path.error(format!("{} is an object here, not {}", schema.name, found(json))));
    };
    if let Some(unknown) = members.keys().find(|key| schema.fields.iter().all(|field| field.name != **key)) {
        return Err(path.error(format!("{} has no member {unknown:?}", schema.name)));
    }
    let mut bytes = Vec::new();
    let mut first: Option<Written> = None;
    let mut has_one_of = false;
    for field in schema.fields {
        let Some(value) = members.get(field.name).filter(|value| !value.is_null()) else { continue };
        if field.form == Form::OneOf && std::mem::replace(&mut has_one_of, true) {
            return Err(path.error(format!("{} has two members of which it can have one", schema.name)));
        }
        let said = first.as_ref().map_or(First::Number(0), Written::as_first);
        let written = write_field(field, value, said, &mut bytes, path)?;
        if field.number == 1 {
            first = written;
        }
    }
    Ok(bytes)
}

/// Appends a field. Answers it if there is one of it: what field 1 is chooses other fields.
fn write_field(
    field: &Field,
    json: &Value,
    first: First<'_>,
    bytes: &mut Vec<u8>,
    path: &mut Path,
) -> Result<Option<Written>, FromJsonError> {
    path.within(field.name, |path| match (field.form, json) {
        (Form::Single | Form::OneOf, _) => {
            let written = value(field.kind, json, first, path)?;
            let is_default = match &written {
                Written::Number(number) => *number == 0,
                Written::Bytes(bytes) => {
                    bytes.is_empty() && !matches!(field.kind, Kind::Message(_) | Kind::Timestamp)
                }
            };
            if !is_default || field.form == Form::OneOf {
                append(field.number, &written, bytes);
            }
            Ok(Some(written))
        }
        (Form::Repeated, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                path.within(index.to_string(), |path| {
                    append(field.number, &value(field.kind, item, first, path)?, bytes);
                    Ok(())
                })?;
            }
            Ok(None)
        }
        (Form::Map, Value::Object(members)) => {
            for (key, item) in members {
                path.within(key.as_str(), |path| {
                    let kind = match field.kind {
                        Kind::Keyed(choose) => Kind::Message(choose(key)),
                        kind => kind,
                    };
                    let mut entry = Vec::new();
                    append(1, &Written::Bytes(key.clone().into_bytes()), &mut entry);
                    append(2, &value(kind, item, first, path)?, &mut entry);
                    append(field.number, &Written::Bytes(entry), bytes);
                    Ok(())
                })?;
            }
            Ok(None)
        }
        (Form::Repeated, _) => Err(path.error(format!("a list stands here, not {}", found(json)))),
        (Form::Map, _) => Err(path.error(format!("an object stands here, not {}", found(json)))),
    })
}

fn append(number: u32, written: &Written, bytes: &mut Vec<u8>) {
    match written {
        Written::Number(value) => {
            encode_key(number, WireType::Varint, bytes);
            encode_varint(*value, bytes);
        }
        Written::Bytes(value) => {
            encode_key(number, WireType::LengthDelimited, bytes);
            encode_varint(value.len() as u64, bytes);
            bytes.extend_from_slice(value);
        }
    }
}

fn value(kind: Kind, json: &Value, first: First<'_>, path: &mut Path) -> Result<Written, FromJsonError> {
    let bytes = match kind {
        Kind::Bool => {
            return json
                .as_bool()
                .map(|it| Written::Number(u64::from(it)))
                .ok_or_else(|| path.error(format!("true or false stands here, not {}", found(json))));
        }
        // Negative numbers have ten bytes on the wire, whatever their type.
        Kind::Int32 => return number::<i32>(json, path).map(|it| Written::Number(i64::from(it) as u64)),
        Kind::Int64 => return number::<i64>(json, path).map(|it| Written::Number(it as u64)),
        Kind::Uint32 => return number::<u32>(json, path).map(|it| Written::Number(it.into())),
        Kind::Uint64 => return number::<u64>(json, path).map(Written::Number),
        Kind::Enum(names) => return enumerated(names, json, path),
        Kind::Text => text(json, path)?.to_owned().into_bytes(),
        Kind::Bytes => base64(json, path)?,
        Kind::Timestamp => match time::read(text(json, path)?) {
            Some(bytes) => bytes,
            None => base64(json, path)?,
        },
        Kind::Message(schema) => message(schema, json, path)?,
        Kind::Keyed(_) => Vec::new(),
        Kind::Opaque(schema) => opaque(Some(schema), json, path)?,
        Kind::Chosen(choose) => opaque(choose(first), json, path)?,
    };
    Ok(Written::Bytes(bytes))
}

fn opaque(schema: Option<&Message>, json: &Value, path: &mut Path) -> Result<Vec<u8>, FromJsonError> {
    match (schema, json) {
        (Some(schema), Value::Object(_)) => message(schema, json, path),
        (None, Value::Object(_)) => {
            Err(path.error("what these bytes are is not known, so they stand here as base64"))
        }
        _ => base64(json, path),
    }
}

/// A number, or a text that holds one.
fn number<T: std::str::FromStr>(json: &Value, path: &Path) -> Result<T, FromJsonError> {
    let text = match json {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let name = std::any::type_name::<T>();
    text.parse().map_err(|_| path.error(format!("a whole number ({name}) stands here, not {}", found(json))))
}

fn enumerated(names: &[(i32, &str)], json: &Value, path: &Path) -> Result<Written, FromJsonError> {
    let number = match json {
        Value::String(text) => names.iter().find(|(_, name)| name == text).map(|(number, _)| *number),
        _ => json.as_i64().and_then(|number| number.try_into().ok()),
    };
    let number = number.ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
        path.error(format!("one of {} stands here, not {}", names.join(", "), found(json)))
    })?;
    Ok(Written::Number(i64::from(number) as u64))
}

fn text<'a>(json: &'a Value, path: &Path) -> Result<&'a str, FromJsonError> {
    json.as_str().ok_or_else(|| path.error(format!("a text stands here, not {}", found(json))))
}

fn base64(json: &Value, path: &Path) -> Result<Vec<u8>, FromJsonError> {
    let decoded = STANDARD.decode(text(json, path)?);
    decoded.map_err(|error| path.error(format!("{} is no base64: {error}", found(json))))
}

/// What stands in place of what should.
fn found(json: &Value) -> String {
    let text = json.to_string();
    match text.char_indices().nth(FOUND_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
