//! Guests that misbehave: each ends in a fault that is the same on every orderer.

use std::sync::Arc;

use raddle_core::batch_policy::{Batch, Fault, GuestFault};

use super::guest::Guest;
use super::run::{Binding, ENVELOPE, add, first_add, fuel, with_logged_policy, with_policy};
use crate::profile::{FUEL_PER_CALL_MAX, FUEL_TO_START, ModuleLimits, PAGE_BYTES};
use crate::{LogLevel, LogSink};

fn out_of_fuel(fuel: u64) -> Fault {
    GuestFault::OutOfFuel { fuel }.into()
}

/// What a guest must end with.
enum Ends {
    OutOfFuel,
    Trapped(&'static str),
    /// An answer, which says that it was denied what it wanted.
    Answers(bool),
}

fn check(name: &str, guest: &Guest<'_>, ends: &Ends) {
    for given in [10_000, 500_000, FUEL_PER_CALL_MAX] {
        let result = first_add(&guest.build(), fuel(given));
        let is_right = match (ends, &result) {
            (Ends::OutOfFuel, Err(fault)) => *fault == out_of_fuel(given),
            (Ends::Trapped(part), Err(Fault::Guest(GuestFault::Trapped { trap }))) => trap.contains(part),
            (Ends::Answers(expected), Ok(answer)) => answer == expected,
            _ => false,
        };
        assert!(is_right, "{name}, {given} fuel: {result:?}");
    }
}

#[test]
fn a_trap_is_the_guests_fault() {
    let table =
        "(table 2 funcref) (type $t (func)) (func $other (param i32)) (elem (i32.const 1) func $other)";
    for (name, add, part) in [
        ("unreachable", "unreachable", "unreachable"),
        ("load outside", "(i32.load (i32.const -4))", "out of bounds memory"),
        (
            "store at the end",
            "(i32.store (i32.const 65533) (i32.const 1)) i32.const 0",
            "out of bounds memory",
        ),
        (
            "fill outside",
            "(memory.fill (i32.const 65535) (i32.const 1) (i32.const 2)) i32.const 0",
            "out of bounds memory",
        ),
        ("division by zero", "(i32.div_u (i32.const 1) (local.get $creator))", "divide by zero"),
        ("division overflow", "(i32.div_s (i32.const 0x80000000) (i32.const -1))", "overflow"),
        ("a float too large", "(i32.trunc_f32_s (f32.const 1e30))", "integer overflow"),
        ("a float that is none", "(i32.trunc_f32_s (f32.const nan))", "conversion"),
        ("a null function", "(call_indirect (type $t) (i32.const 0)) i32.const 0", "uninitialized"),
        ("another type", "(call_indirect (type $t) (i32.const 1)) i32.const 0", "type mismatch"),
        ("outside the table", "(call_indirect (type $t) (i32.const 2)) i32.const 0", "out of bounds table"),
    ] {
        check(name, &Guest { fields: table, add, ..Guest::default() }, &Ends::Trapped(part));
    }
}

#[test]
fn whatever_does_not_end_runs_out_of_fuel() {
    let fields = r"
        (table $grows 1 funcref) (table $full 10000 funcref) (elem declare func $even $odd)
        (type $again (func (param i32) (result i32)))
        (table $functions funcref (elem $indirect))
        (func $indirect (param i32) (result i32) (call_indirect $functions (type $again) (local.get 0) (i32.const 0)))
        (func $even (param i32) (result i32) (call $odd (local.get 0)))
        (func $odd (param i32) (result i32) (call $even (local.get 0)))
        (func $tree (param i32) (result i32)
            (i32.add (call $tree (local.get 0)) (call $tree (local.get 0))))";
    for (name, add) in [
        ("a loop", "(loop (br 0)) i32.const 0"),
        ("a loop of blocks", "(loop (block (block (br 2)))) i32.const 0"),
        ("mutual recursion", "(call $even (i32.const 1))"),
        ("indirect recursion", "(call $indirect (i32.const 1))"),
        ("a tree of calls", "(call $tree (i32.const 1))"),
        (
            "filling memory",
            "(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br 0)) i32.const 0",
        ),
        (
            "copying memory",
            "(loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 65000)) (br 0)) i32.const 0",
        ),
        (
            "filling nothing",
            "(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 0)) (br 0)) i32.const 0",
        ),
        ("growing by nothing", "(loop (drop (memory.grow (i32.const 0))) (br 0)) i32.const 0"),
        ("growing memory", "(loop (drop (memory.grow (i32.const 1))) (br 0)) i32.const 0"),
        ("growing beyond 4 GiB", "(memory.grow (i32.const -1))"),
        (
            "growing a table",
            "(loop (drop (table.grow $grows (ref.null func) (i32.const 1))) (br 0)) i32.const 0",
        ),
        ("growing a table at once", "(table.grow $grows (ref.null func) (i32.const -1))"),
        (
            "filling a table",
            "(loop (table.fill $full (i32.const 0) (ref.func $even) (i32.const 10000)) (br 0)) i32.const 0",
        ),
        (
            "copying a table",
            "(loop (table.copy $full $full (i32.const 1) (i32.const 0) (i32.const 9999)) (br 0)) i32.const 0",
        ),
        ("setting a table", "(loop (table.set $full (i32.const 0) (ref.func $even)) (br 0)) i32.const 0"),
        (
            "dividing",
            "(loop (br_if 0 (i32.ge_u (i32.div_u (i32.const 9) (i32.const 3)) (i32.const 0)))) i32.const 0",
        ),
        ("rounding", "(loop (drop (f64.nearest (f64.const 0.5))) (br 0)) i32.const 0"),
    ] {
        check(name, &Guest { fields, add, ..Guest::default() }, &Ends::OutOfFuel);
    }
}

#[test]
fn an_import_in_a_loop_ends_after_as_many_calls_as_the_fuel_pays_for() {
    for (name, call, moved) in [
        ("name", "(call $name (i32.const 0))", 9),
        ("config-sequence", "(drop (call $config-sequence))", 0),
        ("log", "(call $log (i32.const 1) (i32.const 0) (i32.const 60000))", 60_000),
        ("keys", "(call $keys (i32.const 0))", 0),
        ("identity", "(call $identity (i32.const 0) (i32.const 0))", 7),
    ] {
        let guest = Guest {
            fields: r#"(global $calls (mut i32) (i32.const 0))"#,
            add: &format!(
                "(loop (global.set $calls (i32.add (global.get $calls) (i32.const 1))) {call} (br 0)) i32.const 0"
            ),
            ..Guest::default()
        };
        // Each call costs its own 255, what it moves, and a hundred.
        let calls_max = FUEL_PER_CALL_MAX / (355 + moved) + 1;
        let counted = Guest {
            add: &guest.add.replace(
                "(br 0)",
                &format!(
                    "(if (i32.gt_u (global.get $calls) (i32.const {calls_max})) (then unreachable)) (br 0)"
                ),
            ),
            ..guest
        };
        check(name, &counted, &Ends::OutOfFuel);
    }
}

#[test]
fn a_guest_is_denied_more_memory_than_its_limit() {
    // Full when it was denied after as many pages as it should have.
    let pages = 16 * 1024 * 1024 / PAGE_BYTES;
    let add = format!(
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (i32.eq (memory.size) (i32.const {pages}))"
    );
    let guest = Guest { add: &add, ..Guest::default() };
    assert_eq!(first_add(&guest.build(), Binding::default()), Ok(true));

    let at_once = Guest { add: "(i32.eq (memory.grow (i32.const 256)) (i32.const -1))", ..Guest::default() };
    assert_eq!(first_add(&at_once.build(), Binding::default()), Ok(true));

    let own = Guest {
        memory: r#"(memory (export "memory") 1 2)"#,
        add: "(i32.add (memory.grow (i32.const 1)) (memory.grow (i32.const 1)))",
        ..Guest::default()
    };
    // 1 for the page it may have, -1 for the one beyond its own maximum.
    check("its own maximum", &own, &Ends::Answers(false));

    let table = Guest {
        fields: "(table $t 1 funcref)",
        add: "(i32.add (table.grow $t (ref.null func) (i32.const 9999)) (table.grow $t (ref.null func) (i32.const 1)))",
        ..Guest::default()
    };
    assert_eq!(first_add(&table.build(), Binding::default()), Ok(false));
}

#[test]
fn a_guest_that_hoards_memory_gets_more_only_if_its_settings_say_so() {
    let guest = Guest { add: "(i32.ne (memory.grow (i32.const 511)) (i32.const -1))", ..Guest::default() };
    for (memory, granted) in [(16 << 20, false), (32 << 20, true)] {
        let limits = ModuleLimits::new(500_000, memory).unwrap();
        let binding = Binding { limits, ..Binding::default() };
        assert_eq!(first_add(&guest.build(), binding), Ok(granted), "{memory}");
    }
}

#[test]
fn starting_has_its_own_fuel_and_its_own_faults() {
    for (name, fields, expected) in [
        ("a loop", "(start $s) (func $s (loop (br 0)))", out_of_fuel(FUEL_TO_START)),
        (
            "a trap",
            "(start $s) (func $s unreachable)",
            GuestFault::Trapped { trap: "wasm `unreachable` instruction executed".to_owned() }.into(),
        ),
        (
            "a trap behind memory that is denied",
            "(start $s) (func $s (drop (memory.grow (i32.const 300))) unreachable)",
            GuestFault::Trapped { trap: "wasm `unreachable` instruction executed".to_owned() }.into(),
        ),
        (
            "elements outside their table",
            "(table 1 funcref) (func $f) (elem (i32.const 1) func $f)",
            GuestFault::Trapped { trap: "undefined element: out of bounds table access".to_owned() }.into(),
        ),
    ] {
        let guest = Guest { fields, ..Guest::default() };
        assert_eq!(first_add(&guest.build(), fuel(10_000)), Err(expected), "{name}");
    }
    let bad_text = Guest {
        fields: "(start $s) (func $s (call $log (i32.const 1) (i32.const 0) (i32.const 1)))",
        memory: r#"(memory (export "memory") 1) (data (i32.const 0) "\ff")"#,
        ..Guest::default()
    };
    let result = first_add(&bad_text.build(), fuel(10_000));
    assert!(matches!(result, Err(Fault::Guest(GuestFault::BadAnswer { .. }))), "{result:?}");
    let long = Guest {
        fields: "(start $s) (func $s (local i32) (loop
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100000)))))",
        ..Guest::default()
    };
    assert_eq!(first_add(&long.build(), fuel(10_000)), Ok(false), "starting does not use a call's fuel");
}

#[test]
fn bad_pointers_and_bad_text_are_the_guests_fault() {
    let memory = r#"(memory (export "memory") 1) (data (i32.const 0) "\ff\fe") (data (i32.const 8) "text")"#;
    for (name, realloc, add) in [
        ("text that is not UTF-8", "i32.const 1024", "(call $log (i32.const 1) (i32.const 0) (i32.const 2))"),
        (
            "text outside memory",
            "i32.const 1024",
            "(call $log (i32.const 1) (i32.const 65000) (i32.const 1000))",
        ),
        (
            "text that wraps around",
            "i32.const 1024",
            "(call $log (i32.const 1) (i32.const -1) (i32.const 2))",
        ),
        ("text of 4 GiB", "i32.const 1024", "(call $log (i32.const 1) (i32.const 0) (i32.const -1))"),
        (
            "text beyond 64 KiB",
            "i32.const 1024",
            "(drop (memory.grow (i32.const 2))) (call $log (i32.const 1) (i32.const 0) (i32.const 65537))",
        ),
        ("no such level", "i32.const 1024", "(call $log (i32.const 4) (i32.const 8) (i32.const 4))"),
        ("a place outside memory", "i32.const 1024", "(call $batch-size (i32.const 65530))"),
        ("an odd place", "i32.const 1024", "(call $batch-size (i32.const 3))"),
        ("realloc far outside", "i32.const -16", "(call $name (i32.const 0))"),
        ("realloc at the end", "i32.const 65535", "(call $name (i32.const 0))"),
    ] {
        let add = format!("{add} i32.const 0");
        let guest = Guest { memory, realloc, add: &add, ..Guest::default() };
        let result = first_add(&guest.build(), fuel(500_000));
        let is_guests =
            matches!(result, Err(Fault::Guest(GuestFault::BadAnswer { .. } | GuestFault::Trapped { .. })));
        assert!(is_guests, "{name}: {result:?}");
    }
}

#[test]
fn work_on_the_way_back_counts_although_nothing_looks_at_the_fuel_there() {
    let work = "(drop (i32.add (local.get 0) (i32.const 1)))".repeat(2_000);
    let down = "(if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))";
    let fields = format!("(func $f (param i32) {down} {work})");
    // 30 calls need 8 thousand fuel down, and 180 thousand on the way back.
    let guest = Guest { fields: &fields, add: "(call $f (i32.const 30)) i32.const 0", ..Guest::default() };
    for given in [10_000, 100_000] {
        assert_eq!(first_add(&guest.build(), fuel(given)), Err(out_of_fuel(given)));
    }
    assert_eq!(first_add(&guest.build(), fuel(500_000)), Ok(false));
}

#[test]
fn one_call_hands_over_64_kib_and_not_a_byte_more() {
    for (bytes, is_too_much) in [(65_536, false), (65_537, true)] {
        let add = format!(
            "(drop (memory.grow (i32.const 1))) (call $log (i32.const 1) (i32.const 0) (i32.const {bytes})) i32.const 0"
        );
        let result = first_add(&Guest { add: &add, ..Guest::default() }.build(), fuel(500_000));
        assert_eq!(result.is_err(), is_too_much, "{bytes}: {result:?}");
    }
}

#[test]
fn a_panic_in_a_host_function_is_a_local_fault_and_no_more() {
    struct Panics;
    impl LogSink for Panics {
        fn line(&self, _level: LogLevel, _line: &str) {
            panic!("this panic is part of a test");
        }
        fn dropped(&self, _lines: u64) {}
    }
    let guest = Guest {
        add: "(call $log (i32.const 0) (i32.const 0) (i32.const 1)) i32.const 0",
        ..Guest::default()
    };
    let result = with_logged_policy(
        &guest.build(),
        Binding::default(),
        || Arc::new(Panics),
        |policy| add(&mut policy.instance().unwrap()),
    );
    assert!(matches!(result, Err(Fault::Local(_))), "{result:?}");
}

#[test]
fn realloc_runs_on_the_calls_fuel() {
    let call = "(call $name (i32.const 0)) i32.const 0";
    let endless = Guest { realloc: "(loop (br 0)) i32.const 0", add: call, ..Guest::default() };
    check("a loop in realloc", &endless, &Ends::OutOfFuel);
    let trap = Guest { realloc: "unreachable", add: call, ..Guest::default() };
    check("a trap in realloc", &trap, &Ends::Trapped("unreachable"));
}

#[test]
fn an_answer_that_is_no_bool_is_the_guests_fault_or_true() {
    // The canonical ABI takes any other number than zero for true.
    let guest = Guest { add: "i32.const 2", ..Guest::default() };
    check("two", &guest, &Ends::Answers(true));
    let refused = Guest { check: "i32.const 65535", ..Guest::default() };
    let wrong = Guest {
        memory: r#"(memory (export "memory") 1) (data (i32.const 16) "\02")"#,
        check: "i32.const 16",
        ..Guest::default()
    };
    let outside = Guest {
        memory: r#"(memory (export "memory") 1) (data (i32.const 16) "\01\00\00\00\ff\ff\00\00\04\00\00\00")"#,
        check: "i32.const 16",
        ..Guest::default()
    };
    for (name, guest) in [("pointer", refused), ("discriminant", wrong), ("sentence", outside)] {
        let result = with_policy(&guest.build(), Binding::default(), |policy| policy.check_settings());
        let is_guests =
            matches!(result, Err(Fault::Guest(GuestFault::BadAnswer { .. } | GuestFault::Trapped { .. })));
        assert!(is_guests, "{name}: {result:?}");
    }
}

#[test]
fn an_instance_that_failed_never_runs_again() {
    let fields = "(global $calls (mut i32) (i32.const 0))";
    let second = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.eq (global.get $calls) (i32.const 2)) (then unreachable)) i32.const 0";
    let guest = Guest { fields, add: second, ..Guest::default() };
    with_policy(&guest.build(), Binding::default(), |policy| {
        let mut batch = policy.instance().unwrap();
        assert_eq!(add(&mut batch), Ok(false));
        let fault = add(&mut batch).unwrap_err();
        assert_eq!(add(&mut batch), Err(fault.clone()));
        assert_eq!(batch.fits(&ENVELOPE, Default::default()), Err(fault));
        assert_eq!(add(&mut policy.instance().unwrap()), Ok(false), "a fresh one does");
    });
}

#[test]
fn an_instance_remembers_within_its_batch_and_nothing_outlives_it() {
    let guest = Guest {
        fields: "(global $calls (mut i32) (i32.const 0))",
        add: "(i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1)))
              (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
              (i32.and (i32.eq (global.get $calls) (i32.const 3)) (i32.eq (i32.load (i32.const 128)) (i32.const 3)))",
        ..Guest::default()
    };
    with_policy(&guest.build(), Binding::default(), |policy| {
        for _ in 0..3 {
            let mut batch = policy.instance().unwrap();
            let answers: Vec<_> = (0..4).map(|_| add(&mut batch).unwrap()).collect();
            assert_eq!(answers, [false, false, true, false]);
        }
    });
}

#[test]
fn ten_thousand_instances_leave_nothing_behind() {
    let guest = Guest { add: "(i32.ne (memory.grow (i32.const 16)) (i32.const -1))", ..Guest::default() };
    with_policy(&guest.build(), Binding::default(), |policy| {
        let run = |count: usize| {
            for _ in 0..count {
                assert_eq!(add(&mut policy.instance().unwrap()), Ok(true));
            }
            mappings()
        };
        let (after_few, after_many) = (run(100), run(10_000));
        assert!(after_many <= after_few + 20, "{after_few} mappings became {after_many}");
    });
}

/// Mappings of this process: an instance that is not given back leaves at least one.
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count())
}
