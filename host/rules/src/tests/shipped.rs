//! The modules that come with Raddle, as guests like any other.

use proptest::prelude::*;
use raddle_core::batch_policy::{Batch, EnvelopeInfo, Pending};
use raddle_core::ids::CreatorNumber;
use raddle_core::standard::Standard;

use super::guest::Guest;
use super::run::{Binding, bundle, first_add, with_policy};
use crate::check::{ModuleKind, check};
use crate::shipped::BATCH_COUNT_AND_BYTES;

#[test]
fn the_shipped_batch_policy_passes_the_check_and_runs() {
    let bytes = BATCH_COUNT_AND_BYTES.bytes;
    assert_eq!(check(bytes).unwrap().kind(), ModuleKind::BatchPolicy);
    assert_eq!(first_add(bytes, Binding::default()), Ok(false));
}

#[test]
fn a_guest_from_text_runs() {
    assert_eq!(first_add(&Guest::default().build(), Binding::default()), Ok(false));
    let full = Guest { add: "i32.const 1", ..Guest::default() };
    assert_eq!(first_add(&full.build(), Binding::default()), Ok(true));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_shipped_batch_policy_is_the_standard_rule(
        sizes in prop::collection::vec((0..40_000_u64, 0..12_u32, 0..60_000_u64), 200),
    ) {
        let answers = with_policy(BATCH_COUNT_AND_BYTES.bytes, Binding::default(), |policy| {
            let mut guest = policy.instance().unwrap();
            let mut standard = Standard::new(bundle().batch_size);
            sizes.iter().map(|&(size_bytes, count, pending_bytes)| {
                let envelope = EnvelopeInfo {
                    size_bytes, header_type: Some(3), creator: CreatorNumber(0), creator_bytes: b"",
                };
                let pending = Pending { count, size_bytes: pending_bytes };
                let of = |batch: &mut dyn Batch| (batch.fits(&envelope, pending), batch.add(&envelope, pending));
                (of(&mut guest), of(&mut standard))
            }).collect::<Vec<_>>()
        });
        for (guest, standard) in answers {
            prop_assert_eq!(guest, standard);
        }
    }
}
