//! A channel's config, read into types.
//!
//! [`CurrentConfig::read`] is the only reading of a config: every group, value, organisation and signature policy, with
//! Fabric's checks, texts and order. The [`Bundle`] in it is what cutting and offsets need.

mod current;
mod error;
mod join;
mod names;
mod read;
mod sections;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;
use std::time::Duration;

pub use current::{CurrentConfig, SuccessionError};
pub use error::{
    BundleError, ChannelError, ChannelNameError, Incompatible, KeyError, OrganisationKind, SectionError,
};
pub use join::{JoinBlock, JoinBlockError, go_error_text, is_config_block, read_join_block};
pub(crate) use names::{GROUP, POLICY, VALUE, check_keys};
pub use names::{ID_BYTES_MAX, IdError, check_channel_name, check_id};
pub use read::{
    Genesis, GenesisError, read_config_block, read_config_envelope, read_config_of, read_genesis,
};

use crate::ids::{ChannelId, ConfigSequence};

/// The orderer capability that names profile 1 and world 1.0.0, and lets the channel have a batch policy of its own.
pub const RADDLE_1_0: &str = "RADDLE_1_0";

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

/// What a channel's config says, as far as ordering needs it. Immutable: one value for each config sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The channel that the config belongs to.
    pub channel: ChannelId,
    /// Grows by one with each config block.
    pub sequence: ConfigSequence,
    /// Limits of a block.
    pub batch_size: BatchSize,
    /// How long the first envelope of a batch waits before the batch is cut.
    ///
    /// - Bounds: above zero. Fabric's sample is 2 s.
    /// - Set by: `/Channel/Orderer/BatchTimeout`, in Go's form. Takes effect when the next timer starts.
    /// - Limits: it starts a timer on each orderer, so it bounds the posting of a time-to-cut, and the block follows
    ///   one round trip to the log later.
    pub batch_timeout: Duration,
    /// Which ordered log the channel asks for, and its state.
    pub consensus: Consensus,
    /// The Kafka brokers that the config names, `host:port` each.
    pub kafka_brokers: Vec<String>,
    /// Names in `/Channel/Orderer/Capabilities`.
    pub orderer_capabilities: BTreeSet<String>,
    /// Names in `/Channel/Capabilities`.
    pub channel_capabilities: BTreeSet<String>,
    /// Whether the config has the group `Consortiums`: a system channel's mark.
    pub has_consortiums: bool,
    /// Whether the config carries a batch policy module.
    pub has_batch_policy_module: bool,
}

impl Bundle {
    /// Whether stale records are admitted again and appended again, rather than judged where they stand.
    ///
    /// Source: fabric v2.5.16 `common/capabilities/orderer.go` `Resubmission`.
    #[must_use]
    pub fn has_resubmission(&self) -> bool {
        ["V1_1", "V1_4_2", "V2_0"].iter().any(|&name| self.has_orderer_capability(name))
    }

    /// Whether the channel can be in maintenance, and move to another consensus type.
    ///
    /// Source: fabric v2.5.16 `common/capabilities/orderer.go` `ConsensusTypeMigration`.
    #[must_use]
    pub fn has_consensus_migration(&self) -> bool {
        ["V1_4_2", "V2_0"].iter().any(|&name| self.has_orderer_capability(name))
    }

    /// Whether all orderers of the channel are Raddle's, at profile 1.
    #[must_use]
    pub fn has_raddle_1_0(&self) -> bool {
        self.has_orderer_capability(RADDLE_1_0)
    }

    /// Whether the Orderer group asks for the capability `name`.
    #[must_use]
    pub fn has_orderer_capability(&self, name: &str) -> bool {
        self.orderer_capabilities.contains(name)
    }
}

/// `/Channel/Orderer/BatchSize`. All above zero, `preferred_max_bytes <= absolute_max_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// Most envelopes in a block.
    pub max_message_count: u32,
    /// Most bytes of payload and signature of one envelope, and of a batch of several.
    pub absolute_max_bytes: u32,
    /// Bytes at which the standard rule cuts.
    pub preferred_max_bytes: u32,
}

/// `/Channel/Orderer/ConsensusType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consensus {
    /// `kafka`, `solo`, `etcdraft`, …
    pub kind: String,
    /// Whether normal envelopes are taken.
    pub state: ConsensusState,
}

/// `ConsensusType.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsensusState {
    /// Envelopes and config updates are taken.
    Normal,
    /// Only config updates are taken.
    Maintenance,
}
