//! The groups of a channel's config, read and checked as Fabric does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::{Message, Name};
use raddle_proto::wire::go_decode;
use raddle_proto::{common, msp, orderer, peer};

use super::{BatchSize, ChannelError, OrganisationKind, SectionError, text};
use crate::access::{MspConfigs, msp_version};
use crate::duration;

/// MSP names by organisation.
pub(super) type Organisations = BTreeMap<String, String>;

/// A channel group that was read.
pub(super) struct Channel {
    pub(super) capabilities: BTreeSet<String>,
    pub(super) orderer: Option<Orderer>,
    pub(super) application: Option<Organisations>,
    pub(super) consortiums: Option<BTreeMap<String, Organisations>>,
    pub(super) msps: MspConfigs,
}

/// The group Orderer.
pub(super) struct Orderer {
    pub(super) batch_size: BatchSize,
    pub(super) batch_timeout: Duration,
    pub(super) consensus: orderer::ConsensusType,
    pub(super) kafka_brokers: Vec<String>,
    pub(super) channels_max: u64,
    pub(super) capabilities: BTreeSet<String>,
    pub(super) organisations: Organisations,
}

const CAPABILITIES: &str = "Capabilities";
const MSP: &str = "MSP";

impl Channel {
    /// Source: fabric v2.5.16 `common/channelconfig/channel.go` `NewChannelConfig`.
    pub(super) fn read(root: &common::ConfigGroup) -> Result<Self, ChannelError> {
        let capabilities = read_channel_values(root).map_err(ChannelError::Value)?;
        let has_own_endpoints = has_own_endpoints(&capabilities);
        let mut channel = Self {
            msps: MspConfigs::new(msp_version(&capabilities)),
            capabilities,
            orderer: None,
            application: None,
            consortiums: None,
        };
        for (name, group) in &root.groups {
            let (section, read) = match name.as_str() {
                "Application" => ("Application", channel.read_application(group)),
                "Consortiums" => ("Consortiums", channel.read_consortiums(group)),
                "Orderer" => ("Orderer", channel.read_orderer(group, has_own_endpoints)),
                _ => return Err(ChannelError::UnknownGroup(text::group(group))),
            };
            read.map_err(|error| ChannelError::Section { section, error })?;
        }
        Ok(channel)
    }

    /// Source: fabric v2.5.16 `common/channelconfig/application.go` `NewApplicationConfig`.
    fn read_application(&mut self, group: &common::ConfigGroup) -> Result<(), SectionError> {
        let mut values = Values::of(group);
        let _: peer::AcLs = values.take("ACLs")?;
        let capabilities = values.take_capabilities()?;
        values.end()?;
        let allows_acls = ["V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"];
        if group.values.contains_key("ACLs") && !has_one_of(&capabilities, &allows_acls) {
            return Err(SectionError::AclsWithoutCapability);
        }
        let mut organisations = Organisations::new();
        for (name, group) in &group.groups {
            check_no_groups(group, OrganisationKind::Application)?;
            let mut values = Values::of(group);
            let _: peer::AnchorPeers = values.take("AnchorPeers")?;
            organisations.insert(name.clone(), self.read_msp(name, values)?);
        }
        self.application = Some(organisations);
        Ok(())
    }

    /// Source: fabric v2.5.16 `common/channelconfig/{consortiums,consortium,organization}.go`.
    fn read_consortiums(&mut self, group: &common::ConfigGroup) -> Result<(), SectionError> {
        let mut consortiums = BTreeMap::new();
        for (name, group) in &group.groups {
            let mut values = Values::of(group);
            let _: common::Policy = values.take("ChannelCreationPolicy")?;
            values.end()?;
            let mut organisations = Organisations::new();
            for (name, group) in &group.groups {
                check_no_groups(group, OrganisationKind::Consortium)?;
                organisations.insert(name.clone(), self.read_msp(name, Values::of(group))?);
            }
            consortiums.insert(name.clone(), organisations);
        }
        self.consortiums = Some(consortiums);
        Ok(())
    }

    /// Source: fabric v2.5.16 `common/channelconfig/orderer.go` `NewOrdererConfig`, `NewOrdererOrgConfig`.
    fn read_orderer(
        &mut self,
        group: &common::ConfigGroup,
        has_own_endpoints: bool,
    ) -> Result<(), SectionError> {
        let mut orderer = read_orderer_values(group)?;
        for (name, group) in &group.groups {
            check_no_groups(group, OrganisationKind::Orderer)?;
            if group.values.contains_key("Endpoints") && !has_own_endpoints {
                return Err(SectionError::EndpointsWithoutCapability(name.clone()));
            }
            let mut values = Values::of(group);
            let _: common::OrdererAddresses = values.take("Endpoints")?;
            orderer.organisations.insert(name.clone(), self.read_msp(name, values)?);
        }
        self.orderer = Some(orderer);
        Ok(())
    }

    /// Sets up an organisation's MSP, which is the last of its values; answers the MSP's name.
    ///
    /// Source: fabric v2.5.16 `common/channelconfig/organization.go` `validateMSP`.
    fn read_msp(&mut self, organisation: &str, mut values: Values<'_>) -> Result<String, SectionError> {
        let config: msp::MspConfig = values.take(MSP)?;
        values.end()?;
        let id = self.msps.propose(config)?;
        if id.is_empty() {
            return Err(SectionError::NoMspId(organisation.to_owned()));
        }
        Ok(id)
    }
}

/// Checks the values of the channel group; answers its capabilities.
///
/// Source: fabric v2.5.16 `common/channelconfig/channel.go` `Validate`.
fn read_channel_values(root: &common::ConfigGroup) -> Result<BTreeSet<String>, SectionError> {
    let mut values = Values::of(root);
    let algorithm: common::HashingAlgorithm = values.take("HashingAlgorithm")?;
    let hashing: common::BlockDataHashingStructure = values.take("BlockDataHashingStructure")?;
    let addresses: common::OrdererAddresses = values.take("OrdererAddresses")?;
    let _: common::Consortium = values.take("Consortium")?;
    let capabilities = values.take_capabilities()?;
    values.end()?;
    if !matches!(algorithm.name.as_str(), "SHA256" | "SHA3_256") {
        return Err(SectionError::HashingAlgorithm(algorithm.name));
    }
    if hashing.width != u32::MAX {
        return Err(SectionError::HashingWidth);
    }
    if addresses.addresses.is_empty() && !has_own_endpoints(&capabilities) {
        return Err(SectionError::NoOrdererAddresses);
    }
    Ok(capabilities)
}

/// Whether ordering organisations may name their own endpoints.
///
/// Source: fabric v2.5.16 `common/capabilities/channel.go` `OrgSpecificOrdererEndpoints`.
fn has_own_endpoints(channel_capabilities: &BTreeSet<String>) -> bool {
    has_one_of(channel_capabilities, &["V1_4_2", "V1_4_3", "V2_0"])
}

/// Source: fabric v2.5.16 `common/channelconfig/orderer.go` `NewOrdererConfig`, `Validate`.
fn read_orderer_values(group: &common::ConfigGroup) -> Result<Orderer, SectionError> {
    let mut values = Values::of(group);
    let batch_size: orderer::BatchSize = values.take("BatchSize")?;
    let batch_timeout: orderer::BatchTimeout = values.take("BatchTimeout")?;
    let brokers: orderer::KafkaBrokers = values.take("KafkaBrokers")?;
    let restrictions: orderer::ChannelRestrictions = values.take("ChannelRestrictions")?;
    let consensus: orderer::ConsensusType = values.take("ConsensusType")?;
    let capabilities = values.take_capabilities()?;
    values.end()?;
    let batch_size = check_batch_size(&batch_size)?;
    let batch_timeout = duration::parse_positive(&batch_timeout.timeout)?;
    if let Some(broker) = brokers.brokers.iter().find(|broker| !is_broker(broker)) {
        return Err(SectionError::Broker(broker.clone()));
    }
    Ok(Orderer {
        batch_size,
        batch_timeout,
        consensus,
        kafka_brokers: brokers.brokers,
        channels_max: restrictions.max_count,
        capabilities,
        organisations: Organisations::new(),
    })
}

fn check_batch_size(read: &orderer::BatchSize) -> Result<BatchSize, SectionError> {
    for (limit, amount) in [
        ("max message count", read.max_message_count),
        ("absolute max bytes", read.absolute_max_bytes),
        ("preferred max bytes", read.preferred_max_bytes),
    ] {
        if amount == 0 {
            return Err(SectionError::ZeroBatchSize { limit });
        }
    }
    if read.preferred_max_bytes > read.absolute_max_bytes {
        return Err(SectionError::PreferredBeyondAbsolute {
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
fn is_broker(broker: &str) -> bool {
    broker.split_once(':').is_some_and(|(host, port)| {
        // Go's ParseUint takes digits only, without a sign.
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let host = host.as_bytes();
        // Go compares the length of what its pattern found with the host's, so an empty host passes.
        is_port
            && (host.is_empty()
                || (host.iter().all(|&byte| is_inner(byte)) && is_edge(host.first()) && is_edge(host.last())))
    })
}

fn check_no_groups(organisation: &common::ConfigGroup, kind: OrganisationKind) -> Result<(), SectionError> {
    if organisation.groups.is_empty() { Ok(()) } else { Err(SectionError::SubGroups(kind)) }
}

pub(super) fn has_one_of(capabilities: &BTreeSet<String>, names: &[&str]) -> bool {
    names.iter().any(|&name| capabilities.contains(name))
}

/// A group's values, each taken by the one who knows it.
///
/// Source: fabric v2.5.16 `common/channelconfig/standardvalues.go`.
struct Values<'a> {
    group: &'a common::ConfigGroup,
    taken: Vec<&'static str>,
}

impl<'a> Values<'a> {
    const fn of(group: &'a common::ConfigGroup) -> Self {
        Self { group, taken: Vec::new() }
    }

    /// The value at `key`, or the message's defaults if it is not set.
    fn take<M: Message + Name + Default>(&mut self, key: &'static str) -> Result<M, SectionError> {
        self.taken.push(key);
        match self.group.values.get(key) {
            Some(value) => go_decode(value.value.clone()).map_err(SectionError::Encoding),
            None => Ok(M::default()),
        }
    }

    fn take_capabilities(&mut self) -> Result<BTreeSet<String>, SectionError> {
        let read: common::Capabilities = self.take(CAPABILITIES)?;
        Ok(read.capabilities.into_keys().collect())
    }

    /// Checks that none is left.
    fn end(self) -> Result<(), SectionError> {
        match self.group.values.keys().find(|key| !self.taken.contains(&key.as_str())) {
            Some(key) => Err(SectionError::UnknownValue(key.clone())),
            None => Ok(()),
        }
    }
}
