//! Why a request for blocks ends with another status than SUCCESS.

use std::time::Duration;

use bytes::Bytes;
use raddle_core::ids::BlockNumber;
use raddle_proto::{
    common::Status,
    go_text::decimal_list,
    wire::{HeaderError, WireError},
};
use serde_json::{Map, Value, json};

use crate::{
    answer::TEXT,
    channels::{BlockUnavailable, Code, Condition, Denied, Detail, Failure, NotRead},
};

/// Why no further block is delivered, one variant for each cause that somebody can act on.
///
/// Fabric answers a status and no text. Ours goes into the trailers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum NotDelivered {
    #[error("the request has {bytes} bytes, and at most {bytes_max} are taken")]
    TooLong { bytes: usize, bytes_max: usize },
    #[error("the request is not one that can be read: {0}")]
    Unreadable(HeaderError),
    #[error("the request's channel header has no timestamp")]
    NoTimestamp,
    #[error(
        "the request's timestamp is {} s {} this orderer's time, and at most {} s are allowed",
        apart.as_secs_f64(), if *is_ahead { "ahead of" } else { "behind" }, window.as_secs_f64()
    )]
    OutOfTime { apart: Duration, is_ahead: bool, window: Duration },
    #[error(transparent)]
    NotBound(#[from] NotBound),
    #[error("there is no channel of this id here")]
    UnknownChannel,
    #[error("the request's data is no SeekInfo: {0}")]
    NoSeekInfo(WireError),
    #[error("the seek has no {}", missing.join(" and no "))]
    Incomplete { missing: Vec<&'static str> },
    #[error("the seek stops at block {stop}, before block {start} where it starts")]
    Reversed { start: BlockNumber, stop: BlockNumber },
    #[error("the seek starts at block {start}, and the next block is {height}")]
    BeyondEnd { start: BlockNumber, height: u64 },
    #[error("the seek's start is neither newest, oldest, specified nor next_commit")]
    FromNowhere,
    #[error("block {number} is not there yet, and the seek is not to wait; the next block is {height}")]
    NotReady { number: BlockNumber, height: u64 },
    #[error("the reader's certificate ended {} s ago", since.as_secs_f64())]
    Expired { since: Duration },
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("the channel is not served any more")]
    Closed,
    #[error(
        "this orderer has had as much on its way to readers as it may (Limits.DeliverBytes) for {} s; go to another \
         one",
        waited.as_secs_f64()
    )]
    NoRoom { waited: Duration },
    #[error("block {number} cannot be read: {cause}")]
    Unavailable { number: BlockNumber, cause: BlockUnavailable },
}

/// Why a request is not its sender's own. Fabric has these texts in its log.
///
/// Source: fabric v2.5.16 `common/deliver/binding.go` `mutualTLSBinding`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBound {
    #[error("client didn't include its TLS cert hash")]
    NotClaimed,
    #[error("client didn't send a TLS certificate")]
    NoCertificate,
    #[error(
        "claimed TLS cert hash is {} but actual TLS cert hash is {}",
        as_go_prints(claimed),
        as_go_prints(actual)
    )]
    Other { claimed: Bytes, actual: [u8; 32] },
}

/// Bytes as Go's `%v` has them: `[1 2 255]`. No more of them than are of use.
fn as_go_prints(bytes: &[u8]) -> String {
    decimal_list(bytes.get(..64).unwrap_or(bytes))
}

impl From<NotRead> for NotDelivered {
    fn from(not_read: NotRead) -> Self {
        match not_read {
            NotRead::Denied(denied) => denied.into(),
            NotRead::Failed(failure) => failure.into(),
        }
    }
}

impl NotDelivered {
    /// What a condition ends a stream with, if it does. `is_best_effort`: if the client wants blocks all the same.
    pub(crate) fn by_condition(condition: &Condition, is_best_effort: bool) -> Option<Self> {
        match condition {
            Condition::Failed(failure) if !is_best_effort => Some(failure.clone().into()),
            Condition::Serving | Condition::Failed(_) => None,
            Condition::Closed => Some(Self::Closed),
        }
    }

    /// What clients act upon.
    ///
    /// Source: fabric v2.5.16 `common/deliver/deliver.go` `deliverBlocks`.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::TooLong { .. }
            | Self::Unreadable(_)
            | Self::NoTimestamp
            | Self::OutOfTime { .. }
            | Self::NotBound(_)
            | Self::NoSeekInfo(_)
            | Self::Incomplete { .. }
            | Self::Reversed { .. } => Status::BadRequest,
            Self::UnknownChannel | Self::BeyondEnd { .. } | Self::FromNowhere | Self::NotReady { .. } => {
                Status::NotFound
            }
            Self::Expired { .. } | Self::Denied(_) => Status::Forbidden,
            Self::Failed(_) | Self::Closed | Self::NoRoom { .. } | Self::Unavailable { .. } => {
                Status::ServiceUnavailable
            }
        }
    }

    /// What stands in the trailers: always `text`, and what a program may want to know.
    pub(crate) fn into_detail(self) -> Detail {
        let text = self.to_string();
        let (code, more) = match self {
            Self::TooLong { bytes, bytes_max } => {
                (Code::SEEK_TOO_LONG, json!({ "bytes": bytes, "bytes_max": bytes_max }))
            }
            Self::Unreadable(_) => (Code::ENVELOPE_UNREADABLE, Value::Null),
            Self::NoTimestamp => (Code::SEEK_WITHOUT_TIME, Value::Null),
            Self::OutOfTime { apart, is_ahead, window } => {
                let ahead_seconds = if is_ahead { apart.as_secs_f64() } else { -apart.as_secs_f64() };
                let window_seconds = window.as_secs_f64();
                (
                    Code::SEEK_OUT_OF_TIME,
                    json!({ "ahead_seconds": ahead_seconds, "window_seconds": window_seconds }),
                )
            }
            Self::NotBound(_) => (Code::SEEK_NOT_BOUND, Value::Null),
            Self::UnknownChannel => (Code::CHANNEL_UNKNOWN, Value::Null),
            Self::NoSeekInfo(_) => (Code::SEEK_UNREADABLE, Value::Null),
            Self::Incomplete { missing } => (Code::SEEK_INCOMPLETE, json!({ "missing": missing })),
            Self::Reversed { start, stop } => {
                (Code::SEEK_REVERSED, json!({ "start": start.0, "stop": stop.0 }))
            }
            Self::BeyondEnd { start, height } => {
                (Code::SEEK_BEYOND_END, json!({ "start": start.0, "height": height }))
            }
            Self::FromNowhere => (Code::SEEK_FROM_NOWHERE, Value::Null),
            Self::NotReady { number, height } => {
                (Code::BLOCK_NOT_READY, json!({ "block": number.0, "height": height }))
            }
            Self::Expired { since } => (Code::READER_EXPIRED, json!({ "seconds_ago": since.as_secs_f64() })),
            Self::Denied(Denied { proof: Some(proof), .. }) => {
                (Code::READER_DENIED, json!({ "proof": proof }))
            }
            Self::Denied(_) => (Code::READER_DENIED, Value::Null),
            Self::Failed(Failure { detail, .. }) => (detail.code, Value::Object(detail.reason)),
            Self::Closed => (Code::CHANNEL_CLOSED, Value::Null),
            Self::NoRoom { waited } => (Code::NO_ROOM, json!({ "waited_seconds": waited.as_secs_f64() })),
            Self::Unavailable { number, .. } => (Code::BLOCK_UNAVAILABLE, json!({ "block": number.0 })),
        };
        let mut reason = match more {
            Value::Object(more) => more,
            _ => Map::new(),
        };
        reason.insert(TEXT.to_owned(), text.into());
        Detail { code, reason }
    }
}
