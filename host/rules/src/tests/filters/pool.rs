//! The pool that filters live in.

use raddle_core::batch_policy::{Fault, GuestFault};

use super::guest::Guest;
use super::run::{Says, bind_on, case, hostile, new_engine, on_guest};
use crate::Filter;
use crate::profile::{Limit, ModuleLimits, features};
use crate::tests::run as batch;

#[test]
fn who_finds_no_slot_waits_for_one() {
    let engine = new_engine(1);
    let spins = bind_on(&engine, hostile!("spins"), &[], ModuleLimits::of_filter());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                on_guest(|stack| {
                    for _ in 0..5 {
                        let answer = spins.check(stack, &case(&Says::default()));
                        assert!(
                            matches!(answer, Err(Fault::Guest(GuestFault::OutOfFuel { .. }))),
                            "{answer:?}"
                        );
                    }
                });
            });
        }
    });
}

#[test]
fn a_filter_as_large_as_the_check_allows_fits_the_pool() {
    let tables = "(table 10000 funcref) ".repeat(4);
    let globals = "(global (mut i64) (i64.const 0)) ".repeat(1_000);
    let functions = "(func) ".repeat(9_000);
    let elements = (0..9_000).map(|n| (n + FIRST_OWN_FUNCTION).to_string()).collect::<Vec<_>>().join(" ");
    let guest = Guest {
        memory: r#"(memory (export "memory") 1024)"#,
        fields: &format!("{tables} {globals} {functions} (elem (i32.const 0) func {elements})"),
        ..Guest::default()
    };
    let engine = new_engine(1);
    let limits = ModuleLimits::new(1_000_000, Limit::InitialMemoryBytes.allowed()).unwrap();
    let filter = bind_on(&engine, &guest.build(), &[], limits);
    on_guest(|stack| {
        for _ in 0..3 {
            assert_eq!(filter.check(stack, &case(&Says::default())), Ok(Ok(())));
        }
    });
}

/// Functions that the text guest imports.
const FIRST_OWN_FUNCTION: u32 = 16;

#[test]
fn a_filter_is_shared_by_threads_and_its_engine_has_the_same_profile() {
    fn shared<T: Send + Sync>() {}
    shared::<Filter>();
    shared::<crate::admission::RuleSet>();
    let engine = new_engine(1).engine;
    assert_eq!(engine.get_wasm_features(), features());
    assert_eq!(engine.get_target(), batch::engine().engine.get_target());
}
