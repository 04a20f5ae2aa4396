//! Where blocks end does not depend on restarts, whatever the module.

use std::rc::Rc;

use raddle_core::batch_policy::BatchPolicies;
use raddle_rules::profile::ModuleLimits;

use crate::harness::{ModulePolicies, Recorded, dist, run, run_with_stops, with_guest_stack};

fn check(module: &str, settings: &[(&str, &str)]) -> Vec<usize> {
    let module = dist(module);
    with_guest_stack(|stack| {
        let recorded = Recorded::mychannel();
        let records = recorded.records();
        let policies: Rc<dyn BatchPolicies> =
            ModulePolicies::new(stack, &module, settings, ModuleLimits::default());
        let expected = run(&recorded, &records, &policies);
        assert!(expected.faults.is_empty(), "{:?}", expected.faults);
        assert_eq!(run_with_stops(&recorded, &records, &policies), expected);
        expected.counts
    })
}

#[test]
fn of_the_standard_rule() {
    check("batch-count-and-bytes.wasm", &[]);
}

#[test]
fn of_a_policy_that_counts_its_calls() {
    let counts = check("hostile/counts-calls.wasm", &[]);
    assert!(counts.iter().filter(|&&count| count == 7).count() > 200, "{counts:?}");
    let counts = check("hostile/counts-calls.wasm", &[("full-after", "9"), ("refuse-every", "4")]);
    assert!(counts.iter().filter(|&&count| count == 4).count() > 300, "{counts:?}");
}

#[test]
fn of_a_policy_that_never_mixes_two_creators() {
    let counts = check("hostile/one-creator.wasm", &[]);
    assert!(counts.iter().filter(|&&count| count < 10).count() > 50, "{counts:?}");
}
