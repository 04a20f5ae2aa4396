//! Which trees are built, and what those that are not are refused with.

use super::*;
use crate::policy::{BuildError, GROUPS_DEPTH_MAX, PolicyTree};

/// The config of one policy `P` in the group `/Channel/Application`.
fn application(policy: common::ConfigPolicy) -> common::ConfigGroup {
    group([], [("Application", group([("P", policy)], []))])
}

fn envelope(change: impl FnOnce(&mut common::SignaturePolicyEnvelope)) -> common::ConfigPolicy {
    let mut envelope = signature_policy(out_of(1, vec![by(0)]), vec![role("Org1MSP", ADMIN)]);
    change(&mut envelope);
    config_policy(SIGNATURE, envelope.encode_to_vec())
}

#[test]
fn a_broken_policy_is_refused_in_fabrics_words() {
    let nested = |rule| out_of(1, vec![by(0), out_of(1, vec![rule])]);
    let utf8 = config_policy(IMPLICIT_META, vec![10, 1, 0xff]);
    let cases = [
        (common::ConfigPolicy::default(), "policy P at path Channel/Application was nil"),
        (config_policy(0, vec![]), "policy P at path Channel/Application has unknown policy type: 0"),
        (config_policy(2, vec![]), "policy P at path Channel/Application has unknown policy type: 2"),
        (config_policy(4, vec![]), "policy P at path Channel/Application has unknown policy type: 4"),
        (config_policy(-7, vec![]), "policy P at path Channel/Application has unknown policy type: -7"),
        (
            config_policy(SIGNATURE, vec![10]),
            "policy P at path Channel/Application did not compile: Error unmarshalling to SignaturePolicy: \
             proto: cannot parse invalid wire-format data",
        ),
        (
            config_policy(SIGNATURE, vec![]),
            "policy P at path Channel/Application did not compile: Empty policy element",
        ),
        (
            envelope(|it| it.version = 1),
            "policy P at path Channel/Application did not compile: \
             This evaluator only understands messages of version 0, but version was 1",
        ),
        (
            envelope(|it| it.version = -1),
            "policy P at path Channel/Application did not compile: \
             This evaluator only understands messages of version 0, but version was -1",
        ),
        (
            envelope(|it| it.rule = Some(by(1))),
            "policy P at path Channel/Application did not compile: \
             identity index out of range, requested 1, but identities length is 1",
        ),
        (
            envelope(|it| it.rule = Some(nested(by(-1)))),
            "policy P at path Channel/Application did not compile: \
             identity index out of range, requested -1, but identities length is 1",
        ),
        (
            envelope(|it| it.identities.clear()),
            "policy P at path Channel/Application did not compile: \
             identity index out of range, requested 0, but identities length is 0",
        ),
        (
            envelope(|it| it.rule = Some(nested(common::SignaturePolicy::default()))),
            "policy P at path Channel/Application did not compile: Unknown type: <nil>:<nil>",
        ),
        (
            config_policy(IMPLICIT_META, vec![8]),
            "implicit policy P at path Channel/Application did not compile: Error unmarshalling to \
             ImplicitMetaPolicy: proto: cannot parse invalid wire-format data",
        ),
        (
            utf8,
            "implicit policy P at path Channel/Application did not compile: Error unmarshalling to \
             ImplicitMetaPolicy: string field contains invalid UTF-8",
        ),
    ];
    for (policy, text) in cases {
        let error = PolicyTree::build(&application(policy)).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn what_can_never_hold_compiles_all_the_same() {
    for policy in [
        envelope(|it| it.rule = Some(out_of(9, vec![by(0)]))),
        envelope(|it| it.rule = Some(out_of(i32::MIN, vec![]))),
        envelope(|it| it.identities[0].principal = vec![0xff; 9].into()),
        envelope(|it| it.identities[0].principal_classification = 77),
        implicit(0, ""),
        implicit(99, "/Channel/Nowhere/Writers"),
    ] {
        assert!(PolicyTree::build(&application(policy)).is_ok());
    }
}

#[test]
fn of_several_broken_policies_the_first_by_path_is_named() {
    let broken = || group([("Z", config_policy(2, vec![])), ("A", config_policy(2, vec![]))], []);
    let error = PolicyTree::build(&group(
        [("A", config_policy(2, vec![]))],
        [("Orderer", broken()), ("Application", broken())],
    ));
    assert_eq!(
        error,
        Err(BuildError::UnknownType { name: "A".into(), path: "Channel/Application".into(), found: 2 })
    );
}

#[test]
fn groups_and_rules_go_as_deep_as_the_limit() {
    let groups = |levels| (1..levels).fold(group([], []), |inner, _| group([], [("g", inner)]));
    assert!(PolicyTree::build(&groups(GROUPS_DEPTH_MAX)).is_ok());
    let error = PolicyTree::build(&groups(GROUPS_DEPTH_MAX + 1)).unwrap_err();
    assert_eq!(error.to_string(), "more than 100 groups stand inside one another below Channel");

    // The decoder counts two messages a rule, so its limit is the one that bytes meet.
    let rules = |levels| (1..levels).fold(by(0), |inner, _| out_of(1, vec![inner]));
    assert!(PolicyTree::build(&application(envelope(|it| it.rule = Some(rules(50))))).is_ok());
    let error = PolicyTree::build(&application(envelope(|it| it.rule = Some(rules(51))))).unwrap_err();
    assert!(error.to_string().contains("more than 100 messages stand inside a message"), "{error}");
}
