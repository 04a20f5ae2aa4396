//! Modules whose answers could differ between hosts: odd floats, and every proposal that profile 1 does not have.

use super::super::guest::Guest;
use super::Group;

/// Full, if the bits are those of the one NaN that there is here.
const CANONICAL_32: u32 = 0x7fc0_0000;
const CANONICAL_64: u64 = 0x7ff8_0000_0000_0000;

pub fn modules() -> Group {
    let mut group = Group::new("nondeterminism");
    floats(&mut group);
    proposals(&mut group);
    group
}

fn floats(group: &mut Group) {
    let odd = "(f32.reinterpret_i32 (i32.const 0xffa12345))";
    for (what, float) in [
        ("0 / 0", "(f32.div (f32.const 0) (f32.const 0))".to_owned()),
        ("the root of -1", "(f32.sqrt (f32.const -1))".to_owned()),
        ("infinity - infinity", "(f32.sub (f32.const inf) (f32.const inf))".to_owned()),
        ("an odd NaN + 1", format!("(f32.add {odd} (f32.const 1))")),
        ("the least of an odd NaN", format!("(f32.min {odd} (f32.const 1))")),
        ("an odd NaN, rounded", format!("(f32.nearest {odd})")),
        (
            "an odd NaN, demoted",
            "(f32.demote_f64 (f64.reinterpret_i64 (i64.const 0xfff4567812345678)))".to_owned(),
        ),
    ] {
        let add = format!("(i32.eq (i32.reinterpret_f32 {float}) (i32.const {CANONICAL_32}))");
        group.add(&format!("the bits of {what}"), "", &add);
    }
    let promoted =
        format!("(i64.eq (i64.reinterpret_f64 (f64.promote_f32 {odd})) (i64.const {CANONICAL_64}))");
    group.add("the bits of an odd NaN, promoted", "", &promoted);
    for (what, add) in [
        ("a float too large for a number", "(i32.trunc_f32_s (f32.const 1e30))"),
        ("a float that is no number", "(i32.trunc_f64_u (f64.const nan))"),
        ("division by zero", "(i32.div_u (i32.const 1) (local.get $creator))"),
        ("a quotient too large", "(i32.div_s (i32.const 0x80000000) (i32.const -1))"),
    ] {
        group.add(what, "", add);
    }
}

fn proposals(group: &mut Group) {
    for (what, fields, add) in [
        ("simd", "", "(drop (v128.const i64x2 0 0)) i32.const 0"),
        (
            "relaxed simd",
            "",
            "(drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))) i32.const 0",
        ),
        ("atomics", "", "(i32.atomic.load (i32.const 0))"),
        ("a fence", "", "(atomic.fence) i32.const 0"),
        ("exceptions", "(tag $t)", "(throw $t)"),
        ("garbage collection", "(type $s (struct))", "(drop (struct.new $s)) i32.const 0"),
        (
            "typed function references",
            "(type $n (func)) (func $f)  (elem declare func $f)",
            "(call_ref $n (ref.func $f)) i32.const 0",
        ),
        ("external references", "(global externref (ref.null extern))", "i32.const 0"),
        (
            "wide arithmetic",
            "",
            "(i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop i32.const 0",
        ),
        ("extended constants", "(global i32 (i32.add (i32.const 1) (i32.const 1)))", "i32.const 0"),
        ("stack switching", "(type $n (func)) (type $c (cont $n))", "i32.const 0"),
    ] {
        group.add(what, fields, add);
    }
    let small_pages = Guest { memory: r#"(memory (export "memory") 1 (pagesize 1))"#, ..Guest::default() };
    group.policy("pages of another size", &small_pages);
}
