//! Signature policies and the policies over them, as a channel's config brings them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;
use raddle_core::bundle::read_genesis;
use raddle_core::policy::{PolicyManager, PolicyTree, SignaturePolicy, Signer, Signers};
use raddle_proto::common::{ConfigGroup, ConfigPolicy, MspPrincipal, Policy, SignaturePolicyEnvelope};
use raddle_proto::wire::go_decode;

use super::mutation::{Mutation, mutate, mutations};
use super::{Outcome, try_inputs};
use crate::harness::Recorded;

/// What a proof may take where it is told; one that is shortened names how much is missing.
const PROOF_BYTES: usize = 4096;

/// Somebody who satisfies about half of all principals.
struct Somebody(u8);

impl Signer for Somebody {
    fn msp_id(&self) -> &str {
        "Org1MSP"
    }

    fn id(&self) -> &str {
        ["a", "b", "c", "d"][usize::from(self.0 & 3)]
    }

    fn description(&self) -> String {
        format!("CN={}", self.0)
    }

    fn units(&self) -> Vec<String> {
        vec!["client".into()]
    }

    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn satisfies(&self, principal: &MspPrincipal) -> Result<(), String> {
        let mut hasher = DefaultHasher::new();
        (self.0, principal.principal_classification, &principal.principal).hash(&mut hasher);
        if hasher.finish() & 1 == 0 { Ok(()) } else { Err("not this one".into()) }
    }
}

/// The policies of a real config, by their places, without the values beside them; and those of its signature policies.
fn recorded() -> (Vec<Bytes>, Vec<Bytes>) {
    fn strip(group: &mut ConfigGroup, signatures: &mut Vec<Bytes>) {
        group.values.clear();
        let policies = group.policies.values().filter_map(|it| it.policy.as_ref());
        signatures.extend(policies.filter(|it| it.r#type == 1).map(|it| it.value.clone()));
        group.groups.values_mut().for_each(|inner| strip(inner, signatures));
    }
    let (mut groups, mut signatures) = (Vec::new(), Vec::new());
    for genesis in [Recorded::mychannel().genesis, Recorded::syschannel().genesis] {
        let config = read_genesis(genesis).unwrap().config;
        let mut group = config.channel_group().unwrap().clone();
        strip(&mut group, &mut signatures);
        groups.push(group.encode_to_vec().into());
        groups.extend(group.groups.values().map(|inner| Bytes::from(inner.encode_to_vec())));
    }
    signatures.sort();
    signatures.dedup();
    (groups, signatures)
}

/// Paths at which there is a policy, and some at which there is none.
fn paths(group: &ConfigGroup, above: &str, found: &mut Vec<String>) {
    for name in group.policies.keys().map(String::as_str).chain(["Nobody"]) {
        if found.len() < 100 {
            found.push(format!("{above}/{name}"));
        }
    }
    for (name, inner) in &group.groups {
        paths(inner, &format!("{above}/{name}"), found);
    }
}

/// What every policy says of these signers: evaluated, and as its proof has it.
fn answers(manager: &PolicyManager<'_>, group: &ConfigGroup, signers: &Signers) -> BTreeMap<String, bool> {
    let mut ids = Vec::new();
    paths(group, "/Channel", &mut ids);
    let answer = |id: String| {
        let holds = manager.evaluate(&id, signers).is_ok();
        let proof = manager.prove(&id, signers);
        assert_eq!(proof.policy.holds, holds, "{id}");
        let text = proof.render(PROOF_BYTES);
        assert!(
            !text.is_empty() && text.len() <= proof.headline().len().max(PROOF_BYTES) + 64,
            "{}",
            text.len()
        );
        (id, holds)
    };
    ids.into_iter().map(answer).collect()
}

fn ask(group: &ConfigGroup, signers: &Signers) -> Outcome {
    let Ok(tree) = PolicyTree::build(group) else { return Outcome::Refused };
    let said = answers(&tree.root(), group, signers);
    // Written and read once more, it is the same policy.
    let again: ConfigGroup = go_decode(group.encode_to_vec().into()).unwrap();
    let tree = PolicyTree::build(&again).unwrap();
    assert_eq!(answers(&tree.root(), &again, signers), said);
    Outcome::Taken
}

/// A group with one signature policy.
fn around(policy: &[u8]) -> ConfigGroup {
    let policy = Policy { r#type: 1, value: Bytes::copy_from_slice(policy) };
    let policy = ConfigPolicy { policy: Some(policy), ..ConfigPolicy::default() };
    ConfigGroup { policies: [("P".to_owned(), policy)].into(), ..ConfigGroup::default() }
}

#[derive(Clone, Debug)]
struct Input {
    which: Index,
    mutations: Vec<Mutation>,
    is_group: bool,
    signers: Vec<u8>,
}

fn inputs() -> impl Strategy<Value = Input> {
    let signers = proptest::collection::vec(any::<u8>(), 0..5);
    (any::<Index>(), mutations(), any::<bool>(), signers)
        .prop_map(|(which, mutations, is_group, signers)| Input { which, mutations, is_group, signers })
}

#[test]
fn policy() {
    let (groups, signatures) = recorded();
    try_inputs("policy", 500, &inputs(), |Input { which, mutations, is_group, signers }| {
        let signers = Signers::of(signers.iter().map(|it| Arc::new(Somebody(*it)) as _).collect());
        if is_group {
            let original: &Bytes = which.get(&groups);
            let bytes = mutate(original, &mutations, &groups);
            return match go_decode::<ConfigGroup>(bytes.into()) {
                Ok(group) => ask(&group, &signers),
                Err(_) => Outcome::Refused,
            };
        }
        let original: &Bytes = which.get(&signatures);
        let bytes = mutate(original, &mutations, &signatures);
        let compiled = SignaturePolicy::compile(bytes.clone().into());
        if compiled.is_ok() {
            assert!(go_decode::<SignaturePolicyEnvelope>(bytes.clone().into()).is_ok());
        }
        let asked = ask(&around(&bytes), &signers);
        if compiled.is_ok() { asked } else { Outcome::Refused }
    });
}
