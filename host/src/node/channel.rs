//! One channel of a node: admits what its rules let pass, and appends it to the log.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use raddle_core::access::{Access, PolicyVerdict};
use raddle_core::bundle::{Bundle, ConsensusState};
use raddle_core::ids::ChannelId;
use raddle_core::policy::{CHANNEL_READERS, CHANNEL_WRITERS, ORDERER_WRITERS};
use raddle_ordering::{AppendError, OrderedLog};
use raddle_proto::common::Status;
use raddle_proto::wire::{self, Envelope, KafkaMessage};
use raddle_rules::admission::{Filters, Reason, Refusal as RuleRefusal, RuleSet};
use raddle_rules::shipped::SIGNATURE;
use raddle_rules::{Case, Timestamp};
use raddle_serve::channels::{
    Admitted, BoxFuture, BroadcastChannel, Detail, Failure, NotTaken, Received, Refusal, RefusalStatus,
};

use super::answers;
use super::judge::EnvelopeJudge;
use super::workers::Workers;

/// Bytes of a proof that a client is told: with its quotes and the rest of the details it stays below 4 KiB.
const PROOF_BYTES_MAX: usize = 3 << 10;

/// What a channel judges by: bundle, config sequence and rules are one value, so that no envelope is judged by one
/// config and stamped with another.
pub struct Rules {
    /// Who may do what.
    pub access: Arc<Access>,
    /// The filters; they know the bundle.
    pub set: RuleSet,
}

/// A channel that takes envelopes.
pub struct Channel {
    id: ChannelId,
    rules: Arc<Rules>,
    log: Arc<dyn OrderedLog>,
    workers: Arc<Workers>,
}

impl Channel {
    /// A channel with these rules, whose records go to `log`.
    #[must_use]
    pub fn new(rules: Rules, log: Arc<dyn OrderedLog>, workers: Arc<Workers>) -> Self {
        Self { id: rules.set.bundle().channel.clone(), rules: Arc::new(rules), log, workers }
    }

    /// The channel's config.
    #[must_use]
    pub fn bundle(&self) -> &Arc<Bundle> {
        self.rules.set.bundle()
    }
}

impl BroadcastChannel for Channel {
    fn admit(&self, received: Received) -> BoxFuture<Result<Admitted, NotTaken>> {
        if is_closed_to_normal_envelopes(self.bundle()) {
            let refusal = Refusal {
                status: RefusalStatus::ServiceUnavailable,
                info: "normal transactions are rejected: maintenance mode".into(),
                detail: Detail::from(answers::MAINTENANCE),
            };
            return Box::pin(async { Err(refusal.into()) });
        }
        let rules = Arc::clone(&self.rules);
        let judged = self.workers.run(move |stack| {
            let Received { envelope, channel_header, signature_header, at } = received;
            let judge = EnvelopeJudge::new(Arc::clone(&rules.access), envelope.clone(), &signature_header);
            let case = Case::new(envelope.clone(), Ok(channel_header), timestamp(at), Box::new(judge));
            let config_sequence = rules.set.bundle().sequence;
            match rules.set.admit(stack, Filters::All, &case) {
                Ok(()) => Ok(Admitted { envelope, config_sequence, class: wire::Class::Normal }),
                Err(refusal) => {
                    let proof = why_denied(&rules, &refusal, &envelope);
                    Err(answers::not_taken(refusal, proof.as_deref()))
                }
            }
        });
        Box::pin(async { judged.await.unwrap_or_else(|error| Err(answers::not_completed(error).into())) })
    }

    fn admit_config_update(&self, _received: Received) -> BoxFuture<Result<Admitted, NotTaken>> {
        Box::pin(async { Err(answers::no_config_updates().into()) })
    }

    fn append(&self, admitted: Admitted) -> BoxFuture<Result<(), Failure>> {
        let sequence = admitted.config_sequence.0;
        let envelope = admitted.envelope.marshal();
        let record = match admitted.class {
            wire::Class::Config => KafkaMessage::config(envelope, sequence, 0),
            _ => KafkaMessage::normal(envelope, sequence, 0),
        };
        // Takes its place in the order here, before the future is first polled.
        let appended = self.log.append(&self.id, record.marshal());
        Box::pin(async move {
            appended.await.map(|_| ()).map_err(|error: AppendError| answers::not_appended(&error))
        })
    }
}

/// Who signed and what was needed, if the signature policy is what refuses. It goes to the log at debug, and to the
/// client only if it may read the channel: the proof tells who its members are.
fn why_denied(rules: &Rules, refusal: &RuleRefusal, envelope: &Envelope) -> Option<String> {
    let is_denied = refusal.status == Status::Forbidden
        && matches!(&refusal.reason, Reason::Filter { module } if module == SIGNATURE.name);
    if !is_denied {
        return None;
    }
    let bundle = rules.set.bundle();
    let policy = match bundle.consensus.state {
        ConsensusState::Normal => CHANNEL_WRITERS,
        ConsensusState::Maintenance => ORDERER_WRITERS,
    };
    let proof = rules.access.prove(policy, envelope)?.render(PROOF_BYTES_MAX);
    tracing::debug!(channel = %bundle.channel, info = %refusal.info, %proof, "envelope refused");
    let may_read = rules.access.evaluate(CHANNEL_READERS, envelope) == PolicyVerdict::Satisfied;
    may_read.then_some(proof)
}

/// Source: fabric v2.5.16 `orderer/common/msgprocessor/standardchannel.go` `ProcessNormalMsg`,
/// `common/capabilities/orderer.go` `ConsensusTypeMigration`.
fn is_closed_to_normal_envelopes(bundle: &Bundle) -> bool {
    let has_migration = ["V1_4_2", "V2_0"].iter().any(|name| bundle.has_orderer_capability(name));
    has_migration && bundle.consensus.state != ConsensusState::Normal
}

fn timestamp(at: SystemTime) -> Timestamp {
    // A clock before 1970 makes certificates seem valid rather than ended.
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp { seconds, nanoseconds: i32::try_from(since.subsec_nanos()).unwrap_or_default() }
}
