//! Policies against Fabric's rules, told as data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod build;
mod implicit;
mod lookup;
mod proof;
mod rule;
mod signers;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common::{self, msp_principal::Classification, signature_policy};
use raddle_proto::msp;
use raddle_proto::wire::go_decode;

use super::{Identities, SignedData, Signer, Signers};

const SIGNATURE: i32 = 1;
const IMPLICIT_META: i32 = 3;

const ADMIN: i32 = 1;
const CLIENT: i32 = 2;
const PEER: i32 = 3;

/// Somebody whose certificate names units, and who has the roles of the same names.
#[derive(Clone, Debug)]
struct Person {
    msp_id: String,
    name: String,
    units: Vec<String>,
}

impl Signer for Person {
    fn msp_id(&self) -> &str {
        &self.msp_id
    }

    fn id(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        format!("CN={}", self.name)
    }

    fn units(&self) -> Vec<String> {
        self.units.clone()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        if signature == sign(&self.name, message) { Ok(()) } else { Err("The signature is invalid".into()) }
    }

    fn satisfies(&self, principal: &common::MspPrincipal) -> Result<(), String> {
        let role: common::MspRole =
            go_decode(principal.principal.clone()).map_err(|error| error.to_string())?;
        if role.msp_identifier != self.msp_id {
            return Err("the identity is a member of a different MSP".into());
        }
        let unit = ["member", "admin", "client", "peer", "orderer"][usize::try_from(role.role).unwrap()];
        if unit == "member" || self.units.iter().any(|it| it == unit) {
            return Ok(());
        }
        Err(format!("The identity is not of role {unit}"))
    }
}

/// Knows the organisations whose names begin with `Org`.
struct Msps;

impl Identities for Msps {
    fn deserialize(&self, creator: &[u8]) -> Result<Arc<dyn Signer>, String> {
        let identity: msp::SerializedIdentity =
            go_decode(Bytes::copy_from_slice(creator)).map_err(|error| error.to_string())?;
        if !identity.mspid.starts_with("Org") {
            return Err(format!("MSP {} is not defined on channel", identity.mspid));
        }
        let text = String::from_utf8(identity.id_bytes.to_vec()).unwrap();
        let (name, units) = text.split_once(':').unwrap();
        Ok(Arc::new(person(&identity.mspid, name, units)))
    }
}

/// `units` are joined by commas.
fn person(msp_id: &str, name: &str, units: &str) -> Person {
    let units = units.split(',').filter(|unit| !unit.is_empty()).map(str::to_owned).collect();
    Person { msp_id: msp_id.into(), name: name.into(), units }
}

/// The creator whom [`Msps`] reads as that person.
fn creator(msp_id: &str, name: &str, units: &str) -> Bytes {
    let id_bytes = format!("{name}:{units}").into();
    msp::SerializedIdentity { mspid: msp_id.into(), id_bytes }.encode_to_vec().into()
}

fn sign(name: &str, message: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b" signs ", message].concat()
}

/// A good signature over the same message as all others.
fn signed(msp_id: &str, name: &str, units: &str) -> SignedData {
    SignedData {
        prefix: Bytes::new(),
        data: "message".into(),
        identity: creator(msp_id, name, units),
        signature: sign(name, b"message").into(),
    }
}

/// Signers from `MSP.name` or `MSP.name:unit,unit`, separated by spaces.
fn signers(text: &str) -> Signers {
    let one = |text: &str| -> Arc<dyn Signer> {
        let (msp_id, rest) = text.split_once('.').unwrap();
        let (name, units) = rest.split_once(':').unwrap_or((rest, ""));
        Arc::new(person(msp_id, name, units))
    };
    Signers::of(text.split_whitespace().map(one).collect())
}

fn role(msp_id: &str, role: i32) -> common::MspPrincipal {
    let principal = common::MspRole { msp_identifier: msp_id.into(), role }.encode_to_vec().into();
    common::MspPrincipal { principal_classification: Classification::Role as i32, principal }
}

fn by(index: i32) -> common::SignaturePolicy {
    common::SignaturePolicy { r#type: Some(signature_policy::Type::SignedBy(index)) }
}

fn out_of(n: i32, rules: Vec<common::SignaturePolicy>) -> common::SignaturePolicy {
    let some = signature_policy::NOutOf { n, rules };
    common::SignaturePolicy { r#type: Some(signature_policy::Type::NOutOf(some)) }
}

fn signature_policy(
    rule: common::SignaturePolicy,
    identities: Vec<common::MspPrincipal>,
) -> common::SignaturePolicyEnvelope {
    common::SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities }
}

/// Any one of the roles.
fn any_role(msp_id: &str, roles: &[i32]) -> common::ConfigPolicy {
    let rules = (0..roles.len()).map(|index| by(i32::try_from(index).unwrap())).collect();
    let principals = roles.iter().map(|&it| role(msp_id, it)).collect();
    config_policy(SIGNATURE, signature_policy(out_of(1, rules), principals).encode_to_vec())
}

/// `rule` as the number on the wire.
fn implicit(rule: i32, sub_policy: &str) -> common::ConfigPolicy {
    let policy = common::ImplicitMetaPolicy { sub_policy: sub_policy.into(), rule };
    config_policy(IMPLICIT_META, policy.encode_to_vec())
}

fn config_policy(kind: i32, value: Vec<u8>) -> common::ConfigPolicy {
    let policy = Some(common::Policy { r#type: kind, value: value.into() });
    common::ConfigPolicy { policy, ..Default::default() }
}

fn group<const P: usize, const G: usize>(
    policies: [(&str, common::ConfigPolicy); P],
    groups: [(&str, common::ConfigGroup); G],
) -> common::ConfigGroup {
    common::ConfigGroup {
        policies: policies.map(|(name, policy)| (name.to_owned(), policy)).into(),
        groups: groups.map(|(name, group)| (name.to_owned(), group)).into(),
        ..Default::default()
    }
}

/// A channel as configtxgen makes it: two application organisations and one that orders.
fn channel() -> common::ConfigGroup {
    let org = |msp_id: &str, writers: &[i32]| {
        group([("Writers", any_role(msp_id, writers)), ("Admins", any_role(msp_id, &[ADMIN]))], [])
    };
    let section = |groups| common::ConfigGroup {
        groups,
        ..group([("Writers", implicit(0, "Writers")), ("Admins", implicit(2, "Admins"))], [])
    };
    let application = [1, 2].map(|number| {
        let (name, msp_id) = (format!("Org{number}"), format!("Org{number}MSP"));
        (name, org(&msp_id, &[ADMIN, CLIENT]))
    });
    let ordering = [("OrdererOrg".to_owned(), org("OrdererMSP", &[0]))];
    group(
        [("Writers", implicit(0, "Writers")), ("Admins", implicit(2, "Admins"))],
        [("Application", section(application.into())), ("Orderer", section(ordering.into()))],
    )
}
