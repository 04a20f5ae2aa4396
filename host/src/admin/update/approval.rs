//! Whose signatures an update has, and whose it needs.

use std::collections::BTreeMap;

use raddle_core::access::Access;
use raddle_core::policy::{Basis, Need, PolicyProof, Proof};
use raddle_proto::common::Config;

use super::{Draft, delta};

/// A policy that an update needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The elements that it judges.
    pub elements: Vec<String>,
    /// What the signatures so far are to it.
    pub proof: Proof,
}

/// All policies that an update of `config` needs, in the order of their paths. All hold: the signatures do.
#[must_use]
pub fn approvals(config: &Config, access: &Access, draft: &Draft) -> Vec<Approval> {
    let signed = draft.signed().unwrap_or_default();
    let mut policies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for element in delta(config, draft.update()) {
        if let Some(policy) = element.policy {
            policies.entry(policy).or_default().push(element.path);
        }
    }
    let approval = |(policy, elements): (String, Vec<String>)| Approval {
        elements,
        proof: access.prove_set(&policy, &signed),
    };
    policies.into_iter().map(approval).collect()
}

impl Approval {
    /// Whether the policy holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.proof.policy.holds
    }

    /// The policy's path.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.proof.policy.path
    }

    /// Who must still sign, in words: `2 of Org1MSP.admin, Org2MSP.admin, Org3MSP.admin`. None if the policy holds.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        (!self.holds()).then(|| missing(&self.proof.policy))
    }
}

fn missing(policy: &PolicyProof) -> String {
    match &policy.basis {
        Basis::Missing => format!("nobody can sign for it: the config has no policy {}", policy.path),
        Basis::Signature(None) => format!("what {} asks for", policy.path),
        Basis::Signature(Some(need)) => of_need(need).unwrap_or_else(|| "nobody more".to_owned()),
        Basis::ImplicitMeta { needed, satisfied, children, left_out, of, sub_policy, .. } => {
            let mut open: Vec<String> = children.iter().filter(|child| !child.holds).map(missing).collect();
            if *left_out > 0 {
                open.push(format!("{left_out} more groups"));
            }
            if *of == 0 || open.is_empty() {
                return format!("nobody can sign for it: no group below has a policy {sub_policy}");
            }
            some(needed.saturating_sub(*satisfied), open)
        }
    }
}

/// None if the need is met.
fn of_need(need: &Need) -> Option<String> {
    match need {
        Need::Principal(need) => need.by.is_none().then(|| need.principal.clone()),
        Need::OutOf(need) => {
            let needed = usize::try_from(need.needed).unwrap_or(0).saturating_sub(need.satisfied);
            let mut open: Vec<String> = need.rules.iter().filter_map(of_need).collect();
            if need.left_out > 0 {
                open.push(format!("{} more", need.left_out));
            }
            (needed > 0).then(|| some(needed, open))
        }
    }
}

fn some(needed: usize, open: Vec<String>) -> String {
    match open.as_slice() {
        [] => "more than there can be".to_owned(),
        [one] => one.clone(),
        _ if needed >= open.len() => open.join(" and "),
        _ => format!("{needed} of ({})", open.join(", ")),
    }
}
