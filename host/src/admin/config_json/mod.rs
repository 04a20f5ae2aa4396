//! A channel's config as JSON, equal to what Fabric's configtxlator prints, and back.
//!
//! Bytes that are a marshalled message are shown as that message, other bytes as base64. What JSON shows comes back
//! byte for byte. What it does not show, fields that Fabric does not know, is lost, as it is with configtxlator;
//! [`update`](super::update) refuses to change an element that has some.
//!
//! Differs: where configtxlator fails, at names, types and bytes that it does not know, the bytes are shown as base64;
//! a text in such a place is taken for base64 on the way back.

mod error;
mod read;
mod schema;
mod text;
mod time;
mod write;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::Value;

pub use error::{FromJsonError, ToJsonError};
pub use text::text;

/// A message that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// `common.Config`.
    Config,
    /// `common.ConfigUpdate`.
    ConfigUpdate,
    /// `common.ConfigEnvelope`.
    ConfigEnvelope,
    /// `common.ConfigUpdateEnvelope`.
    ConfigUpdateEnvelope,
    /// `common.Envelope`; its data only if it is a config or an update of one.
    Envelope,
    /// `common.Block`, likewise.
    Block,
}

/// Most messages inside one another that are shown as messages. JSON has up to three levels for each.
pub const MESSAGE_DEPTH_MAX: usize = 40;

/// The JSON of a marshalled message.
///
/// # Errors
///
/// The bytes are not the message. Bytes inside, of whatever field, are shown in any case.
pub fn to_json(shown: Shown, bytes: &[u8]) -> Result<Value, ToJsonError> {
    read::message(shown.schema(), bytes, 0).map(Value::Object)
}

/// The marshalled message of its JSON, with maps in the order of their keys, as Go's deterministic Marshal has it.
///
/// # Errors
///
/// See [`FromJsonError`]; each names the place.
pub fn from_json(shown: Shown, json: &Value) -> Result<Bytes, FromJsonError> {
    let mut path = write::Path::default();
    write::message(shown.schema(), json, &mut path).map(Into::into)
}

impl Shown {
    fn schema(self) -> &'static schema::Message {
        match self {
            Self::Config => &schema::CONFIG,
            Self::ConfigUpdate => &schema::CONFIG_UPDATE,
            Self::ConfigEnvelope => &schema::CONFIG_ENVELOPE,
            Self::ConfigUpdateEnvelope => &schema::CONFIG_UPDATE_ENVELOPE,
            Self::Envelope => &schema::ENVELOPE,
            Self::Block => &schema::BLOCK,
        }
    }
}
