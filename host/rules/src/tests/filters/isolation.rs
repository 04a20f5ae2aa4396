//! Nothing of an envelope's instance reaches the next one's, though both use the same memory of the pool.

use super::guest::Guest;
use super::run::{Says, bad_request, bind_on, case, hostile, new_engine, on_guest};
use crate::profile::ModuleLimits;
use crate::{Filter, GuestStack};

/// Fills all that it has with a secret, and traps at what is not fresh: memory, grown memory, tables, globals.
fn hides_and_seeks() -> Vec<u8> {
    Guest {
        fields: "
            (table $small 16 funcref) (table $large 600 funcref)
            (global $a (mut i32) (i32.const 0)) (global $b (mut i64) (i64.const 0)) (global $c (mut f64) (f64.const 0))
            (elem declare func $secret)
            (func $secret)
            (func $all-zero (param $at i32) (param $end i32)
                (loop $next
                    (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
                    (br_if $next (i32.lt_u
                        (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end)))))
            (func $all-null (local $n i32)
                (loop $next
                    (if (i32.eqz (ref.is_null (table.get $large (local.get $n)))) (then unreachable))
                    (br_if $next (i32.lt_u
                        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 600)))))",
        check: "
            (if (i32.or (global.get $a) (i64.ne (global.get $b) (i64.const 0))) (then unreachable))
            (if (f64.ne (global.get $c) (f64.const 0)) (then unreachable))
            (if (i32.eqz (ref.is_null (table.get $small (i32.const 15)))) (then unreachable))
            (if (i32.ne (table.size $small) (i32.const 16)) (then unreachable))
            (if (i32.ne (memory.size) (i32.const 1)) (then unreachable))
            (call $all-null)
            (call $all-zero (i32.const 0) (i32.const 65536))
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            (call $all-zero (i32.const 65536) (i32.const 131072))
            (memory.fill (i32.const 0) (i32.const 0x5e) (i32.const 131072))
            (table.fill $large (i32.const 0) (ref.func $secret) (i32.const 600))
            (table.fill $small (i32.const 0) (ref.func $secret) (i32.const 16))
            (drop (table.grow $small (ref.func $secret) (i32.const 100)))
            (global.set $a (i32.const 7)) (global.set $b (i64.const 7)) (global.set $c (f64.const 7))
            (i32.store (i32.const 512) (i32.const 0))
            i32.const 512",
        ..Guest::default()
    }
    .build()
}

/// 20,000 calls; a million with `RADDLE_SOAK=1`.
fn calls() -> usize {
    if std::env::var_os("RADDLE_SOAK").is_some() { 1_000_000 } else { 20_000 }
}

#[test]
fn no_filter_finds_what_another_has_left() {
    let engine = new_engine(2);
    let bind =
        |bytes: &[u8], pairs: &[(&str, &str)]| bind_on(&engine, bytes, pairs, ModuleLimits::of_filter());
    let hides = hostile!("hides-secret");
    let seeks = hostile!("seeks-secret");
    let (hide, seek) = (bind(hides, &[]), bind(seeks, &[]));
    let mixed = bind(&hides_and_seeks(), &[]);
    // More than stays resident, and pages that were given back.
    let (hide_much, seek_much) = (bind(hides, &[("pages", "20")]), bind(seeks, &[("pages", "2")]));

    let work = |stack: GuestStack| {
        let case = case(&Says::default());
        let ask = |filter: &Filter| assert_eq!(filter.check(stack, &case), Ok(Ok(())));
        for call in 0..calls() / 8 {
            [&hide, &seek, &mixed, &seek].into_iter().for_each(ask);
            if call % 50 == 0 {
                [&hide_much, &seek_much, &mixed, &seek].into_iter().for_each(ask);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| on_guest(work));
        }
    });
}

#[test]
fn who_looks_for_a_secret_would_find_one() {
    let seeks = |place| {
        let filter = super::run::bind(hostile!("seeks-secret"), &[("hide-first", place)]);
        on_guest(|stack| filter.check(stack, &case(&Says::default()))).unwrap().unwrap_err().sentence
    };
    for place in ["data", "stack", "heap"] {
        assert!(seeks(place).starts_with("found 5e5e5e5e5e5e5e5e at address "), "{place}");
    }
}

#[test]
fn a_filter_that_counts_its_calls_always_counts_one() {
    let filter = super::run::bind(hostile!("counts-calls"), &[]);
    let count = |stack: GuestStack| {
        let case = case(&Says::default());
        for _ in 0..1_000 {
            assert_eq!(filter.check(stack, &case), bad_request("1"));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| on_guest(count));
        }
    });
}
