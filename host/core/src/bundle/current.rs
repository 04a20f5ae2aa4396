//! A channel's config with all that follows from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use raddle_proto::{common, orderer};

use super::sections::{Channel, Orderer, Organisations, has_one_of};
use super::{
    BATCH_POLICY_KEY, BundleError, CHANNEL_CAPABILITIES, Consensus, ConsensusState, Incompatible,
    ORDERER_CAPABILITIES, names,
};
use crate::access::Access;
use crate::bundle::Bundle;
use crate::ids::{ChannelId, ConfigSequence};
use crate::policy::PolicyTree;

/// The config that a channel is at. Immutable: one value for each config sequence, and everything in it of that one.
pub struct CurrentConfig {
    /// The config itself.
    pub config: common::Config,
    /// What ordering needs of it.
    pub bundle: Arc<Bundle>,
    /// Who may do what under it.
    pub access: Arc<Access>,
    /// How many channels a system channel allows; 0 for any number.
    pub channels_max: u64,
    pub(crate) orderer: OrdererConfig,
    application: Option<Organisations>,
    consortiums: Option<BTreeMap<String, Organisations>>,
}

/// Of the group Orderer what only config updates ask for.
pub(crate) struct OrdererConfig {
    pub(crate) consensus: orderer::ConsensusType,
    organisations: Organisations,
}

/// Why a config may not follow another.
///
/// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `ValidateNew`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SuccessionError {
    /// A group that may not go.
    #[error("current config has {0} section, but new config does not")]
    SectionIsGone(&'static str),
    /// The group Consortiums makes a system channel, and may not come.
    #[error("current config has no consortiums section, but new config does")]
    Consortiums,
    /// The consensus type, where no capability allows that it changes.
    #[error("attempted to change consensus type from {from} to {to}")]
    ConsensusType {
        /// The present one.
        from: String,
        /// The next one.
        to: String,
    },
    /// An organisation's MSP may change, its name may not.
    #[error("{organisation} attempted to change MSP ID from {from} to {to}")]
    MspId {
        /// The organisation, and what it belongs to.
        organisation: String,
        /// The present name.
        from: String,
        /// The next one.
        to: String,
    },
}

impl CurrentConfig {
    /// Whether the config has the group Application: every channel's but a system channel's.
    #[must_use]
    pub const fn has_application(&self) -> bool {
        self.application.is_some()
    }

    /// Reads the whole config of `channel`: every group, value, organisation and signature policy, in Fabric's order.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    ///
    /// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `NewBundle`,
    /// `orderer/common/multichannel/ledger_resources.go` `checkResources`.
    pub fn read(channel: ChannelId, config: common::Config) -> Result<Self, BundleError> {
        let root = config.channel_group.as_ref().ok_or(BundleError::NoChannelGroup)?;
        check_capability_order(root)?;
        let read = Channel::read(root)?;
        let policies = PolicyTree::build(root)?;
        names::check_channel_name(&channel.0).map_err(BundleError::ChannelName)?;
        names::check_keys(root)?;
        let orderer = read.orderer.ok_or(Incompatible::NoOrdererGroup)?;
        check_supported("Orderer", &orderer.capabilities, &ORDERER_CAPABILITIES)?;
        check_supported("Channel", &read.capabilities, &CHANNEL_CAPABILITIES)?;
        let ordering = root.groups.get("Orderer");
        let bundle = Bundle {
            channel,
            sequence: ConfigSequence(config.sequence),
            batch_size: orderer.batch_size,
            batch_timeout: orderer.batch_timeout,
            consensus: consensus(&orderer),
            kafka_brokers: orderer.kafka_brokers,
            orderer_capabilities: orderer.capabilities,
            channel_capabilities: read.capabilities,
            has_consortiums: read.consortiums.is_some(),
            has_batch_policy_module: ordering
                .is_some_and(|group| group.policies.contains_key(BATCH_POLICY_KEY)),
        };
        Ok(Self {
            bundle: Arc::new(bundle),
            channels_max: orderer.channels_max,
            access: Arc::new(Access::new(policies, read.msps)),
            orderer: OrdererConfig { consensus: orderer.consensus, organisations: orderer.organisations },
            application: read.application,
            consortiums: read.consortiums,
            config,
        })
    }

    /// The channel that the config belongs to.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        &self.bundle.channel
    }

    /// The config's root group.
    #[must_use]
    pub const fn channel_group(&self) -> Option<&common::ConfigGroup> {
        self.config.channel_group.as_ref()
    }

    /// Checks what the next config may not change, whoever signs.
    ///
    /// # Errors
    ///
    /// See [`SuccessionError`].
    ///
    /// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `ValidateNew`.
    pub fn check_successor(&self, next: &Self) -> Result<(), SuccessionError> {
        let migrates = ["V1_4_2", "V1_4_3", "V2_0"];
        let (from, to) = (&self.bundle.consensus.kind, &next.bundle.consensus.kind);
        if from != to && !has_one_of(&self.bundle.channel_capabilities, &migrates) {
            return Err(SuccessionError::ConsensusType { from: from.clone(), to: to.clone() });
        }
        check_msp_ids("orderer org", &self.orderer.organisations, &next.orderer.organisations)?;
        if let Some(present) = &self.application {
            let next = next.application.as_ref().ok_or(SuccessionError::SectionIsGone("application"))?;
            check_msp_ids("application org", present, next)?;
        }
        match (&self.consortiums, &next.consortiums) {
            (Some(_), None) => Err(SuccessionError::SectionIsGone("consortiums")),
            (None, Some(_)) => Err(SuccessionError::Consortiums),
            (None, None) => Ok(()),
            (Some(present), Some(next)) => present.iter().try_for_each(|(name, present)| {
                let Some(next) = next.get(name) else { return Ok(()) };
                check_msp_ids(&format!("consortium {name} org"), present, next)
            }),
        }
    }
}

impl fmt::Debug for CurrentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentConfig").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

fn consensus(orderer: &Orderer) -> Consensus {
    Consensus {
        kind: orderer.consensus.r#type.clone(),
        state: match orderer.consensus.state {
            0 => ConsensusState::Normal,
            _ => ConsensusState::Maintenance,
        },
    }
}

/// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `preValidate`.
fn check_capability_order(root: &common::ConfigGroup) -> Result<(), BundleError> {
    let has_capabilities = |group: &common::ConfigGroup| group.values.contains_key("Capabilities");
    if root.groups.get("Orderer").is_none_or(has_capabilities) {
        return Ok(());
    }
    if has_capabilities(root) {
        return Err(BundleError::CapabilitiesWithoutOrderer { section: "channel" });
    }
    if root.groups.get("Application").is_some_and(has_capabilities) {
        return Err(BundleError::CapabilitiesWithoutOrderer { section: "application" });
    }
    Ok(())
}

fn check_supported<'a>(
    section: &'static str,
    wanted: impl IntoIterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), Incompatible> {
    match wanted.into_iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Incompatible::Capability { section, name: name.clone() }),
        None => Ok(()),
    }
}

/// Organisations that come or go may have any name.
fn check_msp_ids(what: &str, present: &Organisations, next: &Organisations) -> Result<(), SuccessionError> {
    for (name, from) in present {
        if let Some(to) = next.get(name).filter(|&to| to != from) {
            return Err(SuccessionError::MspId {
                organisation: format!("{what} {name}"),
                from: from.clone(),
                to: to.clone(),
            });
        }
    }
    Ok(())
}
