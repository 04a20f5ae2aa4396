//! Config updates: what a channel's config becomes when its admins agree.
//!
//! - [`propose`]: from a client's update to the next config, before an orderer signs it
//! - [`apply`]: the part of it that looks at update and signatures only
//! - [`inspect_maintenance`]: the rules of moving to another consensus, asked last
//! - [`payload_to_sign`]: what the orderer then signs
//! - [`validate`]: whether a config record is the next config at its place in the log; every orderer answers alike
//!
//! An update names the elements that it has seen (the read set) and those that it wants (the write set), each with a
//! version. What differs between the two is the delta. Each element of it must be one version ahead of the present one
//! and satisfy the present one's `mod_policy`. A group of the delta says which elements it holds from then on: one that
//! it leaves out is gone.
//!
//! Refusals are Fabric's, byte for byte, up to the words of Go's protobuf library behind `proto:`.
//!
//! Source: fabric v2.5.16 `common/configtx/{update,configmap,validator}.go`,
//! `orderer/common/msgprocessor/{standardchannel,maintenancefilter}.go`, `orderer/common/multichannel/chainsupport.go`.

mod authorize;
mod delta;
mod error;
mod maintenance;
mod payload;
mod read_set;
mod result;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use raddle_proto::common;
use raddle_proto::wire::Envelope;

pub use authorize::{is_signed_for, prove};
pub use error::{
    DeltaError, EnvelopeError, ModPolicyError, ProposeError, ReadSetError, Refusal, UpdateError,
    ValidateError,
};
pub use maintenance::{MaintenanceError, inspect_maintenance};
pub use payload::payload_to_sign;

use crate::bundle::{BundleError, CurrentConfig};

/// Before the text of a refusal by the filters that see the client's envelope.
pub const INITIAL_CHECKS: &str = "config update for existing channel did not pass initial checks: ";
/// Before the text of a refusal by the filters that see the signed CONFIG envelope.
pub const FINAL_CHECKS: &str = "config update for existing channel did not pass final checks: ";
/// Before the text of [`MaintenanceError`].
pub const MAINTENANCE_CHECKS: &str = "config update for existing channel did not pass maintenance checks: ";

/// A config that may follow the present one.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What the CONFIG envelope carries.
    pub envelope: common::ConfigEnvelope,
    /// The config in it, and what follows from it.
    pub next: Arc<CurrentConfig>,
}

/// Makes the next config of a client's CONFIG_UPDATE envelope, which has passed the channel's filters.
///
/// A refusal is always BAD_REQUEST: Fabric cuts the chain of causes here, so that a missing signature is no
/// FORBIDDEN.
///
/// Differs: an update with fields that no message of Fabric v2.5 has is refused. Fabric keeps them in the config, and
/// this version could not, so that peers would make another config of the same update and end.
///
/// # Errors
///
/// See [`Refusal`].
///
/// Source: fabric v2.5.16 `orderer/common/multichannel/chainsupport.go` `ProposeConfigUpdate`.
pub fn propose(current: &CurrentConfig, envelope: &Envelope) -> Result<Proposal, ProposeError> {
    let refuse = |refusal| ProposeError { channel: current.channel().0.clone(), refusal: Box::new(refusal) };
    let envelope = apply(current, envelope).map_err(refuse)?;
    let config = envelope.config.clone().unwrap_or_default();
    let next = CurrentConfig::read(current.channel().clone(), config)
        .map_err(|error| match error {
            BundleError::Incompatible(error) => Refusal::Incompatible(error),
            error => Refusal::Bundle(error),
        })
        .map_err(refuse)?;
    current.check_successor(&next).map_err(Refusal::Succession).map_err(refuse)?;
    Ok(Proposal { envelope, next: Arc::new(next) })
}

/// Applies a client's CONFIG_UPDATE envelope to a config: reads, versions, signatures and all. Whether the config that
/// comes of it makes sense is not asked.
///
/// # Errors
///
/// [`Refusal::Envelope`], [`Refusal::Update`] and [`Refusal::UnknownFields`].
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `ProposeConfigUpdate`.
pub fn apply(current: &CurrentConfig, envelope: &Envelope) -> Result<common::ConfigEnvelope, Refusal> {
    let last_update =
        common::Envelope { payload: envelope.payload().clone(), signature: envelope.signature().clone() };
    let update = authorize::update_of(&last_update).map_err(Refusal::Envelope)?;
    let group = authorize::authorize(current, &update).map_err(Refusal::Update)?;
    if authorize::has_unknown_fields(&update) {
        return Err(Refusal::UnknownFields);
    }
    // Go's number wraps.
    let sequence = current.config.sequence.wrapping_add(1);
    let config = common::Config { sequence, channel_group: Some(group) };
    Ok(common::ConfigEnvelope { config: Some(config), last_update: Some(last_update) })
}

/// Checks that a config follows the present one: its sequence is the next, and its own update leads to it.
///
/// Looks at nothing that depends on the orderer or on time, and refuses nothing that lets a Go orderer go on.
///
/// # Errors
///
/// See [`ValidateError`]. A Go orderer ends on each of them.
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `Validate`, `orderer/common/multichannel/blockwriter.go`
/// `WriteConfigBlock`.
pub fn validate(
    current: &CurrentConfig,
    envelope: &common::ConfigEnvelope,
) -> Result<CurrentConfig, ValidateError> {
    let config = envelope.config.as_ref().ok_or(ValidateError::NoConfig)?;
    let present = current.config.sequence;
    if config.sequence != present.wrapping_add(1) {
        return Err(ValidateError::Sequence { current: present, found: config.sequence });
    }
    let last_update = envelope.last_update.clone().unwrap_or_default();
    let update = authorize::update_of(&last_update).map_err(ValidateError::Envelope)?;
    let group = authorize::authorize(current, &update).map_err(ValidateError::Update)?;
    if config.channel_group.as_ref() != Some(&group) {
        return Err(ValidateError::OtherResult);
    }
    CurrentConfig::read(current.channel().clone(), config.clone()).map_err(ValidateError::Bundle)
}
