//! Filters from WebAssembly text: some judge envelopes by their length, some are hard to compile.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fmt::Write as _;

#[path = "../../../host/rules/src/tests/filters/guest.rs"]
pub mod guest;

use guest::Guest;

/// Reads the setting `bytes`: a number, or -1 where there is none.
const SETTING: &str = r#"
    (func $bytes (result i64) (local $at i32) (local $end i32) (local $value i64)
        (call $get (i32.const 16) (i32.const 5) (i32.const 32))
        (if (i32.eqz (i32.load8_u (i32.const 32))) (then (return (i64.const -1))))
        (local.set $at (i32.load (i32.const 36)))
        (local.set $end (i32.add (local.get $at) (i32.load (i32.const 40))))
        (loop $next
            (if (i32.lt_u (local.get $at) (local.get $end)) (then
                (local.set $value (i64.add (i64.mul (local.get $value) (i64.const 10))
                    (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br $next))))
        (local.get $value))"#;

/// The name of the setting, and at 64 a refusal: forbidden, with the sentence that stands at 128.
const MEMORY: &str = r#"(memory (export "memory") 1) (data (i32.const 16) "bytes")
    (data (i32.const 64) "\01\00\00\00\01\00\00\00\00\00\00\00\80\00\00\00\13\00\00\00")
    (data (i32.const 128) "of the wrong length")"#;

/// Refuses envelopes whose payload is longer than the setting `bytes` says.
pub fn refuses_longer() -> Vec<u8> {
    filter("i64.gt_u")
}

/// Refuses envelopes whose payload is shorter than the setting `bytes` says.
pub fn refuses_shorter() -> Vec<u8> {
    filter("i64.lt_u")
}

/// Takes everything, and logs `of the wrong length` as a warning.
pub fn says() -> Vec<u8> {
    let check = "(call $log (i32.const 2) (i32.const 128) (i32.const 19)) i32.const 0";
    Guest { memory: MEMORY, check, ..Guest::default() }.build()
}

/// Takes everything, and takes long to compile.
pub fn bomb(functions: usize, number: usize) -> Vec<u8> {
    Guest { fields: &heavy_functions(functions, number), ..Guest::default() }.build()
}

/// Functions that take long to compile, with no more of anything than a module may have: many variables that all live
/// across many branches. The number makes no two alike.
pub fn heavy_functions(functions: usize, number: usize) -> String {
    const VARIABLES: usize = 500;
    let locals = "i64 ".repeat(VARIABLES - 1);
    let mut fields = String::new();
    for function in 0..functions {
        write!(fields, "(func (param i64) (result i64) (local {locals})").unwrap();
        for step in 0..4_500 {
            let variable = |factor: usize| (step * factor + number + function) % VARIABLES;
            let (one, two, three) = (variable(7), variable(11), variable(13));
            write!(
                fields,
                "(if (i64.lt_s (local.get {one}) (local.get {two}))
                    (then (local.set {three} (i64.mul (local.get {one}) (local.get {two})))))"
            )
            .unwrap();
        }
        fields.push_str("(local.get 0))");
    }
    fields
}

/// Takes everything, and has nearly as many bytes of ordinary code as a component may have.
pub fn large() -> Vec<u8> {
    let mut fields = String::new();
    for function in 0..4_500 {
        write!(fields, "(func (param i32 i64) (result i64) (local i64)").unwrap();
        for step in 0..8 {
            write!(
                fields,
                "(local.set 2 (i64.add (local.get 1) (i64.load (i32.and (local.get 0) (i32.const 4088)))))
                 (if (i64.eqz (local.get 2)) (then (local.set 1 (i64.const {}))))",
                function * 8 + step
            )
            .unwrap();
        }
        fields.push_str("(local.get 2))");
    }
    Guest { fields: &fields, ..Guest::default() }.build()
}

fn filter(compare: &str) -> Vec<u8> {
    let check = format!(
        "(if (result i32) ({compare} (local.get $payload) (call $bytes)) (then (i32.const 64)) (else (i32.const 0)))"
    );
    Guest { memory: MEMORY, fields: SETTING, check: &check, ..Guest::default() }.build()
}
