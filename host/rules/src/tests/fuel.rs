//! What work costs, to the last fuel: the promise of profile 1.
//!
//! These numbers may never change. If an update of the engine changes one, the update is another profile.

use raddle_core::batch_policy::GuestFault;

use super::guest::Guest;
use super::run::{Binding, add, first_add, fuel, with_policy};
use crate::shipped::BATCH_COUNT_AND_BYTES;

/// What every call costs here: entering `add`, and its answer.
const EMPTY: u64 = 2;

const FIELDS: &str = r#"
    (type $t (func))
    (global $g (mut i32) (i32.const 0))
    (table $t 10 funcref) (table $u 10 funcref)
    (elem $e func $nothing $nothing $nothing)
    (elem (table $t) (i32.const 0) func $nothing)
    (data $d "0123456789")
    (func $nothing)
    (func $two (result i32 i32) (i32.const 1) (i32.const 2))
    (func $sum (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))"#;

/// A piece of code, and what it costs.
const COSTS: &[(&str, u64)] = &[
    ("", 0),
    ("nop", 0),
    ("(block) (block (block))", 0),
    ("(loop)", 0),
    ("(drop (i32.const 7))", 1),
    ("(drop (i64.const 7))", 1),
    ("(drop (f32.const 7))", 1),
    ("(drop (f64.const 7))", 1),
    ("(drop (local.get $size))", 1),
    ("(local.set $count (i32.const 1))", 2),
    ("(drop (local.tee $count (i32.const 1)))", 2),
    ("(drop (global.get $g))", 1),
    ("(global.set $g (i32.const 1))", 2),
    ("(drop (i32.add (i32.const 1) (local.get $count)))", 3),
    ("(drop (i64.mul (i64.const 1) (local.get $size)))", 3),
    ("(drop (i32.shl (i32.const 1) (local.get $count)))", 3),
    ("(drop (i32.eqz (local.get $count)))", 2),
    ("(drop (i64.lt_s (i64.const 1) (local.get $size)))", 3),
    ("(drop (i32.popcnt (local.get $count)))", 5),
    ("(drop (i64.clz (local.get $size)))", 5),
    ("(drop (i32.div_u (i32.const 1) (i32.const 2)))", 18),
    ("(drop (i64.rem_s (i64.const 1) (i64.const 2)))", 18),
    ("(drop (i32.wrap_i64 (local.get $size)))", 2),
    ("(drop (i64.extend_i32_u (local.get $count)))", 2),
    ("(drop (i32.extend8_s (local.get $count)))", 2),
    ("(drop (i32.reinterpret_f32 (f32.const 1)))", 2),
    ("(drop (f32.add (f32.const 1) (f32.const 2)))", 6),
    ("(drop (f64.div (f64.const 1) (f64.const 2)))", 18),
    ("(drop (f64.sqrt (f64.const 1)))", 17),
    ("(drop (f64.min (f64.const 1) (f64.const 2)))", 10),
    ("(drop (f32.neg (f32.const 1)))", 3),
    ("(drop (f64.lt (f64.const 1) (f64.const 2)))", 6),
    ("(drop (f64.nearest (f64.const 1)))", 33),
    ("(drop (i32.trunc_f64_s (f64.const 1)))", 9),
    ("(drop (i64.trunc_sat_f32_u (f32.const 1)))", 9),
    ("(drop (f64.convert_i64_u (i64.const 1)))", 5),
    ("(drop (i32.load (i32.const 0)))", 3),
    ("(drop (i64.load8_s (i32.const 0)))", 3),
    ("(i32.store (i32.const 0) (i32.const 1))", 4),
    ("(f64.store (i32.const 0) (f64.const 1))", 4),
    ("(drop (select (i32.const 1) (i32.const 2) (local.get $count)))", 4),
    ("(drop (memory.size))", 1),
    ("(drop (memory.grow (i32.const 0)))", 256),
    ("(drop (memory.grow (i32.const 1)))", 511),
    ("(drop (memory.grow (local.get $has_type)))", 511),
    ("(drop (memory.grow (i32.const 300)))", 76_756),
    ("(memory.fill (i32.const 0) (i32.const 7) (i32.const 0))", 35),
    ("(memory.fill (i32.const 0) (i32.const 7) (i32.const 100))", 135),
    ("(memory.fill (i32.const 0) (i32.const 7) (i32.const 1000))", 1_035),
    ("(memory.fill (i32.const 0) (i32.const 7) (local.get $type))", 38),
    ("(memory.copy (i32.const 0) (i32.const 7) (i32.const 1000))", 1_035),
    ("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 10))", 45),
    ("(data.drop $d)", 32),
    ("(drop (table.size $t))", 1),
    ("(drop (table.get $t (i32.const 1)))", 33),
    ("(table.set $t (i32.const 1) (ref.null func))", 34),
    ("(drop (ref.func $nothing))", 32),
    ("(drop (ref.is_null (ref.null func)))", 2),
    ("(drop (table.grow $t (ref.null func) (i32.const 0)))", 257),
    ("(drop (table.grow $t (ref.null func) (i32.const 100)))", 1_057),
    ("(drop (table.grow $t (ref.null func) (i32.const 10000)))", 80_257),
    ("(table.fill $t (i32.const 0) (ref.null func) (i32.const 10))", 115),
    ("(table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 10))", 115),
    ("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3))", 59),
    ("(elem.drop $e)", 32),
    ("(call $nothing)", 256),
    ("(drop (call $sum (i32.const 1) (i32.const 2)))", 261),
    ("(call $two) drop drop", 258),
    ("(call_indirect $t (type $t) (i32.const 0))", 257),
    ("(if (i32.const 0) (then (drop (i32.const 1))))", 2),
    ("(if (i32.const 1) (then (drop (i32.const 1))))", 3),
    ("(if (i32.const 0) (then) (else (drop (i32.const 1)) (drop (i32.const 1))))", 4),
    ("(block (br 0))", 1),
    ("(block (br_if 0 (i32.const 0)))", 2),
    ("(block (br_if 0 (i32.const 1)) (drop (i32.const 1)))", 2),
    ("(block (br_table 0 0 (i32.const 0)))", 5),
    ("(return (i32.const 0))", 1),
    (
        "(loop (br_if 0 (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 100))))",
        700,
    ),
    ("(drop (call $config-sequence))", 355),
    ("(drop (call $consensus-state))", 355),
    ("(drop (call $absolute-max-bytes))", 355),
    ("(drop (call $has-expiration-check))", 355),
    ("(call $batch-size (i32.const 0))", 356),
    ("(drop (call $has-orderer-capability (i32.const 0) (i32.const 12)))", 369),
    // 9 bytes of the channel's name, and `realloc` runs for 2.
    ("(call $name (i32.const 0))", 367),
    ("(call $log (i32.const 0) (i32.const 0) (i32.const 1000))", 1_358),
    // No settings: an empty list. `realloc` runs for it all the same.
    ("(call $keys (i32.const 0))", 358),
    ("(call $get (i32.const 0) (i32.const 5) (i32.const 0))", 363),
    // 7 bytes of identity.
    ("(call $identity (i32.const 0) (i32.const 0))", 366),
    ("(call $msp-id (i32.const 0) (i32.const 0))", 364),
];

fn guest(code: &str) -> Vec<u8> {
    let answer = if code.starts_with("(return") { "" } else { "i32.const 0" };
    Guest { fields: FIELDS, add: &format!("{code} {answer}"), ..Guest::default() }.build()
}

fn used(bytes: &[u8]) -> u64 {
    with_policy(bytes, Binding::default(), |policy| {
        let mut batch = policy.instance().unwrap();
        assert_eq!(add(&mut batch), Ok(false));
        500_000 - batch.fuel_left()
    })
}

#[test]
fn every_kind_of_work_costs_what_it_always_cost() {
    let wrong: Vec<_> = COSTS
        .iter()
        .map(|&(code, cost)| (code, cost + EMPTY, used(&guest(code))))
        .filter(|(_, expected, used)| expected != used)
        .collect();
    assert!(wrong.is_empty(), "code, expected, used: {wrong:#?}");
}

#[test]
fn settings_cost_what_they_always_cost() {
    let memory = r#"(memory (export "memory") 1) (data (i32.const 0) "size")"#;
    for (code, cost) in [
        // Keys of 6 and 4 bytes in a list of two: three lists, for each of which `realloc` runs for 2.
        ("(call $keys (i32.const 0))", 388),
        // A key of 4 bytes, a value of 3.
        ("(call $get (i32.const 0) (i32.const 4) (i32.const 16))", 367),
        ("(call $get (i32.const 0) (i32.const 3) (i32.const 16))", 361),
    ] {
        let guest = Guest { memory, add: &format!("{code} i32.const 0"), ..Guest::default() }.build();
        let binding = Binding { settings: vec![("size", "400"), ("colour", "red")], ..Binding::default() };
        let used = with_policy(&guest, binding, |policy| {
            let mut batch = policy.instance().unwrap();
            assert_eq!(add(&mut batch), Ok(false), "{code}");
            500_000 - batch.fuel_left()
        });
        assert_eq!(used, cost + EMPTY, "{code}");
    }
}

#[test]
fn a_call_needs_one_more_fuel_than_it_uses() {
    for code in [
        "",
        "(call $nothing)",
        "(drop (call $config-sequence))",
        "(call $name (i32.const 0))",
        "(memory.fill (i32.const 0) (i32.const 7) (i32.const 1000))",
        "(drop (i32.add (i32.const 1) (i32.const 2)))",
    ] {
        let guest = guest(code);
        let used = used(&guest);
        for too_little in [used - 1, used] {
            let result = first_add(&guest, fuel(too_little));
            assert_eq!(result, Err(GuestFault::OutOfFuel { fuel: too_little }.into()), "{code}");
        }
        assert_eq!(first_add(&guest, fuel(used + 1)), Ok(false), "{code}");
    }
}

#[test]
fn each_call_has_fuel_of_its_own() {
    let code = "(loop (br_if 0 (i32.lt_u
        (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 60000))))";
    with_policy(&guest(code), Binding::default(), |policy| {
        let mut batch = policy.instance().unwrap();
        for _ in 0..5 {
            assert_eq!(add(&mut batch), Ok(false));
            assert_eq!(batch.fuel_left(), 500_000 - 420_000 - EMPTY);
        }
    });
}

#[test]
fn the_shipped_batch_policy_uses_little() {
    let used = used(BATCH_COUNT_AND_BYTES.bytes);
    println!("batch-count-and-bytes: {used} fuel for the first `add`");
    assert!(used < 20_000, "{used}");
}
