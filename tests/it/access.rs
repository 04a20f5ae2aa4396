//! Who may write: real identities, real signatures, and the channel config that they were judged by.

use std::sync::Arc;

use raddle_core::access::{Access, PolicyVerdict};
use raddle_core::bundle::read_genesis;
use raddle_core::policy::{CHANNEL_WRITERS, ORDERER_WRITERS};
use raddle_proto::wire::{Class, Envelope, KafkaMessage};

use crate::harness::Recorded;

fn access() -> Arc<Access> {
    Arc::clone(&read_genesis(Recorded::mychannel().genesis).unwrap().config.access)
}

fn normal_envelopes() -> Vec<Envelope> {
    let records = Recorded::mychannel().records().into_iter();
    records
        .filter_map(|record| match KafkaMessage::unmarshal(record).unwrap() {
            KafkaMessage::Regular(regular) if regular.class == Class::Normal => {
                Some(Envelope::unmarshal(regular.payload).unwrap())
            }
            _ => None,
        })
        .collect()
}

#[test]
fn whoever_was_admitted_then_is_admitted_here() {
    let access = access();
    let envelopes = normal_envelopes();
    assert!(envelopes.len() > 1900);
    for envelope in &envelopes {
        assert_eq!(access.evaluate(CHANNEL_WRITERS, envelope), PolicyVerdict::Satisfied);
    }
    // Clients are no orderers.
    let denied =
        |envelope: &&Envelope| access.evaluate(ORDERER_WRITERS, envelope) != PolicyVerdict::Satisfied;
    assert!(envelopes.iter().filter(denied).count() > 1900);
}

#[test]
fn a_changed_payload_is_denied_in_fabrics_words_and_with_a_proof() {
    let access = access();
    let good = normal_envelopes().swap_remove(0);
    let mut payload = good.payload().to_vec();
    *payload.last_mut().unwrap() ^= 1;
    let changed = Envelope::new(&payload, good.signature());
    let text = "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the \
                'Writers' sub-policies to be satisfied";
    assert_eq!(access.evaluate(CHANNEL_WRITERS, &changed), PolicyVerdict::Denied(text.into()));
    let proof = access.prove(CHANNEL_WRITERS, &changed).unwrap().to_string();
    assert!(proof.contains("/Channel/Application/Writers"), "{proof}");
    assert_eq!(access.evaluate("/Channel/Nobody", &good), PolicyVerdict::Missing);
    let unreadable = Envelope::new(b"\xff", b"s");
    assert!(matches!(access.evaluate(CHANNEL_WRITERS, &unreadable), PolicyVerdict::Unreadable(_)));
}
