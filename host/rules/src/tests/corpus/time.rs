//! Modules that do not end, or work longer than they pay for.

use super::super::filters::guest::Guest as FilterGuest;
use super::super::guest::Guest;
use super::Group;

const LOOP: &str = "(loop (br 0)) i32.const 0";

pub fn modules() -> Group {
    let mut group = Group::new("time");
    loops(&mut group);
    bulk(&mut group);
    imports(&mut group);
    filter_imports(&mut group);
    group
}

fn loops(group: &mut Group) {
    group.add("a loop in add", "", LOOP);
    group.policy("a loop in fits", &Guest { fits: LOOP, ..Guest::default() });
    group.policy("a loop in check-settings", &Guest { check: LOOP, ..Guest::default() });
    group.add("a loop in the start function", "(start $s) (func $s (loop (br 0)))", "i32.const 0");
    let name = "(call $name (i32.const 0)) i32.const 0";
    group.policy("a loop in realloc", &Guest { realloc: LOOP, add: name, ..Guest::default() });
    group.bytes("a loop in post-return", post_return("(loop (br 0))"));
    group.add("a loop of blocks", "", "(loop (block (block (br 2)))) i32.const 0");
    group.add("a loop over br_table", "", "(loop (br_table 0 0 0 (local.get $creator))) i32.const 0");
    group.add(
        "dividing",
        "",
        "(loop (br_if 0 (i32.ge_u (i32.div_u (i32.const 9) (i32.const 3)) (i32.const 0)))) i32.const 0",
    );
    group.add("rounding", "", "(loop (drop (f64.nearest (f64.const 0.5))) (br 0)) i32.const 0");
    group.add("square roots", "", "(loop (drop (f64.sqrt (f64.const 2))) (br 0)) i32.const 0");
    group.filter("a loop in check", &FilterGuest { check: LOOP, ..FilterGuest::default() });
    group.filter("a loop in check-settings", &FilterGuest { check_settings: LOOP, ..FilterGuest::default() });
    let fields = "(start $s) (func $s (loop (br 0)))";
    group.filter("a loop in the start function", &FilterGuest { fields, ..FilterGuest::default() });
}

/// A policy with this as `post-return` of its `check-settings`.
pub fn post_return(body: &str) -> Vec<u8> {
    let fields = format!(r#"(func (export "post") (param i32) {body})"#);
    let text = Guest { fields: &fields, ..Guest::default() }
        .text()
        .replace(
            r#"(alias core export $main "add" (core func $main-add))"#,
            r#"(alias core export $main "add" (core func $main-add))
               (alias core export $main "post" (core func $main-post))"#,
        )
        .replace(
            "(canon lift (core func $main-check) (memory $memory))",
            "(canon lift (core func $main-check) (memory $memory) (post-return (core func $main-post)))",
        );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn bulk(group: &mut Group) {
    let tables = "(table $t 10000 funcref) (table $u 10000 funcref) (func $f) (elem declare func $f)
        (elem $e func $f $f $f)";
    let data = r#"(memory (export "memory") 1)"#;
    for (what, work) in [
        ("filling memory", "(memory.fill (i32.const 0) (i32.const 7) (i32.const 65536))"),
        ("filling nothing", "(memory.fill (i32.const 0) (i32.const 7) (i32.const 0))"),
        ("copying memory", "(memory.copy (i32.const 1) (i32.const 0) (i32.const 65000))"),
        ("growing memory by nothing", "(drop (memory.grow (i32.const 0)))"),
        ("filling a table", "(table.fill $t (i32.const 0) (ref.func $f) (i32.const 10000))"),
        ("copying a table", "(table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 10000))"),
        ("initialising a table", "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3))"),
        ("setting a table", "(table.set $t (i32.const 0) (ref.func $f))"),
    ] {
        let add = format!("(loop {work} (br 0)) i32.const 0");
        group.policy(what, &Guest { memory: data, fields: tables, add: &add, ..Guest::default() });
    }
}

fn imports(group: &mut Group) {
    for (what, call) in [
        ("config-sequence", "(drop (call $config-sequence))"),
        ("name", "(call $name (i32.const 0))"),
        ("batch-size", "(call $batch-size (i32.const 0))"),
        ("has-orderer-capability", "(drop (call $has-orderer-capability (i32.const 0) (i32.const 60000)))"),
        ("settings.keys", "(call $keys (i32.const 0))"),
        ("settings.get", "(call $get (i32.const 0) (i32.const 60000) (i32.const 0))"),
        ("empty log lines", "(call $log (i32.const 1) (i32.const 0) (i32.const 0))"),
        ("short log lines", "(call $log (i32.const 1) (i32.const 0) (i32.const 10))"),
        ("long log lines", "(call $log (i32.const 1) (i32.const 0) (i32.const 60000))"),
        ("log lines of control characters", "(call $log (i32.const 3) (i32.const 0) (i32.const 255))"),
        ("creators.identity", "(call $identity (local.get $creator) (i32.const 0))"),
        ("creators.msp-id of nobody", "(call $msp-id (i32.const -1) (i32.const 0))"),
    ] {
        group.add(&format!("{what} in a loop"), "", &format!("(loop {call} (br 0)) i32.const 0"));
    }
}

fn filter_imports(group: &mut Group) {
    let memory = r#"(memory (export "memory") 1) (data (i32.const 32) "/Channel/Denied")"#;
    for (what, call) in [
        ("read-payload of nothing", "(call $read-payload (i64.const 0) (i32.const 0) (i32.const 0))"),
        ("read-payload of all", "(call $read-payload (i64.const 0) (i32.const -1) (i32.const 0))"),
        ("read-payload far outside", "(call $read-payload (i64.const -1) (i32.const -1) (i32.const 0))"),
        ("header", "(call $header (i32.const 0))"),
        ("creator", "(call $creator (i32.const 0))"),
        ("satisfies", "(drop (call $satisfies (i32.const 32) (i32.const 15)))"),
        ("satisfies of an endless name", "(drop (call $satisfies (i32.const 0) (i32.const 60000)))"),
        ("satisfies-writers", "(drop (call $satisfies-writers (i32.const 0)))"),
        ("policy-text", "(call $policy-text (i32.const 0))"),
    ] {
        let check = format!("(loop {call} (br 0)) i32.const 0");
        group.filter(
            &format!("{what} in a loop"),
            &FilterGuest { memory, check: &check, ..FilterGuest::default() },
        );
    }
    let nine = (1..=9)
        .map(|bytes| format!("(drop (call $satisfies (i32.const 32) (i32.const {bytes})))"))
        .collect::<String>();
    let guest = FilterGuest { memory, check: &format!("{nine} i32.const 0"), ..FilterGuest::default() };
    group.filter("nine policies", &guest);
}
