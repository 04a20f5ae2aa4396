//! Filters that misbehave: the envelope at which they do is refused, and no other notices.

use std::rc::Rc;

use raddle_core::batch_policy::{Fault, GuestFault};
use raddle_proto::wire::Envelope;

use super::guest::Guest;
use super::run::{Says, bind, bind_on, case, case_of, hostile, new_engine, on_guest, payload, run};
use crate::profile::{FILTER_FUEL_PER_CALL, ModuleLimits};
use crate::{BindError, Case, KEPT_BYTES};

const OUT_OF_FUEL: GuestFault = GuestFault::OutOfFuel { fuel: FILTER_FUEL_PER_CALL };

/// A filter that goes wrong, its settings, and whether it must run out of fuel or else trap.
type Faulty = (&'static [u8], &'static [(&'static str, &'static str)], bool);

const FAULTS: &[Faulty] = &[
    (hostile!("traps"), &[], false),
    (hostile!("spins"), &[], true),
    (hostile!("recurses"), &[], true),
    (hostile!("recurses"), &[("stack", "guest")], false),
    (hostile!("hoards"), &[], false),
    (hostile!("hoards"), &[("chunk", "1MiB")], false),
    (hostile!("imports-in-loop"), &[("import", "read-payload")], true),
    (hostile!("imports-in-loop"), &[("import", "header")], true),
    (hostile!("imports-in-loop"), &[("import", "creator")], true),
    (hostile!("imports-in-loop"), &[("import", "satisfies-writers")], true),
    (hostile!("imports-in-loop"), &[("import", "policy-text")], true),
];

/// An envelope whose payload is not of the usual size.
fn marked() -> Rc<Case> {
    case_of(Envelope::new(&payload(&[7; 100]), b"s"), &Says::default())
}

#[test]
fn a_filter_that_goes_wrong_refuses_that_envelope_alone() {
    let size = marked().envelope().payload().len().to_string();
    for (bytes, pairs, is_fuel) in FAULTS {
        let pairs = [pairs, &[("payload-size", size.as_str())][..]].concat();
        let filter = bind(bytes, &pairs);
        on_guest(|stack| {
            for n in 0..9 {
                let strikes = n % 3 == 1;
                let case = if strikes { marked() } else { case(&Says::default()) };
                let answer = filter.check(stack, &case);
                let is_right = match &answer {
                    Ok(answer) => !strikes && answer.is_ok(),
                    Err(Fault::Guest(fault)) if *is_fuel => strikes && *fault == OUT_OF_FUEL,
                    Err(fault) => strikes && matches!(fault, Fault::Guest(GuestFault::Trapped { .. })),
                };
                assert!(is_right, "{pairs:?}, envelope {n}: {answer:?}");
            }
        });
    }
}

#[test]
fn memory_is_denied_at_the_limit_and_the_filter_lives_on() {
    let answer = run(hostile!("hoards"), &[("refused", "answer")], &Says::default()).answer;
    assert_eq!(answer, Ok(Ok(())));
    let grow = |pages: u32| {
        let check = format!(
            "(if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable)) i32.const 512"
        );
        let guest = Guest { check: &check, ..Guest::default() }.build();
        let limits = ModuleLimits::new(FILTER_FUEL_PER_CALL, 64 << 20).unwrap();
        let filter = bind_on(super::run::engine(), &guest, &[], limits);
        on_guest(|stack| filter.check(stack, &case(&Says::default())))
    };
    assert_eq!(grow(1_023), Ok(Ok(())), "64 MiB, the most that a module may ask for");
    assert!(matches!(grow(1_024), Err(Fault::Guest(GuestFault::Trapped { .. }))));
}

#[test]
fn memory_returns_to_its_level() {
    let engine = new_engine(2);
    // 3.8 MiB written each time, of which 1 MiB may stay.
    let hides = bind_on(&engine, hostile!("hides-secret"), &[("pages", "58")], ModuleLimits::of_filter());
    let hoards = bind_on(&engine, hostile!("hoards"), &[], ModuleLimits::of_filter());
    on_guest(|stack| {
        for _ in 0..200 {
            assert_eq!(hides.check(stack, &case(&Says::default())), Ok(Ok(())));
            assert!(hoards.check(stack, &case(&Says::default())).is_err());
        }
    });
    let pool = engine.engine.pooling_allocator_metrics().unwrap();
    assert_eq!(
        (pool.component_instances(), pool.core_instances(), pool.memories(), pool.tables()),
        (0, 0, 0, 0)
    );
    assert!(pool.unused_memory_bytes_resident() <= pool.unused_warm_memories() as usize * KEPT_BYTES);
}

#[test]
fn a_filter_that_fails_while_it_starts_refuses_too() {
    for (start, fault) in [("unreachable", None), ("(loop (br 0))", Some(OUT_OF_FUEL))] {
        let fields = format!("(func $start {start}) (start $start)");
        let run = run(&Guest { fields: &fields, ..Guest::default() }.build(), &[], &Says::default());
        assert_eq!(run.fuel_used, 0, "no call was made");
        match (run.answer, fault) {
            (Err(Fault::Guest(GuestFault::Trapped { .. })), None) => {}
            (Err(Fault::Guest(met)), Some(expected)) => assert_eq!(met, expected),
            (other, _) => panic!("{start}: {other:?}"),
        }
    }
}

#[test]
fn answers_that_break_the_contract_are_the_filters_fault() {
    for (what, check) in [
        ("a result that is none", "(i32.store8 (i32.const 0) (i32.const 2)) i32.const 0"),
        (
            "a status that is none",
            "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 4) (i32.const 3)) i32.const 0",
        ),
        ("outside of memory", "i32.const -4"),
        ("not aligned", "i32.const 1"),
        (
            "more text than a call may hand over",
            "(i32.store8 (i32.const 0) (i32.const 1)) (drop (memory.grow (i32.const 9)))
             (i32.store (i32.const 16) (i32.const 65537)) i32.const 0",
        ),
        (
            "no UTF-8",
            "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 64) (i32.const 255))
             (i32.store (i32.const 12) (i32.const 64)) (i32.store (i32.const 16) (i32.const 1)) i32.const 0",
        ),
    ] {
        let answer = run(&Guest { check, ..Guest::default() }.build(), &[], &Says::default()).answer;
        assert!(matches!(answer, Err(Fault::Guest(_))), "{what}: {answer:?}");
    }
}

#[test]
fn a_filter_is_bound_within_its_limits() {
    let module = super::run::engine().load("test", &Guest::default().build()).unwrap();
    let small = ModuleLimits::new(1, 65_535).unwrap();
    let bundle = super::super::run::bundle();
    let bound = module.bind(bundle, crate::Settings::default(), small, std::sync::Arc::new(crate::NoLog));
    assert_eq!(bound.err(), Some(BindError::Memory { initial: 65_536, limit: 65_535 }));
    assert!(super::run::engine().load("test", crate::shipped::BATCH_COUNT_AND_BYTES.bytes).is_err());
}
