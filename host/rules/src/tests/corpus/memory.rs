//! Modules that want more memory than there is for them, or look outside of it.

use super::super::filters::guest::Guest as FilterGuest;
use super::super::guest::Guest;
use super::Group;

const TEXT_OF_4_GIB: &str = "(call $log (i32.const 1) (i32.const 0) (i32.const -1)) i32.const 0";

pub fn modules() -> Group {
    let mut group = Group::new("memory");
    at_the_start(&mut group);
    growing(&mut group);
    outside(&mut group);
    handed_over(&mut group);
    group
}

fn at_the_start(group: &mut Group) {
    for (what, memory) in [
        ("65 MiB at the start", "1040"),
        ("17 MiB at the start, beyond its own limit", "272"),
        ("less at most than at least", "2 1"),
        ("64-bit addresses", "i64 1"),
        ("shared memory", "1 2 shared"),
    ] {
        let memory = format!(r#"(memory (export "memory") {memory})"#);
        let text = Guest { memory: &memory, ..Guest::default() }.text();
        group.bytes(what, wat::parse_str(&text).unwrap());
    }
    group.add("two memories", "(memory 1)", "i32.const 0");
    group.add("a table of 10,001", "(table 10001 funcref)", "i32.const 0");
    group.add("a table of 4 G", "(table 0xffffffff funcref)", "i32.const 0");
    group.add("a table with 64-bit indices", "(table i64 1 funcref)", "i32.const 0");
    let component =
        "(core module $more (memory 64)) ".to_owned() + &"(core instance (instantiate $more))".repeat(4);
    group.policy("memories in more instances", &Guest { component: &component, ..Guest::default() });
    for (what, data) in [
        ("data outside", r#"(data (i32.const 65535) "12")"#),
        ("data at a negative address", r#"(data (i32.const -1) "1")"#),
        ("data far away", r#"(data (i32.const 0x7fffffff) "1")"#),
        ("data of another memory", r#"(data 1 (i32.const 0) "1")"#),
    ] {
        let memory = format!(r#"(memory (export "memory") 1) {data}"#);
        group.policy(what, &Guest { memory: &memory, ..Guest::default() });
    }
    let overlapping = r#"(memory (export "memory") 1) (data (i32.const 0) "123") (data (i32.const 1) "4")"#;
    let zeros = "i32.const 512";
    group.policy("overlapping data", &Guest { memory: overlapping, check: zeros, ..Guest::default() });
    let outside = "(table 1 funcref) (func $f) (elem (i32.const 1) func $f)";
    group.add("elements outside their table", outside, "i32.const 0");
}

fn growing(group: &mut Group) {
    // Full, if it was denied.
    let until_denied = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) i32.const 1";
    group.add("growing page by page", "", until_denied);
    group.add("growing by 64 MiB", "", "(i32.eq (memory.grow (i32.const 1024)) (i32.const -1))");
    group.add("growing by 4 GiB", "", "(memory.grow (i32.const -1))");
    group.add("growing for ever", "", "(loop (drop (memory.grow (i32.const 1))) (br 0)) i32.const 0");
    let hoard = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))";
    group.add("filling all that it gets", "", &format!("{hoard} i32.const 0"));
    let table = "(table $t 1 funcref)";
    let at_once = "(i32.eq (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))";
    group.add("growing a table beyond its limit", table, at_once);
    group.add("growing a table by 4 G", table, "(table.grow $t (ref.null func) (i32.const -1))");
    let for_ever = "(loop (drop (table.grow $t (ref.null func) (i32.const 1))) (br 0)) i32.const 0";
    group.add("growing a table for ever", table, for_ever);
    group.check("growing page by page", &format!("{hoard} i32.const 0"));
    group.check(
        "trapping when it is denied",
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
    );
}

fn outside(group: &mut Group) {
    for (what, add) in [
        ("a load outside", "(i32.load (i32.const -4))"),
        ("a load whose offset wraps around", "(i32.load offset=0xffffffff (i32.const 8))"),
        ("a store at the end", "(i64.store (i32.const 65529) (i64.const 1)) i32.const 0"),
        ("a fill outside", "(memory.fill (i32.const 65535) (i32.const 1) (i32.const 2)) i32.const 0"),
        ("a copy outside", "(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)) i32.const 0"),
        ("a copy of 4 GiB", "(memory.copy (i32.const 0) (i32.const 1) (i32.const -1)) i32.const 0"),
        ("a table outside", "(drop (table.get $t (i32.const 1))) i32.const 0"),
        ("a null function", "(call_indirect $t (type $n) (i32.const 0)) i32.const 0"),
    ] {
        group.add(what, "(table $t 1 funcref) (type $n (func))", add);
    }
}

fn handed_over(group: &mut Group) {
    group.add("text of 4 GiB for the host", "", TEXT_OF_4_GIB);
    let beyond =
        "(drop (memory.grow (i32.const 2))) (call $log (i32.const 1) (i32.const 0) (i32.const 65537))";
    group.add("text beyond 64 KiB for the host", "", &format!("{beyond} i32.const 0"));
    let capability = "(call $has-orderer-capability (i32.const 0) (i32.const -1))";
    group.add("a capability of 4 GiB", "", capability);
    let sentence =
        "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 16) (i32.const -1)) i32.const 0";
    group.check("a sentence of 4 GiB", sentence);
    let sentence =
        "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 16) (i32.const 60000)) i32.const 0";
    group.check("a sentence of zeros", sentence);
    let settings =
        "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 8) (i32.const 60000)) i32.const 0";
    group.filter(
        "a long word on its settings",
        &FilterGuest { check_settings: settings, ..FilterGuest::default() },
    );
}
