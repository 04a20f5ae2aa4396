//! Policies as configtxgen's usual profiles have them.

use prost::Message as _;
use raddle_proto::common::implicit_meta_policy::Rule;
use raddle_proto::common::msp_principal::Classification;
use raddle_proto::common::msp_role::MspRoleType;
use raddle_proto::common::policy::PolicyType;
use raddle_proto::common::signature_policy::{NOutOf, Type};
use raddle_proto::common::{
    ConfigPolicy, ImplicitMetaPolicy, MspPrincipal, MspRole, Policy, SignaturePolicy, SignaturePolicyEnvelope,
};

/// Whose consent a change needs; relative to the group that it stands in.
pub(super) const ADMINS: &str = "Admins";

/// A policy that holds where those of the groups below hold.
pub(super) fn implicit(rule: Rule, sub_policy: &str) -> ConfigPolicy {
    let policy = ImplicitMetaPolicy { sub_policy: sub_policy.into(), rule: rule.into() };
    policy_of(PolicyType::ImplicitMeta, policy.encode_to_vec())
}

/// A policy that holds if somebody has signed who has one of these roles in the MSP: `OR('MSP.role', …)`.
///
/// Source: fabric v2.5.16 `common/policydsl/policyparser.go` `FromString`.
pub(super) fn any_of(msp_id: &str, roles: &[MspRoleType]) -> ConfigPolicy {
    let principal = |&role: &MspRoleType| MspPrincipal {
        principal_classification: Classification::Role.into(),
        principal: MspRole { msp_identifier: msp_id.into(), role: role.into() }.encode_to_vec().into(),
    };
    let rules = (0..).take(roles.len()).map(|place| SignaturePolicy { r#type: Some(Type::SignedBy(place)) });
    let rule = NOutOf { n: 1, rules: rules.collect() };
    let policy = SignaturePolicyEnvelope {
        version: 0,
        rule: Some(SignaturePolicy { r#type: Some(Type::NOutOf(rule)) }),
        identities: roles.iter().map(principal).collect(),
    };
    policy_of(PolicyType::Signature, policy.encode_to_vec())
}

fn policy_of(kind: PolicyType, value: Vec<u8>) -> ConfigPolicy {
    let policy = Policy { r#type: kind.into(), value: value.into() };
    ConfigPolicy { version: 0, policy: Some(policy), mod_policy: ADMINS.into() }
}
