//! Organisational units: what they tell of an identity, and what an MSP asks of them.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{RoleError, UnitError};
use crate::role::{MspVersion, Role};

/// A unit of an identity: its name, and the authorities under which the identity has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrganizationalUnit {
    /// The name, as the certificate's subject has it.
    pub name: String,
    /// The hash over the certificates of the cert path without the identity's own.
    pub certifiers_identifier: Vec<u8>,
}

/// A unit that tells a role.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RoleUnit {
    pub(crate) name: String,
    /// If not empty: the only authorities under which the unit counts.
    pub(crate) certifiers_identifier: Vec<u8>,
}

/// What an MSP asks of units.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnitRules {
    /// Whether units tell roles.
    pub(crate) is_enforced: bool,
    pub(crate) client: Option<RoleUnit>,
    pub(crate) peer: Option<RoleUnit>,
    pub(crate) admin: Option<RoleUnit>,
    pub(crate) orderer: Option<RoleUnit>,
    /// If not empty, an identity needs one of these units, under one of the authorities that go with it.
    pub(crate) listed: BTreeMap<String, Vec<Vec<u8>>>,
}

/// Units as Fabric prints them.
struct Units<'a>(&'a [OrganizationalUnit]);

impl fmt::Display for Units<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.iter().map(|unit| {
            let certifiers = raddle_proto::hash::hex(unit.certifiers_identifier.get(..8).unwrap_or_default());
            format!("{}({})", unit.name, certifiers.to_uppercase())
        });
        write!(formatter, "[{}]", units.collect::<Vec<_>>().join(" "))
    }
}

impl UnitRules {
    pub(crate) fn of_role(&self, role: Role) -> Option<&RoleUnit> {
        match role {
            Role::Client => self.client.as_ref(),
            Role::Peer => self.peer.as_ref(),
            Role::Admin => self.admin.as_ref(),
            Role::Orderer => self.orderer.as_ref(),
        }
    }

    /// Whether one of the units tells the role. Under which authorities is deliberately not asked again.
    pub(crate) fn check_role(
        &self,
        role: Role,
        units: &[OrganizationalUnit],
        msp_id: &str,
    ) -> Result<(), RoleError> {
        if !self.is_enforced {
            return Err(RoleError::NotActivated);
        }
        let msp_id = || msp_id.to_owned();
        let unit = self.of_role(role).ok_or_else(|| RoleError::NotDefined { role, msp_id: msp_id() })?;
        if units.iter().any(|own| own.name == unit.name) {
            Ok(())
        } else {
            Err(RoleError::Other { role, msp_id: msp_id() })
        }
    }

    /// Whether an identity with these units is valid.
    pub(crate) fn check(
        &self,
        version: MspVersion,
        units: &[OrganizationalUnit],
        msp_id: &str,
    ) -> Result<(), UnitError> {
        self.check_listed(units, msp_id)?;
        // Before 1.1 units tell no roles, so nothing is enforced.
        if !self.is_enforced {
            return Ok(());
        }
        let shown = || (Units(units).to_string(), msp_id.to_owned());
        let mut count = 0;
        for unit in units {
            let Some(rule) = self.rule_for(version, &unit.name) else { continue };
            let is_bound = !rule.certifiers_identifier.is_empty();
            if is_bound && rule.certifiers_identifier != unit.certifiers_identifier {
                let (units, msp_id) = shown();
                return Err(UnitError::OtherAuthority { units, msp_id });
            }
            count += 1;
            // The authorities of a third one are not looked at.
            if count > 1 {
                break;
            }
        }
        let has_four_roles = version >= MspVersion::V1_4_3;
        let (units, msp_id) = match count {
            1 => return Ok(()),
            _ => shown(),
        };
        Err(match (count, has_four_roles) {
            (0, false) => UnitError::NoRoleOfTwo { units, msp_id },
            (0, true) => UnitError::NoRoleOfFour { units, msp_id },
            (_, false) => UnitError::SeveralRolesOfTwo { units, msp_id },
            (_, true) => UnitError::SeveralRolesOfFour { units, msp_id },
        })
    }

    fn check_listed(&self, units: &[OrganizationalUnit], msp_id: &str) -> Result<(), UnitError> {
        let is_listed = |unit: &OrganizationalUnit| {
            self.listed
                .get(&unit.name)
                .is_some_and(|certifiers| certifiers.contains(&unit.certifiers_identifier))
        };
        if self.listed.is_empty() || units.iter().any(is_listed) {
            return Ok(());
        }
        if units.is_empty() {
            return Err(UnitError::Missing);
        }
        Err(UnitError::NotListed { units: Units(units).to_string(), msp_id: msp_id.to_owned() })
    }

    /// The role's unit of this name. Of several roles with one name, the first counts up to 1.3, the last from 1.4.3.
    fn rule_for(&self, version: MspVersion, name: &str) -> Option<&RoleUnit> {
        let is_named = |unit: &&RoleUnit| unit.name == name;
        if version >= MspVersion::V1_4_3 {
            let roles = [&self.orderer, &self.admin, &self.peer, &self.client];
            roles.into_iter().flatten().find(is_named)
        } else {
            [&self.client, &self.peer].into_iter().flatten().find(is_named)
        }
    }
}
