//! One policy, asked.

use raddle_proto::common;

use super::prover::Prover;
use super::tree::{Compiled, PolicyManager};
use super::{PolicyFailure, Proof, RefusalReason, Signer, Signers};

/// A policy of a [`super::PolicyTree`].
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    /// The group that the policy stands in.
    pub(super) manager: PolicyManager<'a>,
    pub(super) name: &'a str,
    pub(super) compiled: &'a Compiled,
}

/// Is told what an evaluation does, step by step. What opens closes.
///
/// So an answer and its proof come from the same code.
pub(super) trait Trace {
    /// A policy with `of` sub-policies is asked.
    fn policy_opens(&mut self, _policy: &Policy<'_>, _of: usize) {}
    /// It has answered; `satisfied` of its sub-policies hold.
    fn policy_closes(&mut self, _holds: bool, _satisfied: usize) {}
    /// A sub-policy is not there in the group that was asked for it.
    fn policy_is_missing(&mut self, _group: &PolicyManager<'_>, _id: &str) {}
    /// A rule is asked that needs some of the `of` rules inside it.
    fn rule_opens(&mut self, _needed: i32, _of: usize) {}
    /// It has answered; `satisfied` of the rules inside it hold.
    fn rule_closes(&mut self, _satisfied: usize) {}
    /// A signer is looked for.
    fn principal_opens(&mut self, _principal: &common::MspPrincipal) {}
    /// A signer is not the one looked for; `index` is its place among the signers.
    fn refused(&mut self, _index: usize, _signer: &dyn Signer, _reason: RefusalReason) {}
    /// This signer is the one, or nobody is.
    fn principal_closes(&mut self, _by: Option<usize>) {}
}

/// For who wants the answer alone.
struct Silent;

impl Trace for Silent {}

impl Policy<'_> {
    /// Where the policy stands, as an absolute id.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{}/{}", self.manager.path(), self.name)
    }

    /// Checks whether the signers satisfy the policy. Takes time in proportion to the groups below and the rules.
    ///
    /// # Errors
    ///
    /// They do not, and Fabric's words for that.
    ///
    /// Source: fabric v2.5.16 `common/policies/implicitmeta.go`, `common/cauthdsl/policy.go` `EvaluateSignedData`.
    pub fn evaluate(&self, signers: &Signers) -> Result<(), PolicyFailure> {
        let (holds, satisfied) = self.ask(signers, &mut Silent);
        if holds {
            return Ok(());
        }
        Err(match self.compiled {
            Compiled::Signature(_) => PolicyFailure::Signature,
            Compiled::ImplicitMeta { rule, sub_policy } => PolicyFailure::ImplicitMeta {
                satisfied,
                needed: rule.needed(self.manager.group.groups.len()),
                sub_policy: sub_policy.clone(),
            },
        })
    }

    /// Says in full why the policy holds or does not: who signed, and what was needed. Bounded in size; costs about as
    /// much as evaluating, and some text.
    #[must_use]
    pub fn prove(&self, signers: &Signers) -> Proof {
        let mut prover = Prover::default();
        self.ask(signers, &mut prover);
        prover.finish(signers)
    }

    /// Whether the policy holds, and how many of its sub-policies do.
    fn ask(&self, signers: &Signers, trace: &mut impl Trace) -> (bool, usize) {
        match self.compiled {
            Compiled::Signature(policy) => {
                trace.policy_opens(self, 0);
                let holds = policy.holds(signers.valid(), trace);
                trace.policy_closes(holds, 0);
                (holds, 0)
            }
            Compiled::ImplicitMeta { rule, sub_policy } => {
                let of = self.manager.group.groups.len();
                trace.policy_opens(self, of);
                let needed = rule.needed(of);
                let satisfied = self.count(sub_policy, needed, signers, trace);
                trace.policy_closes(satisfied == needed, satisfied);
                (satisfied == needed, satisfied)
            }
        }
    }

    /// How many sub-policies hold. Stops as soon as `needed` do; if that is 0, never.
    ///
    /// Each sub-policy stands in or below a sub-group of its own, so no group is asked twice.
    fn count(&self, sub_policy: &str, needed: usize, signers: &Signers, trace: &mut impl Trace) -> usize {
        let mut satisfied = 0;
        for name in self.manager.group.groups.keys() {
            let Some(below) = self.manager.below(name) else { continue };
            let holds = match below.look_up(sub_policy) {
                Ok(policy) => policy.ask(signers, trace).0,
                Err(missing) => {
                    trace.policy_is_missing(&below, missing);
                    false
                }
            };
            if holds {
                satisfied += 1;
                if satisfied == needed {
                    break;
                }
            }
        }
        satisfied
    }
}
