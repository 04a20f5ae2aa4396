//! What an orderer offers to be served: channels that admit envelopes and append them to their logs, and channels
//! whose blocks are delivered.
//!
//! Everything behind these traits may be slow, and nothing behind them may block the thread that calls: futures do
//! the waiting, and work of more than some microseconds belongs on threads of the implementation.

use std::{future::Future, pin::Pin, sync::Arc, time::SystemTime};

use bytes::Bytes;
use raddle_core::ids::{BlockNumber, ConfigSequence};
use raddle_proto::{
    common::{ChannelHeader, SignatureHeader, Status},
    wire::{Class, Envelope, HeaderError},
};
use serde_json::{Map, Value};
use tokio::sync::watch;

pub use crate::client::node::{ModuleReport, ModulesReport};
pub use crate::code::Code;

/// A future that can be sent to another thread and borrows nothing.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// All channels of an orderer.
pub trait Channels: Send + Sync + 'static {
    /// The channel that takes envelopes for `channel_id`, which is whatever a client wrote: empty, or of any length.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `BroadcastChannelSupport`.
    fn find(&self, channel_id: &str) -> Found;

    /// The channel of exactly this id, whose blocks are delivered. Nothing stands in for an unknown one: not the
    /// system channel either.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `GetChain`.
    fn find_blocks(&self, channel_id: &str) -> Option<Arc<dyn DeliverChannel>>;
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

/// A channel, as Deliver sees it.
///
/// A stream looks at the standing, takes a committed block, asks whether its client may read it, and sends it. So
/// [`DeliverChannel::config_sequence`] must never be behind the blocks: once a config block is below the height, the
/// sequence it brought is answered. Then whom a config block shuts out does not get that block either, as in Fabric.
pub trait DeliverChannel: Send + Sync + 'static {
    /// Height and condition. To be changed at every committed block and whenever the condition changes; once its
    /// sender is dropped the channel counts as [`Condition::Closed`].
    fn standing(&self) -> watch::Receiver<Standing>;

    /// A committed block, as a marshalled `common.Block`. It is sent as it is, and the bytes are shared: for a hundred
    /// readers at the tip they should be read once.
    fn block(&self, number: BlockNumber) -> BoxFuture<Result<Bytes, BlockUnavailable>>;

    /// The same block if it is in memory, without waiting. Readers wait for a turn before others are read.
    fn recent_block(&self, number: BlockNumber) -> Option<Bytes> {
        let _ = number;
        None
    }

    /// The channel's config sequence, without waiting. When it has grown, every stream asks anew whether it may read.
    fn config_sequence(&self) -> ConfigSequence;

    /// Whether who signed the envelope may read the channel, by the config there is when this is called; and the
    /// sequence of that config. The policy is `/Channel/Readers`, or `/Channel/Orderer/Readers` in maintenance.
    ///
    /// The envelope's headers can be read. Expiration is not looked at here: see [`DeliverChannel::session_ends`].
    ///
    /// Source: fabric v2.5.16 `orderer/common/server/server.go` `Deliver`.
    fn may_read(&self, envelope: &Envelope) -> BoxFuture<Result<ConfigSequence, NotRead>>;

    /// The end of the certificate of who signed the envelope. `None` if it has none that can be read, or if
    /// expirations are not looked at.
    ///
    /// Source: fabric v2.5.16 `common/crypto/expiration.go` `ExpiresAt`.
    fn session_ends(&self, envelope: &Envelope) -> Option<SystemTime>;

    /// What the channel's own filters have done here, without waiting. Of a channel that counts nothing: nothing.
    fn modules(&self) -> ModulesReport {
        ModulesReport::default()
    }
}

/// How a channel stands, as Deliver sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The number of committed blocks, which is also the number of the next one. At least 1.
    pub height: u64,
    /// Whether the channel is at work.
    pub condition: Condition,
}

/// Whether a channel is at work.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Blocks are made of what is ordered.
    Serving,
    /// No blocks can be made for now. Streams get `SERVICE_UNAVAILABLE`, except those of clients that want what blocks
    /// there are all the same (`BEST_EFFORT`). Its sentence goes to whoever asks, before it is known who may read.
    Failed(Failure),
    /// The channel is not served any more. All streams get `SERVICE_UNAVAILABLE`.
    Closed,
}

/// A committed block cannot be had. Answered with `SERVICE_UNAVAILABLE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct BlockUnavailable {
    /// Why, in a sentence that clients may see.
    pub cause: String,
}

/// Why a client may not read a channel.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotRead {
    /// The channel's config does not let it. Answered with `FORBIDDEN`.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// We could not find out. Answered with `SERVICE_UNAVAILABLE`.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Who signed does not satisfy the policy for reading.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{text}")]
pub struct Denied {
    /// What Fabric writes into its log, as in `implicit policy evaluation failed - …: permission denied`.
    pub text: String,
    /// How the policy was evaluated, for the trailers. Only for identities that may know: those that can read the
    /// channel when it is not in maintenance.
    pub proof: Option<Value>,
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

impl NotTaken {
    /// What keeps it.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.detail.code,
            Self::Failed(failure) => failure.detail.code,
        }
    }
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

/// What a client learns beside status and sentence, in the trailers of its stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// Stable for ever, explained by `raddle help`.
    pub code: Code,
    /// The case at hand, as JSON; empty if there is nothing to say. What is over [`REASON_BYTES_MAX`] marshalled is
    /// left out, and its length given instead; but not `text`, the sentence that Deliver puts here.
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
