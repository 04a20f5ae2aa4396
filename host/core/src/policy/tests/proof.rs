//! Why a policy failed.

use super::*;
use crate::policy::{
    Basis, CHANNEL_WRITERS, Need, POLICY_NODES_MAX, PROOF_NODES_MAX, PolicyProof, PolicyTree, Proof,
    REFUSALS_MAX, RefusalReason, SIGNERS_MAX, TEXT_CHARS_MAX,
};

fn check(proof: &Proof, expected: &str) {
    let expected: Vec<&str> = expected.trim_matches('\n').lines().collect();
    let text = proof.to_string();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "\n{text}\n");
}

/// A channel of this one policy.
fn tree(policy: common::ConfigPolicy) -> PolicyTree {
    PolicyTree::build(&group([("P", policy)], [])).unwrap()
}

fn signature(rule: common::SignaturePolicy, principals: Vec<common::MspPrincipal>) -> PolicyTree {
    tree(config_policy(SIGNATURE, signature_policy(rule, principals).encode_to_vec()))
}

#[test]
fn a_stranger_is_told_what_each_organisation_needs() {
    let tree = PolicyTree::build(&channel()).unwrap();
    check(
        &tree.root().prove(CHANNEL_WRITERS, &signers("Org3MSP.user1:client")),
        "
/Channel/Writers is not satisfied by CN=user1 (Org3MSP)
  ANY of 2
  ├─ ✗ /Channel/Application/Writers   ANY of 2
  │    ├─ ✗ Org1   needs Org1MSP.admin | Org1MSP.client   got Org3MSP.client
  │    └─ ✗ Org2   needs Org2MSP.admin | Org2MSP.client   got Org3MSP.client
  └─ ✗ /Channel/Orderer/Writers       ANY of 1
       └─ ✗ OrdererOrg   needs OrdererMSP.member   got Org3MSP.client
  hint   Org3MSP is none of the MSPs that the policy names (OrdererMSP, Org1MSP, Org2MSP)
",
    );
}

#[test]
fn a_member_is_told_why_it_is_not_enough() {
    let tree = PolicyTree::build(&channel()).unwrap();
    check(
        &tree.root().prove(CHANNEL_WRITERS, &signers("Org2MSP.peer0:peer")),
        "
/Channel/Writers is not satisfied by CN=peer0 (Org2MSP)
  ANY of 2
  ├─ ✗ /Channel/Application/Writers   ANY of 2
  │    ├─ ✗ Org1   needs Org1MSP.admin | Org1MSP.client   got Org2MSP.peer
  │    └─ ✗ Org2   needs Org2MSP.admin | Org2MSP.client   got Org2MSP.peer
  │         CN=peer0 as Org2MSP.admin: The identity is not of role admin
  │         CN=peer0 as Org2MSP.client: The identity is not of role client
  └─ ✗ /Channel/Orderer/Writers       ANY of 1
       └─ ✗ OrdererOrg   needs OrdererMSP.member   got Org2MSP.peer
",
    );
}

#[test]
fn missing_signatures_and_spoilt_ones_are_told() {
    let tree = PolicyTree::build(&channel()).unwrap();
    let set = [
        signed("Org1MSP", "a", "admin"),
        signed("NobodyMSP", "b", "admin"),
        SignedData { signature: "x".into(), ..signed("Org2MSP", "c", "admin") },
    ];
    check(
        &tree.root().prove("/Channel/Application/Admins", &Signers::verify(&set, &Msps)),
        "
/Channel/Application/Admins is not satisfied by CN=a (Org1MSP)
  MAJORITY of 2, needs 2, has 1
  ├─ ✓ Org1   needs Org1MSP.admin   got Org1MSP.admin
  └─ ✗ Org2   needs Org2MSP.admin   got Org1MSP.admin
  signature 2 (NobodyMSP) does not count: its identity is invalid: MSP NobodyMSP is not defined on channel
  signature 3 (Org2MSP) does not count: it is invalid: The signature is invalid
",
    );
    check(
        &tree.root().prove("Application/Org1/Admins", &Signers::verify(&[], &Msps)),
        "
/Channel/Application/Org1/Admins is not satisfied by no valid signature
  needs Org1MSP.admin   got no valid signature
",
    );
}

#[test]
fn what_is_missing_or_holds_is_told_too() {
    let config = group([("P", implicit(1, "P"))], [("a", group([], [])), ("b", channel())]);
    let tree = PolicyTree::build(&config).unwrap();
    check(
        &tree.root().prove("P", &signers("Org1MSP.a")),
        "
/Channel/P is not satisfied by CN=a (Org1MSP)
  ALL of 2, needs 2, has 0
  ├─ ✗ a   there is no such policy
  └─ ✗ b   there is no such policy
",
    );
    check(
        &tree.root().prove("/Other/P", &signers("Org1MSP.a")),
        "
/Other/P is not satisfied by CN=a (Org1MSP)
  there is no such policy
",
    );
    check(
        &tree.root().prove("b/Writers", &signers("Org1MSP.a:admin")),
        "
/Channel/b/Writers is satisfied by CN=a (Org1MSP)
  ANY of 2
  ├─ ✓ /Channel/b/Application/Writers   ANY of 2
  │    ├─ ✓ Org1   needs Org1MSP.admin | Org1MSP.client   got Org1MSP.admin
  │    └─ … 1 not asked, since enough hold
  └─ … 1 not asked, since enough hold
",
    );
}

#[test]
fn rules_read_as_one_says_them() {
    let all = |rules: Vec<_>| out_of(i32::try_from(rules.len()).unwrap(), rules);
    let cases = [
        (by(0), "A.member"),
        (out_of(1, vec![by(0)]), "A.member"),
        (out_of(1, vec![by(0), by(1)]), "A.member | B.admin"),
        (all(vec![by(0), by(1)]), "A.member & B.admin"),
        (all(vec![by(2), out_of(1, vec![by(0), by(1)])]), "C.peer & (A.member | B.admin)"),
        (out_of(2, vec![by(0), by(1), by(2)]), "2 of (A.member, B.admin, C.peer)"),
        (
            out_of(1, vec![by(0), out_of(2, vec![by(0), by(1), by(2)])]),
            "A.member | 2 of (A.member, B.admin, C.peer)",
        ),
        (out_of(3, vec![by(0), by(1)]), "3 of (A.member, B.admin)"),
        (out_of(1, vec![]), "1 of ()"),
        (all(vec![by(0), out_of(0, vec![by(1)])]), "A.member & nobody"),
        (by(3), "unreadable principal of class 0, 1 bytes"),
        (by(4), "D.OU=sales"),
        (by(5), "E.one certificate"),
        (by(6), "anybody"),
        (by(7), "all of (A.member, anybody, several at once)"),
        (by(8), "F.role 9"),
        (by(9), "unreadable principal of class 44, 2 bytes"),
    ];
    let principal = |class: i32, bytes: Vec<u8>| common::MspPrincipal {
        principal_classification: class,
        principal: bytes.into(),
    };
    let unit = common::OrganizationUnit {
        msp_identifier: "D".into(),
        organizational_unit_identifier: "sales".into(),
        ..Default::default()
    };
    let combined = |principals| principal(4, common::CombinedPrincipal { principals }.encode_to_vec());
    let principals = vec![
        role("A", 0),
        role("B", ADMIN),
        role("C", PEER),
        principal(0, vec![0xff]),
        principal(1, unit.encode_to_vec()),
        principal(2, creator("E", "e", "").to_vec()),
        principal(3, vec![]),
        combined(vec![role("A", 0), principal(3, vec![]), combined(vec![])]),
        role("F", 9),
        principal(44, vec![1, 2]),
    ];
    for (rule, expected) in cases {
        let text = signature(rule, principals.clone()).root().prove("P", &signers("")).to_string();
        let needs = text.lines().nth(1).unwrap();
        assert_eq!(needs, format!("  needs {expected}   got no valid signature"));
    }
}

/// The principals of a need, whose rules all have room.
fn principals(need: &Need) -> Vec<&crate::policy::PrincipalNeed> {
    match need {
        Need::Principal(need) => vec![need],
        Need::OutOf(need) => need.rules.iter().flat_map(principals).collect(),
    }
}

#[test]
fn a_proof_names_who_was_taken_for_what() {
    let tree = signature(out_of(2, vec![by(0), by(1)]), vec![role("Org1MSP", 0), role("Org1MSP", ADMIN)]);
    let proof = tree.root().prove("P", &signers("Org2MSP.x Org1MSP.a:admin,sales Org1MSP.b"));
    let Basis::Signature(Some(need)) = &proof.policy.basis else { panic!("{proof:?}") };
    let [member, admin] = principals(need)[..] else { panic!("{need:?}") };
    assert_eq!((member.by, member.refusals.len()), (Some(1), 0));
    let refusals: Vec<_> = admin.refusals.iter().map(|refusal| (refusal.signer, &refusal.reason)).collect();
    let not_admin = RefusalReason::Principal("The identity is not of role admin".into());
    assert_eq!((admin.by, refusals), (None, vec![(1, &RefusalReason::Counted), (2, &not_admin)]));
    check(
        &proof,
        "
/Channel/P is not satisfied by CN=x (Org2MSP), CN=a (Org1MSP), CN=b (Org1MSP)
  needs Org1MSP.member & Org1MSP.admin   got Org2MSP, Org1MSP.admin+sales, Org1MSP, has 1 of 2
  CN=a as Org1MSP.admin: already counted for another rule
  CN=b as Org1MSP.admin: The identity is not of role admin
",
    );
}

fn policies(policy: &PolicyProof) -> usize {
    match &policy.basis {
        Basis::ImplicitMeta { children, .. } => 1 + children.iter().map(policies).sum::<usize>(),
        _ => 1,
    }
}

fn left_out(policy: &PolicyProof) -> usize {
    match &policy.basis {
        Basis::ImplicitMeta { children, left_out: more, .. } => {
            more + children.iter().map(left_out).sum::<usize>()
        }
        _ => 0,
    }
}

#[test]
fn of_a_thousand_organisations_as_many_are_shown_as_there_is_room_for() {
    let orgs = (0..1000).map(|number| {
        let msp_id = format!("Org{number}MSP");
        (msp_id.clone(), group([("P", any_role(&msp_id, &[ADMIN]))], []))
    });
    let root = group([("P", implicit(0, "P"))], []);
    let tree = PolicyTree::build(&common::ConfigGroup { groups: orgs.collect(), ..root }).unwrap();
    let proof = tree.root().prove("P", &signers("NoMSP.a"));
    let shown = policies(&proof.policy);
    assert!(shown > PROOF_NODES_MAX / 4 && shown <= PROOF_NODES_MAX, "{shown}");
    assert_eq!(shown + left_out(&proof.policy), 1001);
    let text = proof.to_string();
    assert!(text.ends_with(&format!("└─ … {} more", 1001 - shown)), "{text}");

    // The answer does not depend on what is shown.
    assert!(tree.root().prove("P", &signers("Org999MSP.a:admin")).policy.holds);
}

#[test]
fn of_a_thousand_rules_and_signers_some_are_shown() {
    let rules = out_of(1000, (0..1000).map(|_| by(0)).collect());
    let who: Vec<String> = (0..1000).map(|number| format!("Org1MSP.{number}:client")).collect();
    let tree = signature(rules, vec![role("Org1MSP", ADMIN)]);
    let proof = tree.root().prove("P", &signers(&who.join(" ")));
    let Basis::Signature(Some(Need::OutOf(need))) = &proof.policy.basis else { panic!("{proof:?}") };
    // The rule that counts them is one of them.
    assert_eq!((need.rules.len(), need.left_out), (POLICY_NODES_MAX - 1, 1001 - POLICY_NODES_MAX));
    let principal = principals(&need.rules[0])[0];
    assert_eq!((principal.refusals.len(), principal.refusals_left_out), (REFUSALS_MAX, 1000 - REFUSALS_MAX));
    assert_eq!((proof.signers.len(), proof.signers_left_out), (SIGNERS_MAX, 1000 - SIGNERS_MAX));
    assert!(proof.to_string().len() < 40_000, "{}", proof.to_string().len());
}

#[test]
fn a_policy_with_more_rules_than_there_is_room_for_hides_no_other() {
    let rules = out_of(1, (0..100).map(|_| by(0)).collect());
    let large =
        config_policy(SIGNATURE, signature_policy(rules, vec![role("Org1MSP", ADMIN)]).encode_to_vec());
    let orgs = [
        ("A", group([("P", large.clone())], [])),
        ("B", group([("P", large)], [])),
        ("C", group([("P", any_role("Org3MSP", &[ADMIN]))], [])),
    ];
    let tree = PolicyTree::build(&group([("P", implicit(0, "P"))], orgs)).unwrap();
    let proof = tree.root().prove("P", &signers("NoMSP.a"));
    assert_eq!((policies(&proof.policy), left_out(&proof.policy)), (4, 0));
}

#[test]
fn an_absolute_id_that_is_missing_is_its_own_path() {
    for (sub_policy, path) in [("Other/Q", "/Channel/a/Other/Q"), ("/Other/Q", "/Other/Q")] {
        let config = group([("P", implicit(1, sub_policy))], [("a", group([], []))]);
        let tree = PolicyTree::build(&config).unwrap();
        let proof = tree.root().prove("P", &signers(""));
        let Basis::ImplicitMeta { children, .. } = &proof.policy.basis else { panic!("{proof:?}") };
        assert_eq!((children.len(), children[0].path.as_str()), (1, path));
    }
}

#[test]
fn a_text_is_cut_at_whole_lines() {
    let tree = PolicyTree::build(&channel()).unwrap();
    let proof = tree.root().prove(CHANNEL_WRITERS, &signers("Org2MSP.peer0:peer"));
    let whole = proof.render(usize::MAX);
    assert_eq!(proof.render(whole.len()), whole);
    for bytes_max in proof.headline().len() + 32..whole.len() {
        let text = proof.render(bytes_max);
        assert!(text.len() <= bytes_max, "{} bytes, not {bytes_max}", text.len());
        let (kept, last) = text.rsplit_once('\n').unwrap();
        assert!(whole.starts_with(kept));
        let more = whole.lines().count() - kept.lines().count();
        assert_eq!(last, format!("  … {more} more lines"));
    }
    assert!(proof.render(0).starts_with(&proof.headline()));
}

#[test]
fn names_from_outside_are_short_and_cannot_deceive() {
    let name = format!("\u{1b}[31m\n\u{202e}{}", "N".repeat(1 << 20));
    let config = group(
        [("P", implicit(0, &name))],
        [(name.as_str(), group([(name.as_str(), any_role(&name, &[ADMIN]))], []))],
    );
    let tree = PolicyTree::build(&config).unwrap();
    let stranger = Person { msp_id: name.clone(), name: name.clone(), units: vec![name.clone(); 3] };
    let signers = Signers::of(vec![Arc::new(stranger)]);
    for proof in [tree.root().prove("P", &signers), tree.root().prove(&name, &signers)] {
        let text = proof.to_string();
        assert!(text.len() < 20 * TEXT_CHARS_MAX, "{}", text.len());
        assert!(text.contains("\\u{1b}[31m\\u{a}\\u{202e}NNN"), "{text}");
        assert!(
            text.chars().all(|char| char == '\n' || !char.is_control() && char != '\u{202e}'),
            "{text:?}"
        );
    }
}
