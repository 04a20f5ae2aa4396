//! Why a channel is not created. The texts are Fabric's where Fabric has one.

use raddle_proto::wire::WireError;

use crate::bundle::BundleError;
use crate::config_update::Refusal;
use crate::ids::ChannelId;
use crate::policy::go_text;

/// Why an update gives no config to apply it to.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `NewChannelConfig`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The envelope's payload is no `Payload`.
    #[error(
        "Failing initial channel config creation because of payload unmarshalling error: error unmarshalling \
         Payload: {}", go_text(.0)
    )]
    Payload(WireError),
    /// The payload's data are no `ConfigUpdateEnvelope`.
    #[error(
        "Failing initial channel config creation because of config update envelope unmarshalling error: {}",
        go_text(.0)
    )]
    UpdateEnvelope(WireError),
    /// The payload has no header.
    #[error("Failed initial channel config creation because config update header was missing")]
    NoHeader,
    /// The channel header is no `ChannelHeader`.
    #[error(
        "Failed initial channel config creation because channel header was malformed: error unmarshalling \
         ChannelHeader: {}", go_text(.0)
    )]
    ChannelHeader(WireError),
    /// The update is no `ConfigUpdate`.
    #[error(
        "Failing initial channel config creation because of config update unmarshalling error: {}",
        go_text(.0)
    )]
    Update(WireError),
    /// Header and update name two channels.
    #[error("Failing initial channel config creation: mismatched channel IDs: '{update}' != '{header}'")]
    TwoChannels {
        /// The update's.
        update: String,
        /// The header's.
        header: String,
    },
    /// The update writes nothing.
    #[error("Config update has an empty writeset")]
    NoWriteSet,
    /// The update writes no group `Application`.
    #[error("Config update has missing application group")]
    NoApplication,
    /// The update must be the first change of the template's group, which stands at version 0.
    #[error("Config update for channel creation does not set application group version to 1, was {0}")]
    ApplicationVersion(u64),
    /// The update does not say which consortium the channel belongs to.
    #[error("Consortium config value missing")]
    NoConsortium,
    /// The value's bytes are no `Consortium`.
    #[error("Error reading unmarshalling consortium name: {}", go_text(.0))]
    Consortium(WireError),
    /// This system channel has no such consortium.
    #[error("Unknown consortium name: {0}")]
    UnknownConsortium(String),
    /// Nobody is in the channel, though the consortium has members.
    #[error("Proposed configuration has no application group members, but consortium contains members")]
    NoMembers,
    /// An organisation that the consortium does not have.
    #[error("Attempted to include member {0} which is not in the consortium")]
    NotAMember(String),
    /// The template is no valid config.
    #[error(transparent)]
    Config(Box<BundleError>),
}

/// Why a client's request to create a channel is refused: 400 all of them, as a failed mod policy is too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreationRefusal {
    /// There is no config to apply the update to.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The update does not apply, or too few have signed it.
    ///
    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `ProcessConfigUpdateMsg`.
    #[error(
        "error validating channel creation transaction for new channel '{channel}', could not successfully apply \
         update to template configuration: {reason}"
    )]
    NotAuthorised {
        /// The new channel.
        channel: ChannelId,
        /// Why.
        reason: Box<Refusal>,
    },
}

/// Why the last filter of a system channel refuses an envelope.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannelfilter.go`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectionRefusal {
    /// The payload is no `Payload`.
    #[error("bad payload: {}", go_text(.0))]
    Payload(WireError),
    /// The payload has no header.
    #[error("missing payload header")]
    NoHeader,
    /// The channel header is no `ChannelHeader`.
    #[error("bad channel header: error unmarshalling ChannelHeader: {}", go_text(.0))]
    ChannelHeader(WireError),
    /// As many channels exist as there may be. The spelling is Fabric's.
    #[error("channel creation would exceed maximimum number of channels: {0}")]
    ChannelsMax(u64),
    /// The system channel is in maintenance: the client may try again later.
    #[error("channel creation is not permitted: maintenance mode")]
    Maintenance,
    /// The payload's data are no envelope.
    #[error("payload data error unmarshalling to envelope: {}", go_text(.0))]
    Inner(WireError),
    /// The inner envelope's payload is no `Payload`.
    #[error("error unmarshalling wrapped configtx envelope payload: {}", go_text(.0))]
    InnerPayload(WireError),
    /// The inner payload has no header.
    #[error("wrapped configtx envelope missing header")]
    InnerNoHeader,
    /// The inner channel header is no `ChannelHeader`.
    #[error(
        "error unmarshalling wrapped configtx envelope channel header: error unmarshalling ChannelHeader: {}",
        go_text(.0)
    )]
    InnerChannelHeader(WireError),
    /// The inner envelope is of another type.
    #[error("wrapped configtx envelope not a config transaction")]
    InnerNotConfig,
    /// The inner payload's data are no `ConfigEnvelope`.
    #[error("error unmarshalling wrapped configtx config envelope from payload: {}", go_text(.0))]
    InnerConfig(WireError),
    /// The config does not say which update it is from.
    #[error("updated config does not include a config update")]
    NoUpdate,
    /// The update gives no config to apply it to.
    #[error("error constructing new channel config from update: {0}")]
    Template(TemplateError),
    /// The update does not apply, or too few have signed it.
    #[error("error proposing channel update to new channel config: {0}")]
    NotAuthorised(Box<Refusal>),
    /// Another config comes out of the update than the one beside it.
    #[error(
        "config proposed by the channel creation request did not match the config received with the channel \
         creation request"
    )]
    OtherConfig,
    /// The new channel's config is invalid.
    #[error("config does not validly parse: {0}")]
    Config(Box<BundleError>),
}

impl InspectionRefusal {
    /// Whether the answer is SERVICE_UNAVAILABLE; otherwise it is BAD_REQUEST.
    ///
    /// Source: fabric v2.5.16 `orderer/common/broadcast/broadcast.go` `ClassifyError`.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Maintenance)
    }
}
