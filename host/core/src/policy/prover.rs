//! From the steps of an evaluation to a proof.

use raddle_proto::common;

use super::evaluate::{Policy, Trace};
use super::text::{clip, principal};
use super::tree::{Compiled, PolicyManager};
use super::{
    Basis, Need, OutOfNeed, POLICY_NODES_MAX, PROOF_NODES_MAX, PolicyProof, PrincipalNeed, Proof,
    REFUSALS_MAX, Refusal, RefusalReason, Signer, Signers,
};

/// Builds a proof while a policy is evaluated.
#[derive(Debug, Default)]
pub(super) struct Prover {
    /// What is open, outermost first.
    open: Vec<Node>,
    /// How many nodes are open that there is no room for. They are inside the last of `open`.
    open_without_room: usize,
    /// All nodes so far.
    nodes: usize,
    /// Those of them that belong to the signature policy that is open.
    policy_nodes: usize,
    /// The outermost policy, once it has closed.
    done: Option<PolicyProof>,
}

#[derive(Debug)]
enum Node {
    Policy(PolicyProof),
    Need(Need),
}

impl Prover {
    /// The proof. Without an evaluation there is none, and a policy without a name stands for it.
    pub(super) fn finish(self, signers: &Signers) -> Proof {
        match self.done {
            Some(policy) => Proof::new(policy, signers),
            None => Proof::of_missing("", signers),
        }
    }

    /// Whether there is room for one more node. If not, the one around it is told.
    fn has_room(&mut self) -> bool {
        if self.open_without_room > 0 {
            return false;
        }
        if self.nodes < PROOF_NODES_MAX && self.policy_nodes < POLICY_NODES_MAX {
            self.nodes += 1;
            self.policy_nodes += 1;
            return true;
        }
        match self.open.last_mut() {
            Some(Node::Policy(PolicyProof { basis: Basis::ImplicitMeta { left_out, .. }, .. }))
            | Some(Node::Need(Need::OutOf(OutOfNeed { left_out, .. }))) => *left_out += 1,
            _ => {}
        }
        false
    }

    /// Opens a node if there is room.
    fn open(&mut self, node: impl FnOnce() -> Node) {
        if self.has_room() {
            self.open.push(node());
        } else {
            self.open_without_room += 1;
        }
    }

    /// The innermost open node, unless there was no room for it. It is open no longer.
    fn close(&mut self) -> Option<Node> {
        if self.open_without_room > 0 {
            self.open_without_room -= 1;
            return None;
        }
        self.open.pop()
    }

    /// Puts a closed node into the one around it.
    fn attach(&mut self, node: Node) {
        match (self.open.last_mut(), node) {
            (Some(Node::Policy(around)), node) => match (&mut around.basis, node) {
                (Basis::ImplicitMeta { children, .. }, Node::Policy(policy)) => children.push(policy),
                (Basis::Signature(rule), Node::Need(need)) => *rule = Some(need),
                _ => {}
            },
            (Some(Node::Need(Need::OutOf(around))), Node::Need(need)) => around.rules.push(need),
            (None, Node::Policy(policy)) => self.done = Some(policy),
            _ => {}
        }
    }

    fn principal(&mut self) -> Option<&mut PrincipalNeed> {
        match self.open.last_mut() {
            // Nothing stands inside a principal, so what there is no room for never hides it.
            Some(Node::Need(Need::Principal(need))) => Some(need),
            _ => None,
        }
    }
}

impl Trace for Prover {
    fn policy_opens(&mut self, policy: &Policy<'_>, of: usize) {
        self.open(|| {
            let basis = match policy.compiled {
                Compiled::Signature(_) => Basis::Signature(None),
                Compiled::ImplicitMeta { rule, sub_policy } => Basis::ImplicitMeta {
                    rule: *rule,
                    sub_policy: clip([sub_policy.as_str()]),
                    needed: rule.needed(of),
                    satisfied: 0,
                    of,
                    children: Vec::new(),
                    left_out: 0,
                },
            };
            Node::Policy(policy_proof(&policy.manager, policy.name, basis))
        });
        self.policy_nodes = 0;
    }

    fn policy_closes(&mut self, does_hold: bool, count: usize) {
        self.policy_nodes = 0;
        if let Some(Node::Policy(mut policy)) = self.close() {
            policy.holds = does_hold;
            if let Basis::ImplicitMeta { satisfied, .. } = &mut policy.basis {
                *satisfied = count;
            }
            self.attach(Node::Policy(policy));
        }
    }

    fn policy_is_missing(&mut self, group: &PolicyManager<'_>, id: &str) {
        if self.has_room() {
            let mut missing = policy_proof(group, id, Basis::Missing);
            if id.starts_with('/') {
                missing.path = clip([id]);
            }
            self.attach(Node::Policy(missing));
        }
        self.policy_nodes = 0;
    }

    fn rule_opens(&mut self, needed: i32, of: usize) {
        self.open(|| {
            Node::Need(Need::OutOf(OutOfNeed { needed, satisfied: 0, of, rules: Vec::new(), left_out: 0 }))
        });
    }

    fn rule_closes(&mut self, satisfied: usize) {
        if let Some(Node::Need(Need::OutOf(need))) = self.close() {
            self.attach(Node::Need(Need::OutOf(OutOfNeed { satisfied, ..need })));
        }
    }

    fn principal_opens(&mut self, it: &common::MspPrincipal) {
        self.open(|| {
            let (principal, msp_id) = principal(it);
            let (refusals, refusals_left_out) = (Vec::new(), 0);
            Node::Need(Need::Principal(PrincipalNeed {
                principal,
                msp_id,
                by: None,
                refusals,
                refusals_left_out,
            }))
        });
    }

    fn refused(&mut self, index: usize, signer: &dyn Signer, reason: RefusalReason) {
        let Some(need) = self.principal() else { return };
        let is_foreign = need.msp_id.as_ref().is_some_and(|msp_id| *msp_id != clip([signer.msp_id()]));
        if is_foreign {
            return;
        }
        if need.refusals.len() >= REFUSALS_MAX {
            need.refusals_left_out += 1;
            return;
        }
        let reason = match reason {
            RefusalReason::Counted => RefusalReason::Counted,
            RefusalReason::Principal(text) => RefusalReason::Principal(clip([text.as_str()])),
        };
        need.refusals.push(Refusal { signer: index, reason });
    }

    fn principal_closes(&mut self, by: Option<usize>) {
        if let Some(Node::Need(Need::Principal(need))) = self.close() {
            self.attach(Node::Need(Need::Principal(PrincipalNeed { by, ..need })));
        }
    }
}

/// A policy of `group` that has not answered yet.
fn policy_proof(group: &PolicyManager<'_>, name: &str, basis: Basis) -> PolicyProof {
    let names = group.names();
    let path = names.iter().copied().chain([name]).flat_map(|name| ["/", name]);
    PolicyProof { path: clip(path), group: clip(names.last().copied()), holds: false, basis }
}
