//! Why a signature policy does not hold, for clients that may know.
//!
//! A proof tells who a channel's members are and what its policies ask for. So it goes to the log at debug, and to a
//! client only if it may read the channel.

use raddle_core::access::PolicyVerdict;
use raddle_core::bundle::ConsensusState;
use raddle_core::config_update::{ProposeError, prove};
use raddle_core::policy::{CHANNEL_READERS, CHANNEL_WRITERS, ORDERER_WRITERS};
use raddle_proto::common::Status;
use raddle_proto::wire::Envelope;
use raddle_rules::admission::{Reason, Refusal};
use raddle_rules::shipped::SIGNATURE;

use super::rules::Rules;

/// Bytes of a proof that a client is told: with its quotes and the rest of the details it stays below 4 KiB.
pub(super) const PROOF_BYTES_MAX: usize = 3 << 10;

/// Who signed an envelope and what was needed, if the signature policy is what refuses.
pub(super) fn of_envelope(rules: &Rules, refusal: &Refusal, envelope: &Envelope) -> Option<String> {
    let is_denied = refusal.status == Status::Forbidden
        && matches!(&refusal.reason, Reason::Filter { module } if module == SIGNATURE.name);
    if !is_denied {
        return None;
    }
    let policy = match rules.bundle().consensus.state {
        ConsensusState::Normal => CHANNEL_WRITERS,
        ConsensusState::Maintenance => ORDERER_WRITERS,
    };
    let proof = rules.access().prove(policy, envelope)?;
    told(rules, &refusal.info, &proof.render(PROOF_BYTES_MAX), envelope)
}

/// Who signed a config update and what was needed, if signatures are what it lacks.
pub(super) fn of_update(rules: &Rules, error: &ProposeError, update: &Envelope) -> Option<String> {
    let (element, policy) = error.denied()?;
    // Both are told beside it.
    let room = PROOF_BYTES_MAX.saturating_sub(element.len()).saturating_sub(policy.len());
    let proof = prove(&rules.config, update, policy)?.render(room);
    told(rules, &error.to_string(), &proof, update)
}

fn told(rules: &Rules, info: &str, proof: &str, envelope: &Envelope) -> Option<String> {
    tracing::debug!(channel = %rules.bundle().channel, info, proof, "envelope refused");
    let may_read = rules.access().evaluate(CHANNEL_READERS, envelope) == PolicyVerdict::Satisfied;
    may_read.then(|| proof.to_owned())
}
