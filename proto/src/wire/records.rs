//! Records of a channel's log.

use bytes::Bytes;
use prost::Message;

use super::{WireError, go_decode};
use crate::orderer;

/// A record as Go's Unmarshal leaves it.
///
/// Source: fabric-protos-go v0.2.0 `orderer.KafkaMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaMessage {
    /// Carries an envelope.
    Regular(Regular),
    /// Asks every orderer to cut a block.
    TimeToCut(TimeToCut),
    /// Only shows that the log takes writes. What it may carry is of no use to anybody.
    Connect,
    /// None of these three; Fabric passes over such a record.
    None,
}

/// The part of a record that carries an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regular {
    /// A marshalled envelope.
    pub payload: Bytes,
    /// The config sequence under which the envelope was admitted.
    pub config_sequence: u64,
    /// What the envelope is.
    pub class: Class,
    /// The offset of the first try, when this is a re-admission; otherwise 0.
    pub original_offset: i64,
}

/// What the envelope of a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Not said: written by an orderer older than v1.1.
    #[default]
    Unknown,
    /// An envelope for the next batch.
    Normal,
    /// An envelope that becomes a block of its own.
    Config,
    /// A number that Fabric does not know.
    Other(i32),
}

/// The part of a record that asks for a cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeToCut {
    /// The block to cut.
    pub block_number: u64,
}

// === impl KafkaMessage ===

impl KafkaMessage {
    /// Reads a record. The payload shares `bytes` unless they hold unknown fields.
    ///
    /// # Errors
    ///
    /// A [`WireError`] where Go's Unmarshal fails. Fabric skips such a record.
    pub fn unmarshal(bytes: Bytes) -> Result<Self, WireError> {
        use orderer::kafka_message::Type;

        let message: orderer::KafkaMessage = go_decode(bytes)?;
        Ok(match message.r#type {
            Some(Type::Regular(regular)) => Self::Regular(Regular {
                payload: regular.payload,
                config_sequence: regular.config_seq,
                class: Class::from_number(regular.class),
                original_offset: regular.original_offset,
            }),
            Some(Type::TimeToCut(cut)) => Self::TimeToCut(TimeToCut { block_number: cut.block_number }),
            Some(Type::Connect(_)) => Self::Connect,
            None => Self::None,
        })
    }

    /// The bytes that Go's Marshal gives for a record that was made here.
    ///
    /// Not the bytes of a record that was read, if that held unknown fields or a connect payload.
    #[must_use]
    pub fn marshal(&self) -> Bytes {
        use orderer::kafka_message::Type;

        let r#type = match self {
            Self::Regular(regular) => Some(Type::Regular(orderer::KafkaMessageRegular {
                payload: regular.payload.clone(),
                config_seq: regular.config_sequence,
                class: regular.class.number(),
                original_offset: regular.original_offset,
            })),
            Self::TimeToCut(cut) => {
                Some(Type::TimeToCut(orderer::KafkaMessageTimeToCut { block_number: cut.block_number }))
            }
            Self::Connect => Some(Type::Connect(orderer::KafkaMessageConnect::default())),
            Self::None => None,
        };
        orderer::KafkaMessage { r#type }.encode_to_vec().into()
    }

    /// A record for an envelope of class NORMAL, marshalled, admitted under `config_sequence`.
    #[must_use]
    pub fn normal(envelope: Bytes, config_sequence: u64, original_offset: i64) -> Self {
        Self::Regular(Regular { payload: envelope, config_sequence, class: Class::Normal, original_offset })
    }

    /// A record for an envelope of class CONFIG, marshalled, admitted under `config_sequence`.
    #[must_use]
    pub fn config(envelope: Bytes, config_sequence: u64, original_offset: i64) -> Self {
        Self::Regular(Regular { payload: envelope, config_sequence, class: Class::Config, original_offset })
    }

    /// A record that asks for block `block_number` to be cut.
    #[must_use]
    pub fn time_to_cut(block_number: u64) -> Self {
        Self::TimeToCut(TimeToCut { block_number })
    }
}

// === impl Class ===

impl Class {
    /// The class that `number` names on the wire.
    #[must_use]
    pub const fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::Normal,
            2 => Self::Config,
            other => Self::Other(other),
        }
    }

    /// The class' number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Unknown => 0,
            Self::Normal => 1,
            Self::Config => 2,
            Self::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn records_are_marshalled_as_go_does() {
        let envelope = Bytes::from_static(b"e");
        let cases: [(KafkaMessage, &[u8]); 6] = [
            (KafkaMessage::Connect, &[0x1a, 0]),
            (KafkaMessage::None, &[]),
            (KafkaMessage::time_to_cut(0), &[0x12, 0]),
            (KafkaMessage::time_to_cut(300), &[0x12, 3, 8, 0xac, 2]),
            (KafkaMessage::normal(envelope.clone(), 2, 0), &[10, 7, 10, 1, b'e', 16, 2, 24, 1]),
            (KafkaMessage::config(envelope, 0, 5), &[10, 7, 10, 1, b'e', 24, 2, 32, 5]),
        ];
        for (record, bytes) in cases {
            assert_eq!(record.marshal(), bytes, "{record:?}");
            assert_eq!(KafkaMessage::unmarshal(Bytes::from_static(bytes)).unwrap(), record);
        }
    }

    #[test]
    fn a_payload_shares_the_record() {
        let bytes = KafkaMessage::normal(Bytes::from_static(&[7; 40]), 0, 0).marshal();
        match KafkaMessage::unmarshal(bytes.clone()) {
            Ok(KafkaMessage::Regular(regular)) => {
                assert_eq!(regular.payload.as_ptr(), bytes.slice(4..).as_ptr());
            }
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn each_number_is_a_class() {
        for number in [-1, 0, 1, 2, 3, i32::MIN, i32::MAX] {
            assert_eq!(Class::from_number(number).number(), number);
        }
    }
}
