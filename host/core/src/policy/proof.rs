//! Why a policy holds or does not, as data.
//!
//! Every text is short, on one line and free of characters that could deceive a terminal; every list is bounded and
//! says how much it leaves out. [`Proof::render`] makes a text of it.

use raddle_proto::common::implicit_meta_policy;

use super::text::clip;
use super::{Signer, Signers, Skipped};

/// Most policies, rules and principals that a proof has.
pub const PROOF_NODES_MAX: usize = 256;

/// Most rules and principals of one signature policy that a proof has, so that one policy does not hide the others.
pub const POLICY_NODES_MAX: usize = 32;

/// Most signers that a proof has.
pub const SIGNERS_MAX: usize = 16;

/// Most refusals of signers by one principal that a proof has.
pub const REFUSALS_MAX: usize = 4;

/// Who signed, and what was needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Those who signed, in the order of their signatures; the first [`SIGNERS_MAX`] of them.
    pub signers: Vec<SignerSeen>,
    /// How many more signed.
    pub signers_left_out: usize,
    /// Signatures that do not count.
    pub skipped: Vec<Skipped>,
    /// How many more do not count.
    pub skipped_left_out: usize,
    /// The policy that was asked.
    pub policy: PolicyProof,
}

/// Somebody who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerSeen {
    /// The MSP that the signer belongs to.
    pub msp_id: String,
    /// What tells it from others of its MSP.
    pub id: String,
    /// The certificate's subject.
    pub description: String,
    /// The organisational units that the certificate names, joined by `+`. Whether they hold is for principals to say.
    pub units: String,
}

/// What one policy made of the signers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProof {
    /// The policy as an absolute id, such as `/Channel/Application/Org1/Writers`.
    pub path: String,
    /// The last group in `path`.
    pub group: String,
    /// Whether the policy holds.
    pub holds: bool,
    /// From what that follows.
    pub basis: Basis,
}

/// From what a policy's answer follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// There is no such policy, so it does not hold.
    Missing,
    /// A signature policy's rule. None if it was left out for want of room.
    Signature(Option<Need>),
    /// Policies of the groups below.
    ImplicitMeta {
        /// How many of them had to hold, as the config says it.
        rule: ImplicitRule,
        /// Their name.
        sub_policy: String,
        /// How many of them had to hold.
        needed: usize,
        /// How many of them hold, as far as they were asked.
        satisfied: usize,
        /// How many there are. More than in `children` and `left_out` if enough held before all were asked.
        of: usize,
        /// Them, in the order of their groups' names.
        children: Vec<PolicyProof>,
        /// How many were asked and are not in `children` for want of room.
        left_out: usize,
    },
}

/// What a signature policy needs: somebody, or some of several needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Somebody.
    Principal(PrincipalNeed),
    /// Some of several.
    OutOf(OutOfNeed),
}

/// A principal that somebody had to satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalNeed {
    /// The principal, such as `Org1MSP.admin`.
    pub principal: String,
    /// The MSP that its members belong to, if it names one.
    pub msp_id: Option<String>,
    /// Who was taken for it: a place among those who signed. Beyond [`SIGNERS_MAX`] it is not in [`Proof::signers`].
    pub by: Option<usize>,
    /// Who was not, and why. Without those who only belong to another MSP; the first [`REFUSALS_MAX`].
    pub refusals: Vec<Refusal>,
    /// How many more were not.
    pub refusals_left_out: usize,
}

/// A count of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfNeed {
    /// How many rules had to hold. At 0 and below it always holds.
    pub needed: i32,
    /// How many hold.
    pub satisfied: usize,
    /// How many there are.
    pub of: usize,
    /// Them, in the config's order.
    pub rules: Vec<Need>,
    /// How many are not in `rules` for want of room.
    pub left_out: usize,
}

/// Why a signer was not taken for a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A place among those who signed.
    pub signer: usize,
    /// Why.
    pub reason: RefusalReason,
}

/// Why a signer was not taken for a principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// Another rule had counted it before.
    #[error("already counted for another rule")]
    Counted,
    /// It does not satisfy the principal.
    #[error("{0}")]
    Principal(String),
}

/// How many sub-policies an implicit meta policy needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImplicitRule {
    /// One.
    Any,
    /// All.
    All,
    /// More than half.
    Majority,
    /// A number that means nothing. Such a policy holds only if none of its sub-policies does, oddly.
    Unknown(i32),
}

impl ImplicitRule {
    /// The rule that `ImplicitMetaPolicy.rule` stands for.
    pub(super) fn of(number: i32) -> Self {
        match implicit_meta_policy::Rule::try_from(number) {
            Ok(implicit_meta_policy::Rule::Any) => Self::Any,
            Ok(implicit_meta_policy::Rule::All) => Self::All,
            Ok(implicit_meta_policy::Rule::Majority) => Self::Majority,
            Err(_) => Self::Unknown(number),
        }
    }

    /// How many of `count` sub-policies must hold. Where there are none, none must.
    ///
    /// Source: fabric v2.5.16 `common/policies/implicitmeta.go` `NewImplicitMetaPolicy`.
    #[must_use]
    pub fn needed(self, count: usize) -> usize {
        match self {
            _ if count == 0 => 0,
            Self::Any => 1,
            Self::All => count,
            Self::Majority => count / 2 + 1,
            Self::Unknown(_) => 0,
        }
    }
}

impl std::fmt::Display for ImplicitRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("ANY"),
            Self::All => f.write_str("ALL"),
            Self::Majority => f.write_str("MAJORITY"),
            Self::Unknown(number) => write!(f, "unknown rule {number}"),
        }
    }
}

impl Proof {
    pub(super) fn new(policy: PolicyProof, signers: &Signers) -> Self {
        let valid = signers.valid();
        Self {
            signers: valid.iter().take(SIGNERS_MAX).map(|signer| SignerSeen::of(signer.as_ref())).collect(),
            signers_left_out: valid.len().saturating_sub(SIGNERS_MAX),
            skipped: signers.skipped().to_vec(),
            skipped_left_out: signers.skipped_beyond(),
            policy,
        }
    }

    /// Of a policy that is not there.
    pub(super) fn of_missing(id: &str, signers: &Signers) -> Self {
        let (path, group) = (clip([id]), String::new());
        Self::new(PolicyProof { path, group, holds: false, basis: Basis::Missing }, signers)
    }
}

impl SignerSeen {
    fn of(signer: &dyn Signer) -> Self {
        let units = signer.units();
        let separated = units.iter().enumerate().flat_map(|(place, unit)| {
            let separator = if place == 0 { "" } else { "+" };
            [separator, unit.as_str()]
        });
        Self {
            msp_id: clip([signer.msp_id()]),
            id: clip([signer.id()]),
            description: clip([signer.description().as_str()]),
            units: clip(separated),
        }
    }
}
