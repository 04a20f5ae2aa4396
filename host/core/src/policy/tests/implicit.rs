//! Implicit meta policies.

use super::*;
use crate::policy::{PolicyFailure, PolicyTree};

/// A channel whose `P` is implicit and whose groups `g0`, `g1`, … have `P` for the admin of `Org0`, `Org1`, …
fn channel_of(rule: i32, groups: usize) -> PolicyTree {
    let groups = (0..groups).map(|number| {
        (format!("g{number}"), group([("P", any_role(&format!("Org{number}"), &[ADMIN]))], []))
    });
    let root = group([("P", implicit(rule, "P"))], []);
    PolicyTree::build(&common::ConfigGroup { groups: groups.collect(), ..root }).unwrap()
}

/// Admins of the first organisations.
fn admins(count: usize) -> Signers {
    let texts: Vec<String> = (0..count).map(|number| format!("Org{number}.a:admin")).collect();
    signers(&texts.join(" "))
}

#[test]
fn each_rule_needs_its_number_of_groups() {
    // The needed number for 1, 2, 3, … groups.
    for (rule, needed) in [(0, [1, 1, 1, 1, 1]), (1, [1, 2, 3, 4, 5]), (2, [1, 2, 2, 3, 3])] {
        for (needed, groups) in needed.into_iter().zip(1..) {
            let tree = channel_of(rule, groups);
            for satisfied in 0..=groups {
                let expected = if satisfied >= needed {
                    Ok(())
                } else {
                    Err(PolicyFailure::ImplicitMeta { satisfied, needed, sub_policy: "P".into() })
                };
                let answer = tree.root().evaluate("P", &admins(satisfied));
                assert_eq!(answer, expected, "rule {rule}, {satisfied} of {groups}");
            }
        }
    }
}

#[test]
fn without_groups_below_every_rule_holds() {
    for rule in [0, 1, 2, 3, -1] {
        assert_eq!(channel_of(rule, 0).root().evaluate("P", &admins(0)), Ok(()));
    }
}

#[test]
fn an_unknown_rule_holds_only_if_nothing_below_does() {
    for rule in [3, -1] {
        let tree = channel_of(rule, 3);
        assert_eq!(tree.root().evaluate("P", &admins(0)), Ok(()));
        for satisfied in 1..=3 {
            let failure = PolicyFailure::ImplicitMeta { satisfied, needed: 0, sub_policy: "P".into() };
            assert_eq!(tree.root().evaluate("P", &admins(satisfied)), Err(failure));
        }
    }
}

#[test]
fn a_group_without_the_policy_counts_and_never_holds() {
    let config = |rule, sub_policy| {
        group(
            [("P", implicit(rule, sub_policy))],
            [("a", group([("P", any_role("Org0", &[ADMIN]))], [])), ("b", group([], []))],
        )
    };
    let cases = [
        (0, "P", Ok(())),
        (1, "P", Err((1, 2))),
        (2, "P", Err((1, 2))),
        (0, "", Err((0, 1))),
        (0, "Q", Err((0, 1))),
        // An absolute name belongs to one group at most.
        (0, "/Channel/a/P", Ok(())),
        (1, "/Channel/a/P", Err((1, 2))),
        (0, "/Channel/P", Err((0, 1))),
    ];
    for (rule, sub_policy, expected) in cases {
        let tree = PolicyTree::build(&config(rule, sub_policy)).unwrap();
        let expected = expected.map_err(|(satisfied, needed)| PolicyFailure::ImplicitMeta {
            satisfied,
            needed,
            sub_policy: sub_policy.into(),
        });
        assert_eq!(tree.root().evaluate("P", &admins(1)), expected, "{rule} {sub_policy}");
    }
}

#[test]
fn a_name_with_slashes_reaches_below_the_groups() {
    let org = || group([("P", any_role("Org0", &[ADMIN]))], []);
    let config = group(
        [("P", implicit(1, "org/P"))],
        [("a", group([], [("org", org())])), ("b", group([], [("org", org())]))],
    );
    let tree = PolicyTree::build(&config).unwrap();
    assert_eq!(tree.root().evaluate("P", &admins(1)), Ok(()));
    assert!(tree.root().evaluate("P", &admins(0)).is_err());
}

#[test]
fn a_text_holds_the_name_as_the_config_has_it() {
    let tree = PolicyTree::build(&group([("P", implicit(0, "it's\n"))], [("g", group([], []))])).unwrap();
    assert_eq!(
        tree.root().evaluate("P", &admins(1)).unwrap_err().to_string(),
        "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the \
         'it's\n' sub-policies to be satisfied"
    );
}
