//! Principals: what a policy asks an identity to be.
//!
//! Source: fabric v2.5.16 `msp/mspimpl.go` `SatisfiesPrincipal` and what it calls.

use bytes::Bytes;
use raddle_proto::common::msp_identity_anonymity::MspIdentityAnonymityType as Anonymity;
use raddle_proto::common::msp_principal::Classification;
use raddle_proto::common::msp_role::MspRoleType;
use raddle_proto::common::{
    CombinedPrincipal, MspIdentityAnonymity, MspPrincipal, MspRole, OrganizationUnit,
};
use raddle_proto::wire::go_decode;

use crate::error::PrincipalError;
use crate::identity::Identity;
use crate::role::{MspVersion, Role};

/// Whether the identity satisfies the principal, by the rules of its MSP's version.
pub(crate) fn check(identity: &Identity, principal: &MspPrincipal) -> Result<(), PrincipalError> {
    let version = identity.msp().version;
    let all = flatten(principal, version)?;
    all.iter().try_for_each(|principal| check_one(identity, principal, version))
}

/// The principals of a combination, combinations in it taken apart too. All of them must hold.
fn flatten(principal: &MspPrincipal, version: MspVersion) -> Result<Vec<MspPrincipal>, PrincipalError> {
    let mut flat = Vec::new();
    // Nested combinations have no limit of depth, so there is no recursion. The next one is the last.
    let mut open = vec![principal.clone()];
    while let Some(next) = open.pop() {
        if next.principal_classification != Classification::Combined as i32 {
            flat.push(next);
            continue;
        }
        if version < MspVersion::V1_3 {
            return Err(PrincipalError::UnknownClass(next.principal_classification));
        }
        let combined: CombinedPrincipal = decode(next.principal, "CombinedPrincipal")?;
        if combined.principals.is_empty() {
            return Err(PrincipalError::EmptyCombination);
        }
        open.extend(combined.principals.into_iter().rev());
    }
    Ok(flat)
}

fn check_one(
    identity: &Identity,
    principal: &MspPrincipal,
    version: MspVersion,
) -> Result<(), PrincipalError> {
    let bytes = principal.principal.clone();
    match Classification::try_from(principal.principal_classification) {
        Ok(Classification::Role) => check_role(identity, bytes, version),
        Ok(Classification::OrganizationUnit) => check_unit(identity, bytes),
        Ok(Classification::Identity) => check_identity(identity, &bytes),
        Ok(Classification::Anonymity) if version >= MspVersion::V1_3 => check_anonymity(bytes),
        _ => Err(PrincipalError::UnknownClass(principal.principal_classification)),
    }
}

fn decode<M>(bytes: Bytes, kind: &'static str) -> Result<M, PrincipalError>
where
    M: prost::Message + Default + prost::Name,
{
    go_decode(bytes).map_err(|error| PrincipalError::Encoding { kind, error })
}

fn check_msp(identity: &Identity, msp_id: String) -> Result<(), PrincipalError> {
    if msp_id == identity.msp_id() {
        Ok(())
    } else {
        Err(PrincipalError::OtherMsp { expected: msp_id, found: identity.msp_id().to_owned() })
    }
}

fn check_role(identity: &Identity, bytes: Bytes, version: MspVersion) -> Result<(), PrincipalError> {
    let role: MspRole = decode(bytes, "MSPRole")?;
    check_msp(identity, role.msp_identifier)?;
    let msp = identity.msp();
    let has_four_roles = version >= MspVersion::V1_4_3 && msp.units.is_enforced;
    match MspRoleType::try_from(role.role) {
        Ok(MspRoleType::Member) => Ok(identity.validate()?),
        // Listed admins are not validated: setup did it, or Fabric leaves it.
        Ok(MspRoleType::Admin) if msp.admins.contains(identity.certificate_der()) => Ok(()),
        Ok(MspRoleType::Admin) if has_four_roles => check_unit_role(identity, Role::Admin),
        Ok(MspRoleType::Admin) => Err(PrincipalError::NotListedAdmin),
        Ok(MspRoleType::Client) => check_unit_role(identity, Role::Client),
        Ok(MspRoleType::Peer) => check_unit_role(identity, Role::Peer),
        Ok(MspRoleType::Orderer) if has_four_roles => check_unit_role(identity, Role::Orderer),
        _ => Err(PrincipalError::UnknownRole(role.role)),
    }
}

/// A valid identity with a unit that tells the role.
fn check_unit_role(identity: &Identity, role: Role) -> Result<(), PrincipalError> {
    let msp = identity.msp();
    let msp_id = || msp.name.clone();
    identity.validate().map_err(|error| PrincipalError::InvalidForRole { msp_id: msp_id(), error })?;
    let has_role = msp.units.check_role(role, identity.organizational_units(), &msp.name);
    has_role.map_err(|error| match role {
        Role::Admin => PrincipalError::NotAdmin { msp_id: msp_id(), error },
        role => PrincipalError::NotOfRole { role, msp_id: msp_id(), error },
    })
}

/// A valid identity with the unit, under the very authorities that the principal names.
fn check_unit(identity: &Identity, bytes: Bytes) -> Result<(), PrincipalError> {
    let wanted: OrganizationUnit = decode(bytes, "OrganizationUnit")?;
    check_msp(identity, wanted.msp_identifier)?;
    identity.validate()?;
    let has_unit = identity.organizational_units().iter().any(|unit| {
        unit.name == wanted.organizational_unit_identifier
            && unit.certifiers_identifier == wanted.certifiers_identifier
    });
    if has_unit { Ok(()) } else { Err(PrincipalError::NoMatch) }
}

/// This very identity, which must be valid.
fn check_identity(identity: &Identity, bytes: &Bytes) -> Result<(), PrincipalError> {
    let wanted = Identity::read_own(identity.msp(), bytes);
    let wanted = wanted.map_err(|error| PrincipalError::PrincipalIdentity(Box::new(error)))?;
    if wanted.certificate_der() != identity.certificate_der() {
        return Err(PrincipalError::NoMatch);
    }
    Ok(wanted.validate()?)
}

/// Certificates have names, so the principal of a name holds for each, valid or not.
fn check_anonymity(bytes: Bytes) -> Result<(), PrincipalError> {
    let wanted: MspIdentityAnonymity = decode(bytes, "MSPIdentityAnonymity")?;
    match Anonymity::try_from(wanted.anonymity_type) {
        Ok(Anonymity::Nominal) => Ok(()),
        Ok(Anonymity::Anonymous) => Err(PrincipalError::Anonymous),
        Err(_) => Err(PrincipalError::UnknownAnonymity(wanted.anonymity_type)),
    }
}
