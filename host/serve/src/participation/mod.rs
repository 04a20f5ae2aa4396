//! Channel participation: Fabric's HTTP API by which admins list, join and remove the channels of an orderer, change
//! their configs and fetch their blocks. `osnadmin` speaks it.
//!
//! - [`Participation`]: the seam. What an orderer has to offer
//! - [`AdminServer`]: the socket, with its limits
//! - `routes`: from a request to a handler, as Fabric's two routers do
//! - `handlers`: the requests themselves
//! - `form`, `media_type`: Go's reading of `multipart/form-data`
//! - `answer`: status, headers and body; JSON as Go writes it
//!
//! What the API answers is Fabric's byte for byte, `Date` and framing apart: `tests/golden/participation` was recorded
//! from Fabric's own handler.
//!
//! Source: fabric v3.1.5 `orderer/common/channelparticipation/restapi.go`, which answers all that v2.5.16's does.

mod answer;
mod form;
mod handlers;
mod media_type;
mod routes;
mod server;

use bytes::Bytes;

use crate::channels::BoxFuture;

pub use server::{AdminServer, AdminSettings};

/// What an orderer offers its admins.
pub trait Participation: Send + Sync + 'static {
    /// The channels, those that are being removed among them.
    fn list(&self) -> ChannelList;

    /// How a channel stands.
    ///
    /// # Errors
    ///
    /// [`Refused::NoChannel`].
    fn info(&self, channel: &str) -> Result<ChannelInfo, Refused>;

    /// Joins the channel of a marshalled config block.
    ///
    /// # Errors
    ///
    /// See [`Refused`]; the orderer has the channels that it had.
    fn join(&self, block: Bytes) -> BoxFuture<Result<ChannelInfo, Refused>>;

    /// Removes a channel with all its blocks. Ready when it is certain that it will be removed, also after a crash.
    ///
    /// # Errors
    ///
    /// See [`Refused`]; the channel is as it was.
    fn remove(&self, channel: &str) -> BoxFuture<Result<(), Refused>>;

    /// Orders a change of a channel's config, a marshalled `common.Envelope` of type CONFIG_UPDATE.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    fn update(&self, envelope: Bytes) -> BoxFuture<Result<ChannelInfo, Refused>>;

    /// A committed block, marshalled.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    fn block(&self, channel: &str, which: Which) -> BoxFuture<Result<Bytes, Refused>>;
}

/// All channels of an orderer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelList {
    /// The channel that creates others, if there is one.
    pub system_channel: Option<String>,
    /// The others.
    pub channels: Vec<String>,
}

/// How a channel stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The channel.
    pub name: String,
    /// What this orderer is to the channel.
    pub relation: Relation,
    /// How far it has come.
    pub status: Status,
    /// The number of its blocks here.
    pub height: u64,
}

/// What an orderer is to a channel.
///
/// Source: fabric v2.5.16 `orderer/common/types/channelinfo.go` `ConsensusRelation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It orders a channel of a type for which Fabric keeps a set of orderers, such as etcdraft.
    Consenter,
    /// It copies the blocks that others order.
    Follower,
    /// It waits to be one of those who order.
    ConfigTracker,
    /// It orders a channel of another type: solo or kafka.
    Other,
}

/// How far an orderer has come with a channel.
///
/// Source: fabric v2.5.16 `orderer/common/types/channelinfo.go` `Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It orders.
    Active,
    /// It copies blocks up to the one that it was joined by.
    OnBoarding,
    /// It takes no blocks.
    Inactive,
    /// It has come to a halt, or its removal failed.
    Failed,
}

impl Relation {
    /// Fabric's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Consenter => "consenter",
            Self::Follower => "follower",
            Self::ConfigTracker => "config-tracker",
            Self::Other => "other",
        }
    }
}

impl Status {
    /// Fabric's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::OnBoarding => "onboarding",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
        }
    }
}

/// Which block is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    Oldest,
    /// The last.
    Newest,
    /// The one in which the config of now stands.
    Config,
    /// The one of this number.
    Number(u64),
}

/// Why a request is not done. The sentences are Fabric's.
///
/// Source: fabric v3.1.5 `orderer/common/types/errors.go`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The bytes are no block or no envelope.
    #[error("cannot unmarshal file part {0}")]
    Unreadable(String),
    /// The block cannot be joined by.
    #[error("invalid join block: {0}")]
    InvalidBlock(String),
    /// The envelope is no update of a config.
    #[error("invalid config update envelope: {0}")]
    InvalidUpdate(String),
    /// A system channel makes and keeps the channels.
    #[error("system channel exists")]
    SystemChannelExists,
    /// The channel is there.
    #[error("channel already exists")]
    ChannelExists,
    /// There are channels, and a system channel must be the first.
    #[error("application channels already exist")]
    ApplicationChannelsExist,
    /// The channel is not there.
    #[error("channel does not exist")]
    NoChannel,
    /// The channel is being removed.
    #[error("channel pending removal")]
    PendingRemoval,
    /// The channel could not be removed to its end.
    #[error("channel removal failure")]
    RemovalFailed,
    /// The channel's blocks are being copied.
    #[error("channel is not ready, he is a follower")]
    NotReady,
    /// Anything else, in a sentence.
    #[error("{0}")]
    Other(String),
}
