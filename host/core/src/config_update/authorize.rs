//! From an update and its signatures to the config that it leads to.

use raddle_proto::common;
use raddle_proto::wire::{self, Envelope, go_decode};

use super::delta::Delta;
use super::error::{EnvelopeError, UpdateError};
use super::{read_set, result};
use crate::bundle::{CurrentConfig, check_keys};
use crate::policy::{Proof, SignedData, config_update_as_signed_data};

/// The update in a CONFIG_UPDATE envelope.
///
/// Source: fabric v2.5.16 `protoutil/commonutils.go` `EnvelopeToConfigUpdate`.
pub(super) fn update_of(envelope: &common::Envelope) -> Result<common::ConfigUpdateEnvelope, EnvelopeError> {
    let payload: common::Payload = go_decode(envelope.payload.clone()).map_err(EnvelopeError::Payload)?;
    let header = payload.header.ok_or(EnvelopeError::NoHeader)?;
    let header: common::ChannelHeader =
        go_decode(header.channel_header).map_err(EnvelopeError::ChannelHeader)?;
    if header.r#type != common::HeaderType::ConfigUpdate as i32 {
        return Err(EnvelopeError::Type(header.r#type));
    }
    go_decode(payload.data).map_err(EnvelopeError::Data)
}

/// The root group that the update leads to.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `authorizeUpdate`.
pub(super) fn authorize(
    current: &CurrentConfig,
    envelope: &common::ConfigUpdateEnvelope,
) -> Result<common::ConfigGroup, UpdateError> {
    let update: common::ConfigUpdate =
        go_decode(envelope.config_update.clone()).map_err(UpdateError::Encoding)?;
    let expected = &current.channel().0;
    if update.channel_id != *expected {
        return Err(UpdateError::OtherChannel { found: update.channel_id, expected: expected.clone() });
    }
    let (read, write) = (update.read_set.as_ref(), update.write_set.as_ref());
    let present = current.channel_group();
    if let Some(read) = read {
        check_keys(read).map_err(UpdateError::ReadSetKey)?;
        read_set::check(read, present).map_err(UpdateError::ReadSet)?;
    }
    if let Some(write) = write {
        check_keys(write).map_err(UpdateError::WriteSetKey)?;
    }
    let signed = config_update_as_signed_data(envelope).map_err(UpdateError::SignatureHeader)?;
    let access = &current.access;
    Delta::check(access.policies(), &access.signers(&signed), write, read, present)
        .map_err(UpdateError::Delta)?;
    Ok(result::merge(write, read, present))
}

/// Whether the signatures inside a client's CONFIG_UPDATE envelope satisfy a policy, by its whole path. An envelope
/// that cannot be read satisfies none.
#[must_use]
pub fn is_signed_for(current: &CurrentConfig, envelope: &Envelope, policy: &str) -> bool {
    let Some(signed) = signed(envelope) else { return false };
    let access = &current.access;
    let policy = access.policies().policy(policy);
    policy.is_ok_and(|policy| policy.evaluate(&access.signers(&signed)).is_ok())
}

/// Who has signed inside a client's CONFIG_UPDATE envelope, and what a policy, by its whole path, needs. None of an
/// envelope that cannot be read.
#[must_use]
pub fn prove(current: &CurrentConfig, envelope: &Envelope, policy: &str) -> Option<Proof> {
    Some(current.access.prove_set(policy, &signed(envelope)?))
}

/// The signatures inside, which are over the update.
fn signed(envelope: &Envelope) -> Option<Vec<SignedData>> {
    let message =
        common::Envelope { payload: envelope.payload().clone(), signature: envelope.signature().clone() };
    config_update_as_signed_data(&update_of(&message).ok()?).ok()
}

/// Whether the update has fields that decoding drops. Asked of one that decodes.
pub(super) fn has_unknown_fields(envelope: &common::ConfigUpdateEnvelope) -> bool {
    wire::has_unknown_fields::<common::ConfigUpdate>(&envelope.config_update).unwrap_or(true)
}
