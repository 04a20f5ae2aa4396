//! Modules that call themselves without end, or want large frames.

use super::super::guest::Guest;
use super::Group;

pub fn modules() -> Group {
    let mut group = Group::new("stack");
    group.add("recursion", "(func $f (call $f))", "(call $f) i32.const 0");
    let mutual = "(func $even (call $odd)) (func $odd (call $even))";
    group.add("mutual recursion", mutual, "(call $even) i32.const 0");
    let indirect =
        "(table $t funcref (elem $f)) (type $n (func)) (func $f (call_indirect $t (type $n) (i32.const 0)))";
    group.add("indirect recursion", indirect, "(call $f) i32.const 0");
    group.add("a tree of calls", "(func $f (call $f) (call $f))", "(call $f) i32.const 0");
    let fields = format!("(func $f (local {}) (call $f))", "i64 ".repeat(500));
    group.add("recursion with 500 locals", &fields, "(call $f) i32.const 0");
    // Values that live across the call, so that each has its place in the frame.
    let live = "(i64.load (i32.const 0)) ".repeat(120);
    let sum = "i64.add ".repeat(119);
    let fields = format!("(func $f (result i64) {live} (drop (call $f)) {sum})");
    group.add("recursion with 120 values alive", &fields, "(drop (call $f)) i32.const 0");
    let fields =
        "(func $f (param i32 i32 i32 i32 i32 i32 i32 i32) (call $f (local.get 0) (local.get 1) (local.get 2)
        (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7)))";
    let zeros = "(i32.const 0) ".repeat(8);
    group.add("recursion with eight parameters", fields, &format!("(call $f {zeros}) i32.const 0"));
    let check = "(call $f) i32.const 0";
    group.policy(
        "recursion in check-settings",
        &Guest { fields: "(func $f (call $f))", check, ..Guest::default() },
    );
    group.add("recursion in the start function", "(start $f) (func $f (call $f))", "i32.const 0");
    let down = "(if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))";
    let fields = format!(
        "(func $f (param i32) {down} {})",
        "(drop (i32.add (local.get 0) (i32.const 1)))".repeat(2_000)
    );
    group.add("work on the way back", &fields, "(call $f (i32.const 60)) i32.const 0");
    let long_chain = "(i32.add (local.get $creator) ".repeat(900) + "(i32.const 1)" + &")".repeat(900);
    group.add("900 additions, one in the other", "", &long_chain);
    let wide = "(block (br_table ".to_owned() + &"0 ".repeat(20_000) + "(local.get $creator))) i32.const 0";
    group.add("a branch of 20,000 ways", "", &wide);
    group.add("a tail call", "(func $f (return_call $f))", "(call $f) i32.const 0");
    group
}
