//! Signature policies: who must sign, and why a set of signatures does not do.
//!
//! A channel's config tree carries a policy under a path such as `/Channel/Application/Writers`. Two kinds exist: a
//! *signature policy* counts signers by the principals that they satisfy, an *implicit meta policy* counts the groups
//! below its own whose policies hold.
//!
//! - [`PolicyTree`] is built from a config and never changes; [`PolicyManager`] is one of its groups, and looks up
//! - [`Signers`] are those of a set of signatures that count; one value serves many policies
//! - [`Policy::evaluate`] says yes, or no in Fabric's words; [`Policy::prove`] says who signed and what was needed
//! - [`Identities`] and [`Signer`] are what this module asks of a membership service, and all it knows of keys
//!
//! Policies must mean on every orderer and peer what they mean to Fabric, oddities included. The order in which groups
//! are asked is that of their names; Fabric's is random, and no answer depends on it.

mod error;
mod evaluate;
mod proof;
mod prover;
mod render;
mod rule;
mod signers;
mod text;
mod tree;

#[cfg(test)]
mod tests;

pub(crate) use error::go_text;
pub use error::{BuildError, CompileError, NoSuchPolicy, PolicyFailure, SignedDataError};
pub use evaluate::Policy;
pub use proof::{
    Basis, ImplicitRule, Need, OutOfNeed, POLICY_NODES_MAX, PROOF_NODES_MAX, PolicyProof, PrincipalNeed,
    Proof, REFUSALS_MAX, Refusal, RefusalReason, SIGNERS_MAX, SignerSeen,
};
pub use rule::SignaturePolicy;
pub use signers::{
    Identities, SKIPPED_MAX, SignedData, Signer, Signers, SkipReason, Skipped, config_update_as_signed_data,
    envelope_as_signed_data,
};
pub use text::TEXT_CHARS_MAX;
pub use tree::{PolicyManager, PolicyTree};

/// Most groups inside one another in a config.
///
/// Differs: Fabric has no limit of its own, and Go's decoder stops at 10,000 messages or nowhere. This is the limit of
/// [`raddle_proto::wire::go_decode`], which counts two messages a group, so no decoded config reaches it.
pub const GROUPS_DEPTH_MAX: usize = raddle_proto::wire::MESSAGE_DEPTH_MAX;

/// Who may read a channel.
pub const CHANNEL_READERS: &str = "/Channel/Readers";
/// Who may write to a channel.
pub const CHANNEL_WRITERS: &str = "/Channel/Writers";
/// Who may write to a channel in maintenance.
pub const ORDERER_WRITERS: &str = "/Channel/Orderer/Writers";
/// Who may read a channel that is in maintenance.
pub const ORDERER_READERS: &str = "/Channel/Orderer/Readers";
/// Who administers a channel's orderers.
pub const ORDERER_ADMINS: &str = "/Channel/Orderer/Admins";
/// Who must have signed a block.
pub const BLOCK_VALIDATION: &str = "/Channel/Orderer/BlockValidation";
