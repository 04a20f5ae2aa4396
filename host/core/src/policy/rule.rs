//! Signature policies: a rule over principals, compiled and evaluated.

use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::common::{self, signature_policy::Type};
use raddle_proto::wire::go_decode;

use super::evaluate::Trace;
use super::{CompileError, RefusalReason, Signer};

/// A signature policy that makes sense: every principal that its rules name is in its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturePolicy {
    rule: Rule,
    principals: Vec<common::MspPrincipal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Place in the list of principals.
    SignedBy(usize),
    /// How many of the rules must hold. None must at 0 and below.
    OutOf(i32, Vec<Rule>),
}

impl SignaturePolicy {
    /// Compiles a marshalled `SignaturePolicyEnvelope`. Principals are not decoded: that is up to signers.
    ///
    /// Differs: 50 rules may stand inside one another, which is the limit of [`go_decode`]; Fabric has none of its own.
    ///
    /// # Errors
    ///
    /// See [`CompileError`].
    ///
    /// Source: fabric v2.5.16 `common/cauthdsl/policy.go` `NewPolicy`.
    pub fn compile(bytes: Bytes) -> Result<Self, CompileError> {
        let envelope: common::SignaturePolicyEnvelope = go_decode(bytes).map_err(CompileError::Unmarshal)?;
        if envelope.version != 0 {
            return Err(CompileError::Version(envelope.version));
        }
        let rule = envelope.rule.as_ref().ok_or(CompileError::NoRule)?;
        let rule = compile(rule, envelope.identities.len())?;
        Ok(Self { rule, principals: envelope.identities })
    }

    /// Whether the signers satisfy the policy; `trace` is told how.
    pub(super) fn holds(&self, signers: &[Arc<dyn Signer>], trace: &mut impl Trace) -> bool {
        let evaluation = Evaluation { principals: &self.principals, signers };
        evaluation.holds(&self.rule, &mut vec![false; signers.len()], trace)
    }
}

/// Compiles a rule and those inside it. How deep they go is bounded by the decoder.
///
/// Source: fabric v2.5.16 `common/cauthdsl/cauthdsl.go` `compile`.
fn compile(rule: &common::SignaturePolicy, principals: usize) -> Result<Rule, CompileError> {
    match &rule.r#type {
        Some(Type::SignedBy(requested)) => match usize::try_from(*requested) {
            Ok(index) if index < principals => Ok(Rule::SignedBy(index)),
            _ => Err(CompileError::IndexOutOfRange { requested: *requested, length: principals }),
        },
        Some(Type::NOutOf(some)) => {
            let rules: Result<_, _> = some.rules.iter().map(|rule| compile(rule, principals)).collect();
            Ok(Rule::OutOf(some.n, rules?))
        }
        None => Err(CompileError::UnknownRule),
    }
}

struct Evaluation<'a> {
    principals: &'a [common::MspPrincipal],
    signers: &'a [Arc<dyn Signer>],
}

impl Evaluation<'_> {
    /// Whether `rule` holds. `used` has a mark for each signer; a marked one is not counted again.
    ///
    /// Greedy, as in Fabric: a principal takes the first free signer that satisfies it, and nothing is tried in
    /// another way. All rules of a count are asked even when enough hold, so that marks spread alike. Marks are kept
    /// only of rules that hold.
    ///
    /// Source: fabric v2.5.16 `common/cauthdsl/cauthdsl.go` `compile`.
    fn holds(&self, rule: &Rule, used: &mut [bool], trace: &mut impl Trace) -> bool {
        match rule {
            Rule::SignedBy(index) => {
                // Never absent: compiling has checked the index.
                let Some(principal) = self.principals.get(*index) else { return false };
                trace.principal_opens(principal);
                let by = self.first(principal, used, trace);
                trace.principal_closes(by);
                by.is_some()
            }
            Rule::OutOf(needed, rules) => {
                trace.rule_opens(*needed, rules.len());
                let mut trial = used.to_vec();
                let mut satisfied = 0;
                for rule in rules {
                    trial.copy_from_slice(used);
                    if self.holds(rule, &mut trial, trace) {
                        satisfied += 1;
                        used.copy_from_slice(&trial);
                    }
                }
                trace.rule_closes(satisfied);
                // What is below zero holds.
                usize::try_from(*needed).map_or(true, |needed| satisfied >= needed)
            }
        }
    }

    /// Marks and answers the first free signer that satisfies the principal.
    fn first(
        &self,
        principal: &common::MspPrincipal,
        used: &mut [bool],
        trace: &mut impl Trace,
    ) -> Option<usize> {
        for (index, (signer, used)) in self.signers.iter().zip(used).enumerate() {
            if *used {
                trace.refused(index, signer.as_ref(), RefusalReason::Counted);
                continue;
            }
            match signer.satisfies(principal) {
                Ok(()) => {
                    *used = true;
                    return Some(index);
                }
                Err(reason) => trace.refused(index, signer.as_ref(), RefusalReason::Principal(reason)),
            }
        }
        None
    }
}
