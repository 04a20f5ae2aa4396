//! Envelopes, as Broadcast gets them: read as Go reads them, and asked of a real channel's filters.

use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use raddle::identity::Signer;
use raddle::node::{EnvelopeJudge, Usage};
use raddle_core::access::PolicyVerdict;
use raddle_core::bundle::{CurrentConfig, read_genesis};
use raddle_proto::wire::{self, Envelope, KafkaMessage};
use raddle_rules::admission::{ExpirationChecks, Filters, RuleSet, StandardFilters};
use raddle_rules::{Case, FilterEngine, GuestStack, NoLog, Timestamp};

use super::mutation::{Mutation, mutate, mutations};
use super::{Outcome, try_inputs};
use crate::harness::{Recorded, golden, with_guest_stack};

/// 2026-07-01, when all certificates of the recorded channel are valid.
const AT: Timestamp = Timestamp { seconds: 1_782_864_000, nanoseconds: 0 };

/// The envelopes of a recorded topic.
pub fn recorded() -> Vec<Bytes> {
    let records = Recorded::mychannel().records().into_iter();
    let envelopes = records.filter_map(|record| match KafkaMessage::unmarshal(record).unwrap() {
        KafkaMessage::Regular(regular) => Some(regular.payload),
        _ => None,
    });
    envelopes.collect()
}

/// Who may write to the recorded channel.
pub fn member() -> Signer {
    Signer::from_msp_dir("Org1MSP", &golden("org1-admin-msp")).unwrap()
}

/// A recorded channel's rules at its beginning.
struct Channel {
    config: Arc<CurrentConfig>,
    set: RuleSet,
    usage: Arc<Usage>,
}

impl Channel {
    fn open() -> Self {
        let config = read_genesis(Recorded::mychannel().genesis).unwrap().config;
        let engine = FilterEngine::new(NonZeroU16::MIN).unwrap();
        let standard = StandardFilters::load(&engine).unwrap();
        let log = |_: &str| Arc::new(NoLog) as _;
        let set = RuleSet::new(&config.bundle, &standard, ExpirationChecks::On, Vec::new(), log).unwrap();
        Self { config, set, usage: Arc::new(Usage::new(false)) }
    }

    fn admits(&self, stack: GuestStack, envelope: &Envelope) -> bool {
        let headers = wire::headers(envelope);
        let (access, usage) = (Arc::clone(&self.config.access), Arc::clone(&self.usage));
        let judge = EnvelopeJudge::new(access, envelope.clone(), &headers.signature, usage);
        let case = Case::new(envelope.clone(), headers.channel, AT, Box::new(judge));
        self.set.admit(stack, Filters::All, &case).is_ok()
    }

    /// Whether its writers' policy holds, which is what the proof of it says.
    fn is_signed(&self, envelope: &Envelope) -> bool {
        const WRITERS: &str = "/Channel/Writers";
        let verdict = self.config.access.evaluate(WRITERS, envelope);
        let is_signed = matches!(verdict, PolicyVerdict::Satisfied);
        let proof = self.config.access.prove(WRITERS, envelope);
        assert_eq!(proof.is_some_and(|proof| proof.policy.holds), is_signed, "{verdict:?}");
        is_signed
    }

    /// Asks of the envelope all that can be asked; answers it, if it is one.
    fn ask(&self, stack: GuestStack, bytes: Bytes) -> Option<(Envelope, bool)> {
        let Ok(envelope) = Envelope::unmarshal(bytes) else { return None };
        assert_eq!(Envelope::unmarshal(envelope.marshal()).unwrap(), envelope);
        assert_eq!(envelope.size_bytes(), (envelope.payload().len() + envelope.signature().len()) as u64);
        let is_admitted = self.admits(stack, &envelope);
        assert_eq!(is_admitted, self.admits(stack, &envelope), "the answer is one and the same");
        assert!(!is_admitted || self.is_signed(&envelope));
        let size_max = u64::from(self.config.bundle.batch_size.absolute_max_bytes);
        assert!(!is_admitted || envelope.size_bytes() <= size_max);
        Some((envelope, is_admitted))
    }
}

#[derive(Clone, Debug)]
struct Input {
    which: Index,
    mutations: Vec<Mutation>,
    /// What was changed is signed.
    is_signed_anew: bool,
}

#[test]
fn envelope() {
    let envelopes = recorded();
    let strategy = (any::<Index>(), mutations(), any::<bool>());
    let strategy =
        strategy.prop_map(|(which, mutations, is_signed_anew)| Input { which, mutations, is_signed_anew });
    with_guest_stack(|stack| {
        let (channel, signer) = (Channel::open(), member());
        try_inputs("envelope", 500, &strategy, |Input { which, mutations, is_signed_anew }| {
            let original = which.get(&envelopes);
            if !is_signed_anew {
                let Some((envelope, is_admitted)) =
                    channel.ask(stack, mutate(original, &mutations, &envelopes).into())
                else {
                    return Outcome::Refused;
                };
                // A piece of another envelope may come in, and it may be the whole of that.
                let is_known = || {
                    let mut all = envelopes.iter().map(|it| Envelope::unmarshal(it.clone()).unwrap());
                    all.any(|known| known.payload() == envelope.payload())
                };
                assert!(!is_admitted || is_known(), "what was changed does not bear its signature");
                return if is_admitted { Outcome::Taken } else { Outcome::Refused };
            }
            let payload = Envelope::unmarshal(original.clone()).unwrap().payload().clone();
            // The recorded creators' keys are not here, so that the signer is who creates.
            let payload = created_by(&signer, &payload);
            let payload = mutate(&payload, &mutations, &envelopes);
            let envelope = Envelope::new(&payload, &signer.sign(&payload).unwrap());
            match channel.ask(stack, envelope.marshal()) {
                Some((envelope, true)) => {
                    let creator = wire::signature_header(&envelope).unwrap().creator;
                    assert!(channel.config.access.creator(&creator).is_some());
                    Outcome::Taken
                }
                _ => Outcome::Refused,
            }
        });
    });
}

/// The payload with another creator.
fn created_by(signer: &Signer, payload: &[u8]) -> Vec<u8> {
    use prost::Message as _;
    let mut payload = raddle_proto::common::Payload::decode(payload).unwrap();
    let header = payload.header.as_mut().unwrap();
    header.signature_header = signer.signature_header().unwrap().encode_to_vec().into();
    payload.encode_to_vec()
}
