//! Signature policies.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::policy::{CompileError, PolicyFailure, PolicyTree, SignaturePolicy};
use raddle_proto::wire::WireError;

fn evaluate(
    rule: common::SignaturePolicy,
    principals: Vec<common::MspPrincipal>,
    who: &Signers,
) -> Result<(), PolicyFailure> {
    let policy = config_policy(SIGNATURE, signature_policy(rule, principals).encode_to_vec());
    PolicyTree::build(&group([("P", policy)], [])).unwrap().root().evaluate("P", who)
}

#[test]
fn a_rule_counts_each_signer_once_and_greedily() {
    let all = |rules: Vec<_>| out_of(i32::try_from(rules.len()).unwrap(), rules);
    let (member, admin, peer) = (by(0), by(1), by(2));
    let cases = [
        (member.clone(), "Org1MSP.a", true),
        (member.clone(), "", false),
        (member.clone(), "Org2MSP.a", false),
        (admin.clone(), "Org1MSP.a Org1MSP.b:admin", true),
        (all(vec![member.clone(), member.clone()]), "Org1MSP.a", false),
        (all(vec![member.clone(), member.clone()]), "Org1MSP.a Org1MSP.b", true),
        // The first rule takes the admin, whom the second needs.
        (all(vec![member.clone(), admin.clone()]), "Org1MSP.a:admin Org1MSP.b", false),
        (all(vec![member.clone(), admin.clone()]), "Org1MSP.b Org1MSP.a:admin", true),
        (all(vec![admin.clone(), member.clone()]), "Org1MSP.a:admin Org1MSP.b", true),
        // All rules are asked though one is enough, so the inner one leaves nobody.
        (
            all(vec![out_of(1, vec![member.clone(), member.clone()]), member.clone()]),
            "Org1MSP.a Org1MSP.b",
            false,
        ),
        // What a failed rule took is free again.
        (out_of(1, vec![all(vec![member.clone(), peer.clone()]), admin.clone()]), "Org1MSP.a:admin", true),
        (out_of(0, vec![]), "", true),
        (out_of(0, vec![admin.clone()]), "", true),
        (out_of(-1, vec![]), "", true),
        (out_of(i32::MIN, vec![admin.clone()]), "", true),
        (out_of(1, vec![]), "Org1MSP.a", false),
        (out_of(2, vec![member.clone()]), "Org1MSP.a Org1MSP.b", false),
        (out_of(i32::MAX, vec![member]), "Org1MSP.a", false),
        // A rule that always holds is one that holds.
        (out_of(1, vec![admin, out_of(0, vec![])]), "", true),
    ];
    for (rule, who, expected) in cases {
        let principals = vec![role("Org1MSP", 0), role("Org1MSP", ADMIN), role("Org1MSP", PEER)];
        let expected = if expected { Ok(()) } else { Err(PolicyFailure::Signature) };
        assert_eq!(evaluate(rule.clone(), principals, &signers(who)), expected, "{rule:?} by {who}");
    }
    assert_eq!(PolicyFailure::Signature.to_string(), "signature set did not satisfy policy");
}

#[test]
fn a_principal_that_nobody_can_read_is_satisfied_by_nobody() {
    let unreadable = common::MspPrincipal { principal: vec![0xff].into(), ..Default::default() };
    let principals = vec![unreadable, role("Org1MSP", 0)];
    assert!(evaluate(by(0), principals.clone(), &signers("Org1MSP.a")).is_err());
    assert!(evaluate(out_of(1, vec![by(0), by(1)]), principals, &signers("Org1MSP.a")).is_ok());
}

/// A rule over principals that are bits.
#[derive(Clone, Debug)]
enum Model {
    By(usize),
    OutOf(i32, Vec<Model>),
}

impl Model {
    /// Who is taken, if the rule holds with those in `taken` gone. A signer is the set of bits that it satisfies.
    fn take(&self, signers: &[u8], taken: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
        match self {
            Self::By(bit) => {
                let is_free = |place: &usize| !taken.contains(place) && signers[*place] >> bit & 1 == 1;
                let place = (0..signers.len()).find(is_free)?;
                Some(taken.iter().copied().chain([place]).collect())
            }
            Self::OutOf(needed, rules) => {
                let mut holding = 0;
                let taken = rules.iter().fold(taken.clone(), |taken, rule| {
                    let more = rule.take(signers, &taken);
                    holding += i32::from(more.is_some());
                    more.unwrap_or(taken)
                });
                (holding >= *needed).then_some(taken)
            }
        }
    }

    fn rule(&self) -> common::SignaturePolicy {
        match self {
            Self::By(bit) => by(i32::try_from(*bit).unwrap()),
            Self::OutOf(needed, rules) => out_of(*needed, rules.iter().map(Self::rule).collect()),
        }
    }
}

/// Satisfies the principals whose numbers are the bits set.
struct Bits(u8, String);

impl Signer for Bits {
    fn msp_id(&self) -> &str {
        "Org1MSP"
    }

    fn id(&self) -> &str {
        &self.1
    }

    fn description(&self) -> String {
        self.1.clone()
    }

    fn units(&self) -> Vec<String> {
        vec![]
    }

    fn verify(&self, _message: &[u8], _signature: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn satisfies(&self, principal: &common::MspPrincipal) -> Result<(), String> {
        let bit = principal.principal.first().map_or(7, |bit| bit & 7);
        if self.0 >> bit & 1 == 1 { Ok(()) } else { Err("no".into()) }
    }
}

fn bits(signers: &[u8]) -> Signers {
    let one = |(place, bits): (usize, &u8)| -> Arc<dyn Signer> { Arc::new(Bits(*bits, place.to_string())) };
    Signers::of(signers.iter().enumerate().map(one).collect())
}

/// Asks the rule of these signers, for the answer and for the proof.
fn check(model: &Model, signers: &[u8]) {
    let principal = |bit: u8| common::MspPrincipal { principal: vec![bit].into(), ..Default::default() };
    let envelope = signature_policy(model.rule(), (0..3).map(principal).collect());
    let policy = config_policy(SIGNATURE, envelope.encode_to_vec());
    let tree = PolicyTree::build(&group([("P", policy)], [])).unwrap();
    let expected = model.take(signers, &BTreeSet::new()).is_some();
    let signers = bits(signers);
    assert_eq!(tree.root().evaluate("P", &signers).is_ok(), expected, "{model:?} by {signers:?}");
    assert_eq!(tree.root().prove("P", &signers).policy.holds, expected);
}

#[test]
fn every_small_rule_agrees_with_the_model() {
    // All counts over one to three of: two principals, both of them, either of them.
    let both = |needed| Model::OutOf(needed, vec![Model::By(0), Model::By(1)]);
    let parts = [Model::By(0), Model::By(1), both(1), both(2)];
    let mut lists: Vec<Vec<Model>> = vec![vec![]];
    let mut asked = 0;
    for _ in 0..3 {
        let longer = |list: &Vec<Model>| {
            let list = list.clone();
            parts.iter().map(move |part| [&list[..], std::slice::from_ref(part)].concat())
        };
        lists = lists.iter().flat_map(|list| longer(list).collect::<Vec<_>>()).collect();
        for list in &lists {
            for needed in 0..=4 {
                let model = Model::OutOf(needed, list.clone());
                for set in 0..64_u8 {
                    // Three signers of two bits each; those without any are as good as not there.
                    check(&model, &[set & 3, set >> 2 & 3, set >> 4]);
                    asked += 1;
                }
            }
        }
    }
    assert_eq!(asked, (4 + 16 + 64) * 5 * 64);
}

fn models() -> impl Strategy<Value = Model> {
    let leaf = (0..3_usize).prop_map(Model::By);
    leaf.prop_recursive(4, 24, 4, |inner| {
        (-1..5, prop::collection::vec(inner, 0..5)).prop_map(|(needed, rules)| Model::OutOf(needed, rules))
    })
}

proptest! {
    #[test]
    fn any_rule_agrees_with_the_model(model in models(), signers in prop::collection::vec(0..8_u8, 0..6)) {
        check(&model, &signers);
    }

    #[test]
    fn any_bytes_compile_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = SignaturePolicy::compile(bytes.into());
    }

    /// Bytes that begin as a policy and are cut, lengthened or changed.
    #[test]
    fn spoilt_policies_never_panic(
        model in models(),
        cut in any::<prop::sample::Index>(),
        flip in any::<(prop::sample::Index, u8)>(),
        signers in prop::collection::vec(0..8_u8, 0..4),
    ) {
        let principal = role("Org1MSP", ADMIN);
        let mut bytes = signature_policy(model.rule(), vec![principal; 3]).encode_to_vec();
        let place = flip.0.index(bytes.len());
        bytes[place] ^= flip.1;
        bytes.truncate(cut.index(bytes.len() + 1).max(bytes.len() / 2));
        for kind in [SIGNATURE, IMPLICIT_META] {
            let policy = config_policy(kind, bytes.clone());
            let config = group([("P", policy.clone())], [("g", group([("P", policy)], []))]);
            if let Ok(tree) = PolicyTree::build(&config) {
                let signers = bits(&signers);
                let holds = tree.root().evaluate("P", &signers).is_ok();
                let proof = tree.root().prove("P", &signers);
                prop_assert_eq!(proof.policy.holds, holds);
                prop_assert!(!proof.to_string().is_empty());
            }
        }
    }
}

/// Written from the end: each level is a rule in a count in a rule.
fn nested_bytes(levels: usize) -> Bytes {
    let mut reversed = Vec::new();
    for _ in 0..levels {
        for tag in [0x12, 0x12] {
            let mut length = Vec::new();
            prost::encoding::encode_varint(reversed.len() as u64, &mut length);
            reversed.extend(length.iter().rev());
            reversed.push(tag);
        }
    }
    reversed.into_iter().rev().collect()
}

#[test]
fn no_depth_exhausts_the_stack() {
    for levels in [49, 60, 1000, 100_000] {
        let compiled = SignaturePolicy::compile(nested_bytes(levels));
        match levels {
            49 => assert!(compiled.is_ok()),
            _ => assert!(
                matches!(compiled, Err(CompileError::Unmarshal(WireError::MessageDepth { .. }))),
                "{levels}"
            ),
        }
    }
}
