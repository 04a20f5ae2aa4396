//! The shipped guest and the native standard rule agree.

use std::sync::Arc;

use proptest::prelude::*;
use raddle_core::batch_policy::{Batch, EnvelopeInfo, Pending};
use raddle_core::bundle::{BatchSize, Bundle, read_genesis};
use raddle_core::ids::CreatorNumber;
use raddle_core::standard::Standard;
use raddle_rules::profile::ModuleLimits;
use raddle_rules::shipped::BATCH_COUNT_AND_BYTES;

use crate::harness::{ModulePolicies, Recorded, with_guest_stack};

/// One per cent of a million, or with `RADDLE_SOAK` the million.
fn cases() -> u32 {
    if std::env::var_os("RADDLE_SOAK").is_some() { 1_000_000 } else { 10_000 }
}

fn limits() -> impl Strategy<Value = BatchSize> {
    let edge = |max: u32| prop_oneof![4 => 1..=max, 1 => Just(1), 1 => Just(u32::MAX)];
    (edge(20), edge(5000), any::<u32>()).prop_map(|(max_message_count, preferred_max_bytes, more)| {
        BatchSize {
            max_message_count,
            preferred_max_bytes,
            absolute_max_bytes: preferred_max_bytes.saturating_add(more),
        }
    })
}

/// Sizes around what the limits make of them, and any.
fn sizes() -> impl Strategy<Value = Vec<u64>> {
    let small = any::<u32>().prop_map(u64::from);
    let size = prop_oneof![6 => 0u64..3000, 2 => 4990u64..5010, 1 => small, 1 => any::<u64>()];
    proptest::collection::vec(size, 1..12)
}

/// The answers to a batch after another, as the cutter asks.
fn answers(policy: &dyn raddle_core::batch_policy::BatchPolicy, sizes: &[u64]) -> Vec<bool> {
    let mut answers = Vec::new();
    let mut batch: Option<Box<dyn Batch>> = None;
    let mut pending = Pending::default();
    for &size_bytes in sizes {
        let info =
            EnvelopeInfo { size_bytes, header_type: Some(3), creator: CreatorNumber(0), creator_bytes: b"a" };
        if let Some(running) = &mut batch {
            let fits = running.fits(&info, pending).unwrap();
            answers.push(fits);
            if !fits {
                batch = None;
                pending = Pending::default();
            }
        }
        let running = batch.get_or_insert_with(|| policy.begin().unwrap());
        let is_full = running.add(&info, pending).unwrap();
        answers.push(is_full);
        pending =
            Pending { count: pending.count + 1, size_bytes: pending.size_bytes.saturating_add(size_bytes) };
        if is_full {
            batch = None;
            pending = Pending::default();
        }
    }
    answers
}

#[test]
fn the_shipped_guest_answers_as_the_native_rule_does() {
    with_guest_stack(|stack| {
        let bundle = read_genesis(Recorded::mychannel().genesis).unwrap().config.bundle.clone();
        let policies = ModulePolicies::new(stack, BATCH_COUNT_AND_BYTES.bytes, &[], ModuleLimits::default());
        let config =
            ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(batch_size in limits(), sizes in sizes())| {
            let bundle = Arc::new(Bundle { batch_size, ..Bundle::clone(&bundle) });
            let guest = policies.bind(bundle);
            prop_assert_eq!(answers(&*guest, &sizes), answers(&Standard::new(batch_size), &sizes));
        });
    });
}
