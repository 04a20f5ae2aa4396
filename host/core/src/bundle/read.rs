//! From Fabric's config tree to a [`Bundle`], with Fabric's checks on what is read.
//!
//! What is not checked here: signature policies, MSPs, and the groups below `Application` and `Consortiums`.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::{Message, Name};
use raddle_proto::wire::{self, Envelope, WireError, go_decode};
use raddle_proto::{common, hash, orderer};

use super::{BatchSize, Bundle, Consensus, ConsensusState, RADDLE_1_0};
use crate::duration::{self, DurationError};
use crate::ids::{ChannelId, ConfigSequence};

/// Orderer capabilities that this version has.
///
/// Source: fabric v2.5.16 `common/capabilities/orderer.go` `HasCapability`.
const ORDERER_CAPABILITIES: [&str; 4] = ["V1_1", "V1_4_2", "V2_0", RADDLE_1_0];

/// Channel capabilities that this version has.
///
/// Source: fabric v2.5.16 `common/capabilities/channel.go` `HasCapability`.
const CHANNEL_CAPABILITIES: [&str; 5] = ["V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0"];

/// Name of the policy in the Orderer group that carries a batch policy module.
const BATCH_POLICY_KEY: &str = "raddle.batch-policy";

/// Why a config gives no bundle. The texts are Fabric's where Fabric has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// There is no config.
    #[error("channelconfig Config cannot be nil")]
    NoConfig,
    /// There is no channel group.
    #[error("config must contain a channel group")]
    NoChannelGroup,
    /// The channel has no Orderer group, so nothing says how to order.
    #[error("config has no group Orderer")]
    NoOrdererGroup,
    /// A capability of the channel, or of the application, stands alone.
    #[error("cannot enable {section} capabilities without orderer support first")]
    CapabilitiesWithoutOrderer {
        /// `channel` or `application`.
        section: &'static str,
    },
    /// A capability that this version does not have.
    #[error("{section} capability {name} is required but not supported")]
    UnsupportedCapability {
        /// `Orderer` or `Channel`.
        section: &'static str,
        /// The capability.
        name: String,
    },
    /// A group below the channel that Fabric does not know.
    #[error("Disallowed channel group: {0}")]
    UnknownGroup(String),
    /// A value that Fabric does not know: stock peers crash on it.
    #[error("Unexpected key {0}")]
    UnknownValue(String),
    /// A value whose bytes are no such message.
    #[error("value {key}: {error}")]
    BadValue {
        /// The value's key.
        key: String,
        /// What is wrong with the bytes.
        error: WireError,
    },
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
    #[error("Attempted to set the batch timeout to a invalid value: {0}")]
    BatchTimeout(#[from] DurationError),
    /// A broker that is no `host:port`.
    #[error("Invalid broker entry: {0}")]
    Broker(String),
}

/// Why a block is no genesis block of a channel that can be ordered here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The bytes are no block.
    #[error("not a block: {0}")]
    NotABlock(WireError),
    /// The block has no header or no data.
    #[error("the block has no {0}")]
    Incomplete(&'static str),
    /// Another block of a channel.
    #[error("the block is number {0}, and a genesis block is number 0")]
    NotTheFirst(u64),
    /// The header names other data.
    #[error("the block's data do not match the data hash in its header")]
    DataHash,
    /// The block holds no config.
    #[error("not a config block: {0}")]
    NotConfig(String),
    /// The config cannot be used.
    #[error("the channel's config cannot be used: {0}")]
    Bundle(#[from] BundleError),
}

/// A channel's first block, and the config in it.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The block.
    pub block: common::Block,
    /// What ordering needs of the config.
    pub bundle: Bundle,
    /// The whole config.
    pub channel_group: common::ConfigGroup,
}

/// Reads a genesis block.
///
/// # Errors
///
/// See [`GenesisError`].
pub fn read_genesis(bytes: Bytes) -> Result<Genesis, GenesisError> {
    let block: common::Block = go_decode(bytes).map_err(GenesisError::NotABlock)?;
    match block.header.as_ref().map_or(0, |header| header.number) {
        0 => config_block(block),
        number => Err(GenesisError::NotTheFirst(number)),
    }
}

fn config_block(block: common::Block) -> Result<Genesis, GenesisError> {
    let header = block.header.as_ref().ok_or(GenesisError::Incomplete("header"))?;
    let data = block.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default();
    let first = data.first().ok_or(GenesisError::Incomplete("data"))?;
    if hash::block_data_hash(data.iter().map(AsRef::as_ref)).as_slice() != header.data_hash.as_ref() {
        return Err(GenesisError::DataHash);
    }
    let (bundle, channel_group) = read_config_of(first.clone())?;
    Ok(Genesis { block, bundle, channel_group })
}

/// Reads the config in a marshalled CONFIG envelope, the only one of its block.
///
/// # Errors
///
/// [`GenesisError::NotConfig`] and [`GenesisError::Bundle`].
pub fn read_config_of(envelope: Bytes) -> Result<(Bundle, common::ConfigGroup), GenesisError> {
    let not_config = |error: WireError| GenesisError::NotConfig(error.to_string());
    let envelope = Envelope::unmarshal(envelope).map_err(not_config)?;
    let channel_header =
        wire::channel_header(&envelope).map_err(|error| GenesisError::NotConfig(error.to_string()))?;
    if channel_header.r#type != common::HeaderType::Config as i32 {
        let found = channel_header.r#type;
        return Err(GenesisError::NotConfig(format!(
            "its envelope is of type {found}, and a config is of type 1"
        )));
    }
    let config = read_config_envelope(&envelope).map_err(not_config)?;
    let bundle = read_bundle(ChannelId(channel_header.channel_id), config.config.as_ref())?;
    let channel_group = config.config.and_then(|config| config.channel_group).unwrap_or_default();
    Ok((bundle, channel_group))
}

/// The `ConfigEnvelope` in a CONFIG envelope.
///
/// # Errors
///
/// The bytes are no such messages.
pub fn read_config_envelope(envelope: &Envelope) -> Result<common::ConfigEnvelope, WireError> {
    let payload = go_decode::<common::Payload>(envelope.payload().clone())?;
    go_decode(payload.data)
}

/// Reads the config of `channel`.
///
/// # Errors
///
/// See [`BundleError`].
///
/// Source: fabric v2.5.16 `common/channelconfig/{bundle,channel,orderer}.go`.
pub fn read_bundle(channel: ChannelId, config: Option<&common::Config>) -> Result<Bundle, BundleError> {
    let config = config.ok_or(BundleError::NoConfig)?;
    let root = config.channel_group.as_ref().ok_or(BundleError::NoChannelGroup)?;
    let ordering = root.groups.get("Orderer").ok_or(BundleError::NoOrdererGroup)?;
    check_capability_order(root, ordering)?;
    let channel_capabilities = read_channel_values(root)?;
    for name in root.groups.keys() {
        if !matches!(name.as_str(), "Application" | "Orderer" | "Consortiums") {
            return Err(BundleError::UnknownGroup(name.clone()));
        }
    }
    check_keys(
        ordering,
        &[
            "ConsensusType",
            "BatchSize",
            "BatchTimeout",
            "KafkaBrokers",
            "ChannelRestrictions",
            "Capabilities",
        ],
    )?;
    let batch_size = read_batch_size(ordering)?;
    let batch_timeout =
        duration::parse_positive(&value::<orderer::BatchTimeout>(ordering, "BatchTimeout")?.timeout)?;
    check_brokers(ordering)?;
    let _: orderer::ChannelRestrictions = value(ordering, "ChannelRestrictions")?;
    let consensus = value::<orderer::ConsensusType>(ordering, "ConsensusType")?;
    Ok(Bundle {
        channel,
        sequence: ConfigSequence(config.sequence),
        batch_size,
        batch_timeout,
        consensus: Consensus {
            kind: consensus.r#type,
            state: match consensus.state {
                0 => ConsensusState::Normal,
                _ => ConsensusState::Maintenance,
            },
        },
        orderer_capabilities: capabilities(ordering, "Orderer", &ORDERER_CAPABILITIES)?,
        channel_capabilities,
        has_consortiums: root.groups.contains_key("Consortiums"),
        has_batch_policy_module: ordering.policies.contains_key(BATCH_POLICY_KEY),
    })
}

/// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `preValidate`.
fn check_capability_order(
    root: &common::ConfigGroup,
    ordering: &common::ConfigGroup,
) -> Result<(), BundleError> {
    if ordering.values.contains_key("Capabilities") {
        return Ok(());
    }
    if root.values.contains_key("Capabilities") {
        return Err(BundleError::CapabilitiesWithoutOrderer { section: "channel" });
    }
    let application = root.groups.get("Application");
    if application.is_some_and(|group| group.values.contains_key("Capabilities")) {
        return Err(BundleError::CapabilitiesWithoutOrderer { section: "application" });
    }
    Ok(())
}

/// Checks the values of the channel group; answers its capabilities.
///
/// Source: fabric v2.5.16 `common/channelconfig/channel.go` `NewChannelConfig`, `Validate`.
fn read_channel_values(root: &common::ConfigGroup) -> Result<BTreeSet<String>, BundleError> {
    check_keys(
        root,
        &["HashingAlgorithm", "BlockDataHashingStructure", "OrdererAddresses", "Consortium", "Capabilities"],
    )?;
    let names = capabilities(root, "Channel", &CHANNEL_CAPABILITIES)?;
    let algorithm = value::<common::HashingAlgorithm>(root, "HashingAlgorithm")?.name;
    if !matches!(algorithm.as_str(), "SHA256" | "SHA3_256") {
        return Err(BundleError::HashingAlgorithm(algorithm));
    }
    if value::<common::BlockDataHashingStructure>(root, "BlockDataHashingStructure")?.width != u32::MAX {
        return Err(BundleError::HashingWidth);
    }
    let _: common::Consortium = value(root, "Consortium")?;
    let addresses = value::<common::OrdererAddresses>(root, "OrdererAddresses")?.addresses;
    // Organisations may name their own from V1_4_2 on.
    let may_be_without = ["V1_4_2", "V1_4_3", "V2_0"].iter().any(|&name| names.contains(name));
    if addresses.is_empty() && !may_be_without {
        return Err(BundleError::NoOrdererAddresses);
    }
    Ok(names)
}

fn read_batch_size(ordering: &common::ConfigGroup) -> Result<BatchSize, BundleError> {
    let read = value::<orderer::BatchSize>(ordering, "BatchSize")?;
    for (limit, amount) in [
        ("max message count", read.max_message_count),
        ("absolute max bytes", read.absolute_max_bytes),
        ("preferred max bytes", read.preferred_max_bytes),
    ] {
        if amount == 0 {
            return Err(BundleError::ZeroBatchSize { limit });
        }
    }
    if read.preferred_max_bytes > read.absolute_max_bytes {
        return Err(BundleError::PreferredBeyondAbsolute {
            preferred: read.preferred_max_bytes,
            absolute: read.absolute_max_bytes,
        });
    }
    Ok(BatchSize {
        max_message_count: read.max_message_count,
        absolute_max_bytes: read.absolute_max_bytes,
        preferred_max_bytes: read.preferred_max_bytes,
    })
}

/// Source: fabric v2.5.16 `common/channelconfig/orderer.go` `brokerEntrySeemsValid`.
fn check_brokers(ordering: &common::ConfigGroup) -> Result<(), BundleError> {
    for broker in value::<orderer::KafkaBrokers>(ordering, "KafkaBrokers")?.brokers {
        let is_valid = broker.split_once(':').is_some_and(|(host, port)| {
            // Go's ParseUint takes digits only, without a sign.
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
            let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
            let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let host = host.as_bytes();
            // Go compares the length of what its pattern found with the host's, so an empty host passes.
            is_port
                && (host.is_empty()
                    || (host.iter().all(|&b| is_inner(b)) && is_edge(host.first()) && is_edge(host.last())))
        });
        if !is_valid {
            return Err(BundleError::Broker(broker));
        }
    }
    Ok(())
}

fn capabilities(
    group: &common::ConfigGroup,
    section: &'static str,
    known: &[&str],
) -> Result<BTreeSet<String>, BundleError> {
    let names: BTreeSet<String> =
        value::<common::Capabilities>(group, "Capabilities")?.capabilities.into_keys().collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(BundleError::UnsupportedCapability { section, name: name.clone() }),
        None => Ok(names),
    }
}

fn check_keys(group: &common::ConfigGroup, known: &[&str]) -> Result<(), BundleError> {
    match group.values.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(BundleError::UnknownValue(key.clone())),
        None => Ok(()),
    }
}

/// The value at `key`, or the message's defaults if it is not set, as in Fabric.
fn value<M: Message + Name + Default>(group: &common::ConfigGroup, key: &str) -> Result<M, BundleError> {
    match group.values.get(key) {
        Some(value) => go_decode(value.value.clone())
            .map_err(|error| BundleError::BadValue { key: key.to_owned(), error }),
        None => Ok(M::default()),
    }
}
