//! Modules that misuse the border to the host: pointers, texts, answers, calls at the wrong time, floods of log lines.

use super::super::filters::guest::Guest as FilterGuest;
use super::super::guest::Guest;
use super::Group;
use super::time::post_return;

/// A place with zeros: the answer of a module that has nothing against its settings.
const ZEROS: &str = "i32.const 512";

pub fn modules() -> Group {
    let mut group = Group::new("boundary");
    arguments(&mut group);
    reallocation(&mut group);
    answers(&mut group);
    filter_answers(&mut group);
    wrong_time(&mut group);
    log_floods(&mut group);
    group
}

fn arguments(group: &mut Group) {
    let memory = r#"(memory (export "memory") 1) (data (i32.const 0) "\ff\fe") (data (i32.const 8) "text")
        (data (i32.const 16) "\ed\a0\80")"#;
    for (what, add) in [
        ("text that is not UTF-8", "(call $log (i32.const 1) (i32.const 0) (i32.const 2))"),
        ("text with half a surrogate", "(call $log (i32.const 1) (i32.const 16) (i32.const 3))"),
        ("text outside memory", "(call $log (i32.const 1) (i32.const 65000) (i32.const 1000))"),
        ("text that wraps around", "(call $log (i32.const 1) (i32.const -1) (i32.const 2))"),
        ("no text, at the end of memory", "(call $log (i32.const 1) (i32.const 65536) (i32.const 0))"),
        ("no text, behind the end of memory", "(call $log (i32.const 1) (i32.const 65537) (i32.const 0))"),
        ("a level that is none", "(call $log (i32.const 4) (i32.const 8) (i32.const 4))"),
        ("an answer's place outside memory", "(call $batch-size (i32.const 65530))"),
        ("an answer's place that is odd", "(call $batch-size (i32.const 3))"),
        ("an answer's place that wraps around", "(call $batch-size (i32.const -4))"),
        ("a creator that is none", "(call $identity (i32.const 12345) (i32.const 0))"),
    ] {
        let add = format!("{add} i32.const 0");
        group.policy(what, &Guest { memory, check: ZEROS, add: &add, ..Guest::default() });
    }
}

fn reallocation(group: &mut Group) {
    let add = "(call $name (i32.const 0)) i32.const 0";
    for (what, realloc) in [
        ("realloc far outside", "i32.const -16"),
        ("realloc at the end", "i32.const 65535"),
        ("realloc gives null", "i32.const 0"),
        ("realloc gives the stack of the answer", "i32.const 4"),
        ("realloc traps", "unreachable"),
        ("realloc grows memory", "(drop (memory.grow (i32.const 1))) i32.const 65536"),
        ("realloc divides by zero", "(i32.div_u (i32.const 1) (i32.const 0))"),
    ] {
        group.policy(what, &Guest { realloc, add, ..Guest::default() });
    }
    let add = "(call $keys (i32.const 0)) (call $keys (i32.const 65533)) i32.const 0";
    group.policy("a list's place outside memory", &Guest { add, ..Guest::default() });
}

fn answers(group: &mut Group) {
    group.add("a bool of 2", "", "i32.const 2");
    group.add("a bool of -1", "", "i32.const -1");
    let memory = r#"(memory (export "memory") 1) (data (i32.const 16) "\02")
        (data (i32.const 32) "\01\00\00\00\ff\ff\00\00\04\00\00\00")
        (data (i32.const 48) "\01\00\00\00\40\00\00\00\02\00\00\00") (data (i32.const 64) "\ff\ff")
        (data (i32.const 80) "\01\00\00\00\58\00\00\00\04\00\00\00no!\0a")"#;
    for (what, check) in [
        ("settings' answer outside memory", "i32.const -4"),
        ("settings' answer at an odd place", "i32.const 1"),
        ("settings' answer that is no result", "i32.const 16"),
        ("settings' sentence outside memory", "i32.const 32"),
        ("settings' sentence that is not UTF-8", "i32.const 48"),
        ("settings' sentence", "i32.const 80"),
    ] {
        group.policy(what, &Guest { memory, check, ..Guest::default() });
    }
    group.bytes("a trap in post-return", post_return("unreachable"));
    group.bytes("an import in post-return", post_return("(drop (call $config-sequence))"));
}

fn filter_answers(group: &mut Group) {
    let store = |at: u32, value: u32| format!("(i32.store8 (i32.const {at}) (i32.const {value}))");
    let word = |at: u32, value: u32| format!("(i32.store (i32.const {at}) (i32.const {value}))");
    let refuses = store(0, 1);
    for (what, check) in [
        ("a result that is none", format!("{} i32.const 0", store(0, 2))),
        ("a status that is none", format!("{refuses} {} i32.const 0", store(4, 3))),
        ("a reason that is none", format!("{refuses} {} i32.const 0", store(8, 2))),
        ("a policy text where none was asked", format!("{refuses} {} i32.const 0", store(8, 1))),
        ("an answer outside memory", "i32.const -4".to_owned()),
        ("an answer at an odd place", "i32.const 1".to_owned()),
        (
            "a sentence outside memory",
            format!("{refuses} {} {} i32.const 0", word(12, 65_000), word(16, 1_000)),
        ),
        (
            "a sentence that is not UTF-8",
            format!("{refuses} {} {} {} i32.const 0", store(64, 255), word(12, 64), word(16, 1)),
        ),
        (
            "a sentence of control characters",
            format!(
                "{refuses} (memory.fill (i32.const 64) (i32.const 10) (i32.const 900)) {} {} i32.const 0",
                word(12, 64),
                word(16, 900)
            ),
        ),
    ] {
        group.check(what, &check);
    }
}

fn wrong_time(group: &mut Group) {
    for (what, call) in [
        ("the header", "(call $header (i32.const 0))"),
        ("the payload", "(call $read-payload (i64.const 0) (i32.const 1) (i32.const 0))"),
        ("the creator", "(call $creator (i32.const 0))"),
        ("a policy", "(drop (call $satisfies-writers (i32.const 0)))"),
        ("a policy's text", "(call $policy-text (i32.const 0))"),
    ] {
        let check_settings = format!("{call} i32.const 64");
        let guest = FilterGuest { check_settings: &check_settings, ..FilterGuest::default() };
        group.filter(&format!("{what} in check-settings"), &guest);
    }
    let fields = "(start $s) (func $s (call $header (i32.const 0)))";
    group.filter("the header in the start function", &FilterGuest { fields, ..FilterGuest::default() });
    group.add("a trap in the start function", "(start $s) (func $s unreachable)", "i32.const 0");
    let bad_text = Guest {
        fields: "(start $s) (func $s (call $log (i32.const 1) (i32.const 0) (i32.const 1)))",
        memory: r#"(memory (export "memory") 1) (data (i32.const 0) "\ff")"#,
        ..Guest::default()
    };
    group.policy("bad text in the start function", &bad_text);
    let scope = "(drop (call $satisfies-writers (i32.const 2))) i32.const 0";
    group.check("a scope that is none", scope);
    // Once it has trapped, nothing of it runs again.
    let fields = "(global $n (mut i32) (i32.const 0))";
    group.policy(
        "a trap at the second call",
        &Guest { fields, fits: "unreachable", add: "i32.const 0", ..Guest::default() },
    );
}

fn log_floods(group: &mut Group) {
    let lines = |count: u32, bytes: u32| {
        format!(
            "(loop (call $log (i32.const 1) (i32.const 0) (i32.const {bytes}))
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (global.get $n) (i32.const {count})))) i32.const 0"
        )
    };
    let fields = "(global $n (mut i32) (i32.const 0))";
    let memory = r#"(memory (export "memory") 1)"#;
    for (what, count, bytes) in [
        ("16 lines", 16, 10),
        ("17 lines", 17, 10),
        ("1,000 lines", 1_000, 1),
        ("4 KiB in one line", 1, 4_096),
        ("a byte more than 4 KiB in one line", 1, 4_097),
        ("4 KiB in five lines", 5, 1_000),
    ] {
        let add = lines(count, bytes).replace("(i32.const 0) (i32.const", "(i32.const 60) (i32.const");
        group.policy(&format!("log: {what}"), &Guest { memory, fields, add: &add, ..Guest::default() });
    }
}
