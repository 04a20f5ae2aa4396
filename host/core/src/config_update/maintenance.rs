//! The rules of moving a channel to another consensus.

use raddle_proto::orderer::consensus_type::State;
use raddle_proto::wire::{WireError, go_decode};
use raddle_proto::{common, etcdraft};

use super::{MAINTENANCE_CHECKS, Proposal, authorize};
use crate::bundle::CurrentConfig;
use crate::policy::go_text;

/// Types that a channel in maintenance may move to.
const TARGETS: [&str; 3] = ["etcdraft", "solo", "kafka"];

/// Why a config may not follow: it would leave the way through maintenance. Behind [`MAINTENANCE_CHECKS`] the text is
/// the whole `info` of the answer; the status is BAD_REQUEST.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/maintenancefilter.go`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("config transaction inspection failed: {0}")]
pub struct MaintenanceError(MaintenanceFault);

impl MaintenanceError {
    /// The whole text for the client.
    #[must_use]
    pub fn info(&self) -> String {
        format!("{MAINTENANCE_CHECKS}{self}")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum MaintenanceFault {
    #[error("next config attempted to change ConsensusType.State to {0}, but capability is disabled")]
    StateWithoutCapability(String),
    #[error(
        "next config attempted to change ConsensusType.Type from {from} to {to}, but capability is disabled"
    )]
    TypeWithoutCapability { from: String, to: String },
    #[error("{0}")]
    OtherChange(&'static str),
    #[error("attempted to change ConsensusType.Type from {from} to {to}, but {state}")]
    TypeWithState { from: String, to: String, state: StateChange },
    #[error("attempted to change ConsensusType.Metadata, but {0}")]
    MetadataWithState(StateChange),
    #[error(
        "attempted to change consensus type from {from} to {to}, but current config ConsensusType.State is not in \
         maintenance mode"
    )]
    NotInMaintenance { from: String, to: String },
    #[error("attempted to change consensus type from {from} to {to}, transition not supported")]
    Target { from: String, to: String },
    #[error("failed to unmarshal etcdraft metadata configuration: {}", go_text(.0))]
    RaftMetadata(WireError),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ConsensusType.State is changing from {from} to {to}")]
struct StateChange {
    from: String,
    to: String,
}

/// Checks that a proposal enters or leaves maintenance by itself, and changes the consensus type in maintenance only.
///
/// What is asked is the same on every orderer, but of proposals only: the log is not asked.
///
/// # Errors
///
/// See [`MaintenanceError`].
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/maintenancefilter.go` `inspect`.
pub fn inspect_maintenance(current: &CurrentConfig, proposal: &Proposal) -> Result<(), MaintenanceError> {
    inspect(current, proposal).map_err(MaintenanceError)
}

fn inspect(current: &CurrentConfig, proposal: &Proposal) -> Result<(), MaintenanceFault> {
    let (present, next) = (&current.orderer.consensus, &proposal.next.orderer.consensus);
    let (from, to) = (&present.r#type, &next.r#type);
    let types = || (from.clone(), to.clone());
    if !current.bundle.has_consensus_migration() {
        if next.state != State::Normal as i32 {
            return Err(MaintenanceFault::StateWithoutCapability(state_name(next.state)));
        }
        if from != to {
            let (from, to) = types();
            return Err(MaintenanceFault::TypeWithoutCapability { from, to });
        }
        return Ok(());
    }
    if present.state != next.state {
        let state = StateChange { from: state_name(present.state), to: state_name(next.state) };
        check_only_consensus_type(&proposal.envelope).map_err(MaintenanceFault::OtherChange)?;
        if from != to {
            let (from, to) = types();
            return Err(MaintenanceFault::TypeWithState { from, to, state });
        }
        if present.metadata != next.metadata {
            return Err(MaintenanceFault::MetadataWithState(state));
        }
    }
    if from == to {
        return Ok(());
    }
    let (from, to) = types();
    // Fabric asks for the next state as well. Here both are the same: with another one the type may not change.
    if present.state == State::Normal as i32 {
        return Err(MaintenanceFault::NotInMaintenance { from, to });
    }
    if !TARGETS.contains(&to.as_str()) {
        return Err(MaintenanceFault::Target { from, to });
    }
    if to == "etcdraft" {
        go_decode::<etcdraft::ConfigMetadata>(next.metadata.clone())
            .map_err(MaintenanceFault::RaftMetadata)?;
    }
    Ok(())
}

/// As Go prints an enum: by name, or by number if it has none.
fn state_name(state: i32) -> String {
    match State::try_from(state) {
        Ok(known) => known.as_str_name().to_owned(),
        Err(_) => state.to_string(),
    }
}

/// Whether the write set holds nothing but `/Channel/Orderer/ConsensusType`. Policies are not looked at, as in Fabric.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/maintenancefilter.go` `ensureConsensusTypeChangeOnly`.
fn check_only_consensus_type(envelope: &common::ConfigEnvelope) -> Result<(), &'static str> {
    let last_update = envelope.last_update.clone().unwrap_or_default();
    let update = authorize::update_of(&last_update).ok();
    let update = update.and_then(|update| go_decode::<common::ConfigUpdate>(update.config_update).ok());
    let write = update.and_then(|update| update.write_set).unwrap_or_default();
    if write.groups.is_empty() {
        return Err("config update contains no changes");
    }
    if !write.values.is_empty() {
        return Err("config update contains changes to values in group Channel");
    }
    if write.groups.len() > 1 {
        return Err("config update contains changes to more than one group");
    }
    let Some(orderer) = write.groups.get("Orderer") else {
        return Err("update does not contain the Orderer group");
    };
    if !orderer.groups.is_empty() {
        return Err("config update contains changes to groups within the Orderer group");
    }
    if !orderer.values.contains_key("ConsensusType") {
        return Err("config update does not contain the ConsensusType value");
    }
    if orderer.values.len() > 1 {
        return Err("config update contain more then just the ConsensusType value in the Orderer group");
    }
    Ok(())
}
