//! What can be wrong with a config. The texts are Fabric's, prefixes of the layers that it wraps around them included.

use raddle_proto::wire::WireError;

use super::IdError;
use crate::access::MspConfigError;
use crate::duration::DurationError;
use crate::policy::{BuildError, go_text};

/// Why a config cannot be ordered by.
///
/// Where several things are wrong, the first in the order of names is told; Fabric tells any of them.
///
/// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `NewBundle`,
/// `orderer/common/multichannel/ledger_resources.go` `checkResources`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// There is no config.
    #[error("channelconfig Config cannot be nil")]
    NoConfig,
    /// There is no channel group.
    #[error("config must contain a channel group")]
    NoChannelGroup,
    /// A capability of the channel, or of the application, stands alone.
    #[error("cannot enable {section} capabilities without orderer support first")]
    CapabilitiesWithoutOrderer {
        /// `channel` or `application`.
        section: &'static str,
    },
    /// A group, a value or an organisation.
    #[error("initializing channelconfig failed: {0}")]
    Channel(#[from] ChannelError),
    /// A signature policy.
    #[error("initializing policymanager failed: {0}")]
    Policy(#[from] BuildError),
    /// The channel's name.
    #[error("initializing configtx manager failed: bad channel ID: {0}")]
    ChannelName(ChannelNameError),
    /// The name of an element.
    #[error("initializing configtx manager failed: error converting config to map: {0}")]
    Key(#[from] KeyError),
    /// The config is whole, and not for this orderer.
    #[error(transparent)]
    Incompatible(#[from] Incompatible),
}

/// What a whole config asks for that an orderer of this version cannot give.
///
/// Source: fabric v2.5.16 `orderer/common/multichannel/ledger_resources.go` `checkResources`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatible {
    /// The config has no Orderer group, so nothing says how to order.
    #[error("config does not contain orderer config")]
    NoOrdererGroup,
    /// A capability that this version does not have. Fabric says it twice.
    #[error(
        "config requires unsupported {} capabilities: {section} capability {name} is required but not supported: \
         {section} capability {name} is required but not supported",
        section.to_ascii_lowercase()
    )]
    Capability {
        /// `Orderer` or `Channel`.
        section: &'static str,
        /// The capability.
        name: String,
    },
}

/// What is wrong in the channel group, or below it.
///
/// Source: fabric v2.5.16 `common/channelconfig/channel.go` `NewChannelConfig`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// A value of the channel group itself.
    #[error(transparent)]
    Value(SectionError),
    /// A group below the channel that Fabric does not know. Holds the group as Go prints it.
    #[error("Disallowed channel group: {0}")]
    UnknownGroup(String),
    /// A group that Fabric knows.
    #[error("could not create channel {section} sub-group config: {error}")]
    Section {
        /// `Application`, `Consortiums` or `Orderer`.
        section: &'static str,
        /// What is wrong in it.
        error: SectionError,
    },
}

/// What is wrong in one group, or in an organisation of it.
///
/// Source: fabric v2.5.16 `common/channelconfig/*.go`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SectionError {
    /// A value that Fabric does not know: stock peers end on it.
    #[error("failed to deserialize values: Unexpected key {0}")]
    UnknownValue(String),
    /// A value whose bytes are no such message.
    #[error("failed to deserialize values: {}", go_text(.0))]
    Encoding(WireError),
    /// A hashing algorithm that Fabric does not know.
    #[error("Unknown hashing algorithm type: {0}")]
    HashingAlgorithm(String),
    /// A Merkle tree width other than the only one supported.
    #[error("BlockDataHashStructure width only supported at MaxUint32 in this version")]
    HashingWidth,
    /// No addresses, and no capability that allows that.
    #[error("Must set some OrdererAddresses")]
    NoOrdererAddresses,
    /// A batch limit of zero.
    #[error("Attempted to set the batch size {limit} to an invalid value: 0")]
    ZeroBatchSize {
        /// Which one, in Fabric's words.
        limit: &'static str,
    },
    /// The preferred size is beyond the absolute one.
    #[error(
        "Attempted to set the batch size preferred max bytes ({preferred}) greater than the absolute max bytes \
         ({absolute})."
    )]
    PreferredBeyondAbsolute {
        /// `preferred_max_bytes`.
        preferred: u32,
        /// `absolute_max_bytes`.
        absolute: u32,
    },
    /// The batch timeout is no duration above zero.
    #[error("Attempted to set the batch timeout to a {} value: {}", timeout_fault(.0), .0)]
    BatchTimeout(#[from] DurationError),
    /// A broker that is no `host:port`.
    #[error("Invalid broker entry: {0}")]
    Broker(String),
    /// Access control lists, and no capability that allows them.
    #[error("ACLs may not be specified without the required capability")]
    AclsWithoutCapability,
    /// A group below an organisation.
    #[error("{}", match .0 {
        OrganisationKind::Application => "ApplicationOrg config does not allow sub-groups",
        OrganisationKind::Consortium => "organizations do not support sub-groups",
        OrganisationKind::Orderer => "OrdererOrg config does not allow sub-groups",
    })]
    SubGroups(OrganisationKind),
    /// An organisation's own endpoints, and no capability that allows them.
    #[error("Orderer Org {0} cannot contain endpoints value until V1_4_2+ capabilities have been enabled")]
    EndpointsWithoutCapability(String),
    /// An MSP.
    #[error(transparent)]
    Msp(#[from] MspConfigError),
    /// An MSP without a name.
    #[error("MSP for org {0} has empty MSP ID")]
    NoMspId(String),
}

/// Where an organisation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganisationKind {
    /// Below `/Channel/Application`.
    Application,
    /// Below a consortium.
    Consortium,
    /// Below `/Channel/Orderer`.
    Orderer,
}

/// The name of an element of a config that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal characters in key: {prefix}: {error}")]
pub struct KeyError {
    /// Of what kind the element is: `[Group]`, `[Value]` or `[Policy]`, and the spaces behind it.
    pub prefix: &'static str,
    /// What is wrong with its name.
    pub error: IdError,
}

/// Why a channel cannot have a name.
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `ValidateChannelID`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelNameError {
    /// No name.
    #[error("channel ID illegal, cannot be empty")]
    Empty,
    /// Too long.
    #[error("channel ID illegal, cannot be longer than {}", super::ID_BYTES_MAX)]
    TooLong,
    /// Other characters than lower-case letters, digits, dots and dashes, or no letter first.
    #[error("'{0}' contains illegal characters")]
    Characters(String),
}

const fn timeout_fault(error: &DurationError) -> &'static str {
    match error {
        DurationError::NotPositive { .. } => "non-positive",
        _ => "invalid",
    }
}
