//! What an orderer offers to be served: channels that admit envelopes and append them to their logs.
//!
//! Everything behind these traits may be slow, and nothing behind them may block the thread that calls: futures do
//! the waiting, and work of more than some microseconds belongs on threads of the implementation.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::SystemTime};

use raddle_core::ids::ConfigSequence;
use raddle_proto::{
    common::{ChannelHeader, SignatureHeader, Status},
    wire::{Class, Envelope, HeaderError},
};
use serde_json::{Map, Value};

/// A future that can be sent to another thread and borrows nothing.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// All channels of an orderer.
pub trait Channels: Send + Sync + 'static {
    /// The channel that takes envelopes for `channel_id`, which is whatever a client wrote: empty, or of any length.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `BroadcastChannelSupport`.
    fn find(&self, channel_id: &str) -> Found;
}

/// What [`Channels::find`] found.
#[derive(Clone)]
pub enum Found {
    /// The channel of that id. Or, of an unknown id, the system channel: it creates channels, and itself refuses what
    /// is not for it.
    Channel(Arc<dyn BroadcastChannel>),
    /// There is no channel of that id, and no system channel either.
    Unknown,
}

/// A channel, as Broadcast sees it.
///
/// For each envelope of a stream one of the `admit` methods is called, at once and in the order of the stream. Their
/// futures run side by side and may be ready in any order; each is dropped unfinished when its verdict has become
/// useless, because an envelope before it was refused or the client has gone.
pub trait BroadcastChannel: Send + Sync + 'static {
    /// Judges an envelope of any type but `CONFIG`, `ORDERER_TRANSACTION` and `CONFIG_UPDATE`.
    fn admit(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>>;

    /// Judges a `CONFIG_UPDATE`, and makes of it the envelope that is to be ordered.
    fn admit_config_update(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>>;

    /// Gives what was admitted its place in the order, at the call. The future is ready when it is durable.
    ///
    /// Dropping the future does not take the record back.
    fn append(&self, admitted: Admitted) -> BoxFuture<Result<(), Failure>>;
}

/// An envelope as it arrived, with its headers read once for all who need them.
#[derive(Clone, Debug)]
pub struct Received {
    /// What the client sent.
    pub envelope: Envelope,
    /// Its channel header.
    pub channel_header: ChannelHeader,
    /// Its signature header, or why there is none.
    pub signature_header: Result<SignatureHeader, HeaderError>,
    /// When it had arrived whole.
    pub at: SystemTime,
}

/// An envelope that passed, ready to be appended.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// What is to be ordered: what the client sent, or for a config update the config envelope made of it.
    pub envelope: Envelope,
    /// The channel's config sequence by which it was judged.
    pub config_sequence: ConfigSequence,
    /// How the record is to be marked in the log.
    pub class: Class,
}

/// Why an envelope was not admitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotTaken {
    /// The client can mend it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// We or the operator can. Answered with `SERVICE_UNAVAILABLE`, so that clients try another orderer.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// An envelope is not taken, and the client can do something about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{info}")]
pub struct Refusal {
    /// What clients act upon.
    pub status: RefusalStatus,
    /// Fabric's sentence, byte for byte where Fabric has one.
    pub info: String,
    /// What stands in the trailers.
    pub detail: Detail,
}

/// We cannot take an envelope. As far as the log is concerned the outcome is unknown.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{info}")]
pub struct Failure {
    /// Fabric's sentence where Fabric has one, else ours.
    pub info: String,
    /// What stands in the trailers.
    pub detail: Detail,
}

/// The statuses of refusals.
///
/// `ServiceUnavailable` is among them because of channels in maintenance: normal envelopes are refused then, but
/// gateways shall try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalStatus {
    /// 400
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 413, which Fabric's orderer never gives on Broadcast; for filters
    TooLarge,
    /// 503
    ServiceUnavailable,
}

impl From<RefusalStatus> for Status {
    fn from(status: RefusalStatus) -> Self {
        match status {
            RefusalStatus::BadRequest => Self::BadRequest,
            RefusalStatus::Forbidden => Self::Forbidden,
            RefusalStatus::NotFound => Self::NotFound,
            RefusalStatus::TooLarge => Self::RequestEntityTooLarge,
            RefusalStatus::ServiceUnavailable => Self::ServiceUnavailable,
        }
    }
}

/// What a client learns beside status and sentence, in the trailers of the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// Stable for ever, explained by `raddle help`.
    pub code: Code,
    /// The case at hand, as JSON; empty if there is nothing to say. What is over [`REASON_BYTES_MAX`] marshalled is
    /// left out, and its length given instead.
    ///
    /// [`REASON_BYTES_MAX`]: crate::broadcast::REASON_BYTES_MAX
    pub reason: Map<String, Value>,
}

impl From<Code> for Detail {
    /// Nothing but the code.
    fn from(code: Code) -> Self {
        Self { code, reason: Map::new() }
    }
}

/// The number of a code `RDL-nnnn`. The first digit says who acts: 1 the client, 2 the module's author, 3 the
/// channel's admin, 4 the operator, 9 us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl Code {
    /// Payload, header or channel header of an envelope cannot be read or are not there.
    pub const ENVELOPE_UNREADABLE: Self = Self(1101);
    /// No channel has the id that stands in an envelope.
    pub const CHANNEL_UNKNOWN: Self = Self(1102);
    /// Envelopes of type `CONFIG` and `ORDERER_TRANSACTION` are made by orderers, not sent to them.
    pub const TYPE_NOT_TAKEN: Self = Self(1103);

    /// The codes that this crate itself answers with.
    pub const OF_THIS_CRATE: [Self; 3] =
        [Self::ENVELOPE_UNREADABLE, Self::CHANNEL_UNKNOWN, Self::TYPE_NOT_TAKEN];
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RDL-{:04}", self.0)
    }
}
